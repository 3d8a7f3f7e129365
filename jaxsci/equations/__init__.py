"""What does nature say? One law per file; a law never knows how its unknown is stored."""

from .advection import Advection as Advection
from .base import (
    Algebraic as Algebraic,
    Equation as Equation,
    Example as Example,
    HamiltonianSystem as HamiltonianSystem,
    Phase as Phase,
    SemilinearEquation as SemilinearEquation,
    StochasticEquation as StochasticEquation,
    control_input as control_input,
)
from .burgers import Burgers as Burgers
from .cart_pole import CartPole as CartPole
from .exponential_decay import ExponentialDecay as ExponentialDecay
from .fisher_kpp import FisherKPP as FisherKPP
from .geometric_brownian import GeometricBrownian as GeometricBrownian
from .gravity import Kepler as Kepler, NBody as NBody
from .gray_scott import Concentrations as Concentrations, GrayScott as GrayScott
from .heat import Heat as Heat
from .korteweg_de_vries import KortewegDeVries as KortewegDeVries
from .kuramoto_sivashinsky import KuramotoSivashinsky as KuramotoSivashinsky
from .lorenz import Lorenz63 as Lorenz63, Lorenz96 as Lorenz96
from .lotka_volterra import LotkaVolterra as LotkaVolterra
from .manufactured_solution import (
    Manufactured as Manufactured,
    ManufacturedSemilinear as ManufacturedSemilinear,
    manufactured as manufactured,
)
from .navier_stokes import NavierStokes as NavierStokes, taylor_green as taylor_green
from .navier_stokes_vorticity import (
    KolmogorovForcing as KolmogorovForcing,
    NavierStokesVorticity as NavierStokesVorticity,
)
from .ornstein_uhlenbeck import OrnsteinUhlenbeck as OrnsteinUhlenbeck
from .pendulum import DoublePendulum as DoublePendulum, Pendulum as Pendulum
from .phase_field import AllenCahn as AllenCahn, CahnHilliard as CahnHilliard
from .poisson import Poisson as Poisson
from .robertson import Robertson as Robertson
from .schrodinger import HarmonicTrap as HarmonicTrap, Schrodinger as Schrodinger
from .sir import SIR as SIR
from .swift_hohenberg import SwiftHohenberg as SwiftHohenberg
from .van_der_pol import VanDerPol as VanDerPol
from .wave import KleinGordon as KleinGordon, Wave as Wave, WaveState as WaveState

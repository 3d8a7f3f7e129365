"""What does nature say? One law per file; a law never knows how its unknown is stored."""

from .base import (
    Equation as Equation,
    Example as Example,
    HamiltonianSystem as HamiltonianSystem,
    Phase as Phase,
    SemilinearEquation as SemilinearEquation,
    StochasticEquation as StochasticEquation,
    control_input as control_input,
)
from .cart_pole import CartPole as CartPole
from .exponential_decay import ExponentialDecay as ExponentialDecay
from .geometric_brownian import GeometricBrownian as GeometricBrownian
from .gravity import Kepler as Kepler, NBody as NBody
from .lorenz import Lorenz63 as Lorenz63, Lorenz96 as Lorenz96
from .lotka_volterra import LotkaVolterra as LotkaVolterra
from .ornstein_uhlenbeck import OrnsteinUhlenbeck as OrnsteinUhlenbeck
from .pendulum import DoublePendulum as DoublePendulum, Pendulum as Pendulum
from .robertson import Robertson as Robertson
from .sir import SIR as SIR
from .van_der_pol import VanDerPol as VanDerPol

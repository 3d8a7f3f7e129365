"""What makes time pass?"""

from .adjoints import (
    Adjoint as Adjoint,
    Checkpointed as Checkpointed,
    Direct as Direct,
    Forward as Forward,
    Implicit as Implicit,
    Reversible as Reversible,
)
from .base import Method as Method
from .certificate import GradientReport as GradientReport, check_gradient as check_gradient
from .ensemble import ensemble as ensemble
from .etdrk import ETDRK2 as ETDRK2, ETDRK4 as ETDRK4
from .imex import ARK4 as ARK4, ARS222 as ARS222, ARS443 as ARS443, IMEXEuler as IMEXEuler
from .lyapunov import lyapunov_exponents as lyapunov_exponents
from .rollout import rollout as rollout, stepper as stepper
from .runge_kutta import (
    RK4 as RK4,
    Dopri5 as Dopri5,
    Dopri8 as Dopri8,
    Euler as Euler,
    RungeKutta as RungeKutta,
    Tableau as Tableau,
    TableauMethod as TableauMethod,
    Tsit5 as Tsit5,
)
from .simulate import simulate as simulate
from .solution import Solution as Solution
from .steady import steady_state as steady_state
from .symplectic import (
    Leapfrog as Leapfrog,
    Strang as Strang,
    SymplecticEuler as SymplecticEuler,
    Yoshida4 as Yoshida4,
)

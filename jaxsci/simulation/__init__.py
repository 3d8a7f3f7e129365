"""What makes time pass?"""

from .adjoints import (
    Adjoint as Adjoint,
    Checkpointed as Checkpointed,
    Direct as Direct,
    Forward as Forward,
    Implicit as Implicit,
    Reversible as Reversible,
)
from .certificate import GradientReport as GradientReport, check_gradient as check_gradient
from .lyapunov import lyapunov_exponents as lyapunov_exponents
from .many.ensemble import ensemble as ensemble
from .methods.base import Method as Method
from .methods.etdrk import ETDRK2 as ETDRK2, ETDRK4 as ETDRK4
from .methods.imex import ARK4 as ARK4, ARS222 as ARS222, ARS443 as ARS443, IMEXEuler as IMEXEuler
from .methods.runge_kutta import (
    RK4 as RK4,
    Dopri5 as Dopri5,
    Dopri8 as Dopri8,
    Euler as Euler,
    RungeKutta as RungeKutta,
    Tableau as Tableau,
    TableauMethod as TableauMethod,
    Tsit5 as Tsit5,
)
from .methods.symplectic import (
    Leapfrog as Leapfrog,
    Strang as Strang,
    SymplecticEuler as SymplecticEuler,
    Yoshida4 as Yoshida4,
)
from .rollout import rollout as rollout, stepper as stepper
from .simulate import simulate as simulate
from .solution import Solution as Solution
from .steady import steady_state as steady_state

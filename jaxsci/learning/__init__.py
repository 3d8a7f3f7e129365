"""Fit a network to physics: the law that a solver integrates is the residual of the network."""

from .optimisers import (
    SOAP as SOAP,
    Adam as Adam,
    Broyden as Broyden,
    LeastSquares as LeastSquares,
    LevenbergMarquardt as LevenbergMarquardt,
    NaturalGradient as NaturalGradient,
    Optimiser as Optimiser,
)
from .pinn import solve_pinn as solve_pinn
from .problems.data import Data as Data
from .reports.report import Report as Report
from .residuals.residual import residual as residual
from .sampling.refreshing import Adaptive as Adaptive, Balanced as Balanced, Causal as Causal, Refresh as Refresh
from .saving import load_pinn as load_pinn
from .solution import PinnSolution as PinnSolution

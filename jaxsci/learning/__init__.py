"""Fit a network to physics: the law that a solver integrates is the residual of the network."""

from .optimisers import (
    SOAP as SOAP,
    Adam as Adam,
    Broyden as Broyden,
    LeastSquares as LeastSquares,
    LevenbergMarquardt as LevenbergMarquardt,
    Optimiser as Optimiser,
)
from .pinn import solve_pinn as solve_pinn
from .reports.report import Report as Report
from .residuals.residual import residual as residual
from .saving import load_pinn as load_pinn
from .solution import PinnSolution as PinnSolution

"""Ways to find the weights, each a pair of pure functions `init` and `step`."""

from .base import Optimiser as Optimiser, Progress as Progress
from .first_order import SOAP as SOAP, Adam as Adam
from .levenberg_marquardt import LevenbergMarquardt as LevenbergMarquardt
from .linear import LeastSquares as LeastSquares
from .natural_gradient import NaturalGradient as NaturalGradient
from .quasi_newton import Broyden as Broyden

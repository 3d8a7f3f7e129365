"""What is known of an unknown before the data."""

from .base import Distribution as Distribution
from .flat import Flat as Flat, Uniform as Uniform
from .heavy_tails import Laplace as Laplace, StudentT as StudentT
from .multivariate import MultivariateNormal as MultivariateNormal
from .normal import (
    HalfNormal as HalfNormal,
    LogNormal as LogNormal,
    Normal as Normal,
    TruncatedNormal as TruncatedNormal,
)
from .positive import Beta as Beta, Exponential as Exponential, Gamma as Gamma

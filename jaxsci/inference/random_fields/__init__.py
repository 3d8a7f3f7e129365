"""Functions as unknowns: what is known of them before the data, and how strongly to hold them to it."""

from .gaussian import GaussianRandomField as GaussianRandomField
from .low_rank import LowRankLaplace as LowRankLaplace, low_rank_laplace as low_rank_laplace
from .smoothness import Smoothness as Smoothness, TotalVariation as TotalVariation
from .strength import (
    CrossValidation as CrossValidation,
    DiscrepancyPrinciple as DiscrepancyPrinciple,
    LargestEvidence as LargestEvidence,
    StrengthPath as StrengthPath,
    choose_strength as choose_strength,
)

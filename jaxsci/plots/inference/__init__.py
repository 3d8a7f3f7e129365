"""Pictures of posteriors: what is known of the unknowns, what they predict, and what they leave unexplained."""

from .bands import predictive_bands as predictive_bands
from .corner import corner as corner
from .identifiability import identifiability as identifiability
from .residuals import residuals as residuals
from .strength import strength_path as strength_path

"""Pictures and animations of fields, solutions, posteriors and trainings, as Matplotlib objects.

Nothing is shown or saved unasked.
"""

from .animation import animate as animate
from .comparison import compare as compare
from .history import training as training
from .inference import (
    corner as corner,
    identifiability as identifiability,
    predictive_bands as predictive_bands,
    residuals as residuals,
    strength_path as strength_path,
)
from .picture import Picture as Picture
from .plot import plot as plot
from .spectrum import plot_spectrum as plot_spectrum

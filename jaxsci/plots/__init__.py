"""Pictures and animations of fields and solutions, as Matplotlib objects; nothing is shown or saved unasked."""

from .animation import animate as animate
from .comparison import compare as compare
from .picture import Picture as Picture
from .plot import plot as plot
from .spectrum import plot_spectrum as plot_spectrum

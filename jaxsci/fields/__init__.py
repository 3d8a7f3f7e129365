"""How is a function stored?"""

from .base import Field as Field, Space as Space
from .finite_difference import FiniteDifference as FiniteDifference
from .fourier import Fourier as Fourier
from .neural import Neural as Neural
from .state import (
    evaluated as evaluated,
    has_near_stencils as has_near_stencils,
    has_stencils as has_stencils,
    is_field as is_field,
    pack as pack,
    rings as rings,
    rounding_noise as rounding_noise,
    unpack as unpack,
)

"""The exceptions of the library. Each message says what is wrong, why, and what to write instead."""


class UnsupportedError(NotImplementedError):
    """A combination of operator, storage or method that does not exist; the message names one that does."""


class ShapeError(ValueError):
    """An array whose shape does not fit where it was put."""


class SpaceMismatchError(TypeError):
    """Two fields of different spaces met in one expression."""


class PrecisionError(TypeError):
    """float32 met float64, or complex numbers met a place that holds real ones."""


class SimulationError(RuntimeError):
    """A simulation that could not go on: a non-finite state, or too many steps."""


class StabilityError(SimulationError):
    """A simulation that blew up because its step is beyond the stability limit of the method."""

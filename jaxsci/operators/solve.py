"""Inverse operators: the whole function at once."""

from .._core.errors import ShapeError
from ..fields import Field
from .dispatch import operator

GLOBAL_ADVICE = "It needs the whole function at once. "


@operator(GLOBAL_ADVICE)
def solve_poisson(field: Field, boundary=None) -> Field:
    """Solution `u` of `laplacian(u) = f`.

    Periodic and pure Neumann problems fix `u` up to a constant: the solution has zero mean, and the mean of `f` is
    ignored.

    Args:
        field: The right-hand side `f`.
        boundary: Law at the walls that `u` obeys (finite differences; default: the one of the space of `f`).

    Raises:
        ValueError: If walls carry no law.
        UnsupportedError: If the storage has no Poisson solver.
    """


@operator(GLOBAL_ADVICE)
def divergence_free(field: Field) -> Field:
    """Projection of a periodic vector field onto divergence-free ones, `v - grad lap^-1 div v` (Leray, Helmholtz)."""
    if field.shape != (field.space.dim,):
        raise ShapeError(
            f"divergence_free needs a vector field with {field.space.dim} components, got value shape {field.shape}: "
            "project the rows of a tensor field one by one."
        )

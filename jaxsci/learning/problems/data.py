"""Measurements: values of the state at points of space and time that a trained function should meet."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ..._core.errors import ShapeError
from ..._core.precision import as_floating
from ..residuals.local import real_parts
from ..residuals.residual import Shape, state_at
from ..sampling.points import spread
from .problem import Term

CLEAN_WEIGHT = 100.0
LAW_TO_ONE_SIGMA = 0.03


class Data(eqx.Module):
    r"""Measured values of a state, which join the loss of a network as

    .. math:: w \, \frac{1}{n} \sum_i \left| \frac{\bar\sigma}{\sigma_i} (h(u(t_i, x_i)) - y_i) \right|^2,

    h the observation, :math:`\bar\sigma` the root mean square of the standard deviations. The weight w is 100 if the
    values are taken as exact. Noisy values must not bend the law: w is then :math:`(0.03 \, s / \bar\sigma)^2`, s the
    standard deviation of the values among themselves, and at most 100. So a misfit of one sigma counts as much as a
    residual of the law of three hundredths of the size of the data, for a law whose terms are of the size of its state.

    Args:
        points: Where and when, `(n, coordinates)`: the time first, then the position, then the parameters of a family.
        values: What was measured: an array with one row per point, or a tree of those as the observation gives it.
        sigma: Standard deviation of the noise: a number, or one for each value; None for values taken as exact.
        observe: What is measured of a state at a point; None for the state itself.
        weight: The factor w; None for the one above.

    Raises:
        ShapeError: If there are not as many values as points.
        ValueError: If some numbers are not finite, or a sigma is not positive.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> data = js.learning.Data(jnp.array([[0.1, 0.5], [0.2, 0.5]]), jnp.array([0.9, 0.7]), sigma=0.01)
        >>> round(float(data.factor), 3)
        0.09
    """

    points: Array = eqx.field(converter=as_floating)
    values: PyTree = eqx.field(converter=lambda values: jax.tree.map(as_floating, values))
    sigma: Any = eqx.field(converter=as_floating, default=None)
    observe: Callable | None = None
    weight: Any = eqx.field(converter=as_floating, default=None)

    def __check_init__(self):
        leaves = jax.tree.leaves(self.values)
        if self.points.ndim != 2:
            raise ShapeError(
                f"points of shape {self.points.shape}: one row (t, x) per measurement, such as jnp.stack([t, x], 1)."
            )
        n = self.points.shape[0]
        if n == 0 or not leaves or any(a.shape[:1] != (n,) for a in leaves):
            raise ShapeError(
                f"{n} points, but values of shape {', '.join(str(a.shape) for a in leaves) or 'nothing'}: give one row "
                "of values per point, and at least one point."
            )
        _check_rows("points", self.points)
        for a in leaves:
            _check_rows("values", a)
        for a in leaves if self.sigma is not None else []:
            if not bool(jnp.all(jnp.asarray(self.sigma) > 0)):
                raise ValueError(
                    f"sigma={self.sigma} is not positive: it is the standard deviation of the noise. Leave it out for "
                    "values that are exact."
                )
            try:
                jnp.broadcast_to(self.sigma, a.shape)
            except ValueError:
                raise ShapeError(
                    f"sigma of shape {self.sigma.shape} does not fit values of shape {a.shape}: one number, or one for "
                    "each value."
                ) from None

    @property
    def factor(self) -> Array:
        """The weight in the loss."""
        if self.weight is not None:
            return self.weight
        if self.sigma is None:
            return jnp.asarray(CLEAN_WEIGHT)
        numbers = self.rows
        size = jnp.maximum(jnp.std(numbers), 1e-3 * jnp.sqrt(jnp.mean(numbers**2)))
        return jnp.minimum(CLEAN_WEIGHT, (LAW_TO_ONE_SIGMA * size / self.mean_sigma) ** 2)

    @property
    def rows(self) -> Array:
        """The values as real numbers, a row per point."""
        return jax.vmap(lambda values: real_parts(jax.tree.leaves(values)))(self.values)

    @property
    def mean_sigma(self) -> Array:
        """The root mean square of the standard deviations; 1 where there are none."""
        return jnp.ones(()) if self.sigma is None else jnp.sqrt(jnp.mean(self.sigma**2))

    @property
    def precisions(self) -> Array:
        """Mean sigma over sigma for each number of `rows`."""
        if self.sigma is None:
            return jnp.ones_like(self.rows)

        def spread_out(a):
            sigma = jnp.broadcast_to(self.sigma, a.shape).astype(jnp.real(a).dtype)
            return jax.lax.complex(sigma, sigma) if jnp.iscomplexobj(a) else sigma

        sigmas = jax.tree.leaves(jax.tree.map(spread_out, self.values))
        return self.mean_sigma / jax.vmap(real_parts)(sigmas)


def _check_rows(name: str, array: Array) -> None:
    bad = np.flatnonzero(~np.all(np.isfinite(np.asarray(array)).reshape(array.shape[0], -1), axis=1))
    if bad.size:
        raise ValueError(
            f"NaN or infinity in the data: row {bad[0]} of {name} is not finite ({bad.size} of {array.shape[0]} rows). "
            "Drop such rows: good = jnp.isfinite(values), then Data(points[good], values[good], ...)."
        )


class Misfit(eqx.Module):
    """The observation of a trial function less a measured value, at a point that carries value and precision."""

    shape: Shape
    observe: Callable | None
    num_coordinates: int = eqx.field(static=True)
    sigma: Array | None = None

    def __call__(self, trial: Callable, row: Array) -> Array:
        n = self.num_coordinates
        wanted, precision = jnp.split(row[n:], 2)
        return precision * (observed(self.observe, state_at(trial, self.shape, row[:n])) - wanted)


def observed(observe: Callable | None, state: PyTree) -> Array:
    """The real numbers of what is measured of a state."""
    seen = state if observe is None else observe(state)
    return real_parts([jnp.asarray(a) for a in jax.tree.leaves(seen)])


def data_terms(data: Any, shape: Shape, bounds: np.ndarray, dtype) -> list[Term]:
    """The terms of the loss that measurements make.

    Raises:
        TypeError: If data are no `Data`.
        ShapeError: If points lie outside, or the values have another shape than what is observed.
    """
    each = [data] if isinstance(data, Data) else list(data if isinstance(data, Sequence) else [data])
    terms = []
    for i, one in enumerate(each):
        if not isinstance(one, Data):
            raise TypeError(f"data={one!r}: write data=js.learning.Data(points, values), or a list of them.")
        points = spread(one.points, bounds, (), dtype=dtype, key=None)
        parts = [jnp.zeros(part.shape, part.dtype) for part in shape.parts]
        state, observe = shape.structure.unflatten(parts), one.observe or (lambda state: state)
        seen = jax.eval_shape(lambda observe=observe, state=state: jax.tree.map(jnp.asarray, observe(state)))
        _check_values(one, seen, points.shape[0])
        columns = [points, one.rows.astype(dtype), one.precisions.astype(dtype)]
        residual = Misfit(shape, one.observe, len(bounds), None if one.sigma is None else one.mean_sigma.astype(dtype))
        name = "data" if len(each) == 1 else f"data {i + 1}"
        terms.append(Term(name, residual, jnp.concatenate(columns, axis=1), one.factor.astype(dtype)))
    return terms


def _check_values(data: Data, seen: PyTree, number: int) -> None:
    wanted = [(number, *a.shape) for a in jax.tree.leaves(seen)]
    given = [a.shape for a in jax.tree.leaves(data.values)]
    if wanted != given or jax.tree.structure(data.values) != jax.tree.structure(seen):
        raise ShapeError(
            f"values of shape {', '.join(map(str, given))} were given, but what is observed has the shape "
            f"{', '.join(map(str, wanted))} at {number} points: values are what observe(state) gives, a row per point; "
            "say what was measured by observe=lambda state: ..."
        )

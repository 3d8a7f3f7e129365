"""Which unknowns a prediction depends on: near one point, and over all that is possible."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from ...fields import is_field
from ..coordinates import as_unknowns
from ..distributions.base import Elementwise
from ..posterior import Posterior
from ..search.derivatives import jacobian


class LocalSensitivities(eqx.Module):
    """Derivatives of a prediction by its unknowns at one point.

    Args:
        matrix: dy / dx, one row for each number of the prediction, one column for each unknown.
        normalised: d log y / d log x, the percent that y changes when x changes by one percent; not finite where y is
            zero.
        names: of the columns.
    """

    matrix: Float[Array, "m n"]
    normalised: Float[Array, "m n"]
    names: tuple[str, ...] = eqx.field(static=True)

    def of(self, name: str) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        """Derivatives by one unknown, plain and normalised."""
        index = _index(self.names, name)
        return self.matrix[:, index], self.normalised[:, index]


def local_sensitivities(predict: Callable, value: PyTree) -> LocalSensitivities:
    r"""Derivatives of every predicted number by every unknown, plain and as :math:`d \log y / d \log x`.

    Args:
        predict: `predict(unknowns)`, an array, a Field or containers of them.
        value: the unknowns at which to ask.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> found = js.inference.local_sensitivities(lambda u: u["a"] * u["b"] ** 3, {"a": 2.0, "b": 1.0})
        >>> found.names, found.matrix.tolist(), found.normalised.tolist()
        (('a', 'b'), [[1.0, 6.0]], [[1.0, 3.0]])
    """
    flat = Posterior(predict, jnp.zeros(1)).flatten(value)
    x = flat.vector(value)

    def predictions(x):
        return _joined(predict(flat.tree(x)))

    y, matrix = predictions(x), jacobian(predictions, x)(x)
    return LocalSensitivities(matrix, matrix * x / y[:, None], tuple(flat.names))


class SobolIndices(eqx.Module):
    """Shares of the variance of a prediction.

    Args:
        first: share that each unknown causes by itself, shape (unknowns, predictions).
        total: share in which it takes part, alone or with others.
        first_error: standard error of `first`, by the bootstrap.
        total_error: standard error of `total`.
        variance: the variance that is shared out.
        names: of the unknowns.
    """

    first: Float[Array, "n m"]
    total: Float[Array, "n m"]
    first_error: Float[Array, "n m"]
    total_error: Float[Array, "n m"]
    variance: Float[Array, " m"]
    names: tuple[str, ...] = eqx.field(static=True)

    def __repr__(self):
        if isinstance(self.first, jax.core.Tracer):
            return f"SobolIndices(traced, {len(self.names)} unknowns)"
        width = max(8, *map(len, self.names))
        more = "" if self.first.shape[1] == 1 else f" (mean over {self.first.shape[1]} predictions)"
        lines = [f"{'unknown':{width}}  {'first order':>17}  {'total':>17}{more}"]
        for i, name in enumerate(self.names):
            pairs = ((self.first, self.first_error), (self.total, self.total_error))
            shown = "  ".join(f"{float(a[i].mean()):8.4f} +- {float(b[i].mean()):.4f}" for a, b in pairs)
            lines.append(f"{name:{width}}   {shown}")
        return "\n".join(lines)


def sobol_indices(
    predict: Callable,
    prior: PyTree,
    *,
    num_samples: int = 4096,
    num_bootstraps: int = 100,
    batch_size: int = 256,
    like: PyTree = None,
    key=None,
) -> SobolIndices:
    r"""Which share of the variance of a prediction each unknown causes, over all of its prior.

    .. math:: S_i = \frac{\operatorname{Var} \mathrm{E}(y | x_i)}{\operatorname{Var} y}, \quad
              T_i = \frac{\mathrm{E} \operatorname{Var}(y | x_{j \neq i})}{\operatorname{Var} y}

    It takes num_samples * (unknowns + 2) predictions. The estimators are those of Saltelli (first) and Jansen (total).
    Unknowns are independent, except that the elements of a MultivariateNormal or a random field count as one.

    Args:
        predict: `predict(unknowns)`, an array, a Field or containers of them.
        prior: a distribution for each unknown, such as `Uniform(lower, upper)` for a box.
        num_samples: draws of the prior.
        num_bootstraps: resamplings from which the standard errors follow.
        batch_size: how many predictions to make at once.
        like: unknowns that tell containers and shapes where the parameters of the prior do not.
        key: random key of the draws.

    Raises:
        ValueError: If a prior cannot be drawn from, or a prediction is not finite.

    References:
        Saltelli et al., Comput. Phys. Commun. 181 (2010) 259, equations b and f of table 2.

    Example:
        >>> import jaxsci as js
        >>> box = {"a": js.inference.Uniform(0.0, 1.0), "b": js.inference.Uniform(0.0, 1.0)}
        >>> found = js.inference.sobol_indices(lambda u: 3 * u["a"] + u["b"], box)
        >>> [round(float(share), 1) for share in found.first[:, 0]]
        [0.9, 0.1]
    """
    key_a, key_b, key_boot = jax.random.split(jax.random.key(0) if key is None else key, 3)
    posterior = Posterior(predict, jnp.zeros(1), 1.0, prior)
    like = posterior.sample_prior(key_a, like=like)
    flat = posterior.flatten(like)
    a, b = (jax.vmap(flat.vector)(posterior.sample_prior(k, (num_samples,), like)) for k in (key_a, key_b))
    names, groups = _inputs(flat)

    @eqx.filter_jit
    def values(points):
        return jax.lax.map(lambda x: _joined(predict(flat.tree(x))), points, batch_size=batch_size)

    y_a, y_b = values(a), values(b)
    mixed = jnp.stack([values(jnp.where(group, b, a)) for group in groups])
    finite = jnp.isfinite(y_a).all() & jnp.isfinite(y_b).all() & jnp.isfinite(mixed).all()
    if not isinstance(finite, jax.core.Tracer) and not bool(finite):
        raise ValueError(
            "some predictions over the prior are not finite, and their variance is not defined: narrow the prior to "
            "where the law can be computed."
        )
    centre = jnp.mean(jnp.concatenate([y_a, y_b]), axis=0)
    y_a, y_b, mixed = y_a - centre, y_b - centre, mixed - centre

    def shares(rows):
        own, other, changed = y_a[rows], y_b[rows], mixed[:, rows]
        variance = jnp.var(jnp.concatenate([own, other]), axis=0)
        first = jnp.mean(other * (changed - own), axis=1) / variance
        return first, jnp.mean((own - changed) ** 2, axis=1) / (2 * variance)

    first, total = shares(jnp.arange(num_samples))
    rows = jax.random.randint(key_boot, (num_bootstraps, num_samples), 0, num_samples)
    errors = [jnp.std(draws, axis=0) for draws in jax.lax.map(shares, rows)]
    return SobolIndices(first, total, *errors, jnp.var(jnp.concatenate([y_a, y_b]), axis=0), tuple(names))


def _inputs(flat) -> tuple[list[str], Array]:
    """Names of the independent inputs, and which numbers belong to each."""
    names, groups, start = [], [], 0
    numbers = jnp.arange(flat.size)
    for (name, leaf), prior in zip(flat.leaves, flat.priors, strict=True):
        here = flat.names[start : start + leaf.size]
        if isinstance(prior, Elementwise):
            names += here
            groups += [numbers == start + i for i in range(leaf.size)]
        else:
            names.append(name)
            groups.append((numbers >= start) & (numbers < start + leaf.size))
        start += leaf.size
    return names, jnp.stack(groups)


def _joined(prediction: PyTree) -> Array:
    values = jax.tree.map(lambda node: node.values if is_field(node) else node, prediction, is_leaf=is_field)
    return ravel_pytree(as_unknowns(values))[0]


def _index(names: tuple[str, ...], name: str) -> int:
    if name not in names:
        raise ValueError(f"{name!r} is no unknown: there are {', '.join(names)}.")
    return names.index(name)

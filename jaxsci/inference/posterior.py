"""Data, law, noise and prior knowledge as one density over the unknowns."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from .._core.errors import ShapeError, UnsupportedError
from .._core.precision import as_floating, in_type_of
from ..fields import Field
from .coordinates import Coordinates, as_unknowns, check_prior, one_each, unknown_leaves
from .distributions import Distribution
from .distributions.base import fits
from .likelihoods import Gaussian, Likelihood, LogNormalNoise, StudentNoise, as_likelihood, check_noise

PER_DATUM = (Gaussian, LogNormalNoise, StudentNoise)


class Seen(NamedTuple):
    """One array of data beside its prediction; entries that are not measured hold 1 in both."""

    name: str
    data: Array
    prediction: Array
    mask: Array
    likelihood: Likelihood


class Posterior(eqx.Module):
    r"""The density of the unknowns, given data: prior times likelihood.

    .. math:: \log p(\theta | d) = \log p(d | \mathrm{predict}(\theta)) + \log p(\theta) + \text{constant}

    Everything that is known of the unknowns follows from it: `maximize`, `laplace`, `sample`, `ensemble_kalman`. Data,
    noise and prior are leaves, so that one can map over data sets; the precision is that of the prediction.

    With `noise=None` the noise is Gaussian with one scale for all data, estimated from the residuals of n data and p
    unknowns as :math:`s^2 = |d - \mathrm{predict}(\theta)|^2 / (n - p)`, and the likelihood is the profile one,
    :math:`-\tfrac n2 \log 2 \pi s^2 - \tfrac{n - p}2`.

    Args:
        predict: `predict(unknowns)`, what would be measured without noise: an array, a Field, or containers of them.
        data: what was measured, in the same containers. Where an entry is missing, `mask` says so.
        noise: a standard deviation (a number, an array), a `Likelihood`, or containers of those, one per data set; a
            function of the unknowns that gives one of these, where the noise itself is unknown; None to estimate its
            scale.
        prior: a `Distribution` for each unknown, in the containers of the unknowns; None, for some or all, where
            nothing is known.
        mask: True where there is a measurement; numpy's masked arrays bring their own.

    Raises:
        ValueError: If data are not finite where they count, or a standard deviation is not positive.
        ShapeError: If noise or mask do not fit the data; later, if a prediction does not.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> x = jnp.array([0.0, 1.0, 2.0])
        >>> posterior = js.inference.Posterior(lambda u: u["a"] + u["b"] * x, jnp.array([1.0, 3.1, 4.9]), noise=0.1)
        >>> round(float(posterior.log_density({"a": 1.0, "b": 2.0})), 4)
        3.1509
    """

    predict: Callable
    data: PyTree[Float[Array, "..."]]
    noise: Any
    prior: PyTree
    mask: PyTree[Bool[Array, "..."]]

    def __repr__(self):
        shapes = ", ".join(str(leaf.shape) for leaf in jax.tree.leaves(self.data))
        noise = "normal, its scale estimated from the residuals" if self.noise is None else repr(self.noise)
        prior = "flat" if self.prior is None else repr(self.prior)
        return f"Posterior given data of shape {shapes}\n  noise: {noise}\n  prior: {prior}"

    def __init__(self, predict: Callable, data: PyTree, noise: Any = None, prior: PyTree = None, mask: PyTree = None):
        self.predict = predict
        self.data = jax.tree.map(_as_array, data, is_leaf=_is_one_array)
        self.mask = _masks(data, self.data, mask)
        _check_finite(self.data, self.mask)
        check_noise(noise)
        self.noise = noise if noise is None or _is_function(noise) else _as_likelihoods(noise)
        self.prior = prior
        check_prior(prior)
        if self.noise is not None and not _is_function(noise):
            _check_shapes(self.noise, self.data)

    def log_density(self, unknowns: PyTree) -> Float[Array, ""]:
        """Log likelihood plus log prior, of physical values."""
        likelihood = self.log_likelihood(unknowns)
        return likelihood + self.log_prior(unknowns).astype(likelihood.dtype)

    def log_likelihood(self, unknowns: PyTree) -> Float[Array, ""]:
        """The log density of the data, given the unknowns.

        Raises:
            ShapeError: If the prediction does not have the containers and shapes of the data.
        """
        if self.noise is None:
            scale = self.noise_scale(unknowns)
            n, degrees = in_type_of(scale, self._num_data(), self._degrees_of_freedom(unknowns))
            return -0.5 * (n * jnp.log(2 * math.pi * scale**2) + degrees)
        total = 0.0
        for name, data, prediction, mask, likelihood in self.seen(unknowns):
            values = likelihood.log_density(data, prediction)
            if values.shape != data.shape:
                raise ShapeError(
                    f"the noise of {name} gives log densities of shape {values.shape} for data of shape {data.shape}: "
                    "it needs one number for all data or one for each."
                )
            total = total + jnp.sum(jnp.where(mask, values, 0.0))
        return total

    def log_prior(self, unknowns: PyTree) -> Float[Array, ""]:
        """The log density of the unknowns before the data; minus infinity outside its support."""
        leaves = unknown_leaves(unknowns)
        parts = [d.log_density(leaf) for d, (_, leaf) in zip(one_each(self.prior, unknowns), leaves, strict=True)]
        dtype = max((part.dtype for part in parts), key=lambda dtype: dtype.itemsize)
        return sum((part.astype(dtype) for part in parts), start=jnp.zeros((), dtype))

    def noise_scale(self, unknowns: PyTree) -> Float[Array, ""]:
        """The standard deviation of the noise that the residuals suggest, s above; only for `noise=None`."""
        squares = sum(jnp.sum((data - prediction) ** 2) for _, data, prediction, _, _ in self.seen(unknowns))
        return jnp.sqrt(squares / in_type_of(squares, self._degrees_of_freedom(unknowns))[0])

    @property
    def is_least_squares(self) -> bool:
        """Whether the log density is, up to a constant, a falling function of a sum of squares."""
        priors = jax.tree.leaves(self.prior, is_leaf=lambda node: isinstance(node, Distribution))
        if self.noise is None:
            return all(prior.is_flat for prior in priors)
        likelihoods = jax.tree.leaves(self.noise, is_leaf=lambda node: isinstance(node, Likelihood))
        return all(getattr(term, "least_squares", False) for term in [*likelihoods, *priors])

    def residuals(self, unknowns: PyTree) -> Float[Array, " residuals"]:
        """Residuals of the data in units of their noise, then those of the prior; those of masked data are zero.

        The log density is a constant minus half the sum of their squares. With `noise=None` they are in the unit of the
        data.

        Raises:
            UnsupportedError: If the density is not a sum of squares.
        """
        if not self.is_least_squares:
            raise UnsupportedError(
                "this posterior is not a sum of squares, so it has no residuals: that needs Gaussian or lognormal "
                "noise of known scale and (log)normal, uniform or no priors, or noise=None with flat priors; "
                "`log_density` is always there."
            )
        parts = [
            jnp.where(mask, likelihood.residual(data, prediction), 0.0).ravel()
            for _, data, prediction, mask, likelihood in self.seen(unknowns)
        ]
        dtype = parts[0].dtype
        for prior, (_, leaf) in zip(one_each(self.prior, unknowns), unknown_leaves(unknowns), strict=True):
            parts.append(prior.residual(leaf).astype(dtype))
        return jnp.concatenate([part.astype(dtype) for part in parts])

    def flatten(self, guess: PyTree) -> Coordinates:
        """Flat vectors for unknowns that look like `guess`."""
        unknown_leaves(guess)
        return Coordinates(as_unknowns(guess), one_each(self.prior, guess))

    def unconstrained(self, guess: PyTree) -> Callable[[Float[Array, " n"]], Float[Array, ""]]:
        """The log density of numbers z on the real line, with the Jacobian of the transforms."""
        flat = self.flatten(guess)

        def log_density(z):
            value = self.log_density(flat.to_physical(z))
            return value + flat.log_jacobian(z).astype(value.dtype)

        return log_density

    def sample_prior(self, key, shape: tuple[int, ...] = (), like: PyTree = None) -> PyTree:
        """Draws of the unknowns before the data.

        Args:
            key: random key.
            shape: how many, as leading axes.
            like: unknowns that tell containers, shapes and precision; without them, those of the prior's parameters.

        Raises:
            ValueError: If the prior of an unknown cannot be normalised.
        """
        if like is None:
            self.require_proper("drawing from the prior")
            like = jax.tree.map(lambda d: jnp.zeros(d.shape), self.prior, is_leaf=_is_prior)
        self.require_proper("drawing from the prior", like)
        flat = self.flatten(like)

        def draw(key):
            keys = jax.random.split(key, len(flat.priors))
            parts = [
                prior.sample(k, leaf.shape, leaf.dtype).ravel().astype(flat.dtype)
                for k, prior, (_, leaf) in zip(keys, flat.priors, flat.leaves, strict=True)
            ]
            return flat.tree(jnp.concatenate(parts))

        for _ in shape:
            draw = jax.vmap(draw)
        return draw(jax.random.split(key, shape) if shape else key)

    def simulate_data(self, key, unknowns: PyTree) -> PyTree:
        """Data as the law and the noise would give them for these unknowns; with `noise=None`, of the scale that the
        residuals suggest.
        """
        predictions, structure = jax.tree.flatten(_values(self.predict(as_unknowns(unknowns))))
        noise = Gaussian(self.noise_scale(unknowns)) if self.noise is None else self.noise_at(unknowns)
        likelihoods = _spread(noise, self.data)
        keys = jax.random.split(key, len(predictions))
        draws = [n.sample(k, p) for n, k, p in zip(likelihoods, keys, predictions, strict=True)]
        return structure.unflatten(draws)

    def require_proper(self, purpose: str, guess: PyTree = None) -> None:
        """Raise `ValueError`, naming the unknown, if a prior cannot be normalised."""
        if guess is not None:
            pairs = zip(unknown_leaves(guess), one_each(self.prior, guess), strict=True)
            improper = [name for (name, _), prior in pairs if not prior.proper]
        else:
            found, _ = jax.tree_util.tree_flatten_with_path(self.prior, is_leaf=_is_prior)
            names = [(jax.tree_util.keystr(path, simple=True, separator="."), prior) for path, prior in found]
            improper = [name or "every unknown" for name, prior in names if prior is None or not prior.proper]
        if improper:
            raise ValueError(
                f"{purpose} needs a prior that can be normalised, but that of {', '.join(improper)} is flat: give "
                "one, such as js.inference.Normal(mean, standard_deviation) or js.inference.Uniform(lower, upper)."
            )

    def noise_at(self, unknowns: PyTree) -> PyTree:
        """The likelihoods of the data sets, for noise that may depend on the unknowns."""
        if _is_function(self.noise):
            return jax.tree.map(as_likelihood, self.noise(as_unknowns(unknowns)), is_leaf=_is_likelihood)
        return self.noise

    def seen(self, unknowns: PyTree) -> list[Seen]:
        """Every array of data beside its prediction and its noise (of scale 1 for `noise=None`).

        Raises:
            ShapeError: If the prediction does not have the containers and shapes of the data.
        """
        prediction = _values(self.predict(as_unknowns(unknowns)))
        if jax.tree.structure(prediction) != jax.tree.structure(self.data):
            raise ShapeError(
                f"predict gives {jax.tree.structure(prediction)}, but the data are {jax.tree.structure(self.data)}: "
                "both must be the same containers."
            )
        likelihoods = _spread(Gaussian(1.0) if self.noise is None else self.noise_at(unknowns), self.data)
        named = jax.tree_util.tree_leaves_with_path(self.data)
        masks = jax.tree.leaves(self.mask)
        return [
            _seen(path, data, p, mask, likelihood)
            for (path, data), p, mask, likelihood in zip(
                named, jax.tree.leaves(prediction), masks, likelihoods, strict=True
            )
        ]

    def _num_data(self):
        return sum(jnp.sum(mask, dtype=float) for mask in jax.tree.leaves(self.mask))

    def _degrees_of_freedom(self, unknowns: PyTree):
        num_unknowns = sum(leaf.size for _, leaf in unknown_leaves(unknowns))
        degrees = self._num_data() - num_unknowns
        if not isinstance(degrees, jax.core.Tracer) and not degrees > 0:
            raise ValueError(
                f"{int(self._num_data())} data cannot tell {num_unknowns} unknowns and the scale of the noise: pass "
                "noise=its standard deviation, or measure more."
            )
        return degrees


def _seen(path, data: Array, prediction: Array, mask: Array, likelihood: Likelihood) -> Seen:
    name = "the data" + jax.tree_util.keystr(path)
    prediction = as_floating(prediction)
    if jnp.iscomplexobj(prediction):
        raise UnsupportedError(f"the prediction of {name} is complex: give real and imaginary parts as two arrays.")
    if prediction.shape != data.shape:
        raise ShapeError(
            f"the prediction of {name} has shape {prediction.shape}, but the data have shape {data.shape}: predict "
            "must give one number for each datum; nothing is broadcast."
        )
    data, prediction = jnp.where(mask, data.astype(prediction.dtype), 1.0), jnp.where(mask, prediction, 1.0)
    return Seen(name, data, prediction, mask, likelihood.masked(mask))


def _values(prediction: PyTree) -> PyTree:
    return jax.tree.map(lambda node: node.values if isinstance(node, Field) else node, prediction, is_leaf=_is_field)


def _is_field(node) -> bool:
    return isinstance(node, Field)


def _is_likelihood(node) -> bool:
    return isinstance(node, Likelihood) or _is_numbers(node)


def _is_prior(node) -> bool:
    return node is None or isinstance(node, Distribution)


def _is_numbers(node) -> bool:
    return isinstance(node, list) and bool(node) and all(isinstance(value, (int, float)) for value in node)


def _is_one_array(node) -> bool:
    return isinstance(node, Field) or _is_numbers(node)


def _is_function(noise) -> bool:
    return callable(noise) and not isinstance(noise, (Likelihood, Field))


def _as_array(leaf) -> Array:
    array = as_floating(leaf.values if isinstance(leaf, Field) else np.asarray(leaf) if _is_host(leaf) else leaf)
    if not eqx.is_inexact_array(array) or jnp.iscomplexobj(array):
        raise TypeError(f"data must be real numbers, not {leaf!r}: give complex data as real and imaginary parts.")
    return array


def _is_host(leaf) -> bool:
    return isinstance(leaf, (np.ndarray, list))


def _as_likelihoods(noise: PyTree) -> PyTree:
    return jax.tree.map(as_likelihood, noise, is_leaf=_is_likelihood)


def _spread(likelihoods: PyTree, data: PyTree) -> list[Likelihood]:
    """The likelihood of every array of data."""
    try:
        spread_out = jax.tree.map(
            lambda likelihood, branch: jax.tree.map(lambda _: likelihood, branch),
            likelihoods,
            data,
            is_leaf=lambda node: isinstance(node, Likelihood),
        )
    except ValueError as error:
        raise ShapeError(
            f"the noise does not fit the data {jax.tree.structure(data)}: give one for all, or one for each data set "
            f"in the same containers ({error})."
        ) from None
    return jax.tree.leaves(spread_out, is_leaf=lambda node: isinstance(node, Likelihood))


def _check_shapes(likelihoods: PyTree, data: PyTree) -> None:
    for likelihood, leaf in zip(_spread(likelihoods, data), jax.tree.leaves(data), strict=True):
        for parameter in jax.tree.leaves(likelihood) if isinstance(likelihood, PER_DATUM) else []:
            if not fits(parameter.shape, leaf.shape):
                raise ShapeError(
                    f"noise of shape {parameter.shape} was given for data of shape {leaf.shape}: it needs one number "
                    "for all data or one for each."
                )


def _masks(source: PyTree, data: PyTree, mask: PyTree) -> PyTree:
    """True where an entry of `data` is measured."""
    hidden = jax.tree.map(lambda leaf: np.ma.getmask(leaf), source, is_leaf=_is_one_array)
    given = jax.tree.map(lambda d: True, data) if mask is None else _spread_mask(mask, data)

    def join(array, hidden, seen):
        seen = jnp.asarray(seen, bool) & jnp.asarray(~np.asarray(hidden))
        if not fits(seen.shape, array.shape):
            raise ShapeError(f"a mask of shape {seen.shape} does not fit data of shape {array.shape}.")
        return jnp.broadcast_to(seen, array.shape)

    return jax.tree.map(join, data, hidden, given)


def _spread_mask(mask: PyTree, data: PyTree) -> PyTree:
    return jax.tree.map(lambda seen, branch: jax.tree.map(lambda _: seen, branch), mask, data)


def _check_finite(data: PyTree, masks: PyTree) -> None:
    for (path, leaf), mask in zip(jax.tree_util.tree_leaves_with_path(data), jax.tree.leaves(masks), strict=True):
        if isinstance(leaf, jax.core.Tracer) or isinstance(mask, jax.core.Tracer):
            continue
        wrong = np.argwhere(np.asarray(~jnp.isfinite(leaf) & mask))
        if len(wrong):
            raise ValueError(
                f"the data{jax.tree_util.keystr(path)} are not finite at {len(wrong)} places, the first at index "
                f"{tuple(map(int, wrong[0]))}: pass mask=... with False there, or correct them."
            )

"""Where and when to measure: designs found by gradients through the law, or picked among candidates."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, PyTree

from ..._core.errors import UnsupportedError
from ..coordinates import Coordinates, as_unknowns
from ..likelihoods import CorrelatedGaussian
from ..posterior import Posterior
from .criteria import Criterion, MostInformative
from .information import prior_draws
from .linearised import data_rows, prior_rows
from .projected import climb

_PURPOSE = "averaging over the prior (or its information; pass unknowns=... for another criterion)"


class Experiment(eqx.Module):
    """The best design that was found.

    Args:
        design: where and when to measure, in the containers of the guess.
        score: its criterion, averaged over the unknowns at which the law was linearised.
        scores: where every start ended.
        designs: the designs they ended at, stacked.
        ok: whether the best start came to rest.
    """

    design: PyTree
    score: Float[Array, ""]
    scores: Float[Array, " starts"]
    designs: PyTree
    ok: Bool[Array, ""]


def best_experiment(
    predict: Callable,
    guess: PyTree,
    prior: PyTree,
    noise: Any,
    *,
    criterion: Criterion | None = None,
    bounds: tuple[PyTree, PyTree] | None = None,
    unknowns: PyTree = None,
    num_samples: int = 16,
    starts: int = 8,
    max_steps: int = 500,
    key=None,
) -> Experiment:
    """Find the design whose data will tell most, by gradients through the law.

    The law is linearised at draws of the prior, and the criterion averaged over them; for a linear law one is enough.
    Designs move along the projected gradient, from the guess and from random places between the bounds. Only the best
    of many local optima is returned, and nothing proves that it is the best of all: look at `scores`.

    Args:
        predict: `predict(unknowns, design)`, what would be measured; differentiable by both.
        guess: a design: any PyTree of real arrays, such as sensor positions and times.
        prior: distributions of the unknowns, as for `Posterior`.
        noise: standard deviation or likelihood of the data, as for `Posterior`.
        criterion: `MostInformative()` (the default), `DOptimal()`, `AOptimal()` or `EOptimal()`.
        bounds: least and largest designs, numbers or in the containers of the guess.
        unknowns: linearise only here; draws of the prior where None.
        num_samples: how many draws.
        starts: how many places to start from, the guess among them; more than one needs bounds.
        max_steps: where to give up.
        key: random key of draws and starts.

    Returns:
        The best design and its score.

    Raises:
        ValueError: If a prior is improper where a proper one is needed, or there are starts but no bounds.

    References:
        Fedorov & Leonov, *Optimal Design for Nonlinear Response Models* (2013), chapters 2 and 3.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> normal = js.inference.Normal(0.0, 1.0)
        >>> best = js.inference.best_experiment(
        ...     lambda u, x: u["a"] + u["b"] * x, jnp.array([0.1, 0.3]), {"a": normal, "b": normal}, 1.0,
        ...     bounds=(-1.0, 1.0), num_samples=1)
        >>> sorted(best.design.tolist()), round(float(best.score), 4)
        ([-1.0, 1.0], 1.0986)
    """
    criterion = MostInformative() if criterion is None else criterion
    key_draws, key_starts = jax.random.split(jax.random.key(0) if key is None else key)
    guess = as_unknowns(guess)
    start, to_design = ravel_pytree(guess)
    lower, upper = (_ends(end, guess, start) for end in ((-jnp.inf, jnp.inf) if bounds is None else bounds))
    known = Posterior(lambda u: jnp.ones(1), jnp.ones(1), 1.0, prior)
    if unknowns is None or criterion.needs_prior:
        known.require_proper(_PURPOSE, unknowns)
    first = _posterior(predict, guess, prior, noise, known.sample_prior(key_draws) if unknowns is None else unknowns)
    like = first.sample_prior(key_draws) if unknowns is None else unknowns
    flat = first.flatten(like)
    one = flat.to_unconstrained(like)[None]
    zs = prior_draws(first, flat, key_draws, num_samples) if unknowns is None else one

    def score(vector):
        posterior = _posterior(predict, to_design(vector), prior, noise, like)
        return jnp.mean(jax.vmap(lambda z: criterion.score(data_rows(posterior, flat, z), prior_rows(flat, z)))(zs))

    _check_bounds(bounds, starts)
    begin = _starts(start, lower, upper, starts, key_starts)
    ends, scores, rested = eqx.filter_jit(jax.vmap(lambda x: climb(score, x, lower, upper, max_steps)))(begin)
    best = jnp.argmax(jnp.where(jnp.isfinite(scores), scores, -jnp.inf))
    return Experiment(to_design(ends[best]), scores[best], scores, jax.vmap(to_design)(ends), rested[best])


def _starts(start: Array, lower: Array, upper: Array, count: int, key) -> Float[Array, "starts n"]:
    """The guess, and random designs between the bounds."""
    if count == 1:
        return start[None]
    random = jax.random.uniform(key, (count - 1, start.size), start.dtype, lower, upper)
    return jnp.concatenate([start[None], random])


def _check_bounds(bounds: tuple[PyTree, PyTree] | None, starts: int) -> None:
    if starts == 1:
        return
    ends = [end for end in jax.tree.leaves(bounds) if not isinstance(end, jax.core.Tracer)]
    if bounds is None or not all(np.isfinite(end).all() for end in ends):
        raise ValueError(
            f"starts={starts} needs places to start from: pass finite bounds=(lower, upper), or starts=1 to use only "
            "the guess."
        )


def _ends(end: PyTree, guess: PyTree, start: Array) -> Array:
    spread = jax.tree.map(
        lambda e, branch: jax.tree.map(lambda g: jnp.broadcast_to(jnp.asarray(e, g.dtype), g.shape), branch), end, guess
    )
    return ravel_pytree(spread)[0].astype(start.dtype)


def _posterior(predict: Callable, design: PyTree, prior: PyTree, noise: Any, like: PyTree) -> Posterior:
    """The posterior of an experiment that was not made: its data are ones."""
    shapes = jax.eval_shape(lambda d: predict(as_unknowns(like), d), design)
    data = jax.tree.map(lambda s: jnp.ones(s.shape, s.dtype), shapes)
    return Posterior(lambda unknowns: predict(unknowns, design), data, noise, prior)


class Choice(eqx.Module):
    """Which of several measurements to make.

    Args:
        chosen: their indices, in the order in which they were taken.
        score: the criterion of all of them together.
        scores: the criterion after each was taken, before exchanges.
        mask: True where a datum is measured, in the containers of the data: for `Posterior(..., mask=...)`.
    """

    chosen: Int[Array, " count"]
    score: Float[Array, ""]
    scores: Float[Array, " count"]
    mask: PyTree


def choose_measurements(
    posterior: Posterior,
    count: int,
    guess: PyTree = None,
    *,
    criterion: Criterion | None = None,
    unknowns: PyTree = None,
    num_samples: int = 16,
    num_exchanges: int = 10,
    key=None,
) -> Choice:
    """Pick the measurements that tell most among given candidates.

    One after the other is taken, each time the best; then single ones are exchanged as long as that is better. Under
    `MostInformative` the first part alone reaches 63 % of the largest gain; no such bound is known for `EOptimal`,
    whose score stands still while the worst known combination is out of reach of any one candidate.

    Args:
        posterior: a posterior whose data would be all candidates; each entry along the first axis of the data is one,
            with everything behind it (the times of a sensor, say). The values of the data do not matter.
        count: how many to pick.
        guess: unknowns that tell containers and shapes; needed where the prior's parameters do not.
        criterion: `MostInformative()` (the default), `DOptimal()`, `AOptimal()` or `EOptimal()`; the others need at
            least as many candidates as flat unknowns from the first on, so give priors.
        unknowns: linearise only here; draws of the prior where None.
        num_samples: how many draws.
        num_exchanges: most exchanges to make.
        key: random key of the draws.

    Returns:
        The chosen indices, and the mask that makes them a posterior.

    Raises:
        UnsupportedError: If the noise of different measurements is correlated.
        ValueError: If there are not as many candidates.

    References:
        Nemhauser, Wolsey & Fisher, Mathematical Programming 14 (1978) 265; Fedorov, *Theory of Optimal Experiments*
        (1972), for exchanges.

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> x = jnp.linspace(-1.0, 1.0, 5)
        >>> normal = js.inference.Normal(0.0, 1.0)
        >>> line = js.inference.Posterior(lambda u: u["a"] + u["b"] * x, x, 1.0, {"a": normal, "b": normal})
        >>> sorted(js.inference.choose_measurements(line, 2).chosen.tolist())
        [0, 4]
    """
    criterion = MostInformative() if criterion is None else criterion
    key = jax.random.key(0) if key is None else key
    if unknowns is None or criterion.needs_prior:
        posterior.require_proper(_PURPOSE, guess if unknowns is None else unknowns)
    like = unknowns if unknowns is not None else guess
    flat = posterior.flatten(posterior.sample_prior(key) if like is None else like)
    one = None if unknowns is None else flat.to_unconstrained(unknowns)[None]
    zs = prior_draws(posterior, flat, key, num_samples) if one is None else one
    blocks, num_candidates = _blocks(posterior, flat, zs)
    if not 1 <= count <= num_candidates:
        raise ValueError(f"count={count} of {num_candidates} candidates: pick between 1 and {num_candidates} of them.")
    priors = jax.vmap(lambda z: prior_rows(flat, z))(zs)

    def score(weights):
        def at(rows, prior):
            return criterion.score((weights[:, None, None] * rows).reshape(-1, rows.shape[-1]), prior)

        return jnp.mean(jax.vmap(at)(blocks, priors))

    @jax.jit
    def with_each(weights):
        scores = jax.lax.map(lambda i: score(weights.at[i].set(1.0)), jnp.arange(num_candidates), batch_size=32)
        return jnp.where(weights > 0, -jnp.inf, scores)

    none = jnp.zeros(num_candidates, blocks.dtype)
    chosen, scores = _greedy(with_each, none, count)
    chosen, last = _exchanged(with_each, none, chosen, scores[-1], num_exchanges)
    taken = jnp.zeros(num_candidates, bool).at[jnp.asarray(chosen)].set(True)
    mask = jax.tree.map(lambda m: m & taken.reshape([-1] + [1] * (m.ndim - 1)), posterior.mask)
    return Choice(jnp.asarray(chosen), jnp.asarray(last), jnp.asarray(scores), mask)


def _blocks(posterior: Posterior, flat: Coordinates, zs: Array) -> tuple[Float[Array, "s c r n"], int]:
    """Rows of the data for every draw, candidate by candidate."""
    terms = jax.eval_shape(lambda z: [t.data for t in posterior.seen(flat.to_physical(z))], zs[0])
    counts = {term.shape[0] if term.ndim else 0 for term in terms}
    noises = jax.tree.leaves(posterior.noise, is_leaf=lambda n: isinstance(n, CorrelatedGaussian))
    if any(isinstance(noise, CorrelatedGaussian) for noise in noises):
        raise UnsupportedError(
            "the noise of the candidates is correlated, so what one tells depends on the others: choose_measurements "
            "needs independent noise."
        )
    if len(counts) != 1 or counts == {0}:
        raise ValueError(
            "candidates are the entries along the first axis of the data, which have shapes "
            f"{[t.shape for t in terms]}: all data sets need the same number of them."
        )
    (count,) = counts
    rows = jax.vmap(lambda z: data_rows(posterior, flat, z))(zs)
    ends = jnp.cumsum(jnp.asarray([term.size for term in terms]))[:-1].tolist()
    parts = [
        part.reshape(len(zs), count, -1, rows.shape[-1])
        for part in jnp.split(rows[:, : sum(t.size for t in terms)], ends, axis=1)
    ]
    return jnp.concatenate(parts, axis=2), count


def _greedy(with_each: Callable, none: Array, count: int) -> tuple[list[int], list[float]]:
    chosen, scores, weights = [], [], none
    for _ in range(count):
        gains = with_each(weights)
        best = int(jnp.argmax(gains))
        chosen.append(best)
        scores.append(float(gains[best]))
        weights = weights.at[best].set(1.0)
    return chosen, scores


def _exchanged(with_each: Callable, none: Array, chosen: list[int], last: float, num_exchanges: int):
    """Swap one chosen candidate at a time for the best other one, while that helps."""
    for _ in range(num_exchanges):
        weights = none.at[jnp.asarray(chosen)].set(1.0)
        trials = []
        for place, index in enumerate(chosen):
            gains = with_each(weights.at[index].set(0.0))
            trials.append((float(jnp.max(gains)), place, int(jnp.argmax(gains))))
        gain, place, candidate = max(trials)
        if not gain > last + 1e-9 * abs(last):
            break
        chosen, last = [*chosen[:place], candidate, *chosen[place + 1 :]], gain
    return chosen, last

"""What changes while a network is trained: where the law is asked to hold, and how much each place and term counts."""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..problems.problem import Problem, Term, chunked


class Refresh(eqx.Module):
    """A pure function that changes the points or the weights of a problem, every so many steps."""

    every: eqx.AbstractVar[int]

    @abc.abstractmethod
    def __call__(self, problem: Problem, w: Array, domain: "Region", key: Array) -> Problem:
        """The same problem with other points or weights, of the same shapes."""


class Region(eqx.Module):
    """The coordinates of a problem: bounds, time first, and whether a point belongs to it."""

    lows: Float[Array, " d"]
    highs: Float[Array, " d"]
    inside: Callable[[Array], Bool[Array, ""]] | None = None

    def drawn(self, number: int, key: Array) -> tuple[Float[Array, "n d"], Bool[Array, " n"]]:
        """Uniform points of the bounds, and which of them are inside."""
        unit = jax.random.uniform(key, (number, self.lows.size), self.lows.dtype)
        z = self.lows + (self.highs - self.lows) * unit
        return z, jnp.ones(number, bool) if self.inside is None else jax.vmap(self.inside)(z)


class Adaptive(Refresh):
    r"""Points that gather where the law holds worst, drawn anew as the network learns.

    Of ten times as many uniform points as are kept, a point z is kept with a probability proportional to
    :math:`|r(z)|^p / \overline{|r|^p} + c`. Fronts and layers that an even set of points steps over are found by
    themselves; where the solution is smooth everywhere, fixed Gauss points are more accurate.

    Args:
        number: How many points.
        every: Steps after which they are drawn anew.
        power: p; 0 draws them uniformly.
        evenness: c; the larger it is, the more uniform the points.
        candidates: Uniform points to choose from, for each that is kept.

    Example:
        >>> import jaxsci as js
        >>> js.learning.Adaptive(4000).every
        10

    References:
        Wu, Zhu, Tan, Kartha & Lu, CMAME 403 (2023) 115671, method RAD.
    """

    number: int = 2500
    every: int = 10
    power: float = 1.0
    evenness: float = 1.0
    candidates: int = 10

    def __check_init__(self):
        if self.number < 1 or self.every < 1 or self.candidates < 1 or self.power < 0 or self.evenness < 0:
            raise ValueError(
                f"{self}: number, every and candidates must be at least 1, power and evenness must not be negative."
            )

    def __call__(self, problem: Problem, w: Array, domain: Region, key: Array) -> Problem:
        term = problem.terms[0]
        first, second = jax.random.split(key)
        z, inside = domain.drawn(self.candidates * term.points.shape[0], first)
        sizes = _sizes(problem, w, term, z) ** self.power
        odds = sizes / jnp.mean(sizes, where=inside) + self.evenness
        # The largest of log q plus Gumbel noise are a sample without replacement with odds q.
        score = jnp.where(inside, jnp.log(odds), -jnp.inf) + jax.random.gumbel(second, odds.shape, odds.dtype)
        kept = jax.lax.top_k(jnp.where(jnp.isnan(score), -jnp.inf, score), term.points.shape[0])[1]
        return problem.with_terms([term.moved(z[kept], term.weight), *problem.terms[1:]])


class Causal(Refresh):
    r"""A law in time counts at late times only where it already holds at earlier ones.

    The time is cut into slices; slice i counts by :math:`\exp(-\epsilon \sum_{k<i} L_k)`, :math:`L_k` the mean square
    residual of slice k. It keeps a network from settling on a solution that forgets its start.

    Args:
        strength: :math:`\epsilon`; a slice begins to count when the squares before it add up to about its inverse.
        slices: How many.
        every: Steps after which the weights are computed anew.

    References:
        Wang, Sankaran & Perdikaris, CMAME 421 (2024) 116813.
    """

    strength: float = 1.0
    slices: int = 20
    every: int = 5

    def __call__(self, problem: Problem, w: Array, domain: Region, key: Array) -> Problem:
        term = problem.terms[0]
        share = (term.points[:, 0] - domain.lows[0]) / (domain.highs[0] - domain.lows[0])
        slot = jnp.clip((share * self.slices).astype(int), 0, self.slices - 1)
        squares = _sizes(problem, w, term, term.points) ** 2
        count = jax.ops.segment_sum(jnp.ones_like(squares), slot, self.slices)
        mean = jax.ops.segment_sum(squares, slot, self.slices) / jnp.maximum(count, 1)
        factor = jnp.exp(-self.strength * (jnp.cumsum(mean) - mean))
        term = term.moved(term.points, factor[slot].astype(term.weight.dtype))
        return problem.with_terms([term, *problem.terms[1:]])


class Balanced(Refresh):
    r"""Conditions in the loss count so that every term pulls on the weights equally.

    The weight of a term moves towards :math:`|\nabla L_{law}| / |\nabla L_k|`, by a tenth of the way each time.

    Args:
        every: Steps after which the weights are computed anew.
        momentum: How much of the old weight is kept.

    References:
        Wang, Teng & Perdikaris, SIAM J. Sci. Comput. 43 (2021) A3055.
    """

    every: int = 20
    momentum: float = 0.9

    def __call__(self, problem: Problem, w: Array, domain: Region, key: Array) -> Problem:
        law, *others = problem.terms
        pull = self._pull(problem, w, law)
        terms: list[Term] = [law]
        for term in others:
            plain = term.moved(term.points, jnp.ones_like(term.weight))
            own = self._pull(problem, w, plain)
            wanted = jnp.where(own > 0, pull / jnp.where(own > 0, own, 1.0), term.weight)
            weight = self.momentum * term.weight + (1 - self.momentum) * wanted
            terms.append(term.moved(term.points, weight.astype(term.weight.dtype)))
        return problem.with_terms(terms)

    def _pull(self, problem: Problem, w: Array, term: Term) -> Array:
        return jnp.linalg.norm(problem.with_terms([term]).loss_and_gradient(w)[1])


def _sizes(problem: Problem, w: Array, term: Term, points: Array) -> Float[Array, " n"]:
    """How badly the law is missed at points."""
    return chunked(lambda z: jnp.linalg.norm(problem.at(w, term, z)), points)


class Schedule(eqx.Module):
    """All that changes during a training, in the order in which it is done."""

    changes: tuple[Refresh, ...]
    domain: Region
    key: Array

    def next(self, steps: int) -> int:
        """The step at which something changes next."""
        return min((steps // change.every + 1) * change.every for change in self.changes)

    def due(self, steps: int) -> tuple[bool, ...]:
        """What changes at a step."""
        return tuple(steps % change.every == 0 for change in self.changes)

    def check(self, timed: bool) -> None:
        """Raise where a change makes no sense for a law."""
        if not timed and any(isinstance(change, Causal) for change in self.changes):
            raise ValueError("Causal() weights follow the time, but this law is at rest: leave weighting out.")

    @eqx.filter_jit
    def refreshed(self, problem: Problem, w: Array, steps: Array, due: tuple[bool, ...]) -> Problem:
        """The problem with what is due brought up to date; a pure function of the weights and the step."""
        for i, change in enumerate(self.changes):
            if due[i]:
                key = jax.random.fold_in(jax.random.fold_in(self.key, steps), i)
                problem = change(problem, w, self.domain, key)
        return problem


def region_of(bounds: np.ndarray, inside: Callable | None, dtype) -> Region:
    """The coordinates of a problem from one `(low, high)` pair per coordinate."""
    return Region(jnp.asarray(bounds[:, 0], dtype), jnp.asarray(bounds[:, 1], dtype), inside)

"""Gauss-Newton steps from a sample of the points, solved among residuals instead of among weights."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..problems.problem import Problem
from .base import Optimiser, Progress, begun

TRIALS = 10


class Motion(NamedTuple):
    """The last step, the damping, and how many steps in a row gained nothing."""

    velocity: Array
    damping: Array
    idle: Array


class NaturalGradient(Optimiser):
    r"""The energy natural gradient, sketched: for networks of two to twenty thousand weights.

    A step of Gauss and Newton for m sampled residuals r with Jacobian J, remembering part of the last step v:

    .. math:: p = \mu v - J^T (J J^T + \lambda s)^{-1} (r + \mu J v)

    with s the mean diagonal entry of :math:`J J^T`. The matrix has a row for each sampled residual, so that its cost
    grows only linearly with the weights. A step is taken if the loss at the sampled points falls; else the damping
    grows.

    Args:
        max_steps: Where to stop.
        sample: How many points are drawn for a step, of all terms together.
        momentum: :math:`\mu`.
        damping: The first :math:`\lambda`.
        seed: Of the sampling.

    References:
        Müller & Zeinhofer, ICML (2023), arXiv:2302.13163; Goldshlager, Abrahamsen & Lin, J. Comput. Phys. 516 (2024)
        113351, for the momentum; Guzmán-Cordero et al., arXiv:2505.12149.
    """

    max_steps: int = 1000
    sample: int = 600
    momentum: float = 0.5
    damping: float = 1e-2
    seed: int = 0

    @property
    def num_steps(self) -> int:
        return self.max_steps

    def init(self, problem: Problem, w: Array) -> Progress:
        memory = Motion(jnp.zeros_like(w), jnp.asarray(self.damping, w.dtype), jnp.zeros((), int))
        return begun(w, problem.loss(w), memory)

    def moved(self, problem: Problem, state: Progress) -> Progress:
        state = super().moved(problem, state)
        return eqx.tree_at(lambda s: s.memory.idle, state, jnp.zeros((), int))

    def step(self, problem: Problem, state: Progress) -> Progress:
        w, (v, damping, idle) = state.w, state.memory
        key = jax.random.fold_in(jax.random.key(self.seed), state.steps)
        sample = sampled(problem, self.sample, key)
        r, J = sample.jacobian(w)
        before = jnp.sum(r**2)
        kept = self.momentum * v
        K, b = J @ J.T, r + J @ kept
        unit = jnp.mean(jnp.diagonal(K)) * jnp.eye(r.size, dtype=r.dtype)

        def attempt(carry):
            damping, _, _, count = carry
            factor = jax.scipy.linalg.cho_factor(K + damping * unit)
            p = kept - jax.scipy.linalg.cho_solve(factor, b) @ J
            loss = sample.loss(w + p)
            good = loss < before
            return jnp.where(good, damping / 2, 3 * damping), jnp.where(good, p, 0.0), loss, count + 1

        def failing(carry):
            return ~(carry[2] < before) & (carry[3] < TRIALS)

        start = damping, jnp.zeros_like(w), jnp.asarray(jnp.inf, w.dtype), jnp.zeros((), int)
        damping, p, loss, _ = jax.lax.while_loop(failing, attempt, start)
        better = loss < before
        loss = problem.loss(w + p)
        idle = jnp.where(better, 0, idle + 1)
        least = 16 * float(jnp.finfo(w.dtype).eps)
        memory = Motion(p, jnp.clip(damping, least, 1e3), idle)
        return Progress(w + p, loss, state.steps + 1, idle >= 5, memory)


def sampled(problem: Problem, number: int, key: Array) -> Problem:
    """The same problem at some of its points, each term with its share of them (at least one)."""
    total = sum(term.points.shape[0] for term in problem.terms)
    terms = []
    for term, one in zip(problem.terms, jax.random.split(key, len(problem.terms)), strict=True):
        n = term.points.shape[0]
        chosen = jax.random.choice(one, n, (min(n, max(1, round(number * n / total))),), replace=False)
        terms.append(term.subset(chosen))
    return problem.with_terms(terms)

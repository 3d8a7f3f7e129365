"""How large a step an explicit method can take: the fastest rate of a law against the method's stability limit."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...fields import unpack
from .base import vector_field
from .runge_kutta import RungeKutta, Tableau

POWER_ITERATIONS = 40


def real_limit(tableau: Tableau) -> float:
    """The largest `z` for which `|R(-s)| <= 1` for all `s` up to `z`, `R` the stability function of a Runge-Kutta
    method.
    """
    stages = len(tableau.b)
    a = np.zeros((stages, stages))
    for i, row in enumerate(tableau.a, start=1):
        a[i, : len(row)] = row
    powers = [np.ones(stages)]
    for _ in range(stages - 1):
        powers.append(a @ powers[-1])
    coefficients = [1.0, *(np.dot(tableau.b, power) for power in powers)]
    s = np.linspace(0.0, 40.0, 40_001)[1:]
    unstable = np.abs(np.polyval(coefficients[::-1], -s)) > 1 + 1e-9
    return float(s[unstable.argmax()]) if unstable.any() else float(s[-1])


@eqx.filter_jit
def fastest_rate(inputs: tuple) -> jax.Array:
    """Largest rate `|df/du|` of the law at the initial state, by power iteration on its linearisation."""
    equation, state, args, (t0, *_), _, _ = inputs
    arrays = unpack(state)

    def push(direction):
        return jax.jvp(lambda y: vector_field(equation, state, args)(t0, y), (arrays,), (direction,))[1]

    def size(tree):
        return jnp.sqrt(sum(jnp.sum(jnp.abs(leaf) ** 2).astype(t0.dtype) for leaf in jax.tree.leaves(tree)))

    def normalised(tree):
        scale = 1 / jnp.maximum(size(tree), jnp.finfo(t0.dtype).tiny)
        return jax.tree.map(lambda leaf: leaf * scale.astype(leaf.dtype), tree)

    leaves, structure = jax.tree.flatten(arrays)
    keys = jax.random.split(jax.random.key(0), len(leaves))
    start = [jax.random.normal(key, leaf.shape, leaf.dtype) for key, leaf in zip(keys, leaves, strict=True)]
    first = normalised(structure.unflatten(start))
    last = jax.lax.fori_loop(0, POWER_ITERATIONS, lambda _, v: normalised(push(v)), first)
    return size(push(last))


def largest_stable_step(method: RungeKutta, inputs: tuple) -> tuple[float, float]:
    """`(rate, dt)`: the fastest rate at the initial state, and the step up to which the method damps a mode of that
    rate.
    """
    rate = float(fastest_rate(inputs))
    return rate, real_limit(method.tableau) / rate if rate > 0 else np.inf

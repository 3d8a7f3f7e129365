"""Walls at zero need no lift: in five dimensions one would have 242 terms."""

import jax
import jax.numpy as jnp

import jaxsci as js
from jaxsci.learning.conditions.built_in import Conditions, Trial, sides_of
from jaxsci.learning.residuals.residual import shape_of


def trial(value, dim=5):
    box = js.Box(*[(0.0, 1.0)] * dim)
    shape = shape_of(jnp.zeros(()), box, False, jnp.zeros(()).dtype)
    conditions = Conditions(shape, sides_of(js.Dirichlet(value), shape), None, None, (False,) * dim, False)
    return Trial(lambda z: jnp.sum(z) + 1.0, conditions)


def num_operations(value):
    return len(jax.make_jaxpr(trial(value))(jnp.full(5, 0.3)).eqns)


def test_zero_walls_are_recognised_and_others_are_not():
    assert trial(0.0).conditions.at_zero == (True,)
    assert trial(1.0).conditions.at_zero == trial(lambda x: 0.0 * x[0]).conditions.at_zero == (False,)
    assert num_operations(0.0) < num_operations(1.0) / 10


def test_walls_hold_with_and_without_a_lift():
    x = jnp.array([0.2, 0.7, 0.0, 0.4, 0.9])
    for value in (0.0, 1.5):
        assert jnp.allclose(trial(value)(x), value, atol=1e-13)
        assert not jnp.allclose(trial(value)(x.at[2].set(0.3)), value, atol=1e-3)
    assert jnp.allclose(trial(0.0)(x + 0.05), trial(lambda x: 0.0 * x[0])(x + 0.05), atol=1e-13)

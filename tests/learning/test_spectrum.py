"""The report names short waves that training left behind, and does not see any where there are none."""

import jax
import jax.numpy as jnp
import pytest

import jaxsci as js
from jaxsci import learning
from jaxsci.networks import MLP, RandomFeatures

KEY = jax.random.key(0)
BOX = js.Box((0.0, 1.0))


def short_and_long(x):
    """The source of sin(pi x) + sin(40 pi x) / 1600."""
    return jnp.pi**2 * (jnp.sin(jnp.pi * x[0]) + jnp.sin(40 * jnp.pi * x[0]))


def long_only(x):
    return jnp.pi**2 * jnp.sin(jnp.pi * x[0])


@pytest.mark.parametrize(
    ("source", "network", "optimiser", "blamed"),
    [
        (short_and_long, MLP(1, "scalar", 12, 1, key=KEY), learning.LevenbergMarquardt(max_steps=60), True),
        (long_only, MLP(1, "scalar", 12, 1, key=KEY), learning.LevenbergMarquardt(max_steps=60), False),
        (short_and_long, RandomFeatures(1, "scalar", 120, jnp.sin, scale=80.0, key=KEY), None, False),
    ],
    ids=["left behind", "not asked for", "learned"],
)
def test_short_waves_left_behind_are_named(source, network, optimiser, blamed):
    solution = learning.solve_pinn(
        js.equations.Poisson(source),
        BOX,
        network,
        boundary=js.Dirichlet(0.0),
        points=200,
        optimiser=optimiser,
        compare=0,
        key=KEY,
    )
    assert any("spectral bias" in limit and "along x" in limit for limit in solution.report.limits) == blamed

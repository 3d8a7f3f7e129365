"""Taylor series through any function agree with nested forward mode, at less cost."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from jaxsci.learning.residuals import taylor

INDICES = [(0, 0), (1, 0), (0, 2), (1, 1), (2, 2), (0, 4)]
POINT = jnp.array([0.3, 0.4])


def nested(function, z, index):
    for axis, order in enumerate(index):
        for _ in range(order):
            function = jax.jacfwd(function)
            function = lambda y, f=function, axis=axis: f(y)[..., axis]  # noqa: E731
    return function(z)


FUNCTIONS = {
    "product": lambda z: jnp.sin(z[0] * z[1]) * jnp.exp(z[0]),
    "quotient": lambda z: z[0] / (1 + z[1] ** 2),
    "softplus": lambda z: jax.nn.softplus(z[0] * z[1]),
    "gelu": lambda z: jax.nn.gelu(z[0] + z[1]),
    "choice": lambda z: jnp.where(z[0] > 0.1, jnp.exp(-z[1] * z[0]), z[0]) + jnp.maximum(z[0] ** 3, z[1] ** 5),
    "length": lambda z: jnp.linalg.norm(z),
    "power": lambda z: z[0] ** 2.5 * jnp.log(z[1]),
    "tanh": lambda z: jnp.tanh(3 * z[0] - z[1] ** 2),
    "vector": lambda z: jnp.stack([jnp.cos(z[0] - z[1]), jnp.tan(z[1])]) @ jnp.array([[1.0, 2.0], [3.0, z[0]]]),
    "placed": lambda z: jnp.prod(jnp.sin(z.at[1].set(z[0] * z[1]).at[0].add(z[1] ** 2))),
    "network": eqx.nn.MLP(2, "scalar", 8, 2, jnp.tanh, key=jax.random.key(0)),
    "loop": lambda z: jax.lax.fori_loop(0, 3, lambda i, y: jnp.sin(y) * z[1], z[0]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_series_are_the_nested_derivatives(name):
    function = FUNCTIONS[name]
    indices = INDICES[:4] if name == "loop" else INDICES
    found = jax.jit(lambda z: taylor.derivatives(function, z, indices))(POINT)
    for index in indices:
        expected = nested(function, POINT, index)
        assert jnp.allclose(found[index], expected, rtol=1e-11, atol=1e-11), index


def test_only_what_is_asked_for_is_computed():
    network = FUNCTIONS["network"]
    series = taylor.Algebra([(1, 0), (0, 2)], 2).through(network, POINT)
    assert set(series) == {(0, 0), (1, 0), (0, 1), (0, 2)}


def test_values_that_are_put_in_place_need_no_nested_derivatives():
    series = taylor.Algebra([(2, 2)], 2).through(FUNCTIONS["placed"], POINT)
    assert jnp.isclose(4 * series[2, 2], nested(FUNCTIONS["placed"], POINT, (2, 2)), rtol=1e-11)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("others", [[], [(1, 1)], [(3, 0)], [(2, 2)]], ids=["alone", "mixed", "third", "fourth"])
def test_a_laplacian_is_the_sum_of_second_derivatives(name, others):
    function, both = FUNCTIONS[name], (taylor.SUMMED, taylor.SUMMED)
    if name == "loop" and others:
        pytest.skip("nested forward mode through a loop is slow")
    found = jax.jit(lambda z: taylor.derivatives(function, z, [both, *others]))(POINT)
    expected = {index: nested(function, POINT, index) for index in others}
    expected[both] = nested(function, POINT, (2, 0)) + nested(function, POINT, (0, 2))
    assert set(found) == set(expected)
    for index, value in expected.items():
        assert jnp.allclose(found[index], value, rtol=1e-11, atol=1e-11), index


def test_a_laplacian_needs_one_coefficient_beside_the_slopes():
    index = (0,) + (taylor.SUMMED,) * 5
    network = eqx.nn.MLP(6, "scalar", 8, 2, jnp.tanh, key=jax.random.key(0))
    series = taylor.Algebra([(1,) + (0,) * 5, index], 6).through(network, jnp.arange(6.0) / 7)
    assert len(series) == 1 + 6 + 1


def test_constants_and_functions_of_some_coordinates_have_zero_derivatives():
    found = taylor.derivatives(lambda z: jnp.sin(z[0]), POINT, [(0, 1), (1, 1), (1, 0)])
    assert found[0, 1] == 0 and found[1, 1] == 0 and found[1, 0] == jnp.cos(0.3)
    assert taylor.derivatives(lambda z: jnp.array(2.0), POINT, [(0, 1)])[0, 1] == 0


def test_reverse_mode_through_series():
    def slope(a):
        return taylor.derivatives(lambda z: jnp.tanh(a * z[0] * z[1]), POINT, [(2, 0)])[2, 0]

    h = 1e-5
    assert jnp.allclose(jax.grad(slope)(0.7), (slope(0.7 + h) - slope(0.7 - h)) / (2 * h), rtol=1e-8)

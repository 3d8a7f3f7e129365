"""Steps with a margin give what steps without one give, for every law that allows it; others are left alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci._core.rings import reach, with_margin
from jaxsci._core.windows import Unfit
from jaxsci.fields import rings, unpack
from jaxsci.simulation import adjoints
from tests.equations.laws import CASES, state_of

NODES, DT = 48, 1e-6
# nodes that one evaluation at order 4 reads to either side: two, but three for third and four for fourth derivatives
WIDER = {"korteweg-de-vries": 3, "kuramoto-sivashinsky": 4, "cahn-hilliard": 4, "swift-hohenberg": 4}
# their conductivity has ghosts of its own
WITHOUT = ("heat-variable", "heat-variable-matrix")


def ring(dim, order=4, boundary=None):
    box = js.Box(*((0.0, 2 * jnp.pi),) * dim)
    return js.FiniteDifference(js.Grid(box, (NODES,) * dim), order=order, boundary=boundary or js.Periodic())


def body_of(law, state, method):
    def body(arrays, n):
        return method.step(None, law, state, n * DT, arrays, jnp.asarray(DT), None)

    return body


def case(name):
    law, functions, dim = CASES[name]
    state = state_of(ring(dim), functions)
    return law, state


def test_a_conductivity_of_nodes_is_left_alone():
    for name in WITHOUT:
        law, state = case(name)
        assert reach(body_of(law, state, js.Euler()), unpack(state), rings(state), jnp.asarray(0)) is None


@pytest.mark.parametrize("name", [name for name in CASES if name not in WITHOUT])
def test_all_laws_on_rings_take_a_margin_and_give_the_same(name):
    law, state = case(name)
    body, arrays, layout = body_of(law, state, js.RK4()), unpack(state), rings(state)
    width = reach(body, arrays, layout, jnp.asarray(0))
    once = next((nodes for start, nodes in WIDER.items() if name.startswith(start)), 2)
    assert width == once * (2 if name.startswith(("wave", "klein")) else 4)  # a velocity needs no neighbours
    number = 2
    found = jax.jit(lambda a: with_margin(body, a, layout, number, width, 5))(arrays)
    wanted = arrays
    for k in range(number):
        wanted = jax.jit(body)(wanted, jnp.asarray(5 + k))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13 * float(jnp.max(jnp.abs(b))))


@pytest.mark.parametrize(("order", "radius"), [(2, 1), (4, 2), (6, 3)])
@pytest.mark.parametrize(("method", "slopes"), [(js.Euler(), 1), (js.RK4(), 4), (js.Tsit5(), 6)])
def test_a_step_reaches_as_far_as_its_slopes(order, radius, method, slopes):
    """The last slope of Tsit5 is for the next step: with a fixed step nobody asks for it."""
    state = ring(1, order).field(lambda x: jnp.sin(x[0]))
    body = body_of(js.equations.Heat(), state, method)
    assert reach(body, unpack(state), rings(state), jnp.asarray(0)) == slopes * radius


def test_a_margin_that_is_used_up_is_not_passed_over():
    state = ring(1).field(lambda x: jnp.sin(x[0]))
    body = body_of(js.equations.Heat(), state, js.RK4())
    with pytest.raises(Unfit):
        jax.jit(lambda a: with_margin(body, a, rings(state), 1, 7, 0))(unpack(state))


WEIGHTS = np.random.default_rng(0).random((NODES, NODES))


def hand_made(u):
    """Differences by `roll`, numbers given at nodes, a number from elsewhere, components that are put together."""
    second = jnp.roll(u, 1, -1) - 2.0 * u + jnp.roll(u, -1, -1)
    length = jnp.sqrt(jnp.sum(u**2, axis=0))
    return second * WEIGHTS + jnp.stack([length, u[0]]) - jnp.where(u > 0.1, u, 0.0) * jnp.asarray(0.3)


def test_a_function_of_arrays_is_read_as_well_as_a_law():
    u = jnp.asarray(np.random.default_rng(1).random((2, NODES, NODES)))
    layout = [(None, NODES, NODES)]

    def body(u, n):
        return u + 0.1 * hand_made(u) * n

    assert reach(body, u, layout, jnp.asarray(0)) == 1
    found = jax.jit(lambda u: with_margin(body, u, layout, 3, 1, 1))(u)
    wanted = body(body(body(u, 1), 2), 3)
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


@pytest.mark.parametrize(
    "function",
    [
        lambda u: u - jnp.mean(u),
        lambda u: jnp.cumsum(u, -1),
        lambda u: jnp.flip(u, -1),
        lambda u: u @ jnp.eye(NODES),
        lambda u: jnp.fft.ifft(jnp.fft.fft(u)).real,
        lambda u: u * u[..., :1],
        lambda u: jnp.broadcast_to(u[..., 0, 0], u.shape),
        lambda u: u.T,
        lambda u: jnp.concatenate([u[:, 1:], u[:, :1] * 2.0], 1),
        lambda u: jnp.concatenate([jnp.zeros((NODES, 1)), u[:, 1:]], 1),
        lambda u: jnp.concatenate([u[:, 1:], jnp.zeros((NODES, 1))], 1),
        lambda u: jnp.concatenate([u[:, 2:], u[:, :2]], 1) + jnp.concatenate([u[:, 3:], u[:, :2], u[:, :1]], 1),
        lambda u: jnp.pad(u, 1)[1:-1, 1:-1],
        lambda u: u.at[0].set(0.0),
        lambda u: jax.lax.scan(lambda c, row: (c + row, c), u[0], u)[1],
        lambda u: jnp.zeros_like(u),
        lambda u: u[::2].repeat(2, 0),
        lambda u: jnp.sort(u, 0),
    ],
)
def test_what_looks_further_than_a_window_is_left_alone(function):
    """A transposed plane would be right; everything else here would be wrong at some node of the margin."""
    u = jnp.asarray(np.random.default_rng(2).random((NODES, NODES)))
    found = reach(lambda u, n: function(u), u, [(NODES, NODES)], jnp.asarray(0))
    if found is not None:
        wanted = function(function(u))
        np.testing.assert_allclose(
            with_margin(lambda u, n: function(u), u, [(NODES, NODES)], 2, found, 0), wanted, rtol=1e-13
        )
        assert jnp.array_equal(function(u), u.T)


@pytest.mark.parametrize("boundary", [js.Dirichlet(0.0), {"x": js.Periodic(), "y": js.Neumann(0.0)}])
def test_walls_leave_no_ring(boundary):
    state = ring(2, boundary=boundary).field(lambda x: jnp.sin(x[0]) * x[1])
    body = body_of(js.equations.Heat(), state, js.RK4())
    assert reach(body, unpack(state), rings(state), jnp.asarray(0)) is None


@pytest.mark.parametrize("order", [2, 4])
@pytest.mark.parametrize("save_at", [None, 3])
@pytest.mark.parametrize("progress", [False, True])
def test_a_simulation_is_the_same_with_and_without_a_margin(order, save_at, progress, monkeypatch):
    """Outside any transformation a run of order 4 takes a margin; inside jit it never does."""
    margins = []

    def noted(*arguments):
        margins.append(arguments[-2])
        return with_margin(*arguments)

    monkeypatch.setattr(adjoints, "with_margin", noted)
    n = 512
    grid = js.Grid(js.Box((0.0, 2 * jnp.pi)), (n,))
    state = js.FiniteDifference(grid, order=order).field(lambda x: jnp.sin(x[0]))
    law = js.equations.Burgers(0.1)

    def end(u):
        return js.simulate(law, u, t1=0.0021, dt=1e-4, method=js.RK4(), save_at=save_at)

    outside = js.simulate(law, state, t1=0.0021, dt=1e-4, method=js.RK4(), save_at=save_at, progress=progress)
    assert (8 in margins) if order == 4 else (8 not in margins)  # four slopes of two nodes each
    margins.clear()
    inside = jax.jit(lambda u: end(u).states.data)(state)
    assert not margins
    np.testing.assert_allclose(outside.states.data, inside, rtol=1e-12, atol=1e-13)

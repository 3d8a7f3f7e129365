"""Points that move, weights that follow, windows of time, and linear solves for nonlinear laws."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import learning
from jaxsci.learning import training
from jaxsci.learning.problems.assembly import Wanted, set_up
from jaxsci.networks import MLP, RandomFeatures

KEY = jax.random.key(0)
UNIT = js.Box((0.0, 1.0))
HEAT = js.equations.Heat.example()


def start(x):
    return HEAT.solution(0.0, x)


def network(width=8):
    return MLP(2, "scalar", width, 1, key=KEY)


def setup(points=200, **options):
    given = {"initial": start, "boundary": js.Dirichlet(0.0), "times": (0.0, 1.0), "points": points, **options}
    return set_up(Wanted(HEAT.equation, UNIT, network(), **given), KEY)


def refreshed(one, problem=None, step=0):
    problem = one.problem if problem is None else problem
    return one.schedule.refreshed(problem, problem.start, jnp.asarray(step), (True,) * len(one.schedule.changes))


def missed_late(trial, z):
    """A residual that is large in one corner of time and space only."""
    return jnp.where((z[:1] > 0.8) & (z[1:] > 0.5), 10.0, 0.01) * (1 + 0 * trial(z))


def test_points_gather_where_the_law_is_missed():
    one = setup(learning.Adaptive(400, evenness=0.1))
    term = one.problem.terms[0]
    problem = eqx.tree_at(lambda p: p.terms[0].residual, one.problem, missed_late)
    z = refreshed(one, problem).terms[0].points
    share = jnp.mean((z[:, 0] > 0.8) & (z[:, 1] > 0.5))
    # A tenth of the square has 99 % of the residual: odds of 10 against 0.11, and as many candidates there as points.
    assert z.shape == term.points.shape and 0.7 < share < 1.0
    assert jnp.all((z >= 0) & (z <= 1)) and np.unique(np.asarray(z), axis=0).shape == z.shape
    assert jnp.array_equal(z, refreshed(one, problem).terms[0].points)
    assert not jnp.array_equal(z, refreshed(one, problem, step=10).terms[0].points)


def test_power_zero_draws_evenly():
    one = setup(learning.Adaptive(2000, power=0.0))
    z = refreshed(one, eqx.tree_at(lambda p: p.terms[0].residual, one.problem, missed_late)).terms[0].points
    assert jnp.allclose(jnp.mean(z, axis=0), 0.5, atol=4 * 12**-0.5 / 2000**0.5)


def test_points_stay_in_a_region():
    disk = js.geometry.Ball((0.0, 0.0), 1.0)
    wanted = Wanted(js.equations.Poisson(), disk, network(), boundary=js.Dirichlet(0.0), points=learning.Adaptive(150))
    one = set_up(wanted, KEY)
    z = refreshed(one).terms[0].points
    assert z.shape == (150, 2) and jnp.all(jnp.linalg.norm(z, axis=1) <= 1)


def test_causal_weights_follow_the_formula():
    one = setup(weighting=learning.Causal(strength=2.0, slices=4))
    term = refreshed(one).terms[0]
    z, w = np.asarray(term.points), one.problem.start
    squares = np.asarray(jax.vmap(lambda z: jnp.sum(one.problem.at(w, one.problem.terms[0], z) ** 2))(term.points))
    slot = np.minimum((4 * z[:, 0]).astype(int), 3)
    mean = np.array([squares[slot == i].mean() for i in range(4)])
    expected = np.exp(-2.0 * (np.cumsum(mean) - mean))[slot]
    assert np.allclose(term.weight, expected, rtol=1e-12) and np.all(term.weight[slot == 0] == 1)
    assert np.all(np.diff(expected[np.argsort(slot, kind="stable")]) <= 0)


@pytest.mark.slow
def test_balanced_weights_equalise_the_pull():
    one = setup(weighting=learning.Balanced(momentum=0.0), initial=lambda x: 1.0 + 0 * x[0])
    problem = refreshed(one)
    pulls = []
    for term in problem.terms:
        alone = eqx.tree_at(lambda p: p.terms, problem, (term,))
        pulls.append(float(jnp.linalg.norm(alone.loss_and_gradient(problem.start)[1])))
    assert len(pulls) == 2 and np.isclose(pulls[0], pulls[1], rtol=1e-9)


@pytest.mark.parametrize("optimiser", [learning.LevenbergMarquardt(max_steps=12), learning.Broyden(max_steps=40)])
def test_a_killed_training_with_moving_points_goes_on_bit_for_bit(optimiser, tmp_path, monkeypatch):
    one = setup(learning.Adaptive(100, every=5), weighting=learning.Causal(every=3))
    train = eqx.Partial(training.train, optimiser, one.problem, one.problem.start, schedule=one.schedule)
    whole = train()
    original, saves = training.Checkpoint.save, []

    def save(self, run, steps, losses):
        original(self, run, steps, losses)
        saves.append(steps[-1])
        if len(saves) == 4:
            raise InterruptedError

    monkeypatch.setattr(training.Checkpoint, "save", save)
    with pytest.raises(InterruptedError):
        train(store=tmp_path, save_every=0.0)
    monkeypatch.setattr(training.Checkpoint, "save", original)
    resumed = train(store=tmp_path, save_every=0.0)
    assert 0 < saves[-1] < whole.steps[-1] and np.array_equal(whole.losses, resumed.losses)
    ends = (jax.tree.leaves((run.end, run.problem)) for run in (whole, resumed))
    assert all(np.array_equal(a, b) for a, b in zip(*ends, strict=True))


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: learning.Adaptive(0), ValueError, "at least 1"),
        (lambda: setup(weighting=3), TypeError, "Causal"),
        (lambda: setup(weighting=(learning.Causal(), "x")), TypeError, "Balanced"),
        (
            lambda: set_up(
                Wanted(
                    js.equations.Poisson(),
                    UNIT,
                    MLP(1, "scalar", 4, 1, key=KEY),
                    boundary=js.Dirichlet(0.0),
                    weighting=learning.Causal(),
                ),
                KEY,
            ),
            ValueError,
            "at rest",
        ),
    ],
)
def test_errors_say_why(make, error, match):
    with pytest.raises(error, match=match):
        make()


@pytest.mark.slow
def test_windows_of_time_join():
    solution = learning.solve_pinn(
        HEAT.equation,
        UNIT,
        network(12),
        initial=start,
        boundary=js.Dirichlet(0.0),
        t1=1.0,
        windows=2,
        exact=HEAT.solution,
        points=(10, 10),
        optimiser=learning.LevenbergMarquardt(max_steps=40),
        compare=0,
        key=KEY,
    )
    assert solution.report.error < 1e-3 and len(solution.network) == 2
    x = jnp.linspace(0.1, 0.9, 5)[:, None]
    before, after = solution.at(0.5)(x), solution.at(0.5 + 1e-12)(x)
    assert jnp.allclose(before, after, rtol=0, atol=1e-10)
    assert np.all(np.diff(solution.report.steps) >= 0) and solution.report.num_points == 200


@pytest.mark.slow
def test_a_nonlinear_law_is_linearised_again_and_again():
    def cole_hopf(t, x):
        decay = 0.4 * jnp.exp(-0.5 * jnp.pi**2 * t)
        return jnp.pi * decay * jnp.sin(jnp.pi * x[0]) / (1 + decay * jnp.cos(jnp.pi * x[0]))

    solution = learning.solve_pinn(
        js.equations.Burgers(0.5),
        UNIT,
        RandomFeatures(2, "scalar", 150, jnp.sin, scale=3.0, key=KEY),
        initial=eqx.Partial(cole_hopf, 0.0),
        boundary=js.Dirichlet(0.0),
        t1=0.5,
        exact=cole_hopf,
        points=(20, 20),
        compare=0,
        key=KEY,
    )
    assert solution.report.optimiser == "LeastSquares" and 2 <= solution.report.num_steps < 12
    assert solution.report.error < 1e-5

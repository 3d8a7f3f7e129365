"""Optimisers are pure steps: they lower the loss, resume bit for bit, and keep to the cache."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js
from jaxsci import learning
from jaxsci.learning import training
from jaxsci.learning.optimisers.linear import least_squares
from jaxsci.learning.problems.assembly import Wanted, set_up
from jaxsci.networks import MLP

KEY = jax.random.key(0)


def problem(width=8, depth=1, points=64, dtype=None):
    example = js.equations.Poisson.example()
    network = MLP(2, "scalar", width, depth, dtype=dtype, key=KEY)
    wanted = Wanted(example.equation, example.box, network, boundary=js.Dirichlet(0.0), points=points)
    return set_up(wanted, KEY).problem


SMALL = problem()
OPTIMISERS = {
    "LevenbergMarquardt": (learning.LevenbergMarquardt(max_steps=25), 1e-2),
    "normal equations": (learning.LevenbergMarquardt(max_steps=25, exact=0), 1e-2),
    "NaturalGradient": (learning.NaturalGradient(max_steps=40, sample=40), 1e-2),
    "Broyden": (learning.Broyden(max_steps=150), 1e-2),
    "Adam": (learning.Adam(max_steps=300, learning_rate=1e-2), 0.5),
    "SOAP": (learning.SOAP(max_steps=300, learning_rate=1e-2), 0.3),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_the_loss_falls(name):
    optimiser, factor = OPTIMISERS[name]
    done = training.train(optimiser, SMALL, SMALL.start)
    assert done.losses[-1] < factor * done.losses[0]
    if name not in ("Adam", "SOAP"):  # whose last loss is that of the step before
        assert np.isclose(float(SMALL.loss(done.end.w)), done.losses[-1], rtol=1e-9)


@pytest.mark.slow
def test_both_ways_to_the_step_of_levenberg_and_marquardt_agree():
    ends = [training.train(learning.LevenbergMarquardt(10, exact=n), SMALL, SMALL.start).end.w for n in (0, 1000)]
    assert jnp.allclose(*ends, rtol=1e-6, atol=1e-6)


def test_acceleration_follows_the_valley():
    """The same number of Jacobians goes further with the curve of the residuals than without."""
    plain, bent = (
        training.train(learning.LevenbergMarquardt(25, exact=0, bend=bend), SMALL, SMALL.start).losses
        for bend in (0.0, 0.75)
    )
    assert bent[-1] < 0.8 * plain[-1]


class Killed(Exception):
    pass


@pytest.mark.parametrize("name", ["LevenbergMarquardt", "NaturalGradient", "Broyden", "SOAP"])
def test_a_killed_training_goes_on_bit_for_bit(name, tmp_path, monkeypatch):
    optimiser, _ = OPTIMISERS[name]
    whole = training.train(optimiser, SMALL, SMALL.start)
    saves = []
    original = training.Checkpoint.save

    def save(self, state, steps, losses):
        original(self, state, steps, losses)
        saves.append(int(state.progress.steps))
        if len(saves) == 2:
            raise Killed

    monkeypatch.setattr(training.Checkpoint, "save", save)
    with pytest.raises(Killed):
        training.train(optimiser, SMALL, SMALL.start, store=tmp_path, save_every=0.0)
    assert 0 < saves[-1] < int(whole.end.steps)
    monkeypatch.setattr(training.Checkpoint, "save", original)
    resumed = training.train(optimiser, SMALL, SMALL.start, store=tmp_path, save_every=0.0)
    for a, b in zip(jax.tree.leaves(whole.end), jax.tree.leaves(resumed.end), strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(whole.losses, resumed.losses)


def test_a_half_written_file_does_no_harm(tmp_path):
    optimiser = learning.LevenbergMarquardt(max_steps=3)
    training.train(optimiser, SMALL, SMALL.start, store=tmp_path)
    (tmp_path / "state.partial").write_bytes(b"half")
    assert int(training.train(optimiser, SMALL, SMALL.start, store=tmp_path).end.steps) == 3


def test_a_store_of_another_training_is_refused(tmp_path):
    training.train(learning.LevenbergMarquardt(max_steps=2), SMALL, SMALL.start, store=tmp_path)
    with pytest.raises(ValueError, match="another training"):
        training.train(learning.LevenbergMarquardt(max_steps=3), SMALL, SMALL.start, store=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "depth"), [(8, 1), (72, 2)])
def test_gradients_by_chunks_are_those_of_the_whole(width, depth):
    large = problem(width, depth, points=529)
    w = large.start
    value, gradient = eqx.filter_jit(large.loss_and_gradient)(w)
    expected = eqx.filter_jit(lambda w: jax.value_and_grad(large.loss)(w))(w)
    assert jnp.allclose(value, expected[0], rtol=1e-12) and jnp.allclose(gradient, expected[1], rtol=1e-9, atol=1e-9)
    r, J = eqx.filter_jit(large.jacobian)(w)
    assert jnp.allclose(2 * r @ J, gradient, rtol=1e-9, atol=1e-9)


def test_a_step_over_ten_thousand_points_needs_ten_megabytes():
    large = problem(64, 4, (100, 100), jnp.float32)
    compiled = eqx.filter_jit(lambda p, w: p.loss_and_gradient(w)).lower(large, large.start).compile()
    assert compiled.compiled.memory_analysis().temp_size_in_bytes <= 10e6


def test_least_squares_of_nearly_dependent_columns():
    x = jnp.linspace(-1, 1, 200)
    A = x[:, None] ** jnp.arange(30.0) * 10.0 ** jnp.arange(-15.0, 15.0)
    b = jnp.exp(x)
    assert jnp.max(jnp.abs(A @ least_squares(A, b, 1e-14, 2) - b)) < 1e-11


def test_progress_bar(capsys):
    training.train(learning.LevenbergMarquardt(max_steps=2), SMALL, SMALL.start, progress=True)
    assert "training" in capsys.readouterr().err

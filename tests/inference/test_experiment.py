"""Where to measure: designs with known optima, and candidates against trying every subset."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js

inference = js.inference
Normal, Posterior = inference.Normal, inference.Posterior

LINE = {"a": Normal(0.0, 1.0), "b": Normal(0.0, 1.0)}
CRITERIA = [inference.MostInformative(), inference.DOptimal(), inference.AOptimal(), inference.EOptimal()]


def line(u, x):
    return u["a"] + u["b"] * x


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda c: type(c).__name__)
def test_a_line_is_measured_at_its_ends(criterion):
    best = inference.best_experiment(
        line, jnp.array([0.1, 0.3]), LINE, 1.0, criterion=criterion, bounds=(-1.0, 1.0), num_samples=1
    )
    assert bool(best.ok)
    np.testing.assert_allclose(jnp.sort(best.design), [-1.0, 1.0], atol=1e-12)


def test_a_search_can_be_jitted_over_the_noise():
    def gain(sd):
        return inference.best_experiment(
            line, jnp.array([0.1, 0.3]), LINE, sd, bounds=(-1.0, 1.0), num_samples=1, starts=2
        ).score

    # log det(I + J^T J / sd^2) / 2 of the two ends
    np.testing.assert_allclose(jax.jit(gain)(0.5), math.log(1 + 2 / 0.25), rtol=1e-10)


def test_the_information_of_the_best_two_points_is_log_three():
    best = inference.best_experiment(line, jnp.array([0.1, 0.3]), LINE, 1.0, bounds=(-1.0, 1.0))
    assert abs(best.score - math.log(3)) < 1e-10
    assert len(best.scores) == 8
    # The other local optimum: both points at one end.
    assert all(min(abs(s - math.log(3)), abs(s - math.log(5) / 2)) < 1e-10 for s in best.scores)


def test_a_decay_is_measured_after_its_life_time():
    """For y = exp(-r t) with constant noise, (t exp(-r t))^2 is largest at t = 1 / r (Box & Lucas 1959)."""
    best = inference.best_experiment(
        lambda r, t: jnp.exp(-r * t), jnp.array([0.3]), None, 0.01,
        criterion=inference.DOptimal(), bounds=(0.01, 10.0), unknowns=jnp.array(2.0), starts=2,
    )  # fmt: skip
    np.testing.assert_allclose(best.design, [0.5], atol=1e-6)


def test_a_quadratic_is_measured_at_both_ends_and_in_the_middle():
    """The D-optimal design of a quadratic on [-1, 1]: a third of the measurements at -1, 0 and 1 each."""
    best = inference.best_experiment(
        lambda u, x: u[0] + u[1] * x + u[2] * x**2, jnp.linspace(-0.9, 0.8, 6), None, 1.0,
        criterion=inference.DOptimal(), bounds=(-1.0, 1.0), unknowns=jnp.zeros(3),
    )  # fmt: skip
    np.testing.assert_allclose(jnp.sort(best.design), [-1, -1, 0, 0, 1, 1], atol=1e-5)


def test_designs_may_be_containers_with_bounds_of_their_own():
    best = inference.best_experiment(
        lambda u, d: u["a"] + u["b"] * d["x"] * d["t"], {"x": jnp.array([0.5, 0.2]), "t": jnp.array(1.0)}, LINE, 1.0,
        bounds=({"x": -1.0, "t": 0.0}, {"x": 1.0, "t": 3.0}), num_samples=1,
    )  # fmt: skip
    np.testing.assert_allclose(best.design["t"], 3.0, atol=1e-12)
    np.testing.assert_allclose(jnp.sort(best.design["x"]), [-1.0, 1.0], atol=1e-12)


def test_a_sensor_through_the_solver_sits_where_the_wave_is_largest():
    """One thermometer for the amplitude of sin(pi x): at the middle of the rod."""
    space = js.Fourier(js.Grid(js.Box((0.0, 2.0)), (16,)))

    def predict(amplitude, where):
        start = amplitude * space.field(lambda x: jnp.sin(jnp.pi * x[0]))
        return js.simulate(js.equations.Heat(conductivity=0.3), start, 0.2, dt=0.1).final(where[:, None])

    best = inference.best_experiment(
        predict, jnp.array([0.2]), Normal(1.0, 1.0), 0.1, bounds=(0.0, 1.0), num_samples=1, starts=2
    )
    np.testing.assert_allclose(best.design, [0.5], atol=1e-5)


def test_starts_need_bounds():
    with pytest.raises(ValueError, match="needs places to start from"):
        inference.best_experiment(line, jnp.zeros(2), LINE, 1.0)


def test_an_improper_prior_needs_unknowns():
    with pytest.raises(ValueError, match=r"pass unknowns="):
        inference.best_experiment(line, jnp.zeros(2), {"a": Normal(0.0, 1.0), "b": None}, 1.0, bounds=(-1.0, 1.0))


def candidates():
    x = jnp.linspace(-1.0, 1.0, 9)
    waves = jnp.stack([jnp.ones(9), x, jnp.cos(3 * x)], axis=1)
    return Posterior(lambda u: waves @ u, jnp.zeros(9), 0.2, Normal(jnp.zeros(3), jnp.array([1.0, 2.0, 0.5]))), waves


@pytest.mark.parametrize("criterion", CRITERIA[:3], ids=lambda c: type(c).__name__)
def test_exchanges_find_the_best_subset(criterion):
    posterior, waves = candidates()
    choice = inference.choose_measurements(posterior, 3, criterion=criterion, num_samples=1)
    prior = jnp.diag(1 / jnp.array([1.0, 2.0, 0.5]))
    scores = [criterion.score(waves[jnp.array(s)] / 0.2, prior) for s in itertools.combinations(range(9), 3)]
    assert abs(choice.score - max(scores)) < 1e-9
    assert abs(criterion.score(waves[choice.chosen] / 0.2, prior) - choice.score) < 1e-9
    assert int(choice.mask.sum()) == 3 and bool(choice.mask[choice.chosen].all())


def test_no_single_exchange_improves_what_is_e_optimal():
    posterior, waves = candidates()
    criterion = inference.EOptimal()
    chosen = inference.choose_measurements(posterior, 3, criterion=criterion, num_samples=1).chosen.tolist()
    prior = jnp.diag(1 / jnp.array([1.0, 2.0, 0.5]))
    here = criterion.score(waves[jnp.array(chosen)] / 0.2, prior)
    for place, other in itertools.product(range(3), range(9)):
        if other not in chosen:
            swapped = [*chosen[:place], other, *chosen[place + 1 :]]
            assert criterion.score(waves[jnp.array(swapped)] / 0.2, prior) <= here + 1e-9


def test_the_mask_of_a_choice_makes_a_posterior_of_that_information():
    posterior, _ = candidates()
    choice = inference.choose_measurements(posterior, 4)
    seen = Posterior(posterior.predict, posterior.data, 0.2, posterior.prior, mask=choice.mask)
    assert abs(inference.expected_information_gain(seen).value - choice.score) < 1e-10


def test_a_candidate_takes_everything_behind_its_first_axis_along():
    """Three sensors read at two times: the second moves twice as much as the others."""
    gains = jnp.array([1.0, 2.0, 1.0])[:, None] * jnp.array([1.0, 0.5])
    posterior = Posterior(lambda u: gains * u, jnp.zeros((3, 2)), 1.0, Normal(0.0, 1.0))
    choice = inference.choose_measurements(posterior, 1)
    assert choice.chosen.tolist() == [1]
    assert abs(choice.score - 0.5 * math.log(1 + 4 * 1.25)) < 1e-12
    assert choice.mask.tolist() == [[False, False], [True, True], [False, False]]


def test_correlated_candidates_are_refused():
    noise = inference.CorrelatedGaussian(jnp.eye(2) + 0.5)
    posterior = Posterior(lambda u: u * jnp.ones(2), jnp.zeros(2), noise, Normal(0.0, 1.0))
    with pytest.raises(js.UnsupportedError, match="independent noise"):
        inference.choose_measurements(posterior, 1)


def test_too_many_measurements_are_refused():
    with pytest.raises(ValueError, match="of 9 candidates"):
        inference.choose_measurements(candidates()[0], 10)

"""NIST's nonlinear regression problems: certified parameters and standard deviations."""

import jax
import jax.numpy as jnp
import pytest

import jaxsci as js

PROBLEMS = js.data.nist()


def fit(problem, start: int):
    return js.inference.maximize(problem.posterior, problem.starts[start])


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", ["Misra1a", "Thurber"])
def test_eight_digits_and_four_of_the_standard_deviations(name, start):
    problem = PROBLEMS[name]
    best = fit(problem, start)
    assert bool(best.ok) and problem.digits(best.value) > 8
    assert problem.digits(best.standard_deviation, problem.standard_deviations) > 4
    assert float(best.noise_scale**2) * (len(problem.y) - len(problem.values)) == pytest.approx(
        float(problem.sum_of_squares), rel=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_from_both_starts(name, start):
    problem = PROBLEMS[name]
    best = fit(problem, start)
    assert bool(best.ok) and problem.digits(best.value) > 8
    if name != "Lanczos1":  # its residuals, and so its standard deviations, are rounding errors
        assert problem.digits(best.standard_deviation, problem.standard_deviations) > 6


def test_certified_values_are_those_of_the_bundled_data():
    for name, problem in PROBLEMS.items():
        squares = jnp.sum((problem.y - problem.predict(problem.values)) ** 2)
        if name != "Lanczos1":
            assert float(squares) == pytest.approx(float(problem.sum_of_squares), rel=1e-10), name
    assert len(PROBLEMS) == 27


def test_single_precision_finds_what_it_can_hold():
    problem = jax.tree.map(lambda a: a.astype(jnp.float32), PROBLEMS["Misra1a"])
    best = fit(problem, 1)
    assert best.value.dtype == jnp.float32 and bool(best.ok)
    assert problem.digits(best.value) > 3


def test_digits_count_agreement():
    problem = PROBLEMS["Misra1a"]
    assert problem.digits(problem.values) == 11.0
    assert problem.digits(problem.values * 1.001) == pytest.approx(3.0, abs=0.01)
    assert problem.digits(problem.values * jnp.nan) == 0.0

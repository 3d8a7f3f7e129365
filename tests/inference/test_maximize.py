"""The top of a density: values and error bars against SciPy and closed forms, bounds, open directions, bad input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import curve_fit, minimize

import jaxsci as js
from jaxsci import inference as inf
from jaxsci.inference.search.found import Reason
from jaxsci.inference.search.newton import newton

X = np.linspace(0.0, 3.0, 20)
RNG = np.random.default_rng(0)
DATA = 2 * np.exp(-X) + 0.05 * RNG.normal(size=20)
GUESS = {"a": 1.0, "b": 1.5}


def decay(u):
    return u["a"] * jnp.exp(-u["b"] * jnp.asarray(X, u["a"].dtype))


def values(best):
    return np.array([best.value["a"], best.value["b"]])


@pytest.mark.parametrize("sigma", [0.05, None])
def test_least_squares_agrees_with_scipy(sigma):
    best = inf.maximize(inf.Posterior(decay, DATA, sigma), GUESS)
    options = {} if sigma is None else {"sigma": np.full(20, sigma), "absolute_sigma": True}
    expected, covariance = curve_fit(lambda x, a, b: a * np.exp(-b * x), X, DATA, (1.0, 1.5), xtol=1e-15, **options)
    np.testing.assert_allclose(values(best), expected, rtol=1e-7)
    np.testing.assert_allclose(best.covariance, covariance, rtol=1e-5)
    assert bool(best.ok) and best.names == ("a", "b")


def test_linear_gaussian_case_is_exact():
    A, y = jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), jnp.array([1.0, 2.0, 3.5])
    prior = inf.Normal(0.0, jnp.array([1.0, 2.0]))
    best = inf.maximize(inf.Posterior(lambda u: A @ u, y, 0.5, prior), jnp.zeros(2))
    np.testing.assert_allclose(best.value, [0.2370773416, 0.3668869024], atol=1e-10)
    precision = A.T @ A / 0.25 + jnp.diag(jnp.array([1.0, 0.25]))
    np.testing.assert_allclose(best.covariance, jnp.linalg.inv(precision), rtol=1e-11)


@pytest.mark.parametrize("kind", ["student", "unknown scale", "lognormal noise", "lognormal prior"])
def test_other_densities_agree_with_a_search_without_derivatives(kind):
    noise, prior, guess = 0.05, None, dict(GUESS)
    if kind == "student":
        noise = inf.StudentNoise(0.05, 4.0)
    elif kind == "unknown scale":
        noise, guess["s"] = (lambda u: inf.Gaussian(u["s"])), 0.3
        prior = {"a": inf.LogNormal(0.0, 1.0), "b": inf.Uniform(0.0, 5.0), "s": inf.HalfNormal(1.0)}
    elif kind == "lognormal noise":
        noise = inf.LogNormalNoise(0.2)
    else:
        prior = inf.LogNormal(0.0, 0.05)
    posterior = inf.Posterior(decay, np.abs(DATA), noise, prior)
    best = inf.maximize(posterior, guess)
    flat = posterior.flatten(guess)
    height = jax.jit(lambda v: -posterior.log_density(flat.tree(v)))
    top = minimize(
        lambda v: float(height(v)), flat.vector(guess), method="Nelder-Mead", options={"fatol": 1e-13, "xatol": 1e-10}
    )
    np.testing.assert_allclose(best.vector, top.x, rtol=2e-6)
    curvature = jax.hessian(lambda v: height(v))(best.vector)
    if not posterior.is_least_squares:
        np.testing.assert_allclose(best.covariance, jnp.linalg.inv(curvature), rtol=1e-8)
    assert bool(best.ok)


def test_bounds_are_kept_and_reported():
    posterior = inf.Posterior(lambda u: u["a"] + u["b"] * X, 2 - 0.5 * X, 0.1, {"a": None, "b": inf.Uniform(0.0, 5.0)})
    best = inf.maximize(posterior, {"a": 1.0, "b": 0.5})
    assert float(best.value["b"]) == 0.0 and float(best.value["a"]) == pytest.approx(1.25, rel=1e-12)
    np.testing.assert_array_equal(best.at_bound, [False, True])
    assert "at its bound" in str(best)


def test_a_product_of_unknowns_is_flagged_by_name():
    best = inf.maximize(
        inf.Posterior(lambda u: u["a"] * u["b"] * X + u["c"], 2 * X + 1, 0.1), {"a": 1.0, "b": 1.0, "c": 0.0}
    )
    assert not bool(best.ok)
    assert best.identifiability.unidentifiable == ["0.71 a - 0.71 b"]
    np.testing.assert_array_equal(np.isinf(np.diagonal(best.covariance)), [True, True, False])
    assert float(best.value["a"] * best.value["b"]) == pytest.approx(2.0, rel=1e-8)
    assert "0.71 a - 0.71 b" in best.reasons[0] and "NOT OK" in str(best)


def test_an_unknown_without_effect_and_more_unknowns_than_data():
    best = inf.maximize(inf.Posterior(lambda u: u["a"] * X, 2 * X, 0.1), {"a": 1.0, "idle": 3.0})
    assert best.identifiability.unidentifiable == ["1.00 idle"]
    best = inf.maximize(inf.Posterior(lambda u: jnp.sum(u)[None], jnp.ones(1), 0.1), jnp.zeros(3))
    assert len(best.identifiability.unidentifiable) == 2 and not bool(best.ok)
    student = inf.Posterior(lambda u: u["a"] * u["b"] * X, 2 * X + 0.1 * RNG.normal(size=20), inf.StudentNoise(0.1))
    best = inf.maximize(student, {"a": 1.0, "b": 1.2})
    assert len(best.identifiability.unidentifiable) == 1 and not bool(best.ok)


@pytest.mark.parametrize(
    "noise",
    [None, pytest.param(0.05, marks=pytest.mark.slow), pytest.param(inf.StudentNoise(0.05), marks=pytest.mark.slow)],
)
def test_maps_over_data_sets_and_differentiates_by_them(noise):
    def fit(data):
        return inf.maximize(inf.Posterior(decay, data, noise), GUESS)

    several = jnp.stack([DATA, 1.1 * DATA, DATA + 0.1])
    mapped = jax.jit(jax.vmap(fit))(several)
    assert bool(mapped.ok.all()) and "3 problems" in str(mapped)
    single = fit(several[2])
    for name in GUESS:
        assert float(mapped.value[name][2]) == pytest.approx(float(single.value[name]), rel=1e-9)

    slope = jax.grad(lambda data: fit(data).value["b"])(jnp.asarray(DATA))
    moved = [fit(jnp.asarray(DATA).at[3].add(h)).value["b"] for h in (1e-5, -1e-5)]
    assert float(slope[3]) == pytest.approx(float(moved[0] - moved[1]) / 2e-5, rel=1e-6)


def test_single_precision_is_kept():
    guess = jax.tree.map(jnp.float32, GUESS)
    best = inf.maximize(inf.Posterior(decay, DATA.astype(np.float32), 0.05), guess)
    double = inf.maximize(inf.Posterior(decay, DATA, 0.05), GUESS)
    assert best.value["a"].dtype == jnp.float32 and bool(best.ok)
    np.testing.assert_allclose(values(best), values(double), rtol=1e-5)


def test_starts_are_deterministic_and_leave_a_local_optimum():
    x = np.linspace(0.0, 10.0, 60)
    posterior = inf.Posterior(lambda u: jnp.sin(u * x), np.sin(2.3 * x), 0.1, inf.Uniform(0.5, 4.0))
    alone = inf.maximize(posterior, 3.6)
    several = [inf.maximize(posterior, 3.6, starts=12, key=jax.random.key(1)) for _ in range(2)]
    assert abs(float(alone.value) - 2.3) > 0.1
    assert float(several[0].value) == pytest.approx(2.3, rel=1e-10)
    assert float(several[0].value) == float(several[1].value)


@pytest.mark.slow
def test_large_problems_are_solved_without_matrices():
    n = 2000
    truth = np.sin(6 * np.arange(n) / n)

    def predict(u):
        return u + 0.5 * jnp.roll(u, 1) + 0.1 * u**2

    data = np.asarray(predict(truth)) + 0.1 * RNG.normal(size=n)
    for noise in (0.1, inf.StudentNoise(0.1)):
        posterior = inf.Posterior(predict, data, noise, inf.Normal(0.0, 1.0))
        best = inf.maximize(posterior, jnp.zeros(n))
        assert bool(best.ok) and best.covariance is None
        assert float(jnp.linalg.norm(jax.grad(posterior.log_density)(best.value))) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "path", "truth", "guess"),
    [
        (js.equations.Burgers(viscosity=0.02), ("viscosity",), (0.02,), (0.05,)),
        (js.equations.AllenCahn(diffusivity=1e-3, reaction=5.0), ("diffusivity", "reaction"), (1e-3, 5.0), (3e-3, 3.0)),
    ],
)
def test_coefficients_from_clean_data_through_a_simulator(law, path, truth, guess):
    start = js.Fourier(js.Grid(js.Box((0.0, 1.0)), (32,))).field(lambda x: 0.1 + 0.5 * jnp.sin(2 * jnp.pi * x[0]))
    _, put = inf.choose(law, *path)

    def predict(u):
        return js.simulate(put(u), start, t1=0.2, dt=2e-3).final

    posterior = inf.Posterior(predict, predict(dict(zip(path, map(jnp.asarray, truth), strict=True))))
    guess = dict(zip(path, map(jnp.asarray, guess), strict=True))
    best = inf.maximize(posterior, guess)
    assert bool(best.ok)
    np.testing.assert_allclose([best.value[name] for name in path], truth, rtol=1e-6)
    assert js.check_gradient(posterior.log_density, guess).passed


def test_error_controlled_runs_are_followed_backwards():
    ts = jnp.linspace(0.2, 2.0, 5)

    def predict(u):
        return js.simulate(
            js.equations.ExponentialDecay(u), jnp.ones(1), t1=2.0, save_at=ts, rtol=1e-9, atol=1e-9
        ).states

    best = inf.maximize(inf.Posterior(predict, jnp.exp(-0.7 * ts)[:, None], 0.01), 1.5)
    assert bool(best.ok) and float(best.value) == pytest.approx(0.7, rel=1e-6)


def test_a_rough_prediction_is_not_called_converged():
    posterior = inf.Posterior(lambda u: jnp.round(u * X, 1) + 1e-3 * u * X, 2 * X, 0.1)
    best = inf.maximize(posterior, 1.0)
    assert not bool(best.ok) and "rough" in best.reasons[0]
    short = inf.maximize(inf.Posterior(decay, DATA), {"a": 30.0, "b": 5.0}, max_steps=2)
    assert not bool(short.ok) and "max_steps" in short.reasons[0]


@pytest.mark.parametrize(
    ("predict", "noise", "prior", "words"),
    [
        (lambda u: jnp.log(u - 5) * X, 0.1, None, "prediction of the data is not finite at 20 of 20"),
        (lambda u: u * X, 0.1, inf.Uniform(2.0, 3.0), "prior density of 'unknown' is zero at 1.0"),
        (lambda u: u * X - 9, inf.LogNormalNoise(0.1), None, "likelihood of the data is not finite"),
        (lambda u: u * X - 9, inf.PoissonNoise(), None, "likelihood of the data is not finite"),
    ],
)
def test_a_guess_without_density_is_refused_by_name(predict, noise, prior, words):
    with pytest.raises(ValueError, match=words):
        inf.maximize(inf.Posterior(predict, np.abs(DATA), noise, prior), 1.0)


def test_under_jit_a_guess_without_density_is_flagged():
    fit = eqx.filter_jit(lambda guess: inf.maximize(inf.Posterior(lambda u: jnp.log(u - 5) * X, DATA, 0.1), guess))
    assert not bool(fit(jnp.asarray(1.0)).ok)


def test_table_and_progress(capsys):
    best = inf.maximize(inf.Posterior(decay, DATA), GUESS, progress=True)
    assert "misfit" in capsys.readouterr().err
    text = str(best)
    assert f"{float(best.value['a']):.7g}" in text and "scale of the noise" in text and "NOT OK" not in text


@pytest.mark.parametrize(("tilt", "right"), [(0.0, True), (0.1, False)])
def test_a_rough_density_is_at_its_top_only_where_its_gradient_is_right(tilt, right):
    """A value that is rough at 1e-7, with the gradient of the smooth part, right and wrong by `tilt`."""

    def rough(x):
        smooth = jnp.sum(jnp.cosh(x - 1)) + tilt * jnp.sum(x)
        return smooth + jax.lax.stop_gradient(1e-7 * jnp.sin(1e9 * jnp.sum(x)) - tilt * jnp.sum(x))

    found = newton(rough, jnp.array([0.0, 3.0]), rtol=1e-14, max_steps=500)
    assert (int(found.reason) == Reason.CONVERGED) is right
    if right:
        np.testing.assert_allclose(found.x, 1.0, atol=1e-3)

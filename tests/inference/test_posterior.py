"""One density of data, law, noise and prior: values by hand, coordinates, and what is refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as st

import jaxsci as js
from jaxsci import inference as inf

X = jnp.linspace(0.0, 4.0, 9)
DATA = np.asarray(1 + 2 * X) + 0.1 * np.sin(7 * np.arange(9))
GUESS = {"a": 1.0, "b": 2.0}
PRIOR = {"a": inf.Normal(0.0, 1.0), "b": inf.LogNormal(0.0, 1.0)}


def line(u):
    return u["a"] + u["b"] * X.astype(u["a"].dtype)


PREDICTION = np.asarray(line(jax.tree.map(jnp.asarray, GUESS)))
PRIOR_DENSITY = st.norm.logpdf(1.0) + st.lognorm.logpdf(2.0, 1)
NOISES = {
    "number": (0.1, st.norm.logpdf(DATA, PREDICTION, 0.1)),
    "array": (np.linspace(0.1, 0.5, 9), st.norm.logpdf(DATA, PREDICTION, np.linspace(0.1, 0.5, 9))),
    "lognormal": (
        inf.LogNormalNoise(0.2),
        st.norm.logpdf(np.log(DATA), np.log(PREDICTION), 0.2) - np.log(DATA),
    ),
    "student": (inf.StudentNoise(0.2, 5.0), st.t.logpdf(DATA, 5, PREDICTION, 0.2)),
    "own": (inf.UserNoise(lambda d, p: -((d - p) ** 4)), -((DATA - PREDICTION) ** 4)),
    "unknown": (lambda u: inf.Gaussian(u["b"]), st.norm.logpdf(DATA, PREDICTION, 2.0)),
}


@pytest.mark.parametrize(("noise", "expected"), NOISES.values(), ids=NOISES)
def test_log_density_is_likelihood_times_prior(noise, expected):
    posterior = inf.Posterior(line, DATA, noise, PRIOR)
    assert float(posterior.log_density(GUESS)) == pytest.approx(expected.sum() + PRIOR_DENSITY, rel=1e-12)
    assert float(eqx.filter_jit(lambda p, u: p.log_density(u))(posterior, GUESS)) == pytest.approx(
        expected.sum() + PRIOR_DENSITY, rel=1e-12
    )
    assert js.check_gradient(posterior.log_density, jax.tree.map(jnp.asarray, GUESS)).passed


@pytest.mark.parametrize("kind", ["number", "array", "lognormal"])
def test_residuals_give_the_log_density_up_to_a_constant(kind):
    posterior = inf.Posterior(line, DATA, NOISES[kind][0], PRIOR)
    assert posterior.is_least_squares
    values = [
        posterior.log_density(u) + 0.5 * jnp.sum(posterior.residuals(u) ** 2) for u in (GUESS, {"a": 1.2, "b": 2.1})
    ]
    assert float(values[0]) == pytest.approx(float(values[1]), rel=1e-11)


def test_noise_of_unknown_scale_is_profiled():
    posterior = inf.Posterior(line, DATA)
    squares = np.sum((DATA - PREDICTION) ** 2)
    assert float(posterior.noise_scale(GUESS)) == pytest.approx(np.sqrt(squares / 7), rel=1e-13)
    expected = -4.5 * np.log(2 * np.pi * squares / 7) - 3.5
    assert float(posterior.log_density(GUESS)) == pytest.approx(expected, rel=1e-13)
    assert not inf.Posterior(line, DATA, prior=PRIOR).is_least_squares


def test_poisson_counts():
    counts = np.array([2, 0, 5])
    posterior = inf.Posterior(lambda u: u * jnp.ones(3), counts, inf.PoissonNoise(), inf.Gamma(2.0, 1.0))
    expected = st.poisson.logpmf(counts, 1.5).sum() + st.gamma.logpdf(1.5, 2)
    assert float(posterior.log_density(1.5)) == pytest.approx(expected, rel=1e-12)


def test_correlated_noise_with_missing_data_is_the_marginal():
    covariance = np.exp(-np.abs(np.subtract.outer(np.arange(9), np.arange(9))) / 2)
    mask = np.arange(9) % 3 != 1
    posterior = inf.Posterior(line, np.where(mask, DATA, np.nan), inf.CorrelatedGaussian(covariance), mask=mask)
    expected = st.multivariate_normal(PREDICTION[mask], covariance[np.ix_(mask, mask)]).logpdf(DATA[mask])
    assert float(posterior.log_likelihood(GUESS)) == pytest.approx(expected, rel=1e-11)


def test_missing_entries_have_no_part_in_value_or_gradient():
    mask = np.arange(9) != 3
    short = inf.Posterior(lambda u: line(u)[mask], DATA[mask], 0.1, PRIOR)
    holes = [
        inf.Posterior(line, np.where(mask, DATA, np.nan), 0.1, PRIOR, mask=mask),
        inf.Posterior(line, np.ma.masked_array(DATA, ~mask), 0.1, PRIOR),
        inf.Posterior(
            lambda u: line(u) + np.where(mask, 0.0, np.nan), np.where(mask, DATA, 0.0), 0.1, PRIOR, mask=mask
        ),
    ]
    guess = jax.tree.map(jnp.asarray, GUESS)
    for posterior in holes:
        assert float(posterior.log_density(guess)) == pytest.approx(float(short.log_density(guess)), rel=1e-13)
        slope, expected = jax.grad(posterior.log_density)(guess), jax.grad(short.log_density)(guess)
        assert float(slope["b"]) == pytest.approx(float(expected["b"]), rel=1e-12)


def test_several_data_sets_with_their_own_noise():
    def predict(u):
        return {"line": line(u), "end": u["a"]}

    posterior = inf.Posterior(predict, {"line": DATA, "end": 1.3}, {"line": 0.1, "end": inf.StudentNoise(1.0)}, PRIOR)
    expected = st.norm.logpdf(DATA, PREDICTION, 0.1).sum() + st.t.logpdf(0.3, 4) + PRIOR_DENSITY
    assert float(posterior.log_density(GUESS)) == pytest.approx(expected, rel=1e-12)


def test_flat_coordinates_go_there_and_back():
    posterior = inf.Posterior(lambda u: u["v"] * u["b"], jnp.ones(2), 0.1, {"v": None, "b": inf.Uniform(0.0, 3.0)})
    guess = {"v": jnp.array([1.0, -2.0]), "b": 2.0}
    flat = posterior.flatten(guess)
    assert flat.names == ["b", "v[0]", "v[1]"]
    np.testing.assert_allclose(flat.to_unconstrained(guess), [np.log(2.0), 1.0, -2.0])
    z = flat.to_unconstrained(guess)
    np.testing.assert_allclose(flat.vector(flat.to_physical(z)), [2.0, 1.0, -2.0], rtol=1e-14)
    expected = posterior.log_density(guess) + jnp.log(2 * 1 / 3)
    assert float(posterior.unconstrained(guess)(z)) == pytest.approx(float(expected), rel=1e-13)


@pytest.mark.parametrize("make", [js.Fourier, lambda grid: js.FiniteDifference(grid, js.Dirichlet(0.0))])
def test_fields_are_unknowns_by_their_values(make):
    u = make(js.Grid(js.Box((0.0, 1.0)), (8,))).field(lambda x: jnp.sin(2 * jnp.pi * x[0]))
    prior = {"u": inf.MultivariateNormal(jnp.zeros(8), jnp.eye(8)), "k": None}
    posterior = inf.Posterior(lambda q: q["k"] * q["u"], u, 0.1, prior)
    guess = {"u": 2.0 * u, "k": 1.0}
    flat = posterior.flatten(guess)
    assert flat.names[:2] == ["k", "u[0]"] and flat.size == 9
    np.testing.assert_allclose(flat.tree(flat.vector(guess))["u"].values, 2 * u.values, atol=1e-14)
    residuals = np.concatenate([-u.values / 0.1, 2 * u.values])
    np.testing.assert_allclose(posterior.residuals(guess), residuals, atol=1e-12)


def test_one_density_maps_over_data_sets():
    posterior = inf.Posterior(line, DATA, 0.1, PRIOR)
    several = jnp.stack([DATA, DATA + 1, DATA * 2])
    values = jax.vmap(lambda d: eqx.tree_at(lambda p: p.data, posterior, d).log_density(GUESS))(several)
    expected = [float(inf.Posterior(line, d, 0.1, PRIOR).log_density(GUESS)) for d in several]
    np.testing.assert_allclose(values, expected, rtol=1e-13)


def test_single_precision_is_kept():
    guess = jax.tree.map(jnp.float32, GUESS)
    posterior = inf.Posterior(line, DATA.astype(np.float32), np.linspace(0.1, 0.5, 9), PRIOR)
    assert posterior.log_density(guess).dtype == jnp.float32 and posterior.residuals(guess).dtype == jnp.float32
    assert posterior.unconstrained(guess)(posterior.flatten(guess).to_unconstrained(guess)).dtype == jnp.float32


def test_draws_of_prior_and_data():
    posterior = inf.Posterior(line, DATA, 0.1, PRIOR)
    draws = posterior.sample_prior(jax.random.key(0), (5,))
    assert draws["a"].shape == (5,) and len(np.unique(draws["b"])) == 5
    shaped = posterior.sample_prior(jax.random.key(0), like=jax.tree.map(jnp.float32, {"a": jnp.zeros(3), "b": 0.0}))
    assert shaped["a"].shape == (3,) and shaped["a"].dtype == jnp.float32
    keys = jax.random.split(jax.random.key(1), 2000)
    data = jax.vmap(lambda key: posterior.simulate_data(key, GUESS))(keys)
    np.testing.assert_allclose(data.mean(0), PREDICTION, atol=0.01)
    np.testing.assert_allclose(data.std(0), 0.1, atol=0.01)


def test_printing_says_what_is_assumed():
    text = repr(inf.Posterior(line, DATA, 0.1, {"a": inf.Normal(0.0, 2.0), "b": None}))
    assert f"data of shape {DATA.shape}" in text and "Gaussian(standard_deviation=0.1)" in text
    assert "Normal(mean=0, standard_deviation=2)" in text
    assert "scale estimated" in repr(inf.Posterior(line, DATA)) and "prior: flat" in repr(inf.Posterior(line, DATA))


def test_unknowns_are_chosen_by_path():
    tree = {"law": js.equations.LotkaVolterra(0.5, 0.02, 0.8, 0.03), "layers": [jnp.ones(2), jnp.zeros(3)]}
    values, put = inf.choose(tree, "['law'].alpha", "['layers'][1]")
    changed = put({"['law'].alpha": values["['law'].alpha"] * 2, "['layers'][1]": jnp.ones(3)})
    assert float(changed["law"].alpha) == 1.0 and float(changed["law"].beta) == 0.02
    np.testing.assert_allclose(changed["layers"][1], 1.0)
    with pytest.raises(ValueError, match="leads nowhere: at .* there are .*alpha"):
        inf.choose(tree, "['law'].alfa")
    with pytest.raises(ValueError, match="no real numbers"):
        inf.choose({"name": "x"}, "['name']")


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: inf.Posterior(line, np.where(X == 2, np.nan, DATA)), ValueError, r"not finite at 1 places.*mask="),
        (lambda: inf.Posterior(line, DATA, -0.1), ValueError, "must be positive"),
        (lambda: inf.Posterior(line, DATA + 1j), TypeError, "real and imaginary"),
        (lambda: inf.Posterior(line, DATA, prior=(0.0, 1.0)), TypeError, "a prior is a distribution"),
        (lambda: inf.Posterior(line, DATA, mask=np.ones(3, bool)), js.ShapeError, "a mask of shape"),
        (lambda: inf.Posterior(line, {"x": DATA}, {"y": 0.1}), js.ShapeError, "noise does not fit"),
        (lambda: inf.Posterior(line, DATA[:4]).log_density(GUESS), js.ShapeError, "nothing is broadcast"),
        (lambda: inf.Posterior(line, {"x": DATA}).log_density(GUESS), js.ShapeError, "same containers"),
        (lambda: inf.Posterior(line, DATA, np.ones((9, 1))), js.ShapeError, "one number for all"),
        (
            lambda: inf.Posterior(lambda u: line(u)[:2], DATA[:2]).noise_scale(GUESS),
            ValueError,
            "noise=its standard dev",
        ),
        (lambda: inf.Posterior(line, DATA, prior={"a": None}).log_density(GUESS), ValueError, "does not fit the unk"),
        (lambda: inf.Posterior(line, DATA).sample_prior(jax.random.key(0)), ValueError, "can be normalised"),
        (
            lambda: inf.Posterior(line, DATA, prior={"a": None, "b": inf.Normal(0.0, 1.0)}).require_proper("this"),
            ValueError,
            "that of a is flat",
        ),
        (lambda: inf.Posterior(line, DATA, inf.StudentNoise(1.0)).residuals(GUESS), js.UnsupportedError, "not a sum"),
        (lambda: inf.Posterior(line, DATA, PRIOR["a"]), TypeError, "Likelihood"),
        (lambda: inf.Posterior(line, DATA, "gaussian"), TypeError, "which is a name"),
        (
            lambda: (
                inf.Posterior(line, DATA, 0.1, PRIOR)
                .flatten({"a": 1.0, "b": -1.0})
                .to_unconstrained({"a": 1.0, "b": -1.0})
            ),
            ValueError,
            "not inside the support",
        ),
        (lambda: inf.Posterior(line, DATA).flatten({"a": 1j}), js.UnsupportedError, "is complex"),
        (lambda: inf.Posterior(line, DATA).flatten({"a": "x"}), TypeError, "no unknown"),
    ],
)
def test_bad_input_is_refused_by_name(make, error, words):
    with pytest.raises(error, match=words):
        make()

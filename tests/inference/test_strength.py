"""The strength of a penalty: formulas by other means, and what each rule promises."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxsci as js

inference = js.inference
SPACE = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (40,)), boundary=js.Neumann(0.0))
X = SPACE.points[:, 0]
BLUR = jnp.exp(-((X[:, None] - X) ** 2) / (2 * 0.03**2)) / 40 / 0.075
TRUE = jnp.sin(3 * X) + jnp.where(X > 0.4, 1.0, 0.0)
NOISE = 0.02


def problem(prior=None, key=0):
    data = BLUR @ TRUE + NOISE * jax.random.normal(jax.random.key(key), (40,))
    return inference.Posterior(lambda u: BLUR @ u, data, NOISE, inference.Smoothness(SPACE) if prior is None else prior)


def by_normal_equations(posterior, strength):
    """The minimiser, the misfit, the roughness and the trace, from the matrices themselves."""
    A = np.asarray(BLUR) / NOISE
    L = np.asarray(jax.jacfwd(posterior.prior.residual)(jnp.zeros(40)))
    b = np.asarray(posterior.data) / NOISE
    H = A.T @ A + strength * L.T @ L
    u = np.linalg.solve(H, A.T @ b)
    return u, np.sum((A @ u - b) ** 2), np.sum((L @ u) ** 2), np.trace(A @ np.linalg.solve(H, A.T))


def test_the_path_is_the_one_of_the_normal_equations():
    posterior = problem()
    strengths = jnp.array([0.1, 1.0, 10.0])
    path = inference.choose_strength(posterior, jnp.zeros(40), strengths=strengths)
    for i, s in enumerate(strengths):
        _, misfit, roughness, _ = by_normal_equations(posterior, s)
        np.testing.assert_allclose([path.misfits[i], path.roughness[i]], [misfit, roughness], rtol=1e-8)
    u, misfit, _, _ = by_normal_equations(posterior, path.best)
    np.testing.assert_allclose(path.value, u, atol=1e-8)
    np.testing.assert_allclose(path.best_misfit, misfit, rtol=1e-8)


def test_the_path_does_not_depend_on_where_a_linear_problem_is_linearised():
    posterior = problem()
    zero, other = (inference.choose_strength(posterior, u) for u in (jnp.zeros(40), 5 * jnp.cos(9 * X)))
    np.testing.assert_allclose(zero.best, other.best, rtol=1e-6)
    np.testing.assert_allclose(zero.value, other.value, atol=1e-7)


def test_evidence_of_the_linear_gaussian_case():
    matrix = jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])

    def evidence(strength):
        prior = inference.MultivariateNormal(jnp.zeros(2), jnp.diag(jnp.array([1.0, 4.0])) / strength)
        return inference.Posterior(lambda x: matrix @ x, jnp.array([1.0, 2.0, 3.5]), 0.5, prior)

    path = inference.choose_strength(evidence(1.0), jnp.array([0.3, 0.1]), strengths=jnp.array([0.5, 1.0, 2.0]))
    assert abs(path.log_evidence[1] + 4.7400102727) < 1e-10
    for i, s in enumerate((0.5, 1.0, 2.0)):
        other = inference.choose_strength(evidence(s), jnp.zeros(2), strengths=jnp.ones(3)).log_evidence[1]
        np.testing.assert_allclose(path.log_evidence[i], other, rtol=1e-12)


def test_discrepancy_leaves_the_misfit_that_noise_has():
    path = inference.choose_strength(problem(), jnp.zeros(40), rule=inference.DiscrepancyPrinciple())
    assert bool(path.ok)
    assert abs(path.best_misfit - 40) < 0.05
    doubled = inference.choose_strength(problem(), jnp.zeros(40), rule=inference.DiscrepancyPrinciple(2.0))
    assert abs(doubled.best_misfit - 80) < 0.1 and doubled.best > path.best


def test_cross_validation_does_not_ask_for_the_noise_and_is_its_formula():
    posterior = problem()
    path = inference.choose_strength(posterior, jnp.zeros(40), rule=inference.CrossValidation())

    def formula(s):
        _, misfit, _, trace = by_normal_equations(posterior, s)
        return np.log(misfit / (40 - trace) ** 2)

    here = formula(path.best)
    assert here <= min(formula(path.best * f) for f in (0.8, 0.95, 1.05, 1.25)) + 1e-9
    wrong = inference.Posterior(posterior.predict, posterior.data, 10 * NOISE, posterior.prior)
    scaled = inference.choose_strength(wrong, jnp.zeros(40), rule=inference.CrossValidation())
    np.testing.assert_allclose(scaled.value, path.value, atol=1e-4)


@pytest.mark.slow
def test_the_largest_evidence_finds_the_size_of_a_random_field():
    """Draws of a field three times as large as its prior says: strength 1/9, within what 200 numbers can tell."""
    space = js.Fourier(js.Grid(js.Box((0.0, 1.0)), (200,)))
    prior = inference.GaussianRandomField(space, 1.0, 0.01, 1.5)
    data = 3 * prior.sample(jax.random.key(4)) + 0.01 * jax.random.normal(jax.random.key(5), (200,))
    path = inference.choose_strength(inference.Posterior(lambda u: u, data, 0.01, prior), jnp.zeros(200))
    assert bool(path.ok)
    assert abs(float(jnp.log(path.best * 9))) < 3 * np.sqrt(2 / 200)


RULES = [inference.LargestEvidence(), inference.DiscrepancyPrinciple(), inference.CrossValidation()]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_every_rule_is_near_the_best_that_can_be_done(rule):
    errors = []
    for key in range(5):
        path = inference.choose_strength(problem(key=key), jnp.zeros(40), rule=rule)
        best = min(
            np.linalg.norm(by_normal_equations(problem(key=key), s)[0] - TRUE) for s in np.geomspace(1e-4, 1e3, 50)
        )
        errors.append(float(jnp.linalg.norm(path.value - TRUE)) / best)
    assert np.median(errors) < 1.3


def test_total_variation_keeps_a_jump_that_smoothness_blurs():
    steps = jnp.where(X > 0.4, 1.0, 0.0) - jnp.where(X > 0.7, 0.5, 0.0)
    data = BLUR @ steps + 0.01 * jax.random.normal(jax.random.key(1), (40,))
    found = {}
    for prior in (inference.TotalVariation(SPACE, 1.0, 0.02), inference.Smoothness(SPACE)):
        posterior = inference.Posterior(lambda u: BLUR @ u, data, 0.01, prior)
        path = inference.choose_strength(posterior, data, rule=inference.DiscrepancyPrinciple(), num_linearisations=20)
        found[type(prior).__name__] = float(jnp.linalg.norm(path.value - steps))
    assert found["TotalVariation"] < 0.7 * found["Smoothness"]


def test_evidence_of_total_variation_is_refused():
    with pytest.raises(js.UnsupportedError, match="no closed form"):
        inference.choose_strength(problem(inference.TotalVariation(SPACE)), jnp.zeros(40))


def test_noise_that_is_misjudged_is_flagged():
    posterior = problem()
    loud = inference.Posterior(posterior.predict, posterior.data, 100.0, posterior.prior)
    path = inference.choose_strength(loud, jnp.zeros(40), rule=inference.DiscrepancyPrinciple())
    assert not bool(path.ok)
    assert "NOT RELIABLE" in repr(path)


def test_noise_of_unknown_scale_is_refused():
    posterior = inference.Posterior(lambda u: u, jnp.ones(4))
    with pytest.raises(js.UnsupportedError, match="known scale"):
        inference.choose_strength(posterior, jnp.zeros(4))


@pytest.mark.slow
def test_strength_under_jit_and_over_data_sets_and_in_single_precision():
    posterior = problem()
    data = jnp.stack([posterior.data, problem(key=1).data])

    def best(data):
        return inference.choose_strength(
            inference.Posterior(lambda u: BLUR @ u, data, NOISE, inference.Smoothness(SPACE)), jnp.zeros(40)
        ).best

    both = jax.jit(jax.vmap(best))(data)
    np.testing.assert_allclose(both[0], best(data[0]), rtol=1e-6)
    blur = BLUR.astype(jnp.float32)
    single = inference.Posterior(
        lambda u: blur @ u, posterior.data.astype(jnp.float32), NOISE, inference.Smoothness(SPACE)
    )
    found = inference.choose_strength(single, jnp.zeros(40, jnp.float32))
    assert found.value.dtype == jnp.float32
    np.testing.assert_allclose(found.best, both[0], rtol=0.05)

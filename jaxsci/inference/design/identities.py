"""What must agree must agree: every method on one linear problem, that of the user's own model at one point."""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ...simulation import check_gradient
from ..coordinates import Coordinates
from ..distributions import MultivariateNormal
from ..ensemble_kalman import ensemble_kalman
from ..kalman.methods import EnsembleTransform, Unscented
from ..laplace import laplace
from ..posterior import Posterior
from ..random_fields.low_rank import low_rank_laplace
from ..random_fields.pencil import Pencil
from .information import NestedMonteCarlo, expected_information_gain, fisher_information
from .linearised import data_rows, log_prior_density, prior_rows


class Identity(NamedTuple):
    """One equation between two ways to the same number.

    Args:
        name: what is compared.
        difference: how far the two are apart.
        allowed: how far they may be.
    """

    name: str
    difference: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Whether they agree."""
        return self.difference <= self.allowed


class IdentityReport(NamedTuple):
    """What `check_identities` found; printed as a table.

    Args:
        identities: the equations.
        nonlinearity: by how many standard deviations of the noise the linearised law misses the predictions of draws
            of its own posterior, root mean square: what to think of the Laplace approximation, not of the code.
    """

    identities: tuple[Identity, ...]
    nonlinearity: float

    @property
    def passed(self) -> bool:
        """Whether all of them hold."""
        return all(identity.passed for identity in self.identities)

    def __repr__(self):
        width = max(len(identity.name) for identity in self.identities)
        lines = [f"{'identity on the linearised problem':{width}}  difference   allowed"]
        for identity in self.identities:
            verdict = "ok" if identity.passed else "FAILED"
            lines.append(f"{identity.name:{width}}    {identity.difference:8.1e}  {identity.allowed:8.1e}  {verdict}")
        lines.append(
            f"The linearised law misses the predictions of its posterior draws by {self.nonlinearity:.2g} standard "
            "deviations of the noise."
        )
        return "\n".join(lines)


def check_identities(posterior: Posterior, value: PyTree, *, key=None) -> IdentityReport:
    r"""Check, on a model of one's own, that all methods agree where theory says so.

    The law is linearised at a value, noise and prior replaced by normal ones of the same curvature and slope there. On
    that problem posterior mean and covariance, evidence, Fisher information, information gain and the ensemble's
    moments have closed forms, and each method must reproduce them; a certificate of the gradient of the true log
    density goes first. A failure points at a wrong derivative, or at numbers too far apart in size for working
    precision: scale the unknowns.

    Args:
        posterior: any posterior with proper priors.
        value: where to linearise; the result of `maximize` says most.
        key: random key of draws.

    Returns:
        The report; print it, or look at `report.passed`.

    Raises:
        ValueError: If a prior cannot be normalised, or has no curvature at the value.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> t = jnp.linspace(0.0, 1.0, 5)
        >>> prior = {"size": js.inference.Normal(1.0, 0.5), "rate": js.inference.LogNormal(0.0, 0.5)}
        >>> decay = js.inference.Posterior(lambda u: u["size"] * jnp.exp(-u["rate"] * t), jnp.exp(-t), 0.1, prior)
        >>> js.inference.check_identities(decay, {"size": 1.0, "rate": 1.0}).passed
        True
    """
    posterior.require_proper("checking identities", value)
    key_gradient, key_nested, key_draws, key_ensemble = jax.random.split(jax.random.key(0) if key is None else key, 4)
    flat = posterior.flatten(value)
    z = flat.to_unconstrained(value)
    linear = linear_problem(posterior, flat, z)
    exact = _closed_forms(linear)
    rows = [
        _certificate(posterior, value, key_gradient),
        *_against_laplace(linear, exact, z),
        *_against_information(linear, exact, z, key_nested),
        *_against_ensemble(linear, exact, key_ensemble),
    ]
    return IdentityReport(tuple(rows), _nonlinearity(posterior, flat, z, linear, exact, key_draws))


class LinearProblem(NamedTuple):
    """White data y = A z + noise of variance 1, z normal with mean m and covariance S."""

    posterior: Posterior
    rows: Float[Array, "m n"]
    data: Float[Array, " m"]
    mean: Float[Array, " n"]
    covariance: Float[Array, "n n"]


def linear_problem(posterior: Posterior, flat: Coordinates, z: Float[Array, " n"]) -> LinearProblem:
    """The linear problem with normal noise and prior that touches a posterior at z."""
    rows, prior, slope, residual = _parts(posterior, flat, z)
    curvature = np.asarray(prior.T @ prior)
    if np.linalg.eigvalsh(curvature)[0] <= 1e-12 * np.abs(curvature).max():
        raise ValueError(
            f"the priors of {', '.join(flat.names[:5])} have no curvature at this value, so no normal prior is like "
            "them there: check at another value."
        )
    covariance = jnp.linalg.inv(prior.T @ prior)
    covariance = (covariance + covariance.T) / 2
    mean, data = z + covariance @ slope, rows @ z + jnp.pad(residual, (0, len(rows) - len(residual)))
    normal = Posterior(lambda z: rows @ z, data, 1.0, MultivariateNormal(mean, covariance))
    return LinearProblem(normal, rows, data, mean, covariance)


@eqx.filter_jit
def _parts(posterior: Posterior, flat: Coordinates, z: Array) -> tuple[Array, Array, Array, Array]:
    """Rows of the data and of the prior, the slope of the log prior, and the residuals in units of the noise."""
    slope = jax.grad(lambda z: log_prior_density(flat, z))(z)
    return data_rows(posterior, flat, z), prior_rows(flat, z), slope, _white_residuals(posterior, flat, z)


def _white_residuals(posterior: Posterior, flat: Coordinates, z: Array) -> Array:
    """Data less predictions in units of the noise; for other noise the slope over the root of the information."""
    unknowns = flat.to_physical(z)
    scale = 1.0 if posterior.noise is not None else 1.0 / posterior.noise_scale(unknowns)
    parts = []
    for term in posterior.seen(unknowns):
        if term.likelihood.least_squares:
            residual = scale * term.likelihood.residual(term.data, term.prediction)
        else:
            slope = jax.grad(lambda p, term=term: jnp.sum(term.likelihood.log_density(term.data, p)))(term.prediction)
            residual = slope / jnp.sqrt(term.likelihood.information(term.prediction))
        parts.append(jnp.where(term.mask, residual, 0.0).ravel())
    return jnp.concatenate(parts)


class ClosedForms(NamedTuple):
    """Of a linear problem, by the formulas of Kalman, which need no derivative and no inverse of the prior."""

    mean: Array
    covariance: Array
    log_evidence: float
    gain: float


def _closed_forms(linear: LinearProblem) -> ClosedForms:
    A, S = (np.asarray(a, np.float64) for a in (linear.rows, linear.covariance))
    gap = np.asarray(linear.data, np.float64) - A @ np.asarray(linear.mean, np.float64)
    C = A @ S @ A.T + np.eye(len(A))
    K = np.linalg.solve(C, A @ S).T
    log_det = np.linalg.slogdet(C)[1]
    log_evidence = -0.5 * (gap @ np.linalg.solve(C, gap) + log_det + len(gap) * math.log(2 * math.pi))
    return ClosedForms(np.asarray(linear.mean) + K @ gap, S - K @ A @ S, float(log_evidence), 0.5 * float(log_det))


def _tolerance(dtype, condition: float = 1.0) -> float:
    return float(jnp.finfo(dtype).eps) * 1e4 * max(condition, 1.0)


def _condition(linear: LinearProblem) -> float:
    """How much rounding errors may grow: the ratio of most and least certain combinations of unknowns."""
    factor = jnp.linalg.cholesky(linear.covariance)
    return float(1 + jnp.linalg.norm(linear.rows @ factor, 2) ** 2)


def _in_sd(a: Array, b: Array, covariance: Array) -> float:
    return float(np.max(np.abs(np.asarray(a) - np.asarray(b)) / np.sqrt(np.diag(covariance))))


def _relative(a: Array, b: Array) -> float:
    return float(np.linalg.norm(np.asarray(a) - np.asarray(b)) / np.linalg.norm(np.asarray(b)))


def _certificate(posterior: Posterior, value: PyTree, key) -> Identity:
    """The certificate of the gradient; nothing is allowed where another of its parts has failed."""
    report = check_gradient(eqx.filter_jit(posterior.log_density), value, key=key)
    name = "gradient of the log density = central differences"
    return Identity(name, report.difference, report.tolerance if report.passed else 0.0)


def _against_laplace(linear: LinearProblem, exact: ClosedForms, z: Array) -> list[Identity]:
    allowed = _tolerance(z.dtype, _condition(linear))
    near = laplace(linear.posterior, z)
    thin = low_rank_laplace(linear.posterior, near.value, rank=len(z))
    pencil = Pencil.of(linear.posterior, linear.posterior.flatten(z), z)
    point = jnp.asarray(exact.mean, z.dtype) + jnp.sqrt(jnp.diagonal(near.covariance))
    by_bayes = linear.posterior.log_density(point) - near.log_normal_density(point)
    size = 1 + abs(exact.log_evidence)
    return [
        Identity("Laplace mean = Kalman's formula (in sd)", _in_sd(near.mode, exact.mean, exact.covariance), allowed),
        Identity("Laplace covariance = Kalman's formula", _relative(near.covariance, exact.covariance), allowed),
        Identity(
            "Laplace evidence = normal density of the data",
            abs(float(near.log_evidence) - exact.log_evidence) / size,
            allowed,
        ),
        Identity(
            "likelihood x prior / posterior = evidence", abs(float(by_bayes) - exact.log_evidence) / size, allowed
        ),
        Identity(
            "low-rank evidence = normal density of the data",
            abs(float(thin.log_evidence) - exact.log_evidence) / size,
            allowed,
        ),
        Identity(
            "evidence by singular values = normal density",
            abs(float(pencil.log_evidence(1.0)) - exact.log_evidence) / size,
            allowed,
        ),
    ]


def _against_information(linear: LinearProblem, exact: ClosedForms, z: Array, key) -> list[Identity]:
    allowed = _tolerance(z.dtype, _condition(linear))
    precision = np.linalg.inv(np.asarray(linear.covariance, np.float64)) + fisher_information(linear.posterior, z)
    gain = expected_information_gain(linear.posterior, z)
    narrowed = 0.5 * (np.linalg.slogdet(linear.covariance)[1] - np.linalg.slogdet(exact.covariance)[1])
    found = [
        Identity(
            "Fisher + prior precision = posterior precision",
            _relative(np.linalg.inv(precision), exact.covariance),
            allowed,
        ),
        Identity(
            "information gain = log det of the data", abs(float(gain.value) - exact.gain) / (1 + exact.gain), allowed
        ),
        Identity("information gain = loss of entropy", abs(float(gain.value) - narrowed) / (1 + exact.gain), allowed),
    ]
    if exact.gain < 7:
        nested = expected_information_gain(linear.posterior, z, method=NestedMonteCarlo(1024, 4096), key=key)
        found.append(
            Identity(
                "information gain by nested draws (5 errors)",
                abs(float(nested.value) - exact.gain),
                5 * float(nested.error),
            )
        )
    return found


def _against_ensemble(linear: LinearProblem, exact: ClosedForms, key) -> list[Identity]:
    allowed = _tolerance(linear.rows.dtype, _condition(linear))
    found = []
    for method in (Unscented(), EnsembleTransform()):
        flow = ensemble_kalman(
            linear.posterior, linear.mean, num_members=2 * len(linear.mean) + 2, method=method, key=key
        )
        name = f"ensemble Kalman, {type(method).__name__.lower()}"
        found += [
            Identity(f"{name}: mean (in sd)", _in_sd(flow.mean, exact.mean, exact.covariance), allowed),
            Identity(f"{name}: covariance", _relative(flow.covariance, exact.covariance), allowed),
        ]
    return found


def _nonlinearity(posterior, flat, z, linear: LinearProblem, exact: ClosedForms, key, num_draws: int = 32) -> float:
    factor = np.linalg.cholesky(exact.covariance)
    moves = jnp.asarray(np.asarray(jax.random.normal(key, (num_draws, len(z)))) @ factor.T, z.dtype)
    here = posterior.seen(flat.to_physical(z))
    scale = 1.0 if posterior.noise is not None else 1.0 / posterior.noise_scale(flat.to_physical(z))

    def missed(move):
        there = posterior.seen(flat.to_physical(z + move))
        changes = [
            jnp.where(a.mask, a.likelihood.whiten(a.prediction, b.prediction - a.prediction), 0.0).ravel()
            for a, b in zip(here, there, strict=True)
        ]
        change = scale * jnp.concatenate(changes)
        return change - (linear.rows @ move)[: len(change)]

    return float(jnp.sqrt(jnp.mean(jax.lax.map(missed, moves) ** 2)))

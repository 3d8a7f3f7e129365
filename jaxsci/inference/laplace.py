"""A normal density around the top of the posterior."""

import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from .chains.starts import check_finite
from .coordinates import Coordinates
from .posterior import Posterior
from .search.derivatives import expansion
from .search.found import Reason, usual_tolerance
from .search.identifiability import direction
from .search.implicit import is_moving, moving_top, without_derivative
from .search.newton import newton

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(32)


class LaplaceApproximation(eqx.Module):
    r"""Numbers z on the real line that are normal, :math:`z \sim N(m, C)`, and the unknowns they stand for.

    Args:
        mode: m, the top of the log density of z.
        covariance: C, the inverse of minus the second derivative there.
        log_evidence: the integral of likelihood times prior that the approximation gives, its logarithm.
        log_density: the log density of z at the top.
        converged: whether the top was reached, with a density that falls in every direction.
        steps: steps of the climb.
        coordinates: the way from z to the unknowns.
    """

    mode: Float[Array, " n"]
    covariance: Float[Array, "n n"]
    log_evidence: Float[Array, ""]
    log_density: Float[Array, ""]
    converged: Bool[Array, ""]
    steps: Int[Array, ""]
    coordinates: Coordinates

    @property
    def names(self) -> list[str]:
        """One name for each unknown number."""
        return self.coordinates.names

    @property
    def ok(self) -> Bool[Array, ""]:
        """Whether the numbers can be used."""
        return self.converged & jnp.isfinite(self.log_evidence)

    @property
    def value(self) -> PyTree:
        """The unknowns at the top. It is the top of the density of z, which is not that of the unknowns themselves."""
        return self.coordinates.to_physical(self.mode)

    @property
    def mean(self) -> PyTree:
        """Means of the unknowns, by quadrature over the normal density of each number."""
        return self.coordinates.tree(self._moments()[0])

    @property
    def standard_deviation(self) -> PyTree:
        """Standard deviations of the unknowns, by quadrature over the normal density of each number."""
        return self.coordinates.tree(self._moments()[1])

    def sample(self, key, num_samples: int) -> PyTree:
        """Draws of the unknowns; every array has a leading axis."""
        return eqx.filter_vmap(self.coordinates.to_physical)(self.sample_unconstrained(key, num_samples))

    def sample_unconstrained(self, key, num_samples: int) -> Float[Array, "samples n"]:
        """Draws of z."""
        white = jax.random.normal(key, (num_samples, len(self.mode)), self.mode.dtype)
        return self.mode + white @ jnp.linalg.cholesky(self.covariance).T

    def log_normal_density(self, z: Float[Array, " n"]) -> Float[Array, ""]:
        """The log density of z under the approximation."""
        factor = jnp.linalg.cholesky(self.covariance)
        white = jax.scipy.linalg.solve_triangular(factor, z - self.mode, lower=True)
        size = len(self.mode)
        return -0.5 * jnp.sum(white**2) - jnp.sum(jnp.log(jnp.diagonal(factor))) - 0.5 * size * math.log(2 * math.pi)

    def _moments(self) -> tuple[Array, Array]:
        sd = jnp.sqrt(jnp.diagonal(self.covariance))
        nodes = jnp.asarray(NODES, sd.dtype)
        weights = jnp.asarray(WEIGHTS / WEIGHTS.sum(), sd.dtype)
        flat = self.coordinates
        x = jax.vmap(lambda node: flat.vector(flat.to_physical(self.mode + sd * node)))(nodes)
        mean = weights @ x
        return mean, jnp.sqrt(weights @ (x - mean) ** 2)

    def __repr__(self):
        if isinstance(self.mode, jax.core.Tracer) or self.mode.ndim != 1:
            return f"LaplaceApproximation of {', '.join(self.names)}"
        top = self.coordinates.vector(self.value)
        mean, sd = self._moments()
        width = max(7, *map(len, self.names[:40]))
        rows = [
            f"{name:{width}} {a:12.6g} {b:12.6g} {c:12.6g}"
            for name, a, b, c in zip(self.names[:40], top, mean, sd, strict=False)
        ]
        more = [f"... and {len(self.names) - 40} more"] if len(self.names) > 40 else []
        state = [] if bool(self.ok) else ["WARNING: no top with falling density around it was found."]
        return "\n".join(
            [f"{'':{width}} {'top':>12} {'mean':>12} {'sd':>12}", *rows, *more]
            + [f"log evidence {float(self.log_evidence):.6g}", *state]
        )


def laplace(posterior: Posterior, guess: PyTree, *, max_steps: int = 200) -> LaplaceApproximation:
    r"""Approximate the posterior by a normal density around its top, on the real line.

    .. math:: \log p(d) \approx \log p(d, z^*) + \tfrac n2 \log 2\pi - \tfrac12 \log\det H, \quad C = H^{-1}, \quad
        H = -\nabla^2 \log p(d, z^*)

    The top :math:`z^*` of the density of z, Jacobian included, is climbed by damped Newton steps.
    Exact for linear laws with Gaussian noise and prior; else good when the data say much more than the prior, and bad
    for skewed or many-peaked posteriors: `evidence` and `sample` measure by how much. Second derivatives are exact
    where the program has them, else central differences of its gradient (relative error about 1e-6). It can be jitted
    and mapped over data sets; then look at `ok`. Data, noise and prior can be differentiated by, through the implicit
    function theorem: `log_evidence` can be climbed in a scale.

    Args:
        posterior: the posterior.
        guess: unknowns to climb from, or an estimate.
        max_steps: where the climb gives up.

    Returns:
        The approximation; print it for a table.

    Raises:
        ValueError: If the density is not finite at the guess, or does not fall in some direction, which is named.

    Example:
        >>> import jaxsci as js
        >>> posterior = js.inference.Posterior(lambda u: u, 2.0, noise=1.0, prior=js.inference.Normal(0.0, 1.0))
        >>> approx = js.inference.laplace(posterior, 0.0)
        >>> round(float(approx.mean), 6), round(float(approx.log_evidence), 6)
        (1.0, -2.265512)

    References:
        Tierney, Kadane, Accurate approximations for posterior moments and marginal densities, JASA 81 (1986).
    """
    guess = getattr(guess, "value", guess)
    moves = is_moving(posterior)
    approximation, curvature = _laplace(posterior, guess, max_steps, moves)
    if not isinstance(approximation.mode, jax.core.Tracer):
        check_finite(posterior, guess, approximation.log_density)
        _check_falling(approximation, np.asarray(curvature), max_steps)
    return approximation


@eqx.filter_jit
def _laplace(posterior: Posterior, guess: PyTree, max_steps: int, moves: bool):
    flat = posterior.flatten(guess)
    z0 = jax.lax.stop_gradient(flat.to_unconstrained(guess))
    rtol = usual_tolerance(z0.dtype)
    found = newton(_cost(without_derivative(posterior), guess), z0, rtol=rtol, max_steps=max_steps)
    z, height, curvature = found.x, -found.cost, found.sensitivity
    if moves:
        cost = _cost(posterior, guess)
        z = moving_top(cost, z, jnp.ones(z.shape, bool))
        height, curvature = -cost(z), expansion(cost, z)(z)[1]
    values, vectors = jnp.linalg.eigh(curvature)
    floor = len(z) * jnp.finfo(z.dtype).eps * jnp.max(jnp.abs(values))
    falling = jnp.all(values > floor)
    safe = jnp.where(values > floor, values, jnp.nan)
    covariance = (vectors / safe) @ vectors.T
    log_evidence = height + 0.5 * len(z) * math.log(2 * math.pi) - 0.5 * jnp.sum(jnp.log(safe))
    converged = (found.reason == Reason.CONVERGED) & falling
    return LaplaceApproximation(z, covariance, log_evidence, height, converged, found.steps, flat), curvature


def _cost(posterior: Posterior, guess: PyTree) -> Callable[[Array], Array]:
    density = posterior.unconstrained(guess)
    return lambda z: -density(z).astype(z.dtype)


def _check_falling(approximation: LaplaceApproximation, curvature: np.ndarray, max_steps: int) -> None:
    """Raise where the density has no top, naming directions, or where the climb ended before it."""
    values, vectors = np.linalg.eigh(curvature)
    floor = len(values) * np.finfo(curvature.dtype).eps * np.max(np.abs(values))
    flat = [direction(vectors[:, i], approximation.names) for i in np.flatnonzero(values <= floor)]
    on_a_saddle = int(approximation.steps) >= max_steps and values[0] < -floor
    if flat and not on_a_saddle:
        raise ValueError(
            f"the posterior does not fall along {'; '.join(flat[:3])} (on the real line), so it has no top there: data "
            "and prior leave this combination open. Give these unknowns a proper prior, or measure something that "
            "tells them apart."
        )
    if not bool(approximation.converged):
        raise ValueError(
            f"no top of the posterior was reached in {max_steps} steps of Newton's method: begin at "
            "js.inference.maximize(posterior, guess), or raise max_steps."
        )

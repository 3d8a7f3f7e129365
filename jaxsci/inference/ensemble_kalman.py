"""The posterior by an ensemble of predictions: no gradient needed."""

import math
import operator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from .._core.errors import SimulationError
from .coordinates import Coordinates
from .kalman.members import all_misfits, failures, first_members, misfit_of, physical, prior_moments, replaced
from .kalman.methods import Inversion, KalmanMethod, Tempered, Unscented
from .posterior import Posterior


class Ensemble(eqx.Module):
    """Members that stand for the posterior.

    Args:
        members: the unknowns; every array has a leading axis over members, sigma points for `Unscented`.
        mean: their mean.
        covariance: their covariance, physical values in the order of `names`.
        failed: predictions that were not finite, or a million times farther off than most, in all steps together; they
            were replaced.
        history: per step: `power` of the likelihood (tempered methods), `misfit`, the mean square per datum, and
            `failed`.
        complete: whether the whole likelihood was used.
        coordinates: the way from numbers on the real line to the unknowns.
    """

    members: PyTree
    mean: PyTree
    covariance: Float[Array, "n n"]
    failed: Int[Array, ""]
    history: dict[str, Array]
    complete: Bool[Array, ""]
    coordinates: Coordinates

    @property
    def names(self) -> list[str]:
        """One name for each unknown number."""
        return self.coordinates.names

    @property
    def standard_deviation(self) -> PyTree:
        """Standard deviations of the unknowns."""
        return self.coordinates.tree(jnp.sqrt(jnp.diagonal(self.covariance)))

    @property
    def ok(self) -> Bool[Array, ""]:
        """Whether the whole likelihood was used, with finite numbers and at most a tenth of predictions failed."""
        few = 10 * self.failed <= len(jax.tree.leaves(self.members)[0]) * self.steps
        return self.complete & few & jnp.all(jnp.isfinite(self.covariance))

    @property
    def steps(self) -> Int[Array, ""]:
        """How many steps were made."""
        return jnp.sum(jnp.isfinite(self.history["power"]))

    def __repr__(self):
        if isinstance(self.covariance, jax.core.Tracer) or self.covariance.ndim != 2:
            return f"Ensemble of {', '.join(self.names)}"
        mean, sd = self.coordinates.vector(self.mean), jnp.sqrt(jnp.diagonal(self.covariance))
        width = max(7, *map(len, self.names[:40]))
        rows = [f"{n:{width}} {a:12.6g} {b:12.6g}" for n, a, b in zip(self.names[:40], mean, sd, strict=False)]
        count, steps = len(jax.tree.leaves(self.members)[0]), int(self.steps)
        lines = [
            f"{count} members, {steps} steps, misfit per datum {float(self.history['misfit'][max(0, steps - 1)]):.4g}",
            f"{'':{width}} {'mean':>12} {'sd':>12}",
            *rows,
        ]
        if len(self.names) > 40:
            lines.append(f"... and {len(self.names) - 40} more")
        if int(self.failed):
            lines.append(
                f"WARNING: {int(self.failed)} predictions failed (not finite, or a million times farther off "
                "than most); copies of others took their place."
            )
        if not bool(self.complete):
            power = float(np.nanmax(self.history["power"]))
            lines.append(f"WARNING: only the power {power:.3g} of the likelihood was used: raise num_steps.")
        return "\n".join(lines)


def ensemble_kalman(
    posterior: Posterior,
    guess: PyTree = None,
    *,
    num_members: int = 100,
    method: KalmanMethod | None = None,
    num_steps: int = 50,
    key,
) -> Ensemble:
    r"""Approximate the posterior by an ensemble that is drawn from the prior and moved by its own covariances.

    .. math:: z_j \leftarrow z_j + C_{zg} (C_{gg} + I / h)^{-1} (d - g(z_j) + \ldots)

    with data d and predictions g in units of the noise. No derivative is taken, the law may be a black box as long as
    it can be traced, and one that fails for some members does not matter. Exact for linear laws with normal prior
    and noise, up to chance; otherwise an approximation, with one peak, that is good for the mean and often too narrow.
    Means and covariances cost what the smaller of members and data asks for; as many members as unknowns, at least.
    It can be jitted and mapped over data sets; then look at `ok`.

    Args:
        posterior: the posterior, with Gaussian or lognormal noise and priors to draw from.
        guess: unknowns that tell containers, shapes and precision, or an estimate; without it, those of the prior.
        num_members: how many members; `Unscented` has 2n + 1, whatever is said here.
        method: `Inversion()`, the default, `DeterministicInversion()`, `EnsembleTransform()` or `Unscented()`.
        num_steps: steps at most; for `Unscented` exactly.
        key: random key.

    Returns:
        The ensemble; print it for a table.

    Raises:
        ValueError: If a prior cannot be drawn from.
        UnsupportedError: If the noise is not Gaussian or lognormal with a known scale.
        SimulationError: If all members fail.

    Example:
        >>> import jax, jaxsci as js
        >>> posterior = js.inference.Posterior(lambda u: u, 2.0, noise=1.0, prior=js.inference.Normal(0.0, 1.0))
        >>> method = js.inference.EnsembleTransform()
        >>> flow = js.inference.ensemble_kalman(posterior, method=method, key=jax.random.key(0))
        >>> round(float(flow.mean), 6), round(float(flow.covariance[0, 0]), 6)
        (1.0, 0.5)

    References:
        Iglesias, Law, Stuart, Ensemble Kalman methods for inverse problems, Inverse Problems 29 (2013).
    """
    guess = getattr(guess, "value", guess)
    method = Inversion() if method is None else method
    num_members, num_steps = operator.index(num_members), operator.index(num_steps)
    if num_members < 2 or num_steps < 1:
        raise ValueError(f"num_members={num_members}, num_steps={num_steps}: at least 2 members and 1 step are needed.")
    if not isinstance(method, (Tempered, Unscented)):
        raise TypeError(
            f"method={method!r}: give Inversion(), DeterministicInversion(), EnsembleTransform() or Unscented()."
        )
    posterior.require_proper("the first ensemble of ensemble_kalman", guess)
    guess = posterior.sample_prior(key) if guess is None else guess
    flow = _flow(posterior, guess, num_members, method, num_steps, key)
    if not isinstance(flow.covariance, jax.core.Tracer):
        _check_alive(flow)
    return flow


@eqx.filter_jit
def _flow(posterior, guess, num_members, method, num_steps, key) -> Ensemble:
    misfit = misfit_of(posterior, guess)
    if isinstance(method, Unscented):
        return _unscented(posterior, guess, misfit, method, num_steps, key)
    return _tempered(posterior, guess, misfit, num_members, method, num_steps, key)


def _tempered(posterior, guess, misfit, num_members, method, num_steps, key) -> Ensemble:
    flat = posterior.flatten(guess)
    first_key, key = jax.random.split(key)
    z = first_members(posterior, guess, num_members, first_key)
    history = _empty_history(num_steps, z.dtype)

    def body(carry):
        z, power, n, history = carry
        replace_key, move_key = jax.random.split(jax.random.fold_in(key, n))
        z, misfits, failed = replaced(z, all_misfits(misfit, z), replace_key)
        phi = jnp.sum(misfits**2, axis=1) / 2
        half = misfits.shape[1] / 2
        h = jnp.maximum(half / jnp.mean(phi), jnp.sqrt(half / jnp.var(phi)))
        # what is left, if it is nearly that: no step so short that it only costs
        h = jnp.where(jnp.isfinite(h) & (h < 0.99 * (1 - power)), h, 1 - power)
        moved = method.move(z, misfits, h, move_key)
        power = jnp.where(h >= 1 - power, 1.0, power + h).astype(z.dtype)
        new = {"power": power, "misfit": jnp.mean(misfits**2), "failed": jnp.sum(failed).astype(z.dtype)}
        dead = jnp.all(failed)
        new["power"] = jnp.where(dead, jnp.nan, power)
        history = {name: rows.at[n].set(new[name]) for name, rows in history.items()}
        return jnp.where(dead, jnp.nan, moved), new["power"], n + 1, history

    start = (z, jnp.zeros((), z.dtype), jnp.zeros((), int), history)
    z, power, _, history = jax.lax.while_loop(lambda c: (c[1] < 1) & (c[2] < num_steps), body, start)
    x = physical(flat, z)
    away = x - jnp.mean(x, axis=0)
    covariance = away.T @ away / (num_members - 1)
    return _ensemble(flat, z, jnp.mean(x, axis=0), covariance, history, power >= 1)


def _unscented(posterior, guess, misfit, method: Unscented, num_steps, key) -> Ensemble:
    r"""The prior is a part of the data: misfits (d - g(z), S0^{-1/2} (r0 - z)), noise of both grown to 1/rate."""
    flat = posterior.flatten(guess)
    r0, S0, _ = prior_moments(posterior, guess, key)
    root = jnp.linalg.cholesky(S0)
    n = flat.size
    spread = min(2.0, math.sqrt(n))

    def points(m, C):
        steps = spread * jnp.linalg.cholesky(C).T
        return jnp.concatenate([m[None], m + steps, m - steps])

    def body(i, carry):
        m, C, history, alive = carry
        wide = C / (1 - method.rate).astype(C.dtype)
        z = points(m, wide)
        data, failed = _mended(all_misfits(misfit, z))
        prior = jax.scipy.linalg.solve_triangular(root, (r0 - z).T, lower=True).T
        misfits = jnp.concatenate([data, prior], axis=1)
        Z, D = z[1:] - z[0], misfits[1:] - misfits[0]
        weight = 1 / (2 * spread**2)
        noise = 1 / method.rate.astype(C.dtype)
        # C_zg (C_gg + noise)^{-1} in the space of the 2n deviations, however many the data
        S = weight * D @ D.T + noise * jnp.eye(2 * n, dtype=C.dtype)
        factor = jax.scipy.linalg.cho_factor(S)
        m_new = z[0] - weight * Z.T @ jax.scipy.linalg.cho_solve(factor, D @ misfits[0])
        C_new = weight * noise * Z.T @ jax.scipy.linalg.cho_solve(factor, Z)
        alive = alive & ~jnp.all(failed)
        power = jnp.where(alive, 1 - (1 - method.rate).astype(C.dtype) ** (i + 1), jnp.nan)
        new = {"power": power, "misfit": jnp.mean(data[0] ** 2), "failed": jnp.sum(failed).astype(C.dtype)}
        history = {name: rows.at[i].set(new[name]) for name, rows in history.items()}
        return m_new, (C_new + C_new.T) / 2, history, alive

    start = (r0, S0, _empty_history(num_steps, r0.dtype), jnp.array(True))
    m, C, history, alive = jax.lax.fori_loop(0, num_steps, body, start)
    m = jnp.where(alive, m, jnp.nan)
    z = points(m, C)
    x = physical(flat, z)
    away = x[1:] - x[0]
    return _ensemble(flat, z, x[0], away.T @ away / (2 * spread**2), history, alive)


def _mended(misfits: Float[Array, "points data"]) -> tuple[Array, Array]:
    """Misfits at sigma points, where those that failed are guessed; also which ones they were.

    A point beside the middle is its mirror's reflection; the middle is the mean of all. Where both of a pair failed,
    they repeat the middle, and nothing is learned of their direction.
    """
    failed = failures(misfits)
    kept = jnp.where(failed[:, None], 0.0, misfits)
    count = jnp.maximum(jnp.sum(~failed), 1).astype(misfits.dtype)
    middle = jnp.where(failed[0], jnp.sum(kept, axis=0) / count, kept[0])
    above, below = jnp.split(kept[1:], 2)
    above_failed, below_failed = jnp.split(failed[1:, None], 2)
    up = jnp.where(above_failed, jnp.where(below_failed, middle, 2 * middle - below), above)
    down = jnp.where(below_failed, jnp.where(above_failed, middle, 2 * middle - above), below)
    return jnp.concatenate([middle[None], up, down]), failed


def _empty_history(num_steps: int, dtype) -> dict[str, Array]:
    return {name: jnp.full(num_steps, jnp.nan, dtype) for name in ("power", "misfit", "failed")}


def _ensemble(flat: Coordinates, z, mean, covariance, history, complete) -> Ensemble:
    members = eqx.filter_vmap(flat.to_physical)(z)
    failed = jnp.nansum(history["failed"]).astype(int)
    return Ensemble(members, flat.tree(mean), covariance, failed, history, complete, flat)


def _check_alive(flow: Ensemble) -> None:
    """Raise where no prediction was finite."""
    made = np.flatnonzero(np.isfinite(flow.history["failed"]))
    if len(made) and not np.all(np.isfinite(flow.history["power"][made])):
        raise SimulationError(
            f"all members failed in step {made[-1] + 1}: no prediction was finite. Try posterior.predict for unknowns "
            "drawn from the prior, posterior.sample_prior(key); a simulation that blows up needs a smaller dt or error "
            "control, or the prior is too wide."
        )

"""What chains give back: draws, and how far they can be trusted."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from ..coordinates import Coordinates, unknown_leaves
from . import diagnostics

AGREE, ENOUGH, ROWS = 1.01, 100, 40


class Draws(eqx.Module):
    """Draws from a posterior, by several chains, with their diagnostics.

    Args:
        values: the unknowns; every array has leading axes (chains, draws).
        log_density: log density of each draw, as one of the numbers on the real line that the chains move.
        names: one name for each unknown number, the order of the diagnostics.
        r_hat: rank-normalised split R-hat; above 1.01 the chains do not agree.
        effective_sample_size: how many independent draws the chains are worth in the bulk.
        effective_sample_size_tail: ... at the 5 % and 95 % quantiles.
        divergences: transitions of each chain that lost the energy: the step is too long for the curvature somewhere.
        broken: those of them that met a log density that is not finite, as when a simulation blows up.
        saturated: transitions of each chain whose trajectory was cut at the largest length.
        acceptance: mean acceptance of each chain.
        num_gradients: gradients that each chain took, warmup included.
        step_size: step size of each chain.
    """

    values: PyTree
    log_density: Float[Array, "chains draws"]
    names: tuple[str, ...] = eqx.field(static=True)
    r_hat: Float[np.ndarray, " n"]
    effective_sample_size: Float[np.ndarray, " n"]
    effective_sample_size_tail: Float[np.ndarray, " n"]
    divergences: Int[np.ndarray, " chains"]
    broken: Int[np.ndarray, " chains"]
    saturated: Int[np.ndarray, " chains"]
    acceptance: Float[np.ndarray, " chains"]
    num_gradients: Int[np.ndarray, " chains"]
    step_size: Float[np.ndarray, " chains"]
    diverging: Bool[np.ndarray, "chains draws"]
    coordinates: Coordinates

    @property
    def matrix(self) -> Float[np.ndarray, "chains draws n"]:
        """Physical values, the unknown numbers along the last axis."""
        leaves = [np.asarray(leaf) for _, leaf in unknown_leaves(self.values)]
        return np.concatenate([leaf.reshape(*leaf.shape[:2], -1) for leaf in leaves], axis=-1)

    @property
    def mean(self) -> PyTree:
        """Posterior mean of the unknowns."""
        return self._like(self.matrix.mean(axis=(0, 1)))

    @property
    def standard_deviation(self) -> PyTree:
        """Posterior standard deviation of the unknowns."""
        return self._like(self.matrix.std(axis=(0, 1), ddof=1))

    def quantile(self, level: float) -> PyTree:
        """The value of each unknown below which this part of the draws lies."""
        return self._like(np.quantile(self.matrix, level, axis=(0, 1)))

    @property
    def monte_carlo_error(self) -> PyTree:
        """Standard errors of the means, from the length of the chains."""
        flat = self.matrix
        sizes = np.array([diagnostics.mean_size(flat[..., i]) for i in range(flat.shape[-1])])
        return self._like(flat.std(axis=(0, 1), ddof=1) / np.sqrt(sizes))

    @property
    def ok(self) -> bool:
        """Whether nothing speaks against the draws; `warnings` says what does."""
        return not self.warnings

    @property
    def warnings(self) -> list[str]:
        """What speaks against the draws, each with a remedy."""
        found, (num_chains, num_draws) = [], np.shape(self.log_density)
        total = num_chains * num_draws
        apart = [name for name, r in zip(self.names, self.r_hat, strict=True) if not r <= AGREE]
        if apart:
            found.append(
                f"the chains do not agree on {_some(apart)} (R-hat up to {np.nanmax(self.r_hat):.3f}, {AGREE} wanted): "
                "draw longer; if that does not help, the posterior has several peaks or a direction that data and "
                "prior leave open, which js.inference.maximize names."
            )
        least = np.minimum(self.effective_sample_size, self.effective_sample_size_tail)
        short = [name for name, size in zip(self.names, least, strict=True) if not size >= ENOUGH * num_chains]
        if short:
            found.append(
                f"too few effective draws of {_some(short)} (down to {np.nanmin(least):.0f}, {ENOUGH} a chain wanted): "
                "raise num_samples."
            )
        smooth = int(np.sum(self.divergences) - np.sum(self.broken))
        if smooth:
            found.append(
                f"{smooth} of {total} transitions diverged, so some part of the posterior is missed: pass "
                "target_acceptance=0.95, or give the unknowns that meet there other coordinates or a firmer prior."
            )
        if np.sum(self.broken):
            found.append(
                f"{int(np.sum(self.broken))} of {total} transitions met a log density that is not finite, a simulation "
                "that blew up for instance, and were turned back: what lies behind is missed. Make the simulation "
                "stable there (smaller dt, error control), or exclude it by the prior."
            )
        if np.sum(self.saturated) > total / 100:
            found.append(
                f"{int(np.sum(self.saturated))} of {total} trajectories were cut at their largest length: draw a "
                "longer warmup, pass metric=js.inference.Dense(), or give the unknowns scales of order one."
            )
        return found

    def to_arviz(self) -> Any:
        """The draws for ArviZ: `InferenceData`, or from its version 1 on a `DataTree`.

        Raises:
            ImportError: If ArviZ is not installed.
        """
        import warnings

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import arviz
        except ModuleNotFoundError as error:
            raise ImportError('to_arviz needs the package arviz: pip install "jaxsci[bayes]"', name="arviz") from error
        groups = {
            "posterior": {name: np.asarray(leaf) for name, leaf in unknown_leaves(self.values)},
            "sample_stats": {"lp": np.asarray(self.log_density), "diverging": np.asarray(self.diverging)},
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if int(arviz.__version__.split(".")[0]) >= 1:
                return arviz.from_dict(groups)
            return arviz.from_dict(**groups)

    def __repr__(self):
        flat = self.matrix
        num_chains, num_draws = flat.shape[:2]
        flat = flat.reshape(-1, flat.shape[-1])
        width = max(7, *map(len, self.names[:ROWS]))
        lines = [
            f"{num_chains} chains of {num_draws} draws",
            f"{'':{width}} {'mean':>11} {'sd':>11} {'5 %':>11} {'median':>11} {'95 %':>11} {'R-hat':>6} {'bulk':>6} "
            f"{'tail':>6}",
        ]
        quantiles = np.quantile(flat, [0.05, 0.5, 0.95], axis=0)
        for i, name in enumerate(self.names[:ROWS]):
            numbers = [flat[:, i].mean(), flat[:, i].std(ddof=1), *quantiles[:, i]]
            sizes = f"{self.effective_sample_size[i]:6.0f} {self.effective_sample_size_tail[i]:6.0f}"
            numbers = " ".join(f"{number:11.5g}" for number in numbers)
            lines.append(f"{name:{width}} {numbers} {self.r_hat[i]:6.3f} {sizes}")
        if len(self.names) > ROWS:
            lines.append(f"... and {len(self.names) - ROWS} more")
        return "\n".join(lines + [f"WARNING: {text}" for text in self.warnings])

    def _like(self, vector: np.ndarray) -> PyTree:
        return self.coordinates.tree(jnp.asarray(vector, self.coordinates.dtype))


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")

"""What a fit found, and how much of it to believe."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from .found import WORDS, Reason
from .identifiability import Identifiability

MAX_ROWS = 40


class Estimate(eqx.Module):
    """The top of a posterior, with error bars; printing it gives a table.

    Args:
        value: the unknowns there.
        standard_deviation: of each, in the same containers; None for problems too large to have a covariance.
        covariance: of the numbers in `names`, infinite along what the data do not tell; or None.
        log_density: the log density there, of physical values.
        identifiability: which combinations of unknowns the data tell; or None.
        noise_scale: the standard deviation of the noise, where it was estimated.
        at_bound: which numbers lie at the edge of their support, so that the error bar does not describe them.
        stats: `steps`, `offset` from the top (see the docstring of `maximize`), `reason`, `start` (which start won).
        names: of the unknown numbers.
    """

    value: PyTree
    standard_deviation: PyTree
    covariance: Float[Array, "n n"] | None
    log_density: Float[Array, ""]
    identifiability: Identifiability | None
    noise_scale: Float[Array, ""] | None
    at_bound: Bool[Array, " n"]
    stats: dict[str, Any]
    vector: Float[Array, " n"]
    names: tuple[str, ...] = eqx.field(static=True)

    @property
    def ok(self) -> Bool[Array, ""]:
        """Whether the search converged and the data tell every unknown."""
        good = (self.stats["reason"] == Reason.CONVERGED) & jnp.isfinite(self.vector).all(axis=-1)
        return good if self.identifiability is None else good & ~self.identifiability.is_open.any(axis=-1)

    @property
    def reasons(self) -> list[str]:
        """What is wrong, in words; empty if nothing is."""
        reason = Reason(int(self.stats["reason"]))
        found = [] if reason == Reason.CONVERGED else [WORDS[reason]]
        if self.identifiability is not None and bool(self.identifiability.is_open.any()):
            found.append(
                f"the data do not tell {'; '.join(self.identifiability.unidentifiable)} (unknowns in units of their "
                "effect): fix one of them, give it a prior, or measure something else"
            )
        return found

    def __repr__(self):
        arrays = jax.tree.leaves(eqx.filter(self, eqx.is_array))
        if any(isinstance(leaf, jax.core.Tracer) for leaf in arrays):
            return f"Estimate(of {', '.join(self.names[:MAX_ROWS])}, traced)"
        if jnp.ndim(self.log_density):
            return f"Estimate({jnp.size(self.log_density)} problems, {int(jnp.sum(self.ok))} of them ok)"
        return "\n".join([*self._rows(), *self._footer()])

    def _rows(self) -> list[str]:
        width = max(8, *(len(name) for name in self.names[:MAX_ROWS]))
        if self.covariance is None:
            deviations = np.full(len(self.names), np.nan)
        else:
            deviations = np.sqrt(np.diagonal(np.asarray(self.covariance)))
        rows = [f"{'':{width}} {'value':>14} {'sd':>11} {'relative':>9}"]
        entries = zip(self.names, np.asarray(self.vector), deviations, np.asarray(self.at_bound), strict=True)
        for name, value, deviation, bound in list(entries)[:MAX_ROWS]:
            relative = deviation / abs(value) if value else np.inf
            error_bar = "" if self.covariance is None else f" {deviation:11.3g} {relative:9.1e}"
            rows.append(f"{name:{width}} {value:14.7g}{error_bar}{'  at its bound' if bound else ''}")
        if len(self.names) > MAX_ROWS:
            rows.append(f"... and {len(self.names) - MAX_ROWS} more")
        return rows

    def _footer(self) -> list[str]:
        lines = [f"log density {float(self.log_density):.6g} after {int(self.stats['steps'])} steps"]
        if self.noise_scale is not None:
            lines.append(f"scale of the noise, estimated: {float(self.noise_scale):.4g}")
        if self.identifiability is not None:
            s = np.asarray(self.identifiability.singular_values)
            lines.append(f"singular values of the scaled sensitivity: {s[0]:.3g} to {s[-1]:.3g}")
        return lines + [f"NOT OK: {reason}." for reason in self.reasons]

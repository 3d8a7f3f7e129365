"""Spectral bias: whether training lowered the long waves of the residual and left the short ones."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..problems.assembly import Setup
from ..problems.problem import chunked

LINES, NODES = 16, 256
SPLITS = (8, 16, 32)
LEFT, APART, ASKED = 0.1, 10.0, 0.01


def short_waves(setup: Setup, trial, coordinates: tuple[str, ...]) -> list[str]:
    r"""A warning for each coordinate along which short waves of the residual were left behind.

    The amplitude of the residual along lines is split at k waves per box. Short waves were left behind if they make up
    most of what remains, fell by less than a factor of ten, and ten times less than the long ones. They count only if
    they were a hundredth of the residual at the start, so that the law does ask for them.

    References:
        Rahaman et al., ICML (2019), arXiv:1806.08734.
    """
    found = []
    first = setup.problem.trial(setup.problem.start)
    for axis, name in enumerate(coordinates):
        lines = jnp.asarray(_lines(setup, axis), setup.fresh.dtype)
        before, after = (np.asarray(_power(setup.law, one, lines)) for one in (first, trial))
        for split in SPLITS:
            long, short = (
                np.sqrt([np.sum(p[part]) for p in (before, after)]) for part in (slice(split), slice(split, None))
            )
            left = short[1] / short[0] if short[0] > ASKED * long[0] else 0.0
            if left > LEFT and short[1] > long[1] and left * long[0] > APART * long[1]:
                found.append(
                    f"spectral bias: what the residual has shorter than 1/{split} of the box along {name} fell only to "
                    f"{left:.2g} of its start, all longer waves to {long[1] / long[0]:.1g}; take FourierFeatures, "
                    "MultiScale or FiniteBasis, a larger scale of RandomFeatures, or LevenbergMarquardt."
                )
                break
    return found


def _lines(setup: Setup, axis: int) -> np.ndarray:
    """Points `(lines, nodes, coordinates)` on lines along a coordinate through fresh points."""
    low, high = setup.bounds[axis]
    through = np.asarray(setup.fresh[:: max(1, len(setup.fresh) // LINES)][:LINES])
    lines = np.repeat(through[:, None], NODES, axis=1)
    lines[:, :, axis] = low + (high - low) * (np.arange(NODES) + 0.5) / NODES
    return lines


@eqx.filter_jit
def _power(law, trial, lines: Array) -> Array:
    """Mean power by waves per box."""
    rows = chunked(lambda z: law(trial, z), lines.reshape(-1, lines.shape[-1]))
    rows = rows.reshape(*lines.shape[:2], -1) * jnp.hanning(NODES).astype(rows.dtype)[:, None]
    return jnp.sum(jnp.abs(jnp.fft.rfft(rows, axis=1)) ** 2, axis=(0, 2))

"""Where a search ended, and why."""

from enum import IntEnum
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class Reason(IntEnum):
    """Why a search ended."""

    RUNNING = 0
    CONVERGED = 1
    NO_PROGRESS = 2
    TOO_MANY_STEPS = 3
    NOT_FINITE = 4


WORDS = {
    Reason.CONVERGED: "converged",
    Reason.NO_PROGRESS: "no step improves the fit any more, but it is not at a top: the prediction is rough (tighten "
    "the tolerances of the simulation or give it a fixed step) or its derivative is wrong (js.check_gradient)",
    Reason.TOO_MANY_STEPS: "the steps ran out: raise max_steps, or begin nearer with another guess or starts=10",
    Reason.NOT_FINITE: "the density is not finite at the guess",
}


class Found(NamedTuple):
    """Where a search ended.

    Args:
        x: the best point.
        cost: half the sum of squares there, or minus the log density.
        sensitivity: the Jacobian of the residual or the Hessian of the cost there; None if it was never stored.
        steps: trials, accepted or not.
        offset: how far it is from the top: for least squares, the fraction of the residual that the law could still
            explain; else the length of a full step in standard deviations of the unknowns.
        reason: why it ended, a `Reason`.
    """

    x: Float[Array, " n"]
    cost: Float[Array, ""]
    sensitivity: Float[Array, "rows n"] | None
    steps: Int[Array, ""]
    offset: Float[Array, ""]
    reason: Int[Array, ""]


def tell(show, steps: Array, cost: Array) -> None:
    """Inside a trace: show the host how a search goes; nothing if there is nobody to show it to."""
    if show is not None:
        jax.debug.callback(show, steps, cost)


def usual_tolerance(dtype, dense: bool = True) -> float:
    """How near a search comes to the top, with matrices and without."""
    double = jnp.finfo(dtype).eps < 1e-10
    return (1e-10 if dense else 1e-6) if double else (1e-5 if dense else 1e-4)


def ended(reason: Array) -> Array:
    """The reason of a search that stops now."""
    return jnp.where(reason == Reason.RUNNING, Reason.TOO_MANY_STEPS, reason)

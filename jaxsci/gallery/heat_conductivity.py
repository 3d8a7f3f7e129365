"""Heat conductivity: a rod whose conductivity varies, from noisy temperatures, with error bars.

Heat runs through a rod by u_t = (k(x) u_x)_x, hot at its left end, cold at its right. Sixteen thermometers read the
temperature at forty times, each with an error of 0.005 (the hot end is at 1). The unknown is a function, m = log k,
known beforehand to be a Gaussian random field (Matern's of smoothness 3/2, length 0.2, size 0.5). Its white
coefficients z are the unknowns of the posterior, `maximize` finds the likeliest ones by derivatives J of the readings
through the solver, and the band follows from the same derivatives: the inverse of J' J + 1 is the covariance of z.

The readings are made on a grid twice as fine, at another order of accuracy and with more steps, so that the inversion
does not profit from its own discretisation errors.

References:
    Tarantola, *Inverse Problem Theory* (2005), sections 3.2 and 5; Kaipio & Somersalo, J. Comput. Appl. Math. 198
    (2007) 493, for the finer grid.
"""

import json
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..equations import Heat
from ..fields import FiniteDifference
from ..geometry import Box, Dirichlet, Grid
from ..inference import Estimate, GaussianRandomField, Normal, Posterior, maximize
from ..simulation import simulate

ROD = Box((0.0, 1.0))
NOISE, PRIOR_SIZE, PRIOR_LENGTH = 0.005, 0.5, 0.2
SENSORS = np.linspace(0.05, 0.95, 16)[:, None]
MAX_STEPS, ACCURACY = 50, 0.01


class Case(NamedTuple):
    """How finely the rod is resolved, and how often it is read."""

    num_nodes: int = 64
    num_steps: int = 4000
    num_times: int = 40
    t1: float = 0.4


def true_conductivity(x: Array) -> Array:
    """What is to be found: a rise, a notch, and a fall."""
    return 0.6 + 0.8 * jnp.exp(-(((x - 0.35) / 0.13) ** 2)) - 0.35 * jnp.exp(-(((x - 0.72) / 0.08) ** 2))


def rod(num_nodes: int, order: int = 2) -> FiniteDifference:
    """The rod: hot on the left, cold on the right."""
    walls = {"x-": Dirichlet(1.0), "x+": Dirichlet(0.0)}
    return FiniteDifference(Grid(ROD, (num_nodes,)), boundary=walls, order=order)


def readings(
    space: FiniteDifference, k: Float[Array, " nodes"], num_steps: int, case: Case
) -> Float[Array, "times sensors"]:
    """Temperatures at the sensors and times for nodal values `k` of the conductivity."""
    start = space.field(lambda x: (1 - x[0]) ** 8)
    law = Heat(conductivity=space.derived.field(k))
    solution = simulate(law, start, case.t1, dt=case.t1 / num_steps, save_at=case.num_times)
    return jax.vmap(lambda u: start.replace(u)(jnp.asarray(SENSORS)))(solution.states.data)


def measure(case: Case) -> Float[Array, "times sensors"]:
    """The noisy readings."""
    space = rod(2 * case.num_nodes, order=4)
    exact = jax.jit(lambda k: readings(space, k, 6 * case.num_steps, case))(true_conductivity(space.points[:, 0]))
    return exact + NOISE * jax.random.normal(jax.random.key(1822), exact.shape)


def recover(space: FiniteDifference, data: Float[Array, "times sensors"], case: Case, progress: bool) -> Estimate:
    """The likeliest coefficients z of the log conductivity, with their covariance.

    Raises:
        RuntimeError: If there is no convergence.
    """
    prior = log_conductivity(space)

    def predict(z):
        return readings(space, jnp.exp(prior.values(z)), case.num_steps, case)

    law = Posterior(predict, data, NOISE, Normal(0.0, 1.0))
    best = maximize(law, jnp.zeros(prior.num_modes), max_steps=MAX_STEPS, rtol=ACCURACY, progress=progress)
    if not best.ok:
        raise RuntimeError(f"the conductivity was not found: {'; '.join(best.reasons)}.")
    return best


def log_conductivity(space: FiniteDifference) -> GaussianRandomField:
    """What is known of the logarithm of the conductivity before it is measured."""
    return GaussianRandomField(space.derived, PRIOR_SIZE, PRIOR_LENGTH, smoothness=1.5)


def standard_deviation(prior: GaussianRandomField, best: Estimate) -> Float[Array, " nodes"]:
    """Of the log conductivity at the nodes, from the covariance of its coefficients."""
    modes = jax.vmap(prior.values)(jnp.eye(prior.num_modes))
    return jnp.sqrt(jnp.einsum("in,ij,jn->n", modes, best.covariance, modes))


def figure(path: Path, x: Array, found: dict[str, Array], data: Array, fitted: Array, case: Case) -> None:
    """The conductivity with its band, and the readings with the fitted temperatures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(11.5, 4.4), layout="constrained")
    FigureCanvasAgg(picture)
    left, right = picture.subplots(1, 2)
    left.fill_between(x, found["low"], found["high"], alpha=0.25, lw=0, color="C0", label="90 % band")
    left.plot(x, found["conductivity"], "C0", label="recovered")
    left.plot(x, true_conductivity(x), "k--", lw=1, label="true")
    left.plot(SENSORS[:, 0], np.zeros(len(SENSORS)), "k^", ms=4, clip_on=False, label="thermometers")
    left.set(xlabel="x", ylabel="conductivity k", xlim=(0, 1), ylim=(0, None))
    left.legend(frameon=False, loc="upper right")
    ts = np.arange(1, case.num_times + 1) * case.t1 / case.num_times
    for i in range(0, len(SENSORS), 3):
        color = f"C{i // 3}"
        right.plot(ts, data[:, i], "o", ms=3, color=color)
        right.plot(ts, fitted[:, i], color=color, lw=1, label=f"x = {SENSORS[i, 0]:.2f}")
    right.set(xlabel="time", ylabel="temperature", xlim=(0, case.t1), title="readings and fit, every third thermometer")
    right.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False, case: Case = Case()) -> None:  # noqa: B008
    """Recover the conductivity, and write `conductivity.png` and `results.json` into `output`."""
    data = measure(case)
    space = rod(case.num_nodes)
    x = space.points[:, 0]
    prior = log_conductivity(space)
    best = recover(space, data, case, progress)
    m, sd = prior.values(best.value), standard_deviation(prior, best)
    found = {"conductivity": jnp.exp(m), "low": jnp.exp(m - 1.645 * sd), "high": jnp.exp(m + 1.645 * sd)}
    truth, fitted = true_conductivity(x), jax.jit(lambda k: readings(space, k, case.num_steps, case))(jnp.exp(m))
    num_steps = int(best.stats["steps"])
    error = float(jnp.linalg.norm(found["conductivity"] - truth) / jnp.linalg.norm(truth))
    covered = float(jnp.mean((found["low"] <= truth) & (truth <= found["high"])))
    misfit = float(jnp.sqrt(jnp.mean((fitted - data) ** 2)) / NOISE)
    width = float(jnp.mean((found["high"] - found["low"]) / found["conductivity"]))
    print(
        f"relative error of the conductivity {error:.1%}; a constant at best is off by "
        f"{float(truth.std() / jnp.sqrt(jnp.mean(truth**2))):.0%}"
    )
    print(
        f"the 90 % band, {width:.0%} of the conductivity wide on average, holds the truth at {covered:.0%} of the nodes"
    )
    print(f"the fit differs from the readings by {misfit:.3f} times their error; {num_steps} steps")
    figure(output / "conductivity.png", x, found, data, fitted, case)
    results = {
        "relative_error": error,
        "covered_by_90_percent_band": covered,
        "misfit_over_noise": misfit,
        "num_steps": num_steps,
        "x": x.tolist(),
        "true": truth.tolist(),
        "case": case._asdict(),
    } | {name: values.tolist() for name, values in found.items()}
    (output / "results.json").write_text(json.dumps(results, indent=1))

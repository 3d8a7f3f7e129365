"""Heat conductivity: a rod whose conductivity varies, from noisy temperatures, with error bars.

Heat runs through a rod by u_t = (k(x) u_x)_x, hot at its left end, cold at its right. Sixteen thermometers read the
temperature at forty times, each with an error of 0.005 (the hot end is at 1). The unknown is a function, m = log k. Its
smoothness penalty is that of a Gaussian process (Matern's of order 3/2, length 0.2, size 0.5), in whose own coordinates
z, with m = A z, the misfit plus |z|^2 / 2 is descended by derivatives J of the readings through the solver. The band
follows from the same derivatives: the inverse of J' J + 1 is the covariance of z.

The readings are made on a grid twice as fine, at another order of accuracy and with more steps, so that the inversion
does not profit from its own discretisation errors.

References:
    Tarantola, *Inverse Problem Theory* (2005), sections 3.2 and 5; Kaipio & Somersalo, J. Comput. Appl. Math. 198
    (2007) 493, for the finer grid.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from tqdm.auto import tqdm

from ..equations import Heat
from ..fields import FiniteDifference
from ..geometry import Box, Dirichlet, Grid
from ..simulation import simulate

ROD = Box((0.0, 1.0))
NOISE, PRIOR_SIZE, PRIOR_LENGTH = 0.005, 0.5, 0.2
SENSORS = np.linspace(0.05, 0.95, 16)[:, None]
MAX_STEPS = 50


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


def prior_factor(x: Float[Array, " nodes"]) -> Float[Array, "nodes nodes"]:
    """`A` with `A A'` the covariance of `m`, `size^2 (1 + s) exp(-s)` with `s = sqrt(3) |x - y| / length`."""
    s = jnp.sqrt(3.0) * jnp.abs(x[:, None] - x) / PRIOR_LENGTH
    return PRIOR_SIZE * jnp.linalg.cholesky((1 + s) * jnp.exp(-s))


def minimise(misfits: Callable, z: Array, progress: bool) -> tuple[Array, Array, int]:
    """The minimum of `(|misfits|^2 + |z|^2) / 2`, the inverse Hessian there, and the number of steps.

    Levenberg and Marquardt's damped steps, with the derivative of the misfits through the solver; it ends where the
    next step would lower the value by less than a thousandth.
    """

    @jax.jit
    def expand(z):
        r, jacobian = misfits(z), jax.jacfwd(misfits)(z)
        return (r @ r + z @ z) / 2, jacobian.T @ r + z, jacobian.T @ jacobian + jnp.eye(len(z))

    damping, (value, slope, hessian) = 1.0, expand(z)
    with tqdm(desc="descending", unit="step", disable=not progress) as bar:
        for count in range(1, MAX_STEPS + 1):
            trial = z - jnp.linalg.solve(hessian + damping * jnp.eye(len(z)), slope)
            there = expand(trial)
            bar.update()
            bar.set_postfix_str(f"misfit and penalty {value:.3f}")
            if there[0] < value:
                z, damping, (value, slope, hessian) = trial, damping / 10, there
            else:
                damping *= 10
            if slope @ jnp.linalg.solve(hessian, slope) < 2e-3:
                return z, jnp.linalg.inv(hessian), count
    raise RuntimeError(f"no minimum in {MAX_STEPS} steps: look at the readings and their error.")


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
    factor = prior_factor(x)

    @jax.jit
    def predict(z):
        return readings(space, jnp.exp(factor @ z), case.num_steps, case)

    z, spread, num_steps = minimise(lambda z: (predict(z) - data).ravel() / NOISE, jnp.zeros(len(x)), progress)
    m, sd = factor @ z, jnp.sqrt(jnp.diag(factor @ spread @ factor.T))
    found = {"conductivity": jnp.exp(m), "low": jnp.exp(m - 1.645 * sd), "high": jnp.exp(m + 1.645 * sd)}
    truth, fitted = true_conductivity(x), predict(z)
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

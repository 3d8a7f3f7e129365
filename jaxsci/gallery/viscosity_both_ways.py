"""Viscosity both ways: one unknown coefficient, found through the solver and by a network.

A wave that steepens, Burgers' u_t = -u u_x + nu u_xx, is read by 60 noisy probes somewhere in space and time. What is
its viscosity? Through the solver: `predict` runs the law for a viscosity, and `maximize` fits it. By a network:
`solve_pinn` lowers the residual of the same law and the misfit of the same data at once, with the viscosity among the
weights. Its points are drawn anew: between fixed ones it would bend the wave towards the noise.

Both see the same law object and the same numbers, so the answers can be compared, and so can the costs: the solver
fits one number, the network one number and a whole solution.

References:
    Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019) 686, section 4.
"""

import json
import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..equations import Burgers
from ..fields import FiniteDifference
from ..geometry import Dirichlet, Grid
from ..inference import Posterior, maximize
from ..learning import Adaptive, Data, LevenbergMarquardt, solve_pinn
from ..networks import MLP
from ..simulation import ARK4, simulate
from .rivals import front

TRUTH, GUESS = 0.1 / np.pi, 0.1
NOISE = 0.02
WITHIN = 0.1


class Case(NamedTuple):
    """How many probes at how many times, the network and its training, and the grid."""

    num_probes: int = 6
    num_times: int = 10
    width: int = 16
    num_points: int = 1000
    max_steps: int = 120
    num_nodes: int = 100
    seed: int = 0


class Found(NamedTuple):
    """A viscosity, what it took, and its standard deviation."""

    viscosity: float
    seconds: float
    spread: float


def measure(case: Case) -> tuple[Float[Array, "n 2"], Float[Array, " n"]]:
    """Points `(t, x)`, and readings of the exact wave with noise."""
    problem = front(TRUTH)
    t = np.arange(1, case.num_times + 1) / case.num_times
    x = np.linspace(-0.85, 0.85, case.num_probes)
    points = jnp.asarray(np.stack(np.meshgrid(t, x, indexing="ij"), axis=-1).reshape(-1, 2))
    exact = jax.vmap(lambda z: problem.exact(z[0], z[1:]))(points)
    return points, exact + NOISE * jax.random.normal(jax.random.key(case.seed), exact.shape)


def through_the_solver(case: Case, points: Array, readings: Array) -> Found:
    """Fit the viscosity by running the law, and its error bar."""
    problem = front(TRUTH)
    space = FiniteDifference(Grid(problem.box, (case.num_nodes,)), boundary=Dirichlet(0.0), order=4)
    x = points.reshape(case.num_times, case.num_probes, 2)[0, :, 1:]
    start = space.field(lambda y: problem.exact(0.0, y))

    def predict(logarithm):
        law = Burgers(jnp.exp(logarithm))
        run = simulate(law, start, 1.0, dt=1 / case.num_nodes, save_at=case.num_times, method=ARK4())
        return jnp.concatenate([run.at(i)(x) for i in range(case.num_times)])

    began = time.perf_counter()
    best = maximize(Posterior(predict, readings, noise=NOISE), jnp.log(GUESS))
    viscosity = float(jnp.exp(best.value))
    spread = viscosity * float(jnp.sqrt(jnp.ravel(best.covariance)[0]))
    return Found(viscosity, time.perf_counter() - began, spread)


def by_network(case: Case, points: Array, readings: Array) -> Found:
    """Lower residual and misfit at once, the viscosity among the weights."""
    problem = front(TRUTH)
    began = time.perf_counter()
    solution = solve_pinn(
        Burgers(GUESS),
        problem.box,
        MLP(2, "scalar", case.width, 2, key=jax.random.key(case.seed)),
        initial=lambda x: problem.exact(0.0, x),
        boundary=Dirichlet(0.0),
        t1=1.0,
        points=Adaptive(case.num_points, every=5),
        data=Data(points, readings, sigma=NOISE),
        unknowns=("viscosity",),
        optimiser=LevenbergMarquardt(max_steps=case.max_steps),
        compare=0,
        key=jax.random.key(1),
    )
    spread = float(solution.report.deviations["viscosity"])
    return Found(float(solution.unknowns["viscosity"]), time.perf_counter() - began, spread)


def table(ways: dict[str, Found]) -> str:
    """A row per way."""
    lines = [f"true viscosity {TRUTH:.5f}, guess {GUESS}", f"{'':20}{'viscosity':>11}{'off by':>9}{'seconds':>9}"]
    for name, found in ways.items():
        bar = f"  +- {found.spread:.5f}"
        lines.append(f"{name:20}{found.viscosity:11.5f}{found.viscosity / TRUTH - 1:9.1%}{found.seconds:9.1f}{bar}")
    return "\n".join([*lines, "seconds: compilation included", ""])


def figure(path: Path, case: Case, points: Array, readings: Array, ways: dict[str, Found]) -> None:
    """The readings over the wave, and the viscosities with their error bar."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(picture)
    wave, answers = picture.subplots(1, 2)
    problem = front(TRUTH)
    x = np.linspace(-1, 1, 300)
    for number, t in enumerate((0.2, 0.6, 1.0)):
        exact = jax.vmap(lambda y, t=t: problem.exact(t, y))(jnp.asarray(x[:, None]))
        here = np.isclose(np.asarray(points[:, 0]), t)
        wave.plot(x, exact, color=f"C{number}", lw=1, label=f"t = {t}")
        wave.plot(np.asarray(points[:, 1])[here], np.asarray(readings)[here], "o", color=f"C{number}", ms=4)
    wave.set(xlabel="x", ylabel="u", title="readings, and the wave behind them")
    wave.legend(frameon=False)
    for row, found in enumerate(ways.values()):
        answers.errorbar(found.viscosity, row, xerr=2 * found.spread, fmt="o", capsize=4)
    answers.axvline(TRUTH, color="k", lw=1, ls="--", label="truth")
    answers.set(xlabel="viscosity", yticks=range(len(ways)), yticklabels=list(ways), ylim=(-0.6, len(ways) - 0.4))
    answers.set_title("bar: two standard deviations")
    answers.legend(frameon=False)
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False, case: Case = Case()) -> None:  # noqa: B008
    """Find the viscosity both ways, and write `viscosity_both_ways.png`, `table.txt` and `results.json`.

    Raises:
        RuntimeError: If either is off by more than a tenth.
    """
    points, readings = measure(case)
    ways = {
        "through the solver": through_the_solver(case, points, readings),
        "by a network": by_network(case, points, readings),
    }
    text = table(ways)
    print(text, end="")
    figure(output / "viscosity_both_ways.png", case, points, readings, ways)
    (output / "table.txt").write_text(text)
    results = {name: found._asdict() for name, found in ways.items()} | {"truth": TRUTH, "case": case._asdict()}
    (output / "results.json").write_text(json.dumps(results, indent=1))
    worst = max(abs(found.viscosity / TRUTH - 1) for found in ways.values())
    if not worst < WITHIN:
        raise RuntimeError(f"one viscosity is off by {worst:.0%}, {WITHIN:.0%} were promised: see the table above.")

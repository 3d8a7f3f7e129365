"""Burgers two ways: one equation object, integrated by the solver and obeyed by a network.

    law = Burgers(viscosity)
    simulate(law, start, t1=1.0)                                  # finite differences
    solve_pinn(law, box, network, initial=start, t1=1.0, ...)     # a network

Nothing is written twice: `solve_pinn` puts the network into the same text that `simulate` integrates, and lowers what
is left of it at points of space and time. Start and walls are built in, so that they hold exactly from the first step
of training. The wave -sin(pi x) steepens into a front of width nu, which is known exactly by the formula of Cole and
Hopf; both ways are judged by it at the same three times.

The viscosity is moderate, 0.1/pi, so that a small network sees the front. Both costs are printed. The solver wins, and
that is the point: in one dimension a network is not a faster solver. What it has instead is a formula in space and
time, 501 numbers that can be differentiated, evaluated anywhere, and fitted to data at the same time.

References:
    Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019) 686; Hopf, Comm. Pure Appl. Math. 3 (1950) 201.
"""

import json
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm.auto import tqdm

from ..fields import FiniteDifference
from ..geometry import Dirichlet, Grid
from ..learning import LevenbergMarquardt, PinnSolution, solve_pinn
from ..networks import MLP
from ..plots import training
from ..simulation import ARK4, simulate
from .rivals import Case as Problem, front, off

VISCOSITY = 0.1 / np.pi
TIMES = (0.25, 0.5, 1.0)
X = np.linspace(-1, 1, 401)[:, None]
PROMISED = 1e-3


class Case(NamedTuple):
    """How large the network is, where and for how long it is trained, and how fine the grid is beside it."""

    width: int = 20
    depth: int = 2
    points: tuple[int, int] = (30, 60)
    max_steps: int = 200
    num_nodes: int = 200
    seed: int = 0


def by_network(problem: Problem, case: Case, progress: bool) -> PinnSolution:
    """The law, obeyed."""
    network = MLP(2, "scalar", case.width, case.depth, key=jax.random.key(case.seed))
    optimiser = LevenbergMarquardt(max_steps=case.max_steps)
    options = {"optimiser": optimiser, "points": case.points, "compare": case.num_nodes, "progress": progress}
    return solve_pinn(problem.law, problem.box, network, **problem.conditions, **options, key=jax.random.key(1))


def by_solver(problem: Problem, case: Case) -> list:
    """The law, integrated: fields at the times of interest."""
    space = FiniteDifference(Grid(problem.box, (case.num_nodes,)), boundary=Dirichlet(0.0), order=6)
    start = space.field(lambda x: problem.exact(0.0, x))
    solution = simulate(problem.law, start, TIMES[-1], dt=1 / case.num_nodes, save_at=TIMES, method=ARK4())
    return [solution.at(i) for i in range(len(TIMES))]


def values(problem: Problem, solution: PinnSolution, fields: list) -> dict[str, list[np.ndarray]]:
    """Both ways and the formula, at the same points and times."""
    x = jnp.asarray(X)
    truth = [jax.vmap(lambda y, t=t: problem.exact(t, y))(x) for t in TIMES]
    inside = jnp.clip(x, -0.999999, 0.999999)
    found = {"formula": truth, "solver": [u(inside) for u in fields], "network": [solution.at(t)(x) for t in TIMES]}
    return {name: [np.asarray(u) for u in rows] for name, rows in found.items()}


def table(solution: PinnSolution, found: dict[str, list[np.ndarray]]) -> str:
    """Errors at the three times, and both costs."""
    report = solution.report
    seconds = {"solver": report.solver_seconds, "network": report.seconds}
    lines = [f"{'':10}" + "".join(f"{f'error, t = {t}':>18}" for t in TIMES) + f"{'seconds':>10}"]
    for name, cost in seconds.items():
        errors = [off(u, v) for u, v in zip(found[name], found["formula"], strict=True)]
        lines.append(f"{name:10}" + "".join(f"{error:18.1e}" for error in errors) + f"{cost:10.3f}")
    return "\n".join([*lines, "", repr(report), ""])


def figure(path: Path, solution: PinnSolution, found: dict[str, list[np.ndarray]]) -> None:
    """Both ways and the formula; their errors; and how training went."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(13.5, 8.0), layout="constrained")
    FigureCanvasAgg(picture)
    (wave, error, cost), below = picture.subplots(2, 3)
    for i, t in enumerate(TIMES):
        wave.plot(X, found["formula"][i], "k", lw=1, label=None if i else "formula")
        wave.plot(X[::10], found["solver"][i][::10], "o", color="C0", mfc="none", ms=4, label=None if i else "solver")
        wave.plot(X[5::10], found["network"][i][5::10], "x", color="C1", ms=4, label=None if i else "network")
        for j, name in enumerate(("solver", "network")):
            gap = np.maximum(np.abs(found[name][i] - found["formula"][i]), 1e-9)
            error.semilogy(X, gap, color=f"C{j}", lw=0.8 + 0.5 * i, alpha=0.4 + 0.3 * i, label=f"{name}, t = {t}")
    wave.set(xlabel="x", ylabel="u", xlim=(-1, 1), title=f"t = {', '.join(map(str, TIMES))}")
    wave.legend(frameon=False)
    error.set(xlabel="x", ylabel="difference from the formula", xlim=(-1, 1), title="error")
    for panel in (wave, error):
        panel.set_xticks([-1, -0.5, 0, 0.5, 1])
    seconds = {"solver": solution.report.solver_seconds, "network": solution.report.seconds}
    bars = cost.barh(list(seconds), list(seconds.values()), color=["C0", "C1"], height=0.4)
    cost.bar_label(bars, [f" {value:.3g}" for value in seconds.values()])
    cost.set(xscale="log", xlim=(min(seconds.values()) / 5, max(seconds.values()) * 10), ylim=(-0.6, 2.6))
    cost.set(xlabel="seconds, compiled", title="cost")
    small = {"frameon": False, "ncols": 3, "fontsize": "x-small", "columnspacing": 1.0, "handlelength": 1.4}
    cost.legend(*error.get_legend_handles_labels(), loc="upper left", **small)
    training(solution, axes=below)
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False, case: Case = Case()) -> None:  # noqa: B008
    """Go both ways, print errors and costs, and write `burgers_two_ways.png`, `table.txt` and `results.json`.

    Raises:
        RuntimeError: If the network misses the formula by more than 1e-3, or the solver by more than the network.
    """
    problem = front(VISCOSITY)
    with tqdm(total=2, desc="ways", disable=not progress) as bar:
        fields = by_solver(problem, case)
        bar.update()
        solution = by_network(problem, case, progress)
        bar.update()
    found = values(problem, solution, fields)
    text = table(solution, found)
    print(text, end="")
    figure(output / "burgers_two_ways.png", solution, found)
    (output / "table.txt").write_text(text)
    errors = {
        name: [off(u, v) for u, v in zip(found[name], found["formula"], strict=True)] for name in ("solver", "network")
    }
    report = solution.report
    results = {"errors": errors, "case": case._asdict(), "times": TIMES, "error_everywhere": report.error}
    results |= {
        "seconds": {"solver": report.solver_seconds, "network": report.seconds},
        "residual": report.fresh_residual,
    }
    (output / "results.json").write_text(json.dumps(results, indent=1))
    worst = {name: max(rows) for name, rows in errors.items()}
    if not worst["solver"] < worst["network"] < PROMISED:
        raise RuntimeError(
            f"the solver is off by {worst['solver']:.1e} and the network by {worst['network']:.1e}: the network was "
            f"promised to stay below {PROMISED:.0e}, and the solver below the network."
        )

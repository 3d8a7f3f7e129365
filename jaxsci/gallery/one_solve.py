"""One solve: a linear equation needs no training, only least squares.

A network whose hidden layer is random and stays so, `RandomFeatures`, is linear in what it learns. Put into a linear
equation it leaves a residual that is linear too, and the best weights are one least-squares solve away. `solve_pinn`
notices by itself: there are no steps, no learning rate and no luck. On smooth solutions the error falls to rounding.

Three linear laws, a membrane, a rod and a string, show it, each beside the library's own solver on a ladder of
grids. Two things are true at once: the solver has the first six digits in a hundredth of the time, and the last ones,
beyond ten, only the network gets, because its error falls faster than any power of its size.

References:
    Dong & Li, Comput. Methods Appl. Mech. Eng. 387 (2021) 114129; Chen, Chi, E & Yang, J. Mach. Learn. 1 (2022) 268.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
from tqdm.auto import tqdm

from ..learning import solve_pinn
from ..networks import RandomFeatures
from .rivals import Case, Cost, as_good, figure, ladder, learned, membrane, rod, string

PROMISED = 1e-10


class Setting(NamedTuple):
    """A problem, the features for it, the points at which its law is asked to hold, and the grids of the solver."""

    case: Case
    num_features: int
    scale: float
    points: tuple[int, int]
    nodes: tuple[int, ...]


SETTINGS = (
    Setting(membrane(), 300, 3.0, (30, 30), (16, 32, 64, 128)),
    Setting(rod(), 200, 3.0, (25, 25), (16, 32, 64, 128)),
    Setting(string(), 600, 15.0, (50, 50), (32, 64, 128, 256, 512)),
)


class Outcome(NamedTuple):
    """Both ways through one problem."""

    name: str
    network: Cost
    optimiser: str
    num_weights: int
    solver: list[Cost]


def outcome(setting: Setting, wave: Callable = jnp.sin) -> Outcome:
    """Solve once by the network, and on each grid by the solver."""
    case = setting.case
    network = RandomFeatures(2, "scalar", setting.num_features, wave, scale=setting.scale, key=jax.random.key(0))
    report = solve_pinn(
        case.law, case.box, network, **case.conditions, points=setting.points, compare=0, key=jax.random.key(1)
    ).report
    name = f"{setting.num_features} features"
    return Outcome(case.name, learned(name, report), report.optimiser, report.num_weights, ladder(case, setting.nodes))


def table(outcomes: list[Outcome]) -> str:
    """A row per way, in the order of error."""
    lines = [f"{'':16}{'way':18}{'error':>10}{'seconds':>11}{'to compile':>13}"]
    for found in outcomes:
        for cost in [*found.solver, found.network]:
            lines.append(
                f"{found.name:16}{cost.name:18}{cost.error:10.1e}{cost.seconds:11.4f}{cost.compile_seconds:13.1f}"
            )
        same = as_good(found.solver, found.network.error)
        verdict = f"{same.name} are as accurate" if same else "no grid of these is as accurate"
        lines += [f"{'':16}{found.optimiser}: one solve for {found.num_weights} weights; {verdict}", ""]
    legend = [
        "error: relative, in the root mean square; of the solver at the end, of the network at all times",
        "seconds: of one run, compiled",
    ]
    return "\n".join([*lines, *legend, ""])


def main(output: Path, progress: bool = False, settings: tuple[Setting, ...] = SETTINGS) -> None:
    """Solve three linear laws, print the table, and write `one_solve.png`, `table.txt` and `results.json`.

    Raises:
        RuntimeError: If an error is above 1e-10, or the weights took more than one solve.
    """
    outcomes = [outcome(setting) for setting in tqdm(settings, desc="laws", disable=not progress)]
    text = table(outcomes)
    print(text, end="")
    ways = {o.name: {"solver, finer and finer grids": o.solver, "random features": [o.network]} for o in outcomes}
    figure(output / "one_solve.png", ways, PROMISED)
    (output / "table.txt").write_text(text)
    results = [found._replace(network=found.network._asdict(), solver=[c._asdict() for c in found.solver])._asdict()
               for found in outcomes]  # fmt: skip
    (output / "results.json").write_text(json.dumps(results, indent=1))
    for found in outcomes:
        if found.optimiser != "LeastSquares" or not found.network.error < PROMISED:
            raise RuntimeError(
                f"{found.name}: {found.optimiser} left an error of {found.network.error:.1e}, but one least-squares "
                f"solve was promised to reach {PROMISED:.0e}."
            )

"""Wrong tool: three problems where a network loses to a solver, and by how much.

A forward problem in one or two dimensions, with known coefficients, smooth data and a box for a domain, is what solvers
were made for. Three of them are solved here twice: by a network, trained by the best optimiser that this library has
for it, and by the solver on a ladder of grids. Both errors are against exact solutions, both costs
are of compiled runs. The table gives, for each network, the cheapest grid that is at least as accurate, and how many
times cheaper it is.

Use a network all the same if the problem is one of these: data and law together with unknown coefficients or fields;
five dimensions and more; a family of solutions over many coefficients; a domain that no grid fits. And try random
features first if the law is linear (`one-solve`).

References:
    McGreivy & Hakim, Nature Machine Intelligence 6 (2024) 1256, for how weak baselines made networks look fast.
"""

import json
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from tqdm.auto import tqdm

from ..learning import LevenbergMarquardt, solve_pinn
from ..networks import MLP
from .rivals import Case, Cost, as_good, figure, front, ladder, learned, membrane, rod

NODES = (16, 32, 64)
CHEAPER = 10.0


class Network(NamedTuple):
    """Width and hidden layers of a network, points for its law, and steps of training."""

    width: int
    depth: int
    points: tuple[int, int]
    max_steps: int


class Setting(NamedTuple):
    """A problem, and the networks that try it."""

    case: Case
    networks: tuple[Network, ...]
    nodes: tuple[int, ...] = NODES


SETTINGS = (
    Setting(membrane(), (Network(24, 1, (24, 24), 120),)),
    Setting(rod(), (Network(24, 1, (24, 24), 120),)),
    Setting(front(0.1 / np.pi), (Network(16, 2, (30, 45), 120),)),
)


class Outcome(NamedTuple):
    """Both ways through one problem."""

    name: str
    networks: list[Cost]
    solver: list[Cost]

    @property
    def ratios(self) -> list[float]:
        """How many times cheaper the solver is, for each network, at no larger error."""
        cheapest = [as_good(self.solver, network.error) for network in self.networks]
        return [
            network.seconds / same.seconds if same else float("nan")
            for network, same in zip(self.networks, cheapest, strict=True)
        ]


def outcome(setting: Setting) -> Outcome:
    """Train every network, and run the solver on every grid."""
    case, found = setting.case, []
    for network in setting.networks:
        weights = MLP(2, "scalar", network.width, network.depth, key=jax.random.key(0))
        optimiser = LevenbergMarquardt(max_steps=network.max_steps)
        options = {"points": network.points, "optimiser": optimiser, "compare": 0}
        solution = solve_pinn(case.law, case.box, weights, **case.conditions, **options, key=jax.random.key(1))
        found.append(learned(f"network {network.depth} x {network.width}", solution.report))
    return Outcome(case.name, found, ladder(case, setting.nodes))


def table(outcomes: list[Outcome]) -> str:
    """A row per network, with the cheapest grid that is at least as accurate beside it."""
    head = f"{'':30}{'error':>9}{'seconds':>9}   "
    lines = [f"{head}{'solver at no larger error':25}{'error':>9}{'seconds':>10}{'cheaper':>10}"]
    for found in outcomes:
        for network, ratio in zip(found.networks, found.ratios, strict=True):
            same = as_good(found.solver, network.error)
            left = f"{found.name:15}{network.name:15}{network.error:9.1e}{network.seconds:9.2f}   "
            right = (
                f"{same.name:25}{same.error:9.1e}{same.seconds:10.5f}{ratio:8.0f} x" if same else "none of these grids"
            )
            lines.append(left + right)
    compiling = np.mean([cost.compile_seconds for found in outcomes for cost in found.networks])
    other = np.mean([cost.compile_seconds for found in outcomes for cost in found.solver])
    return "\n".join([*lines, "", f"To compile: networks {compiling:.1f} s, solver {other:.1f} s, in the mean.", ""])


def main(output: Path, progress: bool = False, settings: tuple[Setting, ...] = SETTINGS) -> None:
    """Solve three problems both ways, print the table, and write `wrong_tool.png`, `table.txt` and `results.json`.

    Raises:
        RuntimeError: If the solver is not at least ten times cheaper everywhere.
    """
    outcomes = [outcome(setting) for setting in tqdm(settings, desc="problems", disable=not progress)]
    text = table(outcomes)
    print(text, end="")
    ways = {o.name: {"solver, finer and finer grids": o.solver, "network": o.networks} for o in outcomes}
    figure(output / "wrong_tool.png", ways)
    (output / "table.txt").write_text(text)
    results = [
        {"name": found.name, "cheaper": found.ratios}
        | {key: [cost._asdict() for cost in getattr(found, key)] for key in ("networks", "solver")}
        for found in outcomes
    ]
    (output / "results.json").write_text(json.dumps(results, indent=1))
    ratios = [ratio for found in outcomes for ratio in found.ratios]
    if not min(ratios) > CHEAPER:
        raise RuntimeError(
            f"the solver was promised to be {CHEAPER:.0f} times cheaper, and is {min(ratios):.1f} times."
        )

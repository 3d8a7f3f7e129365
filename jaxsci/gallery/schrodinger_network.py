"""Schroedinger network: a complex wave that swings in a trap, by a network and by the solver.

A displaced ground state in the trap V = x^2/2 swings like a pendulum and keeps its shape,

    i psi_t = -psi_xx / 2 + V psi,    |psi(t, x)|^2 = exp(-(x - cos t)^2) / sqrt(pi).

The law, `Schrodinger(HarmonicTrap())`, is the object that the solver integrates. A complex unknown needs nothing
special: the network gives two numbers, real and imaginary part, and the start decides that they make a complex field.
The trained wave is a field like any other, so the invariants of the law can be asked of it: projected onto a grid, its
probability and its energy show, without knowing the solution, how much to believe.

Quarter of a swing, until the wave is fastest. The solver keeps probability to nine digits by itself; the network keeps
it as well as it obeys the law.

References:
    Schroedinger, Naturwissenschaften 14 (1926) 664; Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019) 686.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm.auto import tqdm

from ..equations import Schrodinger
from ..fields import Field, Fourier
from ..geometry import Box, Dirichlet, Grid
from ..learning import LevenbergMarquardt, PinnSolution, solve_pinn
from ..networks import MLP
from ..simulation import simulate
from .rivals import off, timed

QUARTER = np.pi / 2
TIMES = (0.0, QUARTER / 2, QUARTER)
EXAMPLE = Schrodinger.example()
BOX = Box((-6.0, 6.0))
PROMISED = 1e-3


class Case(NamedTuple):
    """How large the network is, how it is trained, and how fine the grid of the solver is."""

    width: int = 20
    depth: int = 2
    points: tuple[int, int] = (30, 50)
    max_steps: int = 150
    num_nodes: int = 64
    step: float = 0.01
    seed: int = 0


def start(x):
    """The displaced ground state."""
    return EXAMPLE.solution(0.0, x)


def by_network(case: Case, progress: bool = False) -> PinnSolution:
    """The wave for all times, as a network."""
    return solve_pinn(
        EXAMPLE.equation,
        BOX,
        MLP(2, 2, case.width, case.depth, key=jax.random.key(case.seed)),
        initial=start,
        boundary=Dirichlet(0.0),
        t1=QUARTER,
        exact=EXAMPLE.solution,
        points=case.points,
        optimiser=LevenbergMarquardt(max_steps=case.max_steps),
        compare=0,
        progress=progress,
        key=jax.random.key(1),
    )


def by_solver(case: Case) -> tuple[list[Field], float]:
    """The wave at the times of interest in Fourier modes, and the seconds it took."""
    space = Fourier(Grid(BOX, (case.num_nodes,)), dealias=None)

    def program(psi):
        return simulate(EXAMPLE.equation, psi, QUARTER, dt=case.step, save_at=2).states

    states, seconds, _ = timed(jax.jit(program), space.field(start))
    return [space.field(start), *(jax.tree.map(lambda a, i=i: a[i], states) for i in range(2))], seconds


class Wave(NamedTuple):
    """What is to be said of a wave at one time."""

    t: float
    error: float
    probability: float
    energy: float
    values: np.ndarray


def judged(waves: list[Field], space: Fourier) -> list[Wave]:
    """Error, probability and energy of waves at the times of interest, on one grid."""
    law: Any = EXAMPLE.equation
    found = []
    for t, wave in zip(TIMES, waves, strict=True):
        truth = space.field(lambda x, t=t: EXAMPLE.solution(t, x)).values
        psi = space.project(wave)
        values = psi.values
        found.append(Wave(t, off(values, truth), float(law.norm(psi)), float(law.energy(psi)), np.asarray(values)))
    return found


def table(ways: dict[str, tuple[list[Wave], float]]) -> str:
    """A row per way and time."""
    lines = [f"{'':9}{'t':>7}{'error':>10}{'probability - 1':>18}{'energy - 1':>13}{'seconds in all':>17}"]
    for name, (waves, seconds) in ways.items():
        for wave in waves:
            cost = f"{seconds:17.4f}" if wave is waves[0] else ""
            lines.append(
                f"{name:9}{wave.t:7.3f}{wave.error:10.1e}{wave.probability - 1:18.1e}{wave.energy - 1:13.1e}{cost}"
            )
    return "\n".join([*lines, ""])


def figure(path: Path, space: Fourier, solution: PinnSolution, ways: dict[str, tuple[list[Wave], float]]) -> None:
    """The wave at three times, the density over space and time, and the errors."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(picture)
    waves, density, error = picture.subplots(1, 3)
    x = space.axes[0]
    for i, (exact, found) in enumerate(zip(ways["solver"][0], ways["network"][0], strict=True)):
        waves.plot(x, exact.values.real + 1.5 * i, "k-", lw=1, label=None if i else "solver, real part")
        waves.plot(x, found.values.real + 1.5 * i, "C1x", ms=4, label=None if i else "network, real part")
        waves.text(-5.8, 1.5 * i + 0.12, f"t = {exact.t:.2f}")
        error.semilogy(x, np.maximum(np.abs(found.values - exact_values(x, exact.t)), 1e-9), label=f"t = {exact.t:.2f}")
    waves.set(xlabel="x", ylim=(-1.1, 4.6), yticks=[], xlim=(-6, 6))
    waves.legend(frameon=False, loc="upper left")
    t = np.linspace(0, QUARTER, 40)
    rows = [np.abs(np.asarray(solution.at(moment)(jnp.asarray(x[:, None])))) ** 2 for moment in t]
    shown = density.pcolormesh(x, t, np.stack(rows), shading="gouraud", rasterized=True)
    density.plot(np.cos(t), t, "w--", lw=1, label="cos t")
    density.set(xlabel="x", ylabel="t", xlim=(-4, 4), title="$|\\psi|^2$ of the network")
    density.legend(frameon=False, labelcolor="white")
    picture.colorbar(shown, ax=density)
    error.set(xlabel="x", ylabel="$|\\psi - \\psi_{exact}|$", title="error of the network", xlim=(-6, 6))
    error.legend(frameon=False)
    picture.savefig(path, dpi=150)


def exact_values(x: np.ndarray, t: float) -> np.ndarray:
    """The known solution at points of the line."""
    return np.asarray(jax.vmap(lambda y: EXAMPLE.solution(t, y))(jnp.asarray(x[:, None])))


def main(output: Path, progress: bool = False, case: Case = Case()) -> None:  # noqa: B008
    """Swing both ways, print the figures, and write `schrodinger_network.png`, `table.txt` and `results.json`.

    Raises:
        RuntimeError: If the network is off by more than 1e-3, or its probability by more than 1e-3.
    """
    space = Fourier(Grid(BOX, (case.num_nodes,)), dealias=None)
    with tqdm(total=2, desc="ways", disable=not progress) as bar:
        fields, seconds = by_solver(case)
        bar.update()
        solution = by_network(case, progress)
        bar.update()
    ways = {
        "solver": (judged(fields, space), seconds),
        "network": (judged([solution.at(t) for t in TIMES], space), solution.report.seconds),
    }
    text = f"{table(ways)}\n{solution.report!r}\n"
    print(text, end="")
    figure(output / "schrodinger_network.png", space, solution, ways)
    (output / "table.txt").write_text(text)
    results: dict[str, Any] = {
        name: {"seconds": cost}
        | {key: [getattr(wave, key) for wave in waves] for key in ("error", "probability", "energy")}
        for name, (waves, cost) in ways.items()
    } | {"times": TIMES, "error_everywhere": solution.report.error, "case": case._asdict()}
    (output / "results.json").write_text(json.dumps(results, indent=1))
    worst = max(max(wave.error, abs(wave.probability - 1)) for wave in ways["network"][0])
    if not worst < PROMISED:
        raise RuntimeError(f"the network is off by {worst:.1e}; {PROMISED:.0e} was promised.")

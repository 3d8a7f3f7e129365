"""What a network has to beat: the library's own solver on ladders of grids, its error and its seconds."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ..equations import Burgers, Heat, Poisson, Wave, WaveState
from ..fields import FiniteDifference
from ..geometry import Box, Dirichlet, Grid
from ..simulation import ARK4, RK4, simulate
from .burgers_three_storages import ColeHopf

RUNS = 3


class Cost(NamedTuple):
    """What one way to a solution gave, and took: relative error, seconds of a run, seconds to compile it."""

    name: str
    error: float
    seconds: float
    compile_seconds: float


class Case(NamedTuple):
    """A law with its conditions and exact solution `u(t, x)`; `solve(space)` gives a program, its input, the truth."""

    name: str
    law: Any
    box: Box
    t1: float | None
    exact: Callable
    solve: Callable

    @property
    def conditions(self) -> dict[str, Any]:
        """Those arguments of `solve_pinn` that say what the problem is."""
        timed = {} if self.t1 is None else {"t1": self.t1, "initial": lambda x: self.exact(0.0, x)}
        return {"boundary": Dirichlet(0.0), "exact": self.exact} | timed


def membrane() -> Case:
    """A loaded membrane on the unit square: Poisson's equation, by fast diagonalisation."""
    example = Poisson.example()

    def solve(space):
        law = Poisson(space.field(example.equation.source))
        return lambda law: law.solve(space).values, law, _values(space, lambda x: example.solution(0.0, x))

    return Case("Poisson, 2-D", example.equation, example.box, None, example.solution, solve)


def rod() -> Case:
    """A cooling rod: the heat equation, with an implicit step for the conduction."""
    example = Heat.example()

    def solve(space):
        def program(start):
            return simulate(example.equation, start, 1.0, dt=1 / space.grid.shape[0], method=ARK4()).final.values

        return (
            program,
            space.field(lambda x: example.solution(0.0, x)),
            _values(space, lambda x: example.solution(1.0, x)),
        )

    return Case("heat, 1-D", example.equation, example.box, 1.0, example.solution, solve)


def string() -> Case:
    """A plucked string: the wave equation, with explicit steps."""
    example = Wave.example()

    def solve(space):
        def program(start):
            step = 0.4 / space.grid.shape[0]
            return simulate(example.equation, start, 1.0, dt=step, method=RK4()).final.u.values

        start = WaveState(*(space.field(lambda x, i=i: example.solution(0.0, x)[i]) for i in range(2)))
        return program, start, _values(space, lambda x: example.solution(1.0, x).u)

    return Case("waves, 1-D", example.equation, example.box, 1.0, example.solution, solve)


def front(viscosity: float) -> Case:
    """A sine wave that steepens into a front: Burgers' equation, with an implicit step for the viscosity."""
    law, box = Burgers(viscosity), Box((-1.0, 1.0))

    def start(x):
        return -jnp.sin(jnp.pi * x[0])

    def exact(t, x):
        t = jnp.asarray(t, x.dtype)
        return jnp.where(t > 0, ColeHopf(jnp.asarray(viscosity), jnp.where(t > 0, t, 1.0))(x), start(x))

    def solve(space):
        def program(u):
            return simulate(law, u, 1.0, dt=1 / space.grid.shape[0], method=ARK4()).final.values

        return program, space.field(start), _values(space, lambda x: exact(1.0, x))

    return Case("Burgers, 1-D", law, box, 1.0, exact, solve)


def ladder(case: Case, nodes: Iterable[int], order: int = 6) -> list[Cost]:
    """The solver on finer and finer grids, each compiled, then timed as the best of three runs."""
    found = []
    for n in nodes:
        space = FiniteDifference(Grid(case.box, (n,) * case.box.dim), boundary=Dirichlet(0.0), order=order)
        program, given, truth = case.solve(space)
        values, seconds, compiling = timed(jax.jit(program), given)
        found.append(
            Cost(f"{n} nodes" if case.box.dim == 1 else f"{n} x {n} nodes", off(values, truth), seconds, compiling)
        )
    return found


def timed(program: Callable, given: Any) -> tuple[Any, float, float]:
    """What a program gives, the seconds of its best run, and those that the first call took on top."""
    laps = []
    for _ in range(1 + RUNS):
        began = time.perf_counter()
        values = jax.block_until_ready(program(given))
        laps.append(time.perf_counter() - began)
    return values, min(laps[1:]), max(0.0, laps[0] - min(laps[1:]))


def as_good(costs: list[Cost], error: float) -> Cost | None:
    """The cheapest that is at least as accurate, if there is any."""
    good = [cost for cost in costs if cost.error <= error]
    return min(good, key=lambda cost: cost.seconds) if good else None


def learned(name: str, report: Any) -> Cost:
    """What a trained network gave and took, by its report."""
    return Cost(name, report.error, report.seconds, report.compile_seconds)


def off(values: Array, truth: Array) -> float:
    """Norm of the difference over the norm of the truth."""
    return float(jnp.linalg.norm(jnp.ravel(values - truth)) / jnp.linalg.norm(jnp.ravel(truth)))


def figure(path: Path, problems: dict[str, dict[str, list[Cost]]], promised: float | None = None) -> None:
    """Error against seconds: a panel per problem, a curve per way, and a line where an error was promised."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12.5, 4.2), layout="constrained")
    FigureCanvasAgg(picture)
    panels = picture.subplots(1, len(problems), sharey=True, squeeze=False)[0]
    panels[0].set_ylabel("relative error")
    for panel, (title, ways) in zip(panels, problems.items(), strict=True):
        for (name, costs), marker, size in zip(ways.items(), ("o-", "*-"), (5, 9), strict=True):
            panel.loglog([c.seconds for c in costs], [c.error for c in costs], marker, ms=size, label=name)
        panel.set(xlabel="seconds, compiled", title=title)
        panel.grid(alpha=0.3)
        if promised is not None:
            panel.axhline(promised, color="0.6", lw=1, ls="--")
    panels[-1].legend(frameon=False)
    picture.savefig(path, dpi=150)


def _values(space: FiniteDifference, function: Callable) -> Array:
    return space.field(function).values

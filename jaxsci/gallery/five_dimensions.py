"""Five dimensions: Poisson's equation at 3000 scattered points, and the grids beside it.

A grid with n nodes per axis has n^5 of them in five dimensions. A network does not care: it is asked to obey the law at
3000 points of a quasi-random sequence, and its 421 weights find

    u = sin(pi x_1) ... sin(pi x_5) cos(a . x),    u = 0 on all ten walls,

which is not a product, since the cosine mixes all five coordinates. The walls are built in. Second derivatives along
the five axes are propagated as Taylor polynomials, forwards, so that a step costs a few network evaluations per axis.

What does a grid make of it? The coarsest one, of six nodes per axis, has more nodes already than the network has
points, and is off by several percent. One with 10 or 14 nodes per axis and differences of fourth order is as good as
the network, and still quick, because on a box the
matrix of each axis can be diagonalised by itself. So five dimensions are where both tools meet, on a box, for a linear
law. Each further dimension multiplies the grid by its nodes per axis and leaves the number of points almost alone; the
last lines of the table say where memory ends.

References:
    Caflisch, Acta Numerica 7 (1998) 1, for quasi-random points; Hu et al., Neural Networks 176 (2024) 106369.
"""

import json
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..equations import Poisson
from ..fields import FiniteDifference
from ..geometry import Box, Dirichlet, Grid
from ..learning import LevenbergMarquardt, PinnSolution, solve_pinn
from ..networks import MLP
from .rivals import Cost, as_good, off, timed

DIM = 5
BOX = Box(*[(0.0, 1.0)] * DIM)
WAVES = np.array([1.0, 2.0, -1.0, 2.0, 1.0])
PROMISED = 1e-3


class Case(NamedTuple):
    """Size of the network, its points and steps of training, and the grids (nodes per axis, order) beside it."""

    width: int = 60
    num_points: int = 3000
    max_steps: int = 60
    grids: tuple[tuple[int, int], ...] = ((6, 2), (8, 2), (10, 4), (14, 4))
    seed: int = 0


def bump(x: Float[Array, "5"]) -> Float[Array, ""]:
    """A product that vanishes on the walls."""
    return jnp.prod(jnp.sin(jnp.pi * x))


def solution(x: Float[Array, "5"]) -> Float[Array, ""]:
    """What is to be found."""
    return bump(x) * jnp.cos(x @ jnp.asarray(WAVES, x.dtype))


def source(x: Float[Array, "5"]) -> Float[Array, ""]:
    """`-lap u` of it."""
    a = jnp.asarray(WAVES, x.dtype)
    return (DIM * jnp.pi**2 + a @ a) * solution(x) + 2.0 * (jax.grad(bump)(x) @ a) * jnp.sin(x @ a)


def by_network(case: Case, progress: bool = False) -> PinnSolution:
    """The network, trained at scattered points."""
    return solve_pinn(
        Poisson(source),
        BOX,
        MLP(DIM, "scalar", case.width, 1, key=jax.random.key(case.seed)),
        boundary=Dirichlet(0.0),
        exact=lambda t, x: solution(x),
        points=case.num_points,
        optimiser=LevenbergMarquardt(max_steps=case.max_steps),
        progress=progress,
        key=jax.random.key(1),
    )


def by_grid(nodes: int, order: int) -> Cost:
    """The solver on a grid, by fast diagonalisation."""
    space = FiniteDifference(Grid(BOX, (nodes,) * DIM), boundary=Dirichlet(0.0), order=order)
    u, seconds, compiling = timed(jax.jit(lambda law: law.solve(space).values), Poisson(space.field(source)))
    return Cost(f"{nodes} nodes per axis, order {order}", off(u, space.field(solution).values), seconds, compiling)


def table(report, grids: list[Cost], case: Case) -> str:
    """A row per way, then what the grid that is as good as the network would need in more dimensions."""
    lines = [f"{'':29}{'numbers':>10}{'error':>10}{'seconds':>10}"]
    lines.append(
        f"{f'network, {report.num_points} points':29}{report.num_weights:10}{report.error:10.1e}{report.seconds:10.3f}"
    )
    for (nodes, _), cost in zip(case.grids, grids, strict=True):
        lines.append(f"{cost.name:29}{nodes**DIM:10}{cost.error:10.1e}{cost.seconds:10.3f}")
    same = as_good(grids, report.error)
    if same is not None:
        nodes = case.grids[grids.index(same)][0]
        lines += ["", f"with {nodes} nodes per axis, one field takes"]
        lines += [f"  in {dim:2} dimensions {8.0 * nodes**dim / 1e9:10.3g} GB" for dim in (5, 7, 10)]
    return "\n".join([*lines, ""])


def figure(path: Path, trained: PinnSolution, grids: list[Cost], case: Case) -> None:
    """A slice through the middle, the error at scattered points, and error against numbers stored."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(13, 4.2), layout="constrained")
    FigureCanvasAgg(picture)
    plane, scatter, sizes = picture.subplots(1, 3)
    s = np.linspace(0, 1, 80)
    x = np.full((80, 80, DIM), 0.4)
    x[..., 0], x[..., 1] = np.meshgrid(s, s, indexing="ij")
    u = np.asarray(trained.field(jnp.asarray(x)))
    top = float(np.abs(u).max())
    shown = plane.pcolormesh(s, s, u.T, cmap="RdBu_r", vmin=-top, vmax=top, shading="gouraud", rasterized=True)
    plane.set(xlabel="$x_1$", ylabel="$x_2$", title="network where the others are 0.4", aspect="equal")
    picture.colorbar(shown, ax=plane)
    points = jnp.asarray(trained.report.fresh_points)
    truth = jax.vmap(solution)(points)
    scatter.semilogy(np.asarray(truth), np.asarray(jnp.abs(trained.field(points) - truth)), ".", ms=2)
    scatter.set(xlabel="u", ylabel="error of the network", title=f"at {len(points)} fresh points")
    sizes.loglog([nodes**DIM for nodes, _ in case.grids], [cost.error for cost in grids], "o-", label="grid: nodes")
    sizes.loglog([trained.report.num_weights], [trained.report.error], "C1*", ms=12, label="network: weights")
    sizes.loglog([trained.report.num_points], [trained.report.error], "C1o", mfc="none", label="network: points")
    sizes.set(xlabel="how many", ylabel="relative error", title="what it takes")
    sizes.legend(frameon=False)
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False, case: Case = Case()) -> None:  # noqa: B008
    """Train, solve on the grids, print errors, and write `five_dimensions.png`, `table.txt` and `results.json`.

    Raises:
        RuntimeError: If the error is above 1e-3, or the coarsest grid comes near.
    """
    trained = by_network(case, progress)
    grids = [by_grid(nodes, order) for nodes, order in case.grids]
    text = table(trained.report, grids, case)
    print(text, end="")
    figure(output / "five_dimensions.png", trained, grids, case)
    (output / "table.txt").write_text(text)
    report = trained.report
    results = {
        "network": {"error": report.error, "seconds": report.seconds, "weights": report.num_weights,
                    "points": report.num_points, "residual": report.fresh_residual},
        "grids": [cost._asdict() for cost in grids],
        "case": case._asdict(),
    }  # fmt: skip
    (output / "results.json").write_text(json.dumps(results, indent=1))
    error = np.inf if report.error is None else report.error
    if not error < PROMISED or not grids[0].error > 20 * error:
        raise RuntimeError(
            f"the network is off by {error:.1e}, {PROMISED:.0e} was promised; the coarsest grid by "
            f"{grids[0].error:.1e}, and twenty times more was promised."
        )

"""Burgers in three storages: one law, one front, one gradient, three ways to store it.

The wave -sin(pi x) on [-1, 1] steepens into a front, here with viscosity 0.01 / pi. The loss is the sum of squares of
u(x, 1) at four points, and its derivative in the viscosity is asked of each storage:

* finite differences between walls, and Fourier modes (the wave is odd, so its periodic continuation obeys the walls),
  step through time, and the derivative comes back through all steps in reverse;
* as a function nothing is stepped: Cole and Hopf's formula gives u(t, x; viscosity) in one line, which is
  differentiated as it stands; that the same text of the law leaves no residual on it is checked at the points.

The published values hold for u; the derivative by the formula is exact, and the other two must meet it.

References:
    Basdevant et al., Comput. Fluids 14 (1986) 23, for the case; Cole, Q. Appl. Math. 9 (1951) 225, for the formula.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from tqdm.auto import tqdm

from ..equations import Burgers
from ..fields import Field, FiniteDifference, Fourier, Neural, Space
from ..geometry import Box, Dirichlet, Grid
from ..simulation import Solution, simulate

VISCOSITY = 0.01 / np.pi
LINE = Box((-1.0, 1.0))
TIMES = (0.5, 1.0)
POINTS = np.array([0.1, 0.25, 0.5, 0.75])[:, None]
PUBLISHED = np.array(
    [
        [-0.9581595534, -0.8473545245, -0.5927695344, -0.3028427083],
        [-0.6654815677, -0.5591962931, -0.3761813957, -0.1889980953],
    ]
)


class Case(NamedTuple):
    """How finely the steps and nodes are chosen."""

    finite_difference_nodes: int = 1024
    fourier_nodes: int = 2048
    num_steps: int = 2500


class ColeHopf(eqx.Module):
    """The exact solution at one time: an average of `-sin(pi y)` with positive weights, by the trapezoidal rule.

    Args:
        viscosity: Viscosity `nu`.
        t: Time, positive.
    """

    viscosity: Array
    t: Array

    def __call__(self, x: Float[Array, " dim"]) -> Float[Array, ""]:
        s = jnp.linspace(-2.0, 2.0, 2001)
        y = x[0] - s
        exponent = -jnp.cos(jnp.pi * y) / (2 * jnp.pi * self.viscosity) - s**2 / (4 * self.viscosity * self.t)
        return -jnp.sum(jax.nn.softmax(exponent) * jnp.sin(jnp.pi * y))


class Row(NamedTuple):
    """What one storage found."""

    name: str
    gradient: float
    values: np.ndarray
    fields: tuple[Field, ...]
    seconds: float


def stepped(space: Space, num_steps: int) -> Callable[[Array], tuple[Field, ...]]:
    """The front at the times of interest, by stepping in a space."""

    def fields(viscosity: Array) -> tuple[Field, ...]:
        start = space.field(lambda x: -jnp.sin(jnp.pi * x[0]))
        solution: Solution = simulate(Burgers(viscosity), start, TIMES[-1], dt=1 / num_steps, save_at=TIMES)
        return tuple(solution.at(i) for i in range(len(TIMES)))

    return fields


def formula(viscosity: Array) -> tuple[Field, ...]:
    """The front at the times of interest, as functions."""
    return tuple(Neural(LINE).field(ColeHopf(viscosity, jnp.asarray(t))) for t in TIMES)


def loss(fields: tuple[Field, ...]) -> Array:
    """Sum of squares at the points, at the last time."""
    return jnp.sum(fields[-1](jnp.asarray(POINTS)) ** 2)


def differentiate(name: str, fields: Callable[[Array], tuple[Field, ...]], viscosity: float = VISCOSITY) -> Row:
    """Values at the points and the derivative of the loss in the viscosity."""

    @eqx.filter_jit
    @eqx.filter_value_and_grad(has_aux=True)
    def both(viscosity):
        found = fields(viscosity)
        return loss(found), (found, jnp.stack([field(jnp.asarray(POINTS)) for field in found]))

    began = time.perf_counter()
    (_, (found, values)), gradient = both(jnp.asarray(viscosity))
    return Row(name, float(gradient), np.asarray(values), found, time.perf_counter() - began)


def residual(viscosity: float = VISCOSITY) -> float:
    """Largest `|u_t - F(u)|` of the formula at the points, over the largest `|u_t|`; `F` is the text of the law."""
    law, points = Burgers(viscosity), jnp.asarray(POINTS)

    def at(t):
        return Neural(LINE).field(ColeHopf(jnp.asarray(viscosity), t))

    def gap(t):
        rate = jax.jvp(lambda t: at(t)(points), (t,), (jnp.ones_like(t),))[1]
        return jnp.max(jnp.abs(rate - law(t, at(t))(points))) / jnp.max(jnp.abs(rate))

    return float(max(jax.jit(gap)(jnp.asarray(t)) for t in TIMES))


def table(rows: list[Row], gap: float) -> str:
    """The rows as text: errors against the published values, and the gradients."""
    exact = rows[-1].gradient
    lines = [f"{'':20}{'error at t=0.5':>16}{'error at t=1':>16}{'d loss/d viscosity':>22}{'off by':>11}{'seconds':>9}"]
    for row in rows:
        errors = "".join(f"{error:16.1e}" for error in np.abs(row.values - PUBLISHED).max(axis=1))
        off = "" if row is rows[-1] else f"{abs(row.gradient / exact - 1):.1e}"
        lines.append(f"{row.name:20}{errors}{row.gradient:22.10f}{off:>11}{row.seconds:9.1f}")
    return "\n".join(
        [
            *lines,
            "",
            "error    largest difference from the published values (ten digits) at x = 0.1, 0.25, 0.5, 0.75",
            "off by   relative difference from the derivative of the exact formula",
            "seconds  value and gradient together, compilation included",
            f"The law leaves a relative residual of {gap:.1e} on the exact formula.",
            "",
        ]
    )


def figure(path: Path, rows: list[Row]) -> None:
    """The front by each storage, and how far the stepped ones are from the formula."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(picture)
    front, error = picture.subplots(1, 2)
    styles = (
        {"ls": "", "marker": "o", "mfc": "none", "color": "C0"},
        {"ls": "", "marker": "x", "color": "C1"},
        {"color": "black", "lw": 1},
    )
    x = np.concatenate([np.linspace(-1, -0.05, 20), np.linspace(-0.02, 0.02, 9), np.linspace(0.05, 1, 20)])
    fine = np.concatenate([np.linspace(-1, -0.05, 150), np.linspace(-0.05, 0.05, 200), np.linspace(0.05, 1, 150)])
    for row, style in zip(rows, styles, strict=True):
        at = fine if row is rows[-1] else x
        for i, u in enumerate(row.fields):
            front.plot(at, u(jnp.asarray(at[:, None])), **style, label=None if i else row.name, zorder=2 + (at is x))
    front.set(xlabel="x", ylabel="u", xlim=(-1, 1), title="the front at t = 0.5 and, lower, t = 1")
    front.legend(frameon=False)
    inside = jnp.asarray(np.linspace(-0.99, 0.99, 397)[:, None])
    for i, row in enumerate(rows[:-1]):
        gaps = [np.abs(u(inside) - v(inside)) for u, v in zip(row.fields, rows[-1].fields, strict=True)]
        for t, gap, style in zip(TIMES, gaps, (":", "-"), strict=True):
            error.semilogy(inside[:, 0], np.maximum(gap, 1e-16), style, color=f"C{i}", label=f"{row.name}, t = {t:g}")
    error.set(xlabel="x", ylabel="difference from the formula", xlim=(-1, 1), ylim=(1e-16, 1))
    error.set_title("error")
    error.legend(frameon=False)
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False, case: Case = Case()) -> None:  # noqa: B008
    """Run the three, print the table, and write `burgers.png`, `results.json` and `table.txt` into `output`."""
    walls = FiniteDifference(Grid(LINE, (case.finite_difference_nodes,)), boundary=Dirichlet(0.0), order=6)
    waves = Fourier(Grid(LINE, (case.fourier_nodes,)))
    ways = {
        "finite differences": stepped(walls, case.num_steps),
        "Fourier modes": stepped(waves, case.num_steps),
        "function (exact)": formula,
    }
    bar = tqdm(ways.items(), desc="differentiating", unit="storage", disable=not progress)
    rows = [differentiate(name, fields) for name, fields in bar]
    gap = residual()
    text = table(rows, gap)
    print(text, end="")
    figure(output / "burgers.png", rows)
    (output / "table.txt").write_text(text)
    results = {
        "viscosity": VISCOSITY,
        "times": TIMES,
        "points": POINTS[:, 0].tolist(),
        "published": PUBLISHED.tolist(),
        "residual_of_formula": gap,
        "storages": [
            {"name": row.name, "values": row.values.tolist(), "gradient": row.gradient, "seconds": row.seconds}
            for row in rows
        ],
        "case": case._asdict(),
    }
    (output / "results.json").write_text(json.dumps(results, indent=1))

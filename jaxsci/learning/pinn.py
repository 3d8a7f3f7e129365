"""Solving a law with a network: the equation that `simulate` integrates is the residual that training lowers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxtyping import Array

from ..geometry import BoundaryLaw, Box, Region
from .fitting import Effort, fit
from .marching import in_windows
from .optimisers import Optimiser
from .problems.assembly import Sought, Wanted
from .problems.data import Data
from .reports.comparison import compared
from .sampling.refreshing import Adaptive, Refresh
from .solution import PinnSolution, solution_of


def solve_pinn(
    equation: Callable,
    domain: Box | Region | None,
    network: Callable,
    *,
    initial: Any = None,
    boundary: BoundaryLaw | Mapping[str, BoundaryLaw] | tuple | None = None,
    t0: float = 0.0,
    t1: float | None = None,
    args: Any = None,
    exact: Callable | None = None,
    optimiser: Optimiser | None = None,
    points: int | Sequence[int] | Array | Adaptive = 2500,
    weighting: Refresh | Sequence[Refresh] = (),
    windows: int = 1,
    weight: float = 10.0,
    data: Data | Sequence[Data] | None = None,
    unknowns: str | Sequence[str] = (),
    positive: str | Sequence[str] = (),
    parameters: Box | None = None,
    compare: int | None = None,
    store: str | None = None,
    save_every: float = 60.0,
    progress: bool = False,
    key: Array,
) -> PinnSolution:
    r"""Solve a law with a network: lower :math:`\int |u_t - F(t, u)|^2`, or :math:`\int |F(0, u)|^2` for a law at rest.

    F is the object that `simulate` takes. Start, walls and periods are built in where they can be. Errors below 1e-4
    need float64; in one to three dimensions solvers are faster, and the report runs one beside it.

    Args:
        equation: The law.
        domain: A box; a region such as `box - js.geometry.Ball(center, radius)`; None for an ordinary law in time.
        network: A function of the coordinates, time first, each scaled to `[-1, 1]`, periodic ones as cosine and sine.
            It gives the state, then one number for each Poisson solve or projection in the law.
        initial: The start: a function of one point that gives the state, or Fields, or numbers for an ordinary law.
        boundary: Laws at the walls, as for FiniteDifference; on a region by names of walls; a tuple of them per part.
        t0, t1: First and last time; `t1` is None for a law at rest.
        args: Handed to the law.
        exact: The solution `u(t, x)`, if it is known, for the error in the report.
        optimiser: How to train; None chooses by linearity and number of weights.
        points: Where the law is to hold: how many, how many per coordinate, `(n, coordinates)`, or `Adaptive(number)`.
        weighting: `Causal()` for laws in time that forget their start, `Balanced()` for conditions in the loss.
        windows: Into how many windows the time is cut, solved one after the other.
        weight: Factor of the conditions that are not built in.
        data: Measured values, which join the loss.
        unknowns, positive: Paths in the law, such as `"viscosity"`, to be learned from `data`; which stay positive.
        parameters: A box of parameters p of a family of problems: the law's `args`, and more inputs of all functions.
        compare: Nodes per axis for the library's own solver in the report; 0 leaves it out.
        store, save_every: A directory from which a killed training goes on, and the seconds between two saves.
        progress: Show a bar.
        key: Random key of the points.

    Returns:
        The solution: `field`, `at(t)`, and a `report` that `print` shows.

    Raises:
        ShapeError: If the network takes or gives another number of values.
        UnsupportedError: If the law cannot be read at a point, or `LeastSquares` meets weights that enter nonlinearly.
        ValueError: If conditions contradict each other, or hold numbers that are not finite.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> law = js.equations.Poisson(lambda x: jnp.pi**2 * jnp.sin(jnp.pi * x[0]))
        >>> given = law, js.Box((0.0, 1.0)), js.networks.RandomFeatures(1, "scalar", 20, key=jax.random.key(0))
        >>> solution = js.learning.solve_pinn(*given, boundary=js.Dirichlet(0.0), compare=0, key=jax.random.key(1))
        >>> bool(abs(solution.field(jnp.array([0.5])) - 1.0) < 1e-3)
        True

    References: Lagaris et al. (1998); Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019) 686.
    """
    sought = Sought(data, unknowns, positive, parameters)
    wanted = Wanted(
        equation, domain, network, initial, boundary, (t0, t1), args, exact, points, weighting, weight, sought
    )
    effort = Effort(optimiser, store, save_every, progress)
    done = fit(wanted, effort, key) if windows == 1 or t1 is None else in_windows(windows, wanted, effort, key)
    return solution_of(done, compared(done.setup, done.trial, compare), domain)

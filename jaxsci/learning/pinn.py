"""Solving a law with a network: the equation that `simulate` integrates is the residual that training lowers."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from jaxtyping import Array

from .._core.errors import UnsupportedError
from ..geometry import BoundaryLaw, Box, Region
from .fitting import fit
from .marching import in_windows
from .optimisers import Optimiser
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
    r"""Solve a law with a network as its unknown.

    Lowers :math:`\int |u_t - F(t, u)|^2`, or :math:`\int |F(0, u)|^2` for a law at rest, F the object that `simulate`
    takes. On a box, the start, given wall values and periods hold exactly; other laws at walls join the loss. If the
    residual is linear in the weights one least-squares solve finds them; else Levenberg-Marquardt up to two thousand
    weights, self-scaled Broyden up to eight thousand, SOAP beyond.

    In one to three dimensions solvers are faster, and the report runs one beside it. Errors below 1e-4 need float64.

    Args:
        equation: The law.
        domain: The box, or a region of `js.geometry` such as `box - Ball(center, radius, name="hole")`; None for an
            ordinary law in time. On a region, values are built in by smooth distances where the walls that share them
            allow it, and the unknown lives on the box around it, where it means nothing outside of the region.
        network: A function of as many numbers as there are coordinates, time first, each scaled to `[-1, 1]`; a
            periodic axis enters as a cosine and a sine, unless the network takes one number for it. It gives the
            numbers of the state; for a pair `(u, u_t)` only those of `u` (or of both).
        initial: The start: a function of one point that gives the state, or Fields, or numbers for an ordinary law.
        boundary: Laws at the walls, as for FiniteDifference; on a region one for all of its wall, or one per name of
            its walls: `{"block": Dirichlet(0.0), "hole": Neumann(1.0)}`; a tuple of them for each part of a state.
        t0: First time.
        t1: Last time; None for a law at rest.
        args: Handed to the law.
        exact: The solution `u(t, x)`, if it is known: the report measures the error with it.
        optimiser: How to train.
        points: Where the law is asked to hold: how many points, or how many along each coordinate, or points `(n,
            coordinates)`, time first; or `Adaptive(number)`, points that gather where the law holds worst.
        weighting: `Causal()` for laws in time that forget their start, `Balanced()` for conditions in the loss.
        windows: Into how many windows the time is cut, solved one after the other.
        weight: Factor of the conditions that are not built in.
        data: Measured values, which join the loss.
        unknowns: Paths of what is to be found inside the law, such as `"viscosity"`, or inside its arguments, such as
            `"args"` or `"args['rate']"`; what stands there is the guess. Numbers, arrays, and networks as functions of
            a point are learned together with the solution, from `data`.
        positive: Which of the unknowns stay positive, by their logarithm: a network then gives that.
        parameters: A box of parameters p, to solve a family of problems at once. The law gets p as its `args`;
            `initial(x, p)`, wall values `(x, p)` and `exact(t, x, p)` may take it; the network takes it after the
            coordinates, scaled too.
        compare: Nodes per axis for the library's own solver in the report; 0 leaves it out.
        store: A directory from which a killed training goes on.
        save_every: Seconds between two saves.
        progress: Show a bar.
        key: Random key of the points.

    Returns:
        The solution: `field`, `at(t)`, and a `report` that `print` shows.

    Raises:
        ShapeError: If the network takes or gives another number of values.
        UnsupportedError: If the law cannot be read at a point, or `LeastSquares` meets a nonlinear one.
        ValueError: If conditions contradict each other, or hold numbers that are not finite.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> law = js.equations.Poisson(lambda x: jnp.pi**2 * jnp.sin(jnp.pi * x[0]))
        >>> network = js.networks.RandomFeatures(1, "scalar", 20, key=jax.random.key(0))
        >>> solution = js.learning.solve_pinn(
        ...     law, js.Box((0.0, 1.0)), network, boundary=js.Dirichlet(0.0), compare=0, key=jax.random.key(1))
        >>> bool(abs(solution.field(jnp.array([0.5])) - 1.0) < 1e-3)
        True

    References:
        Lagaris, Likas & Fotiadis (1998); Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019) 686.
    """

    def fitted(network, initial, times, window=None):
        return fit(
            equation,
            domain,
            network,
            optimiser=optimiser,
            train_it=window != -1,
            store=store if store is None or window is None else Path(store) / f"window_{window}",
            save_every=save_every,
            progress=progress,
            key=key if window is None else jax.random.fold_in(key, window + 1),
            initial=initial,
            boundary=boundary,
            times=times,
            args=args,
            exact=exact,
            points=points,
            weighting=weighting,
            weight=weight,
            data=data,
            unknowns=unknowns,
            positive=positive,
            parameters=parameters,
        )

    if windows == 1 or t1 is None:
        done = fitted(network, initial, (t0, t1))
    elif data is not None or parameters is not None:
        raise UnsupportedError("windows of time cannot be combined with data= or parameters=: leave windows=1.")
    else:
        done = in_windows(windows, fitted, network, initial, (t0, t1))
    return solution_of(done, compared(done.setup, done.trial, compare), domain)

"""Many runs of one law at once: lanes of a vector, refilled as trajectories end, on every device."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, PartitionSpec
from jaxtyping import PyTree

from ..._core.errors import ShapeError, SimulationError, UnsupportedError
from ..._core.tracing import is_traced
from ...fields import is_field, pack, unpack
from ..adjoints import Adjoint, Reversible
from ..choice import as_arguments, as_arrays, is_spectral
from ..methods.base import Method, check_derivative
from ..methods.runge_kutta import RungeKutta
from ..planning import Plan, plan_run
from ..solution import Solution
from .cores import in_shares, num_cores
from .lanes import first_row, fixed_template, run_lanes
from .pairs import are_alike, pair_up, part, takes_pairs

CACHE, SPECTRAL_CACHE = 340_000, 540_000
MOST_LANES = 520
WORTH_PAIRING = 100


def ensemble(
    equation: Callable,
    states: PyTree,
    t1,
    dt=None,
    *,
    over: Callable | None = None,
    t0=0.0,
    save_at=None,
    args: Any = None,
    method: Method | diffrax.AbstractSolver | None = None,
    adjoint: Adjoint | None = None,
    rtol: float = 1e-6,
    atol: float | None = None,
    max_steps: int = 65536,
    lanes: int | None = None,
    devices: Sequence[Any] | None = None,
    paired: bool | None = None,
    key=None,
) -> Solution:
    """Run many initial states, coefficients or arguments at once, each with its own error control.

    Trajectories are spread over all devices, and over all cores of a lone CPU unless the call is traced. On each, as
    many as fit in the cache move side by side; one that ends makes room for the next, so a slow one holds nobody up.

    Args:
        equation: the law.
        states: initial states; what varies has a leading axis.
        t1: the end.
        dt: the step; None for error control.
        over: what varies: `over(equation, states, args)` picks parts whose arrays have a leading axis, for instance
            `lambda equation, states, args: equation.rho`; by default the states.
        t0: the beginning.
        save_at: as in `simulate`.
        args: passed on to the equation.
        method: as in `simulate`.
        adjoint: as in `simulate`.
        rtol: relative error allowed a step.
        atol: absolute error allowed a step; as in `simulate`.
        max_steps: where a trajectory gives up.
        lanes: trajectories side by side on one device; by default what fits in the cache.
        devices: the devices to use; all of them by default.
        paired: whether real Fourier states move two by two, as real and imaginary part of one complex field, which
            halves the transforms of fixed steps. By default they do in runs of 100 steps and more, on a lone CPU,
            outside any transformation, where the law allows it (this is tried, and takes a second) and partners stay
            finite and within a factor of eight in size, so that they share no more than rounding errors; else all runs
            are made again one by one.
        key: random key for stochastic equations, split over the trajectories.

    Returns:
        A solution whose states and `ok` have a leading axis over trajectories, the times after it.

    Raises:
        ShapeError: what varies has no common leading axis.
        SimulationError: all trajectories failed.
        UnsupportedError: `paired=True` where pairs are not possible.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> starts = jnp.array([[1.0], [2.0], [4.0]])
        >>> js.ensemble(lambda t, u, args: -u, starts, t1=1.0).final.shape
        (3, 1)
    """
    varying, fixed, count = split((equation, as_arrays(states), as_arguments(args)), over)
    one = eqx.combine(first_row(varying), fixed)
    plan, (law, _, _, clocks, tolerances, _) = plan_run(
        one[0], one[1], t0, t1, dt, save_at=save_at, args=one[2], method=method, adjoint=adjoint, rtol=rtol, atol=atol,
        max_steps=max_steps, event=None, progress=False, key=key,
    )  # fmt: skip
    if isinstance(plan.adjoint, Reversible):
        raise UnsupportedError(
            "js.ensemble takes adjoint=js.Checkpointed() or js.Direct(); with js.Reversible() jax.vmap js.simulate."
        )
    fixed = fixed if isinstance(equation, eqx.Module) else (law, *fixed[1:])
    clocks = (*clocks[:3], None if save_at is None else clocks[3])
    keys = None if key is None else jax.random.split(key, count)
    devices = tuple(jax.devices() if devices is None else devices)
    layout = (count, lanes, devices)
    pairs = _two_by_two(plan, (varying, fixed), one, clocks, layout, paired) if over is None else None
    return _solve(plan, (varying, keys), fixed, clocks, tolerances, layout) if pairs is None else pairs


def _two_by_two(plan: Plan, rows: tuple, one: tuple, clocks: tuple, layout: tuple, paired: bool | None):
    """The ensemble run in pairs, or None where that is not wanted or partners would disturb each other."""
    (count, lanes, devices), states = layout, eqx.combine(*rows)[1]
    if paired is False or count < 2:
        return None
    steps = plan.num_steps if isinstance(plan.method, Method) and not is_traced((rows, clocks)) else None
    is_lone_cpu = devices[0].platform == "cpu" and len(devices) == 1
    if paired is None and not (is_lone_cpu and (steps or 0) >= WORTH_PAIRING):
        return None
    if steps is None or not takes_pairs(*one):
        if paired:
            raise UnsupportedError(
                "paired=True needs real Fourier states, fixed steps (dt=...) by a method of this library, outside jit "
                "and grad, and a law that reads no more than values at points: leave paired out."
            )
        return None
    if not bool(are_alike(states)):
        return None
    equation, _, args = eqx.combine(*rows)
    varying, fixed, half = split((equation, pair_up(states), args), None)
    try:
        solution = _solve(plan, (varying, None), fixed, clocks, (), (half, lanes, devices))
    except SimulationError:
        return None
    if not bool(jnp.all(solution.ok)):
        return None
    saved, final = (part(tree, count) for tree in (solution.states, solution.final))
    if not bool(are_alike(final)):
        return None
    stats = {name: jnp.repeat(value, 2)[:count] for name, value in solution.stats.items()}
    return Solution(solution.ts, saved, final, stats, jnp.ones(count, bool), solution.method)


def _solve(plan: Plan, rows: tuple, fixed: PyTree, clocks: tuple, tolerances: tuple, layout: tuple) -> Solution:
    """The rows of all devices and cores, put together."""
    count, lanes, devices = layout
    template = fixed_template(rows[0], fixed)
    shares = 1 if is_traced((rows, fixed, clocks, tolerances)) else num_cores(devices)
    lanes = _lanes(template, plan.method, math.ceil(count / max(shares, len(devices)))) if lanes is None else int(lanes)
    inputs = (plan, rows, fixed, clocks, tolerances, lanes, devices)
    if shares > 1 and count >= 2 * shares:
        saved, end, stats, ok = in_shares(_picked, *eqx.partition(inputs, eqx.is_array), count, shares)
    else:
        saved, end, stats, ok = _rows(*inputs)
    t0, t1, _, times = clocks
    if plan.indices is None:
        ts = t1[None] if times is None else times
    else:
        ts = t0 + jnp.asarray(plan.indices, t0.dtype) * ((t1 - t0) / plan.num_steps)
    if not is_traced(ok) and not bool(jnp.any(ok)):
        raise SimulationError(
            f"all {count} trajectories failed (non-finite numbers, or more than max_steps={plan.max_steps} steps): run "
            "one of them with js.simulate, which says when and why."
        )
    states, final = (
        pack(template, arrays, jnp.broadcast_to(at, (count, *at.shape))) for arrays, at in ((saved, ts), (end, t1))
    )
    return Solution(ts, states, final, stats, ok, type(plan.method).__name__)


def split(inputs: tuple, over: Callable | None) -> tuple[PyTree, PyTree, int]:
    """What varies, the rest, and how many there are."""
    over = (lambda equation, states, args: states) if over is None else over

    def mark(node):
        def leaf(u):
            if is_field(u):
                return eqx.tree_at(lambda f: f.data, u, jax.tree.map(lambda _: True, u.data))
            return True

        return jax.tree.map(leaf, node, is_leaf=is_field)

    flags = jax.tree.map(lambda _: False, inputs)
    flags = eqx.tree_at(lambda tree: over(*tree), flags, replace_fn=mark)
    varying, fixed = eqx.partition(inputs, flags)
    leaves = jax.tree.leaves(varying)
    if not leaves:
        raise ShapeError(
            "nothing varies over the ensemble: `over(equation, states, args)` must pick parts that hold arrays."
        )
    counts = {leaf.shape[0] if getattr(leaf, "ndim", 0) else None for leaf in leaves}
    if len(counts) != 1 or None in counts:
        raise ShapeError(
            "what varies over an ensemble needs one common leading axis, and the shapes are "
            f"{[np.shape(leaf) for leaf in leaves]}: stack the cases along axis 0, and name what varies with "
            "over=lambda equation, states, args: ..."
        )
    return varying, fixed, counts.pop()


def _lanes(state, method, count: int) -> int:
    """Members that share a cache; rows of a state that lie a power of two apart would share the same lines of it."""
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(unpack(state)))
    stages = len(method.tableau.b) if isinstance(method, RungeKutta) else 6
    cache, shift = (SPECTRAL_CACHE, 0) if is_spectral(state) else (CACHE, 8)
    most = max(1, min(count, MOST_LANES, (cache // (size * (stages + 4)) // 16 * 16 or 16) + shift))
    even = math.ceil(count / math.ceil(count / most))  # so that the last ones to run fill their lanes, too
    return min(most, math.ceil(even / 8) * 8)


def _picked(arrays: PyTree, static: PyTree) -> Callable:
    """What `in_shares` deals out: some of the rows, filled up with copies of the last."""
    plan, rows, *rest = eqx.combine(arrays, static)
    count = len(jax.tree.leaves(rows)[0])

    def some(first, size):
        picks = jnp.minimum(first + jnp.arange(size), count - 1)
        return _solved(plan, jax.tree.map(lambda leaf: leaf[picks], rows), *rest)

    return some


def _solved(plan, varying, fixed, clocks, tolerances, lanes, devices) -> tuple:
    """Saved arrays, final arrays, counters and success of all rows, spread over the devices."""
    count = len(jax.tree.leaves(varying)[0])
    equation, state, args = eqx.combine(first_row(varying[0]), fixed)
    check_derivative(equation, state, clocks[0], args)
    inputs = (plan, fixed, clocks, tolerances)
    if len(devices) == 1 or not isinstance(plan.method, Method):
        rows = run_lanes(*inputs, varying, lanes)
    else:
        share = math.ceil(count / len(devices))
        padded = jax.tree.map(lambda leaf: leaf[np.minimum(np.arange(share * len(devices)), count - 1)], varying)
        dynamic, static = eqx.partition(inputs, eqx.is_array)
        mesh = jax.make_mesh((len(devices),), ("rows",), axis_types=(AxisType.Auto,), devices=devices)
        rows = jax.shard_map(
            lambda rows, dynamic: run_lanes(*eqx.combine(dynamic, static), rows, min(lanes, share)),
            mesh=mesh,
            in_specs=(PartitionSpec("rows"), PartitionSpec()),
            out_specs=PartitionSpec("rows"),
            check_vma=False,
        )(padded, dynamic)
        rows = jax.tree.map(lambda leaf: leaf[:count], rows)
    saved, end, stats, ok = rows
    finite = [jnp.all(jnp.isfinite(leaf.reshape(count, -1)), axis=1) for leaf in jax.tree.leaves(end)]
    return saved, end, stats, jnp.all(jnp.stack([ok, *finite]), axis=0)


_rows = eqx.filter_jit(_solved)

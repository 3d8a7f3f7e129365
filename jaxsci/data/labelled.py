"""Fields and solutions as labelled arrays of xarray, and back."""

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from .._core.errors import ShapeError
from ..fields import Field, Space, is_field
from ..geometry.box import axis_name
from ..simulation import Solution
from .extra import needs

if TYPE_CHECKING:
    import xarray

Leading = dict[str, np.ndarray]


def to_xarray(
    source: Field | Solution | PyTree, name: str = "u", equation: Any = None
) -> "xarray.DataArray | xarray.Dataset":
    """Label a field, a state or a solution: named dimensions, coordinates, a description.

    Dimensions are `time`, then `component` for vectors, then `x`, `y`, `z`; of plain arrays `state`. Members of an
    ensemble come first, as `member`; if they have several axes, as `member_0`, `member_1`. Each part of a NamedTuple or
    a dict becomes a variable of that name, and its dimensions other than space and time take the name in front, since
    parts may differ in them.

    Args:
        source: A field, a state (a container of fields and arrays), or a solution.
        name: What to call the variable of a state without parts.
        equation: The law, to be described in the attributes.

    Returns:
        A `DataArray` for a field or an array, a `Dataset` for a solution or a state with parts. Values are NumPy's.

    Raises:
        ImportError: If xarray is not installed.
        TypeError: If a part is neither a field nor numbers, or there is none.
        ShapeError: If parts of a state live on different nodes, or members of an ensemble have different times.
        UnsupportedError: If a field has no nodes (a network on a Box).

    Example:
        >>> import jax.numpy as jnp, jaxsci as js
        >>> space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (8,)), boundary=js.Dirichlet(0.0))
        >>> u = space.field(lambda x: x[0])
        >>> array = js.data.to_xarray(u)
        >>> array.dims, float(array.sel(x=0.3125))
        (('x',), 0.3125)
    """
    xarray = needs("xarray", "to_xarray")
    about = {} if equation is None else {"equation": described(equation)}
    if isinstance(source, Solution):
        dataset = trajectory(source.ts, source.states, name, source.members)
        return dataset.assign_attrs(about | _counters(source))
    if is_field(source) or eqx.is_array_like(source):
        return _variable(source, name, {}, "").assign_attrs(about)
    return xarray.Dataset(_variables(source, name, {}), attrs=about)


def trajectory(ts: Any, states: PyTree, name: str = "u", members: tuple[int, ...] = ()) -> "xarray.Dataset":
    """Saved times and states as a Dataset; the states lead with the axes of the members, then that of time."""
    xarray = needs("xarray", "to_xarray")
    if ts is None:
        raise ShapeError(
            "this solution has no saved states (a steady state, or dense output): convert solution.final, evaluate "
            "solution.dense, or run with save_at=100."
        )
    rows = np.asarray(ts).reshape(-1, np.shape(ts)[-1])
    if not np.all(rows == rows[:1]):
        raise ShapeError(
            "the members of this ensemble were saved at different times, which one time coordinate cannot hold: "
            "convert one at a time, solution.member(0), or save all at the same times with "
            "save_at=[...]."
        )
    axes = ["member"] if len(members) == 1 else [f"member_{i}" for i in range(len(members))]
    leading: Leading = dict(zip(axes, map(np.arange, members), strict=True))
    return xarray.Dataset(_variables(states, name, leading | {"time": rows[0]}))


def from_xarray(space: Space, array: "xarray.DataArray | xarray.Dataset") -> Field:
    """Read a field from a labelled array whose coordinates are the nodes of a space.

    Args:
        space: The space of the new field.
        array: One variable with dimensions named as the axes of the space, in any order; others are components.

    Raises:
        TypeError: If `array` has no labels.
        ShapeError: If a dimension is missing, time or members are still among them, or the nodes are not those of the
            space.
        ValueError: If values are missing (not finite), or a Dataset holds several variables.

    Example:
        >>> import jaxsci as js
        >>> space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (8,)), boundary=js.Dirichlet(0.0))
        >>> u = space.field(lambda x: x[0])
        >>> bool((js.data.from_xarray(space, js.data.to_xarray(u)).values == u.values).all())
        True
    """
    if hasattr(array, "data_vars"):
        names = list(array.data_vars)
        if len(names) != 1:
            raise ValueError(
                f"a field is one variable, and this Dataset holds {names}: pass one of them, "
                f"as in dataset[{(names or ['u'])[0]!r}]."
            )
        array = array[names[0]]
    if not hasattr(array, "dims"):
        raise TypeError(
            f"from_xarray takes a DataArray or a Dataset, not {type(array).__name__}: for values without labels write "
            "space.field(values)."
        )
    nodes = dict(zip(map(axis_name, range(space.dim)), space.axes, strict=True))
    for dimension, pick in (("time", -1), ("member", 0)):
        if dimension in array.dims and dimension not in nodes:
            raise ShapeError(
                f"a field is a function of space: choose one {dimension} first, for example "
                f"array.isel({dimension}={pick})."
            )
    for axis, expected in nodes.items():
        if axis not in array.dims:
            raise ShapeError(
                f"the array has dimensions {tuple(array.dims)}, but the space has axis {axis!r}: rename its "
                f"dimension, as in array.rename({{{str(array.dims[-1]) if array.dims else '...'!r}: {axis!r}}})."
            )
        _check_nodes(axis, np.asarray(array[axis]), expected)
    values = array.transpose(..., *nodes).to_numpy()
    missing = int(np.sum(~np.isfinite(values)))
    if missing:
        raise ValueError(
            f"{missing} of {values.size} values are not finite: fill them first, for example with array.fillna(0.0) or "
            f"array.interpolate_na({next(iter(nodes))!r})."
        )
    return space.field(values)


def _check_nodes(axis: str, found: np.ndarray, expected: np.ndarray) -> None:
    spacing = (expected[-1] - expected[0]) / max(1, len(expected) - 1)
    if len(found) == len(expected) and np.allclose(found, expected, rtol=0, atol=1e-5 * spacing):
        return
    raise ShapeError(
        f"the array has {len(found)} nodes along {axis} from {found[0]:.6g} to {found[-1]:.6g}, the space "
        f"{len(expected)} from {expected[0]:.6g} to {expected[-1]:.6g}: interpolate first, "
        f"array.interp({axis}=space.axes[...]), or build the space on the grid of the array."
    )


def _variables(state: PyTree, name: str, leading: Leading) -> dict[str, "xarray.DataArray"]:
    """One labelled array per part of a state, by name."""
    parts = jax.tree_util.tree_leaves_with_path(state, is_leaf=is_field)
    if not parts:
        raise TypeError(f"{state!r} holds neither fields nor numbers: give a field, a state or a solution.")
    single = len(parts) == 1 and not parts[0][0]
    found: dict[str, Any] = {}
    nodes: dict[str, np.ndarray] = {}
    for path, part in parts:
        title = jax.tree_util.keystr(path, simple=True, separator="_") or name
        if not (is_field(part) or eqx.is_array_like(part)):
            raise TypeError(
                f"{title} is a {type(part).__name__}, which is neither a field nor numbers: leave it out, or note it "
                "in the attributes, to_xarray(...).assign_attrs(...)."
            )
        array = _variable(part, title, leading, "" if single else f"{title}_")
        for axis in map(axis_name, range(part.space.dim if is_field(part) else 0)):
            here = np.asarray(array[axis])
            if axis in nodes and not np.array_equal(nodes[axis], here):
                raise ShapeError(
                    f"{title} has other nodes along {axis} than the parts before it: convert each part by itself, "
                    "or bring them to one space with space.project(...)."
                )
            nodes[axis] = here
        found[title] = array
    return found


def _variable(part: Any, name: str, leading: Leading, prefix: str) -> "xarray.DataArray":
    """One field or array as a labelled array."""
    xarray = needs("xarray", "to_xarray")
    if is_field(part):
        values, dim = np.asarray(part.values), part.space.dim
        coords: dict[str, Any] = dict(zip(map(axis_name, range(dim)), part.space.axes, strict=True))
        kind, about = "component", {"space": repr(part.space)}
    else:
        values, dim, coords, kind, about = np.asarray(part), 0, {}, "state", {}
    count = values.ndim - len(leading) - dim
    names = [prefix + kind] if count == 1 else [f"{prefix}{kind}_{i}" for i in range(count)]
    sizes = values.shape[len(leading) : len(leading) + count]
    for component, size in zip(names, sizes, strict=True):
        if dim > 1 and size == dim:
            coords[component] = list(map(axis_name, range(dim)))
    return xarray.DataArray(values, leading | coords, [*leading, *names, *map(axis_name, range(dim))], name, about)


def described(equation: Any) -> str:
    """A law with its coefficients, as one would write it."""

    def written(value):
        is_number = eqx.is_array_like(value) and np.ndim(value) == 0
        return f"{np.asarray(value).item():.6g}" if is_number else eqx.tree_pformat(value, width=1000)

    name = getattr(equation, "__name__", type(equation).__name__)
    return f"{name}({', '.join(f'{key}={written(value)}' for key, value in vars(equation).items())})"


def _counters(solution: Solution) -> dict[str, Any]:
    """How the solution came about, in types that every file format can hold."""
    counters = {key: np.asarray(value) for key, value in solution.stats.items() if key != "failure"}
    scalars = {key: value.item() for key, value in counters.items() if value.ndim == 0}
    return {"method": solution.method, "ok": int(np.all(solution.ok)), **scalars}

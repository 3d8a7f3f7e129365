"""Trained networks in files: arrays and a description, nothing that could run."""

import dataclasses
import json
import os
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .conditions.built_in import Trial
from .problems.assembly import Wanted, set_up
from .reports.report import Report
from .sampling.points import scattered

if TYPE_CHECKING:
    from .solution import PinnSolution

MARK = "jaxsci trained network 1"


def save_solution(solution: "PinnSolution", path: str | os.PathLike) -> Path:
    """Write a solution to one file, replaced all at once."""
    path = Path(path)
    arrays, description = _described(solution.trial)
    dtype = arrays[0].dtype
    z = _probes(solution.trial, solution.t1, dtype)
    header = {"mark": MARK, "report": _plain(solution.report), **description}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}-unfinished")
    with open(partial, "wb") as file:
        np.savez(
            file,
            header=np.frombuffer(json.dumps(header).encode(), np.uint8),
            probes=np.asarray(z),
            values=np.asarray(_at(solution.trial, z)),
            **{f"leaf{i}": np.asarray(array) for i, array in enumerate(arrays)},
        )
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    return path


def load_pinn(path: str | os.PathLike, equation: Any, domain: Any, network: Any, **options: Any) -> "PinnSolution":
    """A solution that `solution.save(path)` wrote, for the arguments of the `solve_pinn` that made it.

    Functions are never written to files: the start, the walls and the activation come from the arguments, the numbers
    from the file. The values at some points are compared, so that other functions are found out.

    Args:
        path: The file.
        equation: The law.
        domain: The box, the region, or None.
        network: A network of the same kind and sizes; its weights do not matter.
        **options: `initial`, `boundary`, `t0`, `t1` and `args`, as for `solve_pinn`.

    Returns:
        The solution with its report; its fields give the same numbers, bit for bit on the same machine.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no trained network, or one of another network, law or other conditions.

    Example:
        >>> import tempfile, jax, jax.numpy as jnp, jaxsci as js
        >>> network = js.networks.RandomFeatures(1, "scalar", 10, key=jax.random.key(0))
        >>> given = js.equations.Poisson(jnp.sin), js.Box((0.0, 1.0)), network
        >>> walls = js.Dirichlet(0.0)
        >>> solution = js.learning.solve_pinn(*given, boundary=walls, compare=0, key=jax.random.key(1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     again = js.learning.load_pinn(solution.save(f"{folder}/heat.npz"), *given, boundary=walls)
        >>> bool(again.field(jnp.array([0.5])) == solution.field(jnp.array([0.5])))
        True
    """
    from .solution import PinnSolution

    header, arrays, z, values = _read(Path(path))
    times = options.pop("t0", 0.0), options.pop("t1", None)
    setup = set_up(Wanted(equation, domain, network, times=times, points=16, **options), jax.random.key(0))
    trial = Trial(network, setup.conditions)
    trial = dataclasses.replace(trial, conditions=_with_start(trial.conditions, header))
    _, description = _described(trial)
    _check_same(path, header, description)
    leaves, structure = jax.tree.flatten(trial)
    new = iter(arrays)
    trial = structure.unflatten([jnp.asarray(next(new)) if eqx.is_array(leaf) else leaf for leaf in leaves])
    t1 = None if times[1] is None else trial.conditions.times[1]
    found = np.asarray(_at(trial, jnp.asarray(z)))
    slack = 1e-9 if found.dtype == np.float64 else 1e-4
    if not np.allclose(found, values, rtol=slack, atol=slack * np.max(np.abs(values)), equal_nan=True):
        raise ValueError(
            f"{path} was saved with other functions: with the start and the walls given here it takes the values "
            f"{found.ravel()[:3]} where {values.ravel()[:3]} were saved. Give the initial and boundary of that call."
        )
    return PinnSolution(trial, t1, _report(header["report"]))


def _with_start(conditions: Any, header: dict) -> Any:
    return dataclasses.replace(conditions, start_exact=header["start_exact"])


def _described(trial: Trial) -> tuple[list, dict]:
    """The arrays of a trial function, and all that must agree for another to take them."""
    leaves, structure = jax.tree.flatten(trial)
    arrays = [leaf for leaf in leaves if eqx.is_array(leaf)]
    words = re.sub(r" at 0x[0-9a-f]+", "", str(structure))
    return arrays, {
        "network": repr(trial.network),
        "leaves": [[list(array.shape), str(array.dtype)] for array in arrays],
        "structure": zlib.crc32(words.encode()),
        "start_exact": trial.conditions.start_exact,
    }


def _check_same(path: Any, saved: dict, here: dict) -> None:
    if saved["network"] != here["network"]:
        raise ValueError(f"{path} holds the network {saved['network']}, but got {here['network']}: build it as it was.")
    if saved["leaves"] != here["leaves"] or saved["structure"] != here["structure"]:
        raise ValueError(
            f"{path} holds a network of another law or of other conditions: its domain, activation, or the kinds of "
            "laws at its walls differ from this call. Repeat the arguments of the solve_pinn that was saved."
        )


def _probes(trial: Trial, t1: Any, dtype: Any) -> Any:
    shape = trial.conditions.shape
    bounds = [[float(t) for t in trial.conditions.times]] if shape.timed else []
    bounds += [list(pair) for pair in shape.box.intervals] if shape.box else []
    return scattered(8, np.array(bounds), dtype=dtype, key=jax.random.key(0))


@eqx.filter_jit
def _at(trial: Trial, z: Any) -> Any:
    return jax.vmap(trial)(z)


def _read(path: Path) -> tuple[dict, list, np.ndarray, np.ndarray]:
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}: write one with solution.save({str(path)!r}).")
    try:
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(file["header"].tobytes())
            if header["mark"] != MARK:
                raise KeyError(MARK)
            arrays = [file[f"leaf{i}"] for i in range(len(header["leaves"]))]
            return header, arrays, file["probes"], file["values"]
    except (KeyError, ValueError, OSError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is no trained network: load_pinn reads what solution.save(path) wrote.") from error


def _plain(report: Report) -> dict:
    """A report as JSON can write it."""

    def plain(value):
        return {"array": value.tolist()} if isinstance(value, (np.ndarray, jax.Array)) else value

    return {field.name: plain(getattr(report, field.name)) for field in dataclasses.fields(report)}


def _report(plain: dict) -> Report:
    return Report(
        **{key: np.array(v["array"]) if isinstance(v, dict) and "array" in v else v for key, v in plain.items()}
    )

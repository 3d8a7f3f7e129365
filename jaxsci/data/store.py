"""A run that saves as it goes: a zarr file that is whole at every moment, and from which the run can go on."""

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import PyTree

from .extra import needs
from .labelled import described, trajectory

if TYPE_CHECKING:
    import xarray

DIMENSIONS = "_ARRAY_DIMENSIONS"
MARK, COORDINATES, ENGINE = "jaxsci_store", "coordinates", "engine/state"


class ZarrStore:
    """Keeps the saved states of `js.simulate(..., store=ZarrStore("run.zarr"))` in a zarr file while the run goes on.

    A run that was killed, at any moment, goes on from the last saved segment when the same call is made again, and
    gives the same numbers, bit for bit. Read the states, also of an unfinished run, with `js.data.load("run.zarr")`.

    Each segment is written behind the earlier ones; it counts from the moment when the state of the engine, one
    small file that is replaced in a single step, says so. What was written and does not count yet is cut off by
    `resume`. Only one process may write to a store.

    Args:
        path: The zarr file, with suffix `.zarr`. It is made by the first segment.
        name: What to call the variable of a state without parts.
        equation: The law, to be described in the attributes.

    Raises:
        ValueError: If the suffix is not `.zarr`.
        ImportError: If xarray or zarr are not installed.

    Example:
        >>> import tempfile, jax.numpy as jnp, jaxsci as js
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = js.data.ZarrStore(f"{folder}/run.zarr")
        ...     solution = js.simulate(lambda t, u, args: -u, jnp.array([1.0]), 1.0, dt=0.1, save_at=5, store=store)
        ...     js.data.load(f"{folder}/run.zarr").u.shape
        (5, 1)
    """

    def __init__(self, path: str | Path, name: str = "u", equation: Any = None):
        self.path, self.name = Path(path).expanduser(), name
        if self.path.suffix != ".zarr":
            raise ValueError(f"ZarrStore got the path {path}: its suffix must be .zarr, as in ZarrStore('run.zarr').")
        self.attributes = {"source": "js.simulate with a ZarrStore"}
        if equation is not None:
            self.attributes["equation"] = described(equation)
        needs("xarray", "ZarrStore")
        self._zarr = needs("zarr", "ZarrStore")

    def __repr__(self):
        return f"ZarrStore({str(self.path)!r})"

    def resume(self) -> dict[str, Any] | None:
        """The last state of the engine, or None at the very beginning; cuts off what does not count.

        Raises:
            FileExistsError: If there is something else at the path.
        """
        if not self.path.exists():
            return None
        group = self._group("r+")
        committed, engine = self._engine(group)
        for array in self._growing(group):
            if array.shape[0] != committed:
                array.resize((committed, *array.shape[1:]))
        return engine

    def append(self, ts: Any, states: PyTree, engine: dict[str, Any]) -> None:
        """Keep saved times, saved states (leading time axis) and the state of the engine, all or nothing.

        Raises:
            ValueError: If the states do not fit those saved before.
        """
        segment = trajectory(ts, states, self.name)
        if not self.path.exists():
            self._create(segment, engine)
            return
        group = self._group("r+")
        committed, _ = self._engine(group)
        end = committed + segment.sizes["time"]
        growing = self._growing(group)
        shapes = {array.basename: array.shape[1:] for array in growing}
        here = {str(key): a.shape[1:] for key, a in segment.variables.items() if a.dims[:1] == ("time",)}
        if shapes != here:
            raise ValueError(
                f"{self.path} holds a run with variables {shapes}, this one has {here}: use another path for it."
            )
        for array in growing:
            array.resize((end, *array.shape[1:]))
            array[committed:end] = segment[array.basename].to_numpy()
        blob = _blob(end, engine)
        if blob.shape != group[ENGINE].shape:
            raise ValueError(f"{self.path} holds a run of another method or state: use another path for this one.")
        group[ENGINE][:] = blob

    def dataset(self) -> "xarray.Dataset":
        """All states saved so far, in memory.

        Raises:
            FileNotFoundError: If nothing was saved yet.
        """
        if not self.path.exists():
            raise FileNotFoundError(f"{self.path} holds nothing yet: its run has not come to its first saved state.")
        group = self._group("r")
        committed, _ = self._engine(group)
        found = {}
        for key, array in group.arrays():
            attributes = dict(array.attrs)
            dims = attributes.pop(DIMENSIONS)
            found[key] = (dims, array[:committed] if dims[:1] == ["time"] else array[:], attributes)
        coordinates = group.attrs[COORDINATES]
        return needs("xarray", "ZarrStore").Dataset(
            {key: variable for key, variable in found.items() if key not in coordinates},
            {key: variable for key, variable in found.items() if key in coordinates},
            {key: value for key, value in group.attrs.items() if key not in (MARK, COORDINATES)},
        )

    def _group(self, mode: str):
        if not is_store(self.path):
            raise FileExistsError(f"{self.path} is not the store of a run: choose another path, or remove it.")
        return self._zarr.open_group(str(self.path), mode=mode, zarr_format=2)

    def _growing(self, group) -> list:
        return [array for _, array in group.arrays() if array.attrs[DIMENSIONS][:1] == ["time"]]

    def _engine(self, group) -> tuple[int, dict[str, Any]]:
        array = group[ENGINE]
        blob = array[:].tobytes()
        committed, position = int(np.frombuffer(blob, np.int64, 1)[0]), 8

        def read(leaf):
            nonlocal position
            dtype, shape = np.dtype(leaf["dtype"]), leaf["shape"]
            values = np.frombuffer(blob, dtype, int(np.prod(shape)), position).reshape(shape)
            position += values.nbytes
            return values

        return committed, jax.tree.map(read, array.attrs["leaves"], is_leaf=lambda node: "dtype" in node)

    def _create(self, segment: "xarray.Dataset", engine: dict[str, Any]) -> None:
        unfinished = self.path.with_name(f".{self.path.name}-unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        make_folder_of(self.path)
        try:
            group = self._zarr.open_group(str(unfinished), mode="w", zarr_format=2)
            group.attrs.update({MARK: 1, COORDINATES: sorted(map(str, segment.coords)), **self.attributes})
            for key, variable in segment.variables.items():
                attributes = {DIMENSIONS: list(variable.dims), **variable.attrs}
                values = variable.to_numpy()
                group.create_array(str(key), data=values, chunks=values.shape, attributes=attributes, fill_value=None)
            blob = _blob(segment.sizes["time"], engine)
            leaves = {"leaves": _description(engine)}
            group.create_array(
                ENGINE, data=blob, chunks=blob.shape, attributes=leaves, compressors=None, fill_value=None
            )
            os.replace(unfinished, self.path)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def make_folder_of(path: Path) -> None:
    """Make the folders on the way to `path`.

    Raises:
        NotADirectoryError: If one of them is a file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(folder for folder in path.parents if folder.exists())
        raise NotADirectoryError(
            f"{file} is a file, so {path} cannot be inside it: choose another folder, or move the file away."
        ) from error


def is_store(path: Path) -> bool:
    """Whether there is a store of a run at `path`."""
    try:
        return MARK in json.loads((path / ".zattrs").read_text())
    except (OSError, ValueError):
        return False


def _blob(committed: int, engine: dict[str, Any]) -> np.ndarray:
    """How many saves count, and the state of the engine, as bytes: their number is the same in each segment."""
    leaves = [np.ascontiguousarray(leaf).tobytes() for leaf in jax.tree.leaves(engine)]
    return np.frombuffer(b"".join([np.int64(committed).tobytes(), *leaves]), np.uint8)


def _description(engine: dict[str, Any]) -> dict[str, Any]:
    """Types and shapes of the leaves of the engine's state, flat below its keys, in the order of `_blob`."""

    def describe(leaf):
        return {"dtype": np.asarray(leaf).dtype.name, "shape": list(np.shape(leaf))}

    return {
        key: describe(part) if hasattr(part, "dtype") else [describe(leaf) for leaf in jax.tree.leaves(part)]
        for key, part in sorted(engine.items())
    }

"""Files that are whole or not there: netCDF and zarr, chosen by the suffix."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .extra import needs
from .labelled import to_xarray
from .store import ZarrStore, is_store, make_folder_of

if TYPE_CHECKING:
    import xarray

NETCDF, ZARR = (".nc", ".nc4", ".h5"), (".zarr",)
PART = "complex_part"


def save(path: str | Path, source: Any, name: str = "u") -> Path:
    """Write a field, a state, a solution or a Dataset to a file: netCDF for `.nc`, `.nc4`, `.h5`, zarr for `.zarr`.

    The file is written beside its place under another name and moved there when it is complete, so that an error or an
    interruption leaves neither a broken file nor a broken older one.

    Args:
        path: Where to; its suffix tells the format. A file of the same name is replaced; `~` is the home folder.
        source: What `to_xarray` takes, or a Dataset or DataArray of your own.
        name: What to call the variable of a state without parts.

    Returns:
        The path.

    Raises:
        ValueError: If the suffix is unknown, or something of another kind is at `path`.
        NotADirectoryError: If a folder on the way to `path` is a file.
        TypeError: If a part of `source` is neither a field nor numbers, or there is none.
        ImportError: If the packages of the extra `data` are not installed.

    Example:
        >>> import tempfile, jaxsci as js
        >>> u = js.Fourier(js.Grid(js.Box((0.0, 1.0)), (8,))).field(lambda x: 1.0 + 0 * x[0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     float(js.data.load(js.data.save(f"{folder}/u.nc", u)).u.mean())
        1.0
    """
    path = Path(path).expanduser()
    suffix = _suffix(path)
    xarray = needs("xarray", "save")
    dataset = source if isinstance(source, xarray.DataArray | xarray.Dataset) else to_xarray(source, name)
    if isinstance(dataset, xarray.DataArray):
        dataset = dataset.to_dataset(name=dataset.name or name, promote_attrs=False)
    if obstacle := _obstacle(path, suffix):
        raise ValueError(f"{path} is {obstacle}: nothing was written; choose another name, or remove it.")
    make_folder_of(path)
    with replacing(path) as unfinished:
        if suffix in ZARR:
            needs("zarr", "saving zarr")
            dataset.to_zarr(unfinished, mode="w", zarr_format=2)
        else:
            needs("h5netcdf", "saving netCDF")
            _by_parts(dataset).to_netcdf(unfinished, engine="h5netcdf")
    return path


def load(path: str | Path) -> "xarray.Dataset":
    """Read a file written by `save`, by a run with `ZarrStore`, or by anything else that writes netCDF or zarr.

    Args:
        path: The file; its suffix tells the format.

    Returns:
        All of it, in memory; `from_xarray(space, dataset["u"])` makes a field of a variable.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the suffix is unknown.
        OSError: If the file cannot be read.
    """
    path = Path(path).expanduser()
    suffix = _suffix(path)
    xarray = needs("xarray", "load")
    if not path.exists():
        near = sorted(other.name for other in path.parent.glob("*") if other.suffix in NETCDF + ZARR)[:5]
        folder = path.parent.resolve()
        hint = f"in {folder} there are {', '.join(near)}" if near else f"look for it elsewhere than in {folder}"
        raise FileNotFoundError(f"there is no file {path}: {hint}.")
    engine = needs("zarr", "loading zarr") if suffix in ZARR else needs("h5netcdf", "loading netCDF")
    if suffix in ZARR and is_store(path):
        return ZarrStore(path).dataset()
    try:
        options = {"consolidated": False} if suffix in ZARR else {}
        return _joined(xarray.load_dataset(path, engine=engine.__name__, **options))
    except Exception as error:
        raise OSError(
            f"{path} cannot be read as {engine.__name__.replace('h5', '')} ({type(error).__name__}: {error}): it is "
            "damaged, incomplete or of another kind: write it again with js.data.save, or correct its suffix."
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to; it takes the place of `path` at the end, and disappears on an error."""
    mark = uuid.uuid4().hex[:8]
    unfinished, old = (path.with_name(f".{path.name}-{kind}-{mark}") for kind in ("unfinished", "replaced"))
    try:
        yield unfinished
        if path.is_dir():
            os.replace(path, old)
        os.replace(unfinished, path)
    finally:
        for leftover in (unfinished, old):
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)


def _suffix(path: Path) -> str:
    if path.suffix not in NETCDF + ZARR:
        raise ValueError(
            f"{path} has the suffix {path.suffix!r}, which says no format: use .nc for netCDF (one file) or .zarr "
            "(a folder of chunks)."
        )
    return path.suffix


def _obstacle(path: Path, suffix: str) -> str | None:
    """What is at `path` and may not be replaced, in words."""
    if path.is_file():
        return "one file, which zarr would replace by a folder" if suffix in ZARR else None
    if path.is_dir() and suffix in NETCDF:
        return "a folder, which netCDF would replace by one file"
    is_zarr = any((path / mark).exists() for mark in (".zgroup", "zarr.json"))
    return "a folder that is not a zarr file" if path.is_dir() and not is_zarr else None


def _by_parts(dataset: "xarray.Dataset") -> "xarray.Dataset":
    """Complex variables, which netCDF does not know, as real ones with one more dimension."""
    xarray = needs("xarray", "save")
    complex_ones = {key: a for key, a in dataset.data_vars.items() if np.iscomplexobj(a)}
    parts = {
        key: xarray.concat([a.real, a.imag], xarray.Variable(PART, ["real", "imaginary"])).assign_attrs(a.attrs)
        for key, a in complex_ones.items()
    }
    return dataset.assign(parts)


def _joined(dataset: "xarray.Dataset") -> "xarray.Dataset":
    """The inverse of `_by_parts`."""
    if PART not in dataset.dims:
        return dataset

    def whole(a):
        real, imaginary = (a.isel({PART: i}, drop=True) for i in (0, 1))
        values = np.empty(real.shape, np.result_type(real.dtype, np.complex64))
        values.real, values.imag = real, imaginary  # real + 1j * inf would be nan + 1j * inf
        return real.copy(data=values)

    joined = {key: whole(a) for key, a in dataset.data_vars.items() if PART in a.dims}
    return dataset.assign(joined).drop_vars(PART)

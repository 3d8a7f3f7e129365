"""Files hold what was put in, or are not there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

import jaxsci as js

LINE = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (16,)))
SUFFIXES = [".nc", ".zarr"]


def wave():
    return LINE.field(lambda x: jnp.sin(x[0]))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_saved_is_loaded(tmp_path, suffix):
    solution = js.simulate(js.equations.Heat(), wave(), 0.1, dt=0.01, save_at=5)
    path = js.data.save(tmp_path / f"run{suffix}", solution)
    dataset = js.data.load(path)
    assert dataset.identical(js.data.to_xarray(solution))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_complex_numbers_survive(tmp_path, suffix):
    psi = LINE.field(lambda x: jax.lax.complex(jnp.cos(x[0]), jnp.sin(2 * x[0])))
    path = js.data.save(tmp_path / f"psi{suffix}", psi, name="psi")
    loaded = js.data.load(path)
    assert loaded.psi.dtype == complex and loaded.psi.identical(js.data.to_xarray(psi, name="psi"))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_replaced_as_a_whole(tmp_path, suffix):
    path = tmp_path / f"u{suffix}"
    js.data.save(path, wave())
    js.data.save(path, 2 * wave(), name="twice")
    assert list(js.data.load(path).data_vars) == ["twice"] and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, suffix, monkeypatch):
    path = js.data.save(tmp_path / f"u{suffix}", wave())
    original = getattr(xarray.Dataset, "to_netcdf" if suffix == ".nc" else "to_zarr")

    def broken(self, *args, **kwargs):
        original(self, *args, **kwargs)
        raise OSError("disk full")

    monkeypatch.setattr(xarray.Dataset, original.__name__, broken)
    with pytest.raises(OSError, match="disk full"):
        js.data.save(path, 2 * wave())
    with pytest.raises(OSError, match="disk full"):
        js.data.save(tmp_path / f"new{suffix}", wave())
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    np.testing.assert_array_equal(js.data.load(path).u, wave().values)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_files_are_refused_by_name(tmp_path, suffix):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"not data at all")
    with pytest.raises(OSError, match=f"broken{suffix}.*damaged"):
        js.data.load(path)


def test_a_truncated_file_is_refused(tmp_path):
    path = js.data.save(tmp_path / "u.nc", wave())
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(OSError, match="damaged"):
        js.data.load(path)


def test_unknown_suffixes_and_missing_files_name_the_fix(tmp_path):
    js.data.save(tmp_path / "near.nc", wave())
    with pytest.raises(ValueError, match=r"\.nc"):
        js.data.save(tmp_path / "u.csv", wave())
    with pytest.raises(FileNotFoundError, match=r"near\.nc"):
        js.data.load(tmp_path / "nearr.nc")


def test_a_folder_of_something_else_is_not_overwritten(tmp_path):
    (tmp_path / "photos.zarr").mkdir()
    (tmp_path / "photos.zarr" / "cat.jpg").touch()
    with pytest.raises(ValueError, match="not a zarr file"):
        js.data.save(tmp_path / "photos.zarr", wave())
    assert (tmp_path / "photos.zarr" / "cat.jpg").exists()

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


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_complex_numbers_with_an_infinite_part_survive(tmp_path, suffix):
    values = np.array([complex(1, np.inf), complex(np.inf, -0.0), complex(-0.0, np.nan)])
    path = js.data.save(tmp_path / f"z{suffix}", values)
    loaded = js.data.load(path).u.to_numpy()
    for part in ("real", "imag"):
        np.testing.assert_array_equal(getattr(loaded, part), getattr(values, part))
        np.testing.assert_array_equal(np.signbit(getattr(loaded, part)), np.signbit(getattr(values, part)))


@pytest.mark.parametrize(("source", "message"), [("abc", "u is a str"), (None, "None"), ({}, "neither")])
def test_what_holds_no_numbers_is_not_saved(tmp_path, source, message):
    with pytest.raises(TypeError, match=message):
        js.data.save(tmp_path / "n.nc", source)
    assert list(tmp_path.iterdir()) == []


def test_something_of_another_kind_is_not_replaced(tmp_path):
    (tmp_path / "u.zarr").write_text("mine")
    (tmp_path / "u.nc").mkdir()
    with pytest.raises(ValueError, match="one file.*another name"):
        js.data.save(tmp_path / "u.zarr", wave())
    with pytest.raises(ValueError, match="a folder.*another name"):
        js.data.save(tmp_path / "u.nc", wave())
    inside = tmp_path / "u.zarr" / "deep" / "v.zarr"
    with pytest.raises(NotADirectoryError, match=r"u\.zarr is a file.*choose another folder"):
        js.data.save(inside, wave())
    with pytest.raises(NotADirectoryError, match=r"u\.zarr is a file.*choose another folder"):
        js.simulate(js.equations.Heat(), wave(), 1.0, dt=0.1, save_at=2, store=js.data.ZarrStore(inside))
    assert (tmp_path / "u.zarr").read_text() == "mine"


def test_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert js.data.save("~/u.nc", wave()) == tmp_path / "u.nc"
    assert js.data.load("~/u.nc").u.shape == (16,)
    assert js.data.ZarrStore("~/run.zarr").path == tmp_path / "run.zarr"


def test_a_folder_of_something_else_is_not_overwritten(tmp_path):
    (tmp_path / "photos.zarr").mkdir()
    (tmp_path / "photos.zarr" / "cat.jpg").touch()
    with pytest.raises(ValueError, match="not a zarr file"):
        js.data.save(tmp_path / "photos.zarr", wave())
    assert (tmp_path / "photos.zarr" / "cat.jpg").exists()

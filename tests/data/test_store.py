"""Runs that save as they go: whatever happens, the store is whole, and the run goes on to the same bits."""

import functools
import signal
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
import xarray
import zarr

import jaxsci as js
from jaxsci.data import ZarrStore

LINE = js.Fourier(js.Grid(js.Box((0.0, 2 * np.pi)), (32,)))
LAW = js.equations.Burgers(viscosity=0.1)
PHASE = js.equations.Phase(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.1]))
RUNS = {
    "fixed": lambda store: js.simulate(LAW, LINE.field(lambda x: jnp.sin(x[0])), 1.0, dt=0.01, save_at=20, store=store),
    "controlled": lambda store: js.simulate(js.equations.Lorenz63(), jnp.ones(3), 2.0, save_at=10, store=store),
    "parts": lambda store: js.simulate(js.equations.Kepler(), PHASE, 2.0, dt=0.01, save_at=10, store=store),
}


class Killed(BaseException):
    pass


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run that nobody disturbs leaves in its store, and its end."""

    @functools.cache
    def undisturbed(kind):
        path = tmp_path_factory.mktemp("whole") / "run.zarr"
        return RUNS[kind](ZarrStore(path)), js.data.load(path)

    return lambda kind: (undisturbed(kind)[1], undisturbed(kind)[0].final)


def killed_after(monkeypatch, writes):
    """Make the store fail at one of its writes, before or after it took place."""
    left = [writes]

    def failing(original):
        def write(self, *args, **kwargs):
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            result = original(self, *args, **kwargs)
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return result

        return write

    for name in ("__setitem__", "resize"):
        monkeypatch.setattr(zarr.Array, name, failing(getattr(zarr.Array, name)))


@pytest.mark.parametrize("kind", RUNS)
def test_store_holds_what_the_run_saved(tmp_path, kind):
    plain, solution = RUNS[kind](None), RUNS[kind](ZarrStore(tmp_path / "run.zarr"))
    loaded, expected = js.data.load(tmp_path / "run.zarr"), js.data.to_xarray(solution)
    # The transform to values rounds differently for one saved state than for all at once.
    xarray.testing.assert_allclose(loaded, expected.drop_attrs(), rtol=1e-14, atol=1e-14)
    for key in expected.data_vars:
        np.testing.assert_allclose(loaded[key], js.data.to_xarray(plain)[key], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", RUNS)
@pytest.mark.parametrize("writes", [1, 2, 3, 4, 5, 6, 29])
def test_killed_at_any_write_and_resumed_bit_for_bit(tmp_path, monkeypatch, kind, writes, whole):
    with monkeypatch.context() as patch:
        killed_after(patch, writes)
        with pytest.raises(Killed):
            RUNS[kind](ZarrStore(tmp_path / "run.zarr"))
    expected, final = whole(kind)
    if (tmp_path / "run.zarr").exists():
        before = js.data.load(tmp_path / "run.zarr")
        assert 0 < before.sizes["time"] < expected.sizes["time"]
        assert before.identical(expected.isel(time=slice(before.sizes["time"])))
    resumed = RUNS[kind](ZarrStore(tmp_path / "run.zarr"))
    assert js.data.load(tmp_path / "run.zarr").identical(expected)
    assert js.data.to_xarray(resumed.final).identical(js.data.to_xarray(final))


SCRIPT = """
import os, signal, sys
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp, jaxsci as js
store = js.data.ZarrStore(sys.argv[1])
appended, append = [], store.append
def append_and_die(*args):
    append(*args)
    appended.append(1)
    if len(appended) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
store.append = append_and_die
space = js.Fourier(js.Grid(js.Box((0.0, 101.0)), (64,)))
u = space.field(lambda x: jnp.cos(2 * jnp.pi * x[0] / 101) * (1 + jnp.sin(2 * jnp.pi * x[0] / 101)))
js.simulate(js.equations.KuramotoSivashinsky(), u, 100.0, dt=0.25, save_at=40, store=store)
"""


@pytest.mark.slow
def test_killed_process_is_resumed_by_another(tmp_path):
    def run(name, kill_at):
        return subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT, tmp_path / name, str(kill_at)]).returncode

    assert run("run.zarr", 17) == -signal.SIGKILL
    assert js.data.load(tmp_path / "run.zarr").sizes["time"] == 17
    assert run("run.zarr", 0) == 0 and run("whole.zarr", 0) == 0
    assert js.data.load(tmp_path / "run.zarr").identical(js.data.load(tmp_path / "whole.zarr"))


def test_xarray_reads_a_store_as_it_is(tmp_path):
    start = LINE.field(lambda x: 0.0 * x[0])
    law = js.equations.Heat(0.5)
    store = ZarrStore(tmp_path / "run.zarr", equation=law)
    js.simulate(law, start, 1.0, dt=0.1, save_at=2, store=store)
    loaded = js.data.load(tmp_path / "run.zarr")
    with xarray.open_zarr(tmp_path / "run.zarr", consolidated=False) as opened:
        np.testing.assert_array_equal(opened.u, np.zeros((2, 32)))
        np.testing.assert_array_equal(opened.x, LINE.axes[0])
        assert loaded.attrs.items() <= opened.attrs.items()
    assert loaded.attrs["equation"].startswith("Heat(conductivity=0.5") and "ZarrStore" in loaded.attrs["source"]


def test_another_run_is_refused(tmp_path):
    RUNS["fixed"](ZarrStore(tmp_path / "run.zarr"))
    with pytest.raises(ValueError, match="store"):
        RUNS["controlled"](ZarrStore(tmp_path / "run.zarr"))


def test_what_is_no_store_is_left_alone(tmp_path):
    js.data.save(tmp_path / "u.zarr", LINE.field(lambda x: x[0]))
    with pytest.raises(FileExistsError, match="another path"):
        RUNS["fixed"](ZarrStore(tmp_path / "u.zarr"))
    with pytest.raises(ValueError, match="suffix"):
        ZarrStore(tmp_path / "run.nc")
    with pytest.raises(FileNotFoundError, match="nothing yet"):
        ZarrStore(tmp_path / "new.zarr").dataset()
    assert ZarrStore(tmp_path / "new.zarr").resume() is None

"""What an installation promises: a light import, a warning about broken versions, right arithmetic, a command line."""

import subprocess
import sys
import warnings

import pytest

from jaxsci._core import installation
from jaxsci.gallery import cli, doctor, registry


def python(code: str) -> str:
    finished = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_import_sets_no_flag_and_starts_no_backend():
    code = """
import jax
from jax._src import xla_bridge
before = dict(jax.config.values)
import jaxsci
for room in ("geometry", "fields", "operators", "equations", "simulation", "gallery"):
    getattr(jaxsci, room)
changed = {flag: jax.config.values[flag] for flag in before if jax.config.values[flag] != before[flag]}
assert not changed, changed
assert not xla_bridge.backends_are_initialized()
"""
    python(code)


def test_import_is_cheaper_than_that_of_diffrax():
    def seconds(name):
        timed = f"import time; t = time.process_time(); import {name}; print(time.process_time() - t)"
        return min(float(python(timed)) for _ in range(3))

    assert seconds("jaxsci") < 1.5 * seconds("diffrax")


def test_import_and_listing_do_not_load_jax():
    out = python("import jaxsci.gallery.cli as cli, sys; cli.main([]); assert 'jax' not in sys.modules")
    assert "lynx-hare" in out


def test_unknown_name_is_an_attribute_error():
    import jaxsci

    with pytest.raises(AttributeError, match="simulat"):
        _ = jaxsci.simulat


@pytest.mark.parametrize("number", sorted(installation.BROKEN_JAX))
def test_broken_jax_is_named_with_its_remedy(monkeypatch, number):
    monkeypatch.setattr(installation, "version", lambda name: number)
    with pytest.warns(RuntimeWarning, match=rf"jax and jaxlib {number} .* -m pip install .*jax[=>]="):
        installation.warn_of_broken_jax()


@pytest.mark.parametrize("number", ["0.10.0", "0.10.1", "0.11.2", "0.12.0.1", "0.12.1.dev20260101"])
def test_sound_jax_is_not_warned_about(monkeypatch, number):
    monkeypatch.setattr(installation, "version", lambda name: number)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        installation.warn_of_broken_jax()


@pytest.mark.parametrize("n", [5000, 16385, 20000, 40000])
def test_canary_this_jax_computes_rightly(n):
    assert doctor.canary(n) == 0


def test_doctor_finds_a_sound_installation(capsys):
    assert doctor.examine() == 0
    out = capsys.readouterr().out
    assert "WRONG" not in out and "0 of 40000" in out


def test_doctor_reports_wrong_arithmetic_with_the_remedy(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "canary", lambda n: 1)
    assert doctor.examine() == 1
    assert "pip install" in capsys.readouterr().out.split("What is wrong:")[1]


def test_doctor_goes_on_after_a_check_that_raises(monkeypatch, capsys):
    def broken(n):
        raise ImportError("undefined symbol")

    monkeypatch.setattr(doctor, "canary", broken)
    assert doctor.examine() == 1
    out = capsys.readouterr().out
    assert "undefined symbol" in out and "simulation and gradient" in out


def test_unknown_example_names_the_nearest(capsys, tmp_path):
    assert cli.main(["run", "linx-hare", "--output", str(tmp_path / "out")]) == 2
    assert "'lynx-hare'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_output_that_is_a_file_is_refused(capsys, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert cli.main(["run", "lynx-hare", "--output", str(tmp_path / "out")]) == 2
    assert "folder" in capsys.readouterr().err
    assert (tmp_path / "out").read_text() == "mine"


class Example:
    """An example that writes one file and then succeeds, or fails."""

    def __init__(self, error: BaseException | None = None):
        self.error = error

    def main(self, output, progress):
        (output / "results.json").write_text("new")
        if self.error:
            raise self.error


@pytest.mark.parametrize("error", [RuntimeError("diverged"), KeyboardInterrupt()])
def test_a_failed_run_leaves_the_folder_as_it_was(monkeypatch, tmp_path, error):
    monkeypatch.setattr(registry, "import_module", lambda name: Example(error))
    out = tmp_path / "out"
    out.mkdir()
    (out / "results.json").write_text("old")
    with pytest.raises(type(error)):
        registry.run("lynx-hare", out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "results.json").read_text() == "old"


def test_a_finished_run_replaces_its_own_files_only(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "import_module", lambda name: Example())
    out = tmp_path / "deep" / "out"
    out.mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    assert registry.run("lynx-hare", out) == [out / "results.json"]
    assert (out / "results.json").read_text() == "new" and (out / "notes.txt").read_text() == "mine"
    assert [path.name for path in out.parent.iterdir()] == ["out"]

"""The command line keeps what it ran for, shows mistakes whole, and is shipped with all that it names."""

import errno
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from jaxsci.data.extra import needs
from jaxsci.gallery import cli, doctor, registry

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def example(monkeypatch, main):
    """Let every example be this `main(output)`."""

    class Module:
        @staticmethod
        def main(output, progress):
            main(output)

    monkeypatch.setattr(registry, "import_module", lambda name: Module)


def write(output):
    (output / "plots").mkdir()
    (output / "plots" / "u.txt").write_text("new")


def fail(error):
    def main(output):
        write(output)
        raise error

    return main


def test_a_folder_on_another_device_gets_its_results(monkeypatch, tmp_path):
    out = tmp_path / "mounted"
    out.mkdir()
    replace = registry.os.replace

    def within_one_device(source, target):
        if Path(source).is_relative_to(out) != Path(target).is_relative_to(out):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        replace(source, target)

    monkeypatch.setattr(registry.os, "replace", within_one_device)
    example(monkeypatch, write)
    assert registry.run("lynx-hare", out) == [out / "plots" / "u.txt"]
    assert [path.name for path in out.iterdir()] == ["plots"] and list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("deep", [(), ("a", "b")])
def test_an_error_leaves_no_folder_behind(monkeypatch, tmp_path, deep):
    example(monkeypatch, fail(RuntimeError("diverged")))
    with pytest.raises(RuntimeError):
        registry.run("lynx-hare", tmp_path.joinpath("new", *deep))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_run(monkeypatch, tmp_path, capsys):
    def refuse(**options):
        raise PermissionError(errno.EACCES, "Permission denied")

    ran = []
    example(monkeypatch, ran.append)
    monkeypatch.setattr(registry.tempfile, "mkdtemp", refuse)
    assert cli.main(["run", "lynx-hare", "--output", str(tmp_path / "new")]) == 2
    assert re.search(r"new cannot be written to \(Permission denied\): name another", capsys.readouterr().err)
    assert not ran and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("obstacle", ["plots", "plots/u.txt"])
def test_what_is_in_the_way_stays_and_nothing_is_moved(monkeypatch, tmp_path, obstacle):
    def main(output):
        (output / "a.txt").write_text("new")
        write(output)

    if obstacle == "plots":
        (tmp_path / "plots").write_text("mine")
    else:
        (tmp_path / "plots" / "u.txt").mkdir(parents=True)
    example(monkeypatch, main)
    with pytest.raises(OSError, match=f"{obstacle} is a .*name another output folder"):
        registry.run("lynx-hare", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["plots"]


def test_a_missing_extra_is_one_line(monkeypatch, tmp_path, capsys):
    example(monkeypatch, lambda output: needs("no_such_package", "this example"))
    assert cli.main(["run", "lynx-hare", "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        'jaxsci: this example needs the package no_such_package: pip install "jaxsci[data]"\n'
    )


@pytest.mark.parametrize("name", ["simulat", "no_such_module"])
def test_a_mistaken_import_keeps_its_traceback(monkeypatch, tmp_path, name):
    mistake = f"from jaxsci import {name}" if name == "simulat" else f"import {name}"
    example(monkeypatch, lambda output: exec(mistake))
    with pytest.raises(ImportError, match=name):
        cli.main(["run", "lynx-hare", "--output", str(tmp_path / "out")])


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"]])
def test_a_reader_that_has_seen_enough_is_no_error(arguments):
    code = "import sys; sys.stdin.read(); from jaxsci.gallery.cli import main; sys.exit(main(sys.argv[1:]))"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], text=True, cwd=ROOT, **pipes)
    process.stdout.close()
    process.stdin.close()
    assert process.stderr.read() == "" and process.wait() in (0, 1)
    process.stderr.close()


def test_version_is_that_of_the_project(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "version", lambda name: PROJECT["project"]["version"])
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"jaxsci {PROJECT['project']['version']}\n"


def packages(requirements):
    """Names of the packages, those behind brackets (`h5netcdf[h5py]`) too, without extras of our own and of tools."""
    found = set()
    for requirement in requirements:
        name, inside = re.match(r"([\w-]+)(?:\[(.*?)\])?", requirement).groups()
        found |= set() if name == "jaxsci" else {name, *({"h5py"} if inside == "h5py" else ())}
    return found


def test_doctor_knows_every_package_of_the_project():
    assert set(doctor.CORE) == packages(PROJECT["project"]["dependencies"])
    for extra, requirements in PROJECT["project"]["optional-dependencies"].items():
        known = set(doctor.EXTRAS.get(extra, ())) | set(doctor.CORE)
        assert packages(requirements) <= known, extra


def test_doctor_names_the_command_of_an_absent_extra(monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "blackjax" else "1.0")
    row = next(line for line in doctor._extras()[0].splitlines() if "blackjax" in line)
    assert row.strip() == 'bayes: blackjax absent, arviz 1.0 (pip install "jaxsci[bayes]")'


def test_everything_that_readme_and_tests_read_is_shipped():
    shipped = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    links = {link for page in ("README.md", "CONTRIBUTING.md") for link in re.findall(r"\]\(([^)#:]+)\)", _text(page))}
    read = {"docs/tour.md", "notebooks/01_first_simulation.py", "tests/conftest.py", "jaxsci/__init__.py"}
    for path in map(Path, links | read):
        assert (ROOT / path).exists(), path
        inside = [f"/{part}" for part in (path, *path.parents)]
        assert any(fnmatch(part, pattern) for part in inside for pattern in shipped), path


def _text(page):
    return (ROOT / page).read_text()

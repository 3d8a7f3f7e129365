"""Which versions of jax compute wrongly, and what to install instead. Looks at metadata only: jax is not imported."""

import re
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version

BROKEN_JAX = {
    "0.10.2": "silently gives wrong numbers on CPU in small matrix-vector products that are then reduced",
    "0.11.0": "can crash on CPU where 0.10.2 computes wrong numbers",
    "0.11.1": "needs a time that grows with the square of the number of saved states on CPU",
}


def installed_jax() -> dict[str, str]:
    """Versions of jax and jaxlib as their metadata tells them; a package that is missing is left out."""
    found = {}
    for name in ("jax", "jaxlib"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def remedy() -> str:
    """The command that installs a version that works with this Python."""
    wanted = '"jax==0.10.1" "jaxlib==0.10.1"' if sys.version_info < (3, 12) else '"jax>=0.11.2" "jaxlib>=0.11.2"'
    return f"{sys.executable or 'python'} -m pip install {wanted}"


def broken_versions() -> list[str]:
    """One sentence for each version that is installed, of jax or jaxlib, and known to be broken."""
    packages: dict[str, list[str]] = {}
    for name, number in installed_jax().items():
        release = re.match(r"\d+\.\d+\.\d+", number)
        if release and release[0] in BROKEN_JAX:
            packages.setdefault(release[0], []).append(name)
    return [f"{' and '.join(names)} {number} {BROKEN_JAX[number]}" for number, names in packages.items()]


def warn_of_broken_jax() -> None:
    """Warn once, with the remedy, if the installed jax is a broken one."""
    sentences = broken_versions()
    if sentences:
        warnings.warn(f"{'; '.join(sentences)}. Install another version: {remedy()}", RuntimeWarning, stacklevel=3)

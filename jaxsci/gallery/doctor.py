"""`jaxsci doctor`: does this installation compute rightly? Each check that fails says what is wrong and what to do."""

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version

from .._core.installation import broken_versions, remedy

CORE = (
    "jax",
    "jaxlib",
    "equinox",
    "diffrax",
    "lineax",
    "optimistix",
    "optax",
    "jaxtyping",
    "numpy",
    "scipy",
    "matplotlib",
    "pillow",
    "tqdm",
)
EXTRAS = {
    "bayes": ("blackjax", "arviz"),
    "data": ("xarray", "zarr", "h5netcdf", "h5py"),
    "flax": ("flax",),
    "petab": ("petab", "python-libsbml", "sympy"),
    "test": ("pytest", "pytest-xdist", "hypothesis", "chex", "beartype"),
    "style": ("ruff", "pyright"),
    "notebooks": ("ipykernel", "jupyter-client", "nbclient", "nbformat", "jupytext"),
    "docs": ("sphinx", "myst-nb", "furo"),
    "peers": ("exponax", "jax-cfd", "numpyro", "numba", "deepxde", "jinns", "torch"),
    "oracles": ("findiff", "scikit-fem"),
}


def examine() -> int:
    """Print what was found, and return 0 if nothing is wrong, else 1."""
    print(f"Python {platform.python_version()} at {sys.executable}")
    problems = []
    for title, check in (
        ("packages", _packages),
        ("extras", _extras),
        ("devices", _devices),
        ("arithmetic", _arithmetic),
        ("simulation and gradient", _gradient),
    ):
        try:
            found, wrong = check()
        except Exception as error:  # a broken installation may fail anywhere, and the rest is still worth knowing
            found, wrong = "failed", [f"the check of {title} stopped with {type(error).__name__}: {error}"]
        print(f"{'WRONG' if wrong else 'ok':<6}{title}: {found}")
        problems += wrong
    if problems:
        print("\nWhat is wrong:", *(f"  - {problem}" for problem in problems), sep="\n")
    else:
        print("\nThis installation is sound.")
    return 1 if problems else 0


def _packages() -> tuple[str, list[str]]:
    found, problems = [f"jaxsci {own_version()}"], []
    for name in CORE:
        number = _version(name)
        found.append(f"{name} {number or 'missing'}")
        if number is None:
            problems.append(f"{name} is missing: {sys.executable} -m pip install {name}")
    problems += [f"{sentence}. Install another version: {remedy()}" for sentence in broken_versions()]
    return ", ".join(found), problems


def _extras() -> tuple[str, list[str]]:
    """What the optional extras hold; that one is absent is nothing wrong."""
    rows = []
    for extra, names in EXTRAS.items():
        numbers = {name: _version(name) for name in names}
        row = ", ".join(f"{name} {number or 'absent'}" for name, number in numbers.items())
        rows.append(row if all(numbers.values()) else f'{row} (pip install "jaxsci[{extra}]")')
    return "optional" + "".join(f"\n      {extra}: {row}" for extra, row in zip(EXTRAS, rows, strict=True)), []


def own_version() -> str:
    """The installed version of jaxsci, or that it is not installed."""
    return _version("jaxsci") or "(not installed, run from its source tree)"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _devices() -> tuple[str, list[str]]:
    import jax

    devices, problems = jax.devices(), []
    if shutil.which("nvidia-smi") and jax.default_backend() == "cpu" and "JAX_PLATFORMS" not in os.environ:
        problems.append(
            f'an NVIDIA driver is here, but jax uses the CPU: {sys.executable} -m pip install "jax[cuda12]", '
            "or set JAX_PLATFORMS=cpu if that is what you want."
        )
    if jax.config.jax_disable_jit:
        problems.append("JAX_DISABLE_JIT is set: everything runs hundreds of times slower; unset it.")
    return f"{len(devices)} x {devices[0].device_kind} ({jax.default_backend()}), {os.cpu_count()} CPU cores", problems


def canary(n: int = 16385, d: int = 3) -> int:
    """How many of `n` values of `|M r|^2` the compiler gets wrong in float64: 0, except on jax 0.10.2.

    Args:
        n: Number of vectors `r`. The defect shows from 16 385 (one value) to somewhere below 65 536.
        d: Their dimension.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np

    generator = np.random.default_rng(0)
    R, M = generator.normal(size=(n, d)), generator.normal(size=(d, d))
    with jax.enable_x64(True):
        matrix = jnp.asarray(M)
        values = np.asarray(jax.jit(jax.vmap(lambda r: jnp.sum((matrix @ r) ** 2)))(jnp.asarray(R)))
    return int(np.sum(~np.isclose(values, np.sum((R @ M.T) ** 2, axis=1), rtol=1e-10)))


def _arithmetic() -> tuple[str, list[str]]:
    wrong = {n: canary(n) for n in (16385, 40000)}
    found = ", ".join(f"{count} of {n} values of |M r|^2 wrong" for n, count in wrong.items())
    problems = [f"jax computes wrong numbers on this machine ({found}). Install another version: {remedy()}"]
    return found, problems if any(wrong.values()) else []


def _gradient() -> tuple[str, list[str]]:
    import jax
    import jax.numpy as jnp

    from ..simulation import simulate

    with jax.enable_x64(True):

        def final(rate):
            return simulate(lambda t, y, args: -args * y, jnp.ones(()), t1=1.0, args=rate, rtol=1e-9, atol=1e-12).final

        value, slope = jax.value_and_grad(final)(jnp.asarray(0.5))
        error = max(abs(float(value) - 0.6065306597126334), abs(float(slope) + 0.6065306597126334))
    found = f"decay law and its derivative right to {error:.0e}"
    remedy = f"{sys.executable} -m pip install --upgrade --force-reinstall equinox diffrax"
    return found, [] if error < 1e-7 else [
        f"y' = -y/2 and its derivative are wrong by {error:.1e}. Reinstall: {remedy}"
    ]

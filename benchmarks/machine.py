"""What this machine can do: its name, and rates measured in the same process as the contenders."""

import platform
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

PACKAGES = (
    *("jax", "jaxlib", "jaxsci", "exponax", "jax-cfd", "diffrax", "equinox", "numba", "numpy"),
    *("deepxde", "jinns", "torch"),
)


def description() -> dict[str, str]:
    """Date, processor, Python and packages."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "processor": processor(),
        "cores": str(len(cores())),
        "python": sys.version.split()[0],
        **{name: installed(name) for name in PACKAGES},
    }


def cores() -> set[int] | range:
    """The processors this process may use."""
    import os

    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


def processor() -> str:
    """Name of the processor, with its family and model where the name alone says little."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return (
        f"{facts.get('model name', platform.machine())} (family {facts.get('cpu family')}, model {facts.get('model')})"
    )


def installed(package: str) -> str:
    """Version of a package, or a dash."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def flops(dtype) -> float:
    """Floating-point operations a second of one core: independent multiply-adds on numbers in the first cache."""
    import jax
    import jax.numpy as jnp

    count, depth, loops = 2048, 16, 2000
    x = jnp.linspace(0.0, 1.0, count, dtype=dtype)

    @jax.jit
    def run(x):
        def body(_, y):
            for _ in range(depth):
                y = y * 0.999 + x
            return y

        return jax.lax.fori_loop(0, loops, body, x)

    return 2 * count * depth * loops / best_time(lambda: run(x).block_until_ready())


def product_rate(dtype, size: int) -> float:
    """Floating-point operations a second of a product of square matrices, on all cores that JAX takes."""
    import jax
    import jax.numpy as jnp

    a = jnp.eye(size, dtype=dtype) + 1 / size
    run = jax.jit(lambda a: a @ a)
    run(a).block_until_ready()
    times = []
    for _ in range(20):
        start = time.perf_counter()
        run(a).block_until_ready()
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)


def copy_rate(num_bytes: int) -> float:
    """Bytes read and written a second by one core that copies arrays of `num_bytes`."""
    source = np.zeros(num_bytes // 8)
    target = np.empty_like(source)
    repeats = max(1, 100_000_000 // num_bytes)

    def run():
        for _ in range(repeats):
            np.copyto(target, source)

    return 2 * num_bytes * repeats / best_time(run)


def best_time(run, repeats: int = 5) -> float:
    """Least processor time of a run, after one to warm up."""
    run()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return max(min(times), 1e-9)

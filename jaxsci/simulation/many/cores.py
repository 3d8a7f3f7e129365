"""All cores of a CPU that JAX counts as one device: shares of the work, each driven by a thread of its own.

JAX runs what one thread sends it in order, on one core where a scan is concerned; what several threads send runs side
by side. Shares are compiled for the widest vectors that the processor has, where the compiler by itself stops at 256
bits: lanes are long enough to fill them (ten bodies: 14 % faster).
"""

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

SETTINGS = (
    "jax_enable_x64",
    "jax_numpy_dtype_promotion",
    "jax_default_device",
    "jax_default_matmul_precision",
    "jax_debug_nans",
    "jax_disable_jit",
)


def num_cores(devices: Sequence[Any]) -> int:
    """How many threads are worth their while on these devices: the cores of a lone CPU, else one."""
    if len(devices) > 1 or devices[0].platform != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


COMPILED: set = set()


def in_shares(function: Callable, arrays: PyTree, static: PyTree, count: int, num_shares: int) -> PyTree:
    """`function(arrays, static)(first, size)`, the results of `size` rows from `first` on, dealt out to threads.

    This thread takes the first share. Results are put together along their leading axis. All shares have one size, so
    that the first compiles for all: they take turns where the program is new. A setting of JAX made by a context
    manager holds in its own thread only: where there is one, this thread does everything.
    """
    share = -(-count // num_shares)
    leaves, structure = jax.tree.flatten(static)
    program = _Program(function, tuple(leaves), structure)
    settings, known = _settings(), (program, share, _shapes(arrays))
    turn = contextlib.nullcontext() if known in COMPILED else threading.Lock()

    def run(i):
        if _settings() != settings:
            return None
        with turn:
            return jax.block_until_ready(_share(program, share, arrays, i * share))

    others = _threads(num_shares - 1).map(run, range(1, num_shares))
    results = [run(0), *others]
    COMPILED.add(known)
    results = [_share(program, share, arrays, i * share) if part is None else part for i, part in enumerate(results)]
    return _joined(results, count)


@functools.cache
def _threads(number: int) -> ThreadPoolExecutor:
    """Threads that stay, asleep between calls."""
    return ThreadPoolExecutor(number, "jaxsci")


class _Program(NamedTuple):
    """A function and what it was compiled for."""

    function: Callable
    leaves: tuple
    structure: Any


@functools.partial(jax.jit, static_argnums=(0, 1), compiler_options={"xla_cpu_prefer_vector_width": 512})
def _share(program: _Program, size: int, arrays: PyTree, first) -> PyTree:
    return program.function(arrays, jax.tree.unflatten(program.structure, program.leaves))(first, size)


@functools.partial(jax.jit, static_argnums=1)
def _joined(parts: list[PyTree], count: int) -> PyTree:
    return jax.tree.map(lambda *parts: jnp.concatenate(parts)[:count], *parts)


def _settings() -> tuple:
    return tuple(getattr(jax.config, name) for name in SETTINGS)


def _shapes(arrays: PyTree) -> tuple:
    leaves, structure = jax.tree.flatten(arrays)
    return structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)

"""All cores of a CPU that JAX counts as one device: shares of the work, each driven by a thread of its own.

JAX runs what one thread sends it in order, on one core where a scan is concerned; what several threads send runs side
by side.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
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


def in_shares(function: Callable, rows: PyTree, count: int, num_shares: int, program: PyTree) -> PyTree:
    """`function(rows)` with the rows dealt out to threads; results are put together along their leading axis.

    All shares have one shape, the last one filled up with copies of the last row, so that the first compiles for all:
    they take turns where `program`, which is all that the function depends on, is new. A setting of JAX made by a
    context manager holds in its own thread only: where there is one, this thread does everything.
    """
    if num_shares < 2 or count < 2 * num_shares:
        return function(rows)
    share = -(-count // num_shares)
    settings, known = _settings(), (share, _signature(program))
    turn = contextlib.nullcontext() if known in COMPILED else threading.Lock()

    def run(i):
        if _settings() != settings:
            return None
        picks = np.minimum(np.arange(i * share, (i + 1) * share), count - 1)
        with turn:
            return jax.block_until_ready(function(jax.tree.map(lambda leaf: leaf[picks], rows)))

    with ThreadPoolExecutor(num_shares) as pool:
        results = list(pool.map(run, range(num_shares)))
    COMPILED.add(known)
    if any(result is None for result in results):
        return function(rows)
    return jax.tree.map(lambda *parts: jnp.concatenate(parts)[:count], *results)


def _settings() -> tuple:
    return tuple(getattr(jax.config, name) for name in SETTINGS)


def _signature(program: PyTree) -> tuple:
    leaves, structure = jax.tree.flatten(eqx.filter(program, eqx.is_array))
    return structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)

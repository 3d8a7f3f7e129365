"""Pieces of a program that are compiled apart, so that what they give is written to memory before it is read.

A compiler that fuses everything computes the input of a stencil again for each neighbour that reads it, and makes no
vectors of loops that ask at each node whether a wall is near. XLA leaves a call alone that says it is not to be
inlined, in derivatives and under `jax.vmap` too. On accelerators fusion is what one wants, and nothing is kept apart.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.experimental.xla_metadata import set_xla_metadata
from jaxtyping import PyTree

from .settled import settled
from .tracing import is_tracing

PIECE = "piece"


def apart(function: Callable, *arrays: PyTree) -> PyTree:
    """`function(*arrays)`, compiled apart from what comes before and after, in a program of the name `PIECE`."""
    if not keeps_apart():
        return function(*arrays)

    def piece(*arrays):
        with set_xla_metadata(inlineable="true"):
            return function(*arrays)

    with set_xla_metadata(inlineable="false"):
        results = jax.jit(piece)(*arrays)
    # what is lowered to nothing, a product with one, hands its mark to what it reads: that must not be the call
    return jax.lax.optimization_barrier(results)


def keeps_apart() -> bool:
    """Whether pieces are compiled apart here: in programs for a CPU."""
    return jax.default_backend() == "cpu" and is_tracing()


def in_memory(arrays: PyTree) -> PyTree:
    """The same arrays, written to memory before they are read."""
    return apart(jax.lax.optimization_barrier, arrays)


def apart_after(function: Callable, *arrays: PyTree, keeps: bool = True) -> PyTree:
    """As `apart`, after all that can be done without the arrays, which a loop around it then does once.

    A derivative reads what the piece `keeps` for it; where it does not, what it needs is worked out from the arrays.
    """
    if not keeps_apart():
        return function(*arrays)
    rest, known = settled(function, *arrays)
    return apart(rest if keeps else jax.checkpoint(rest, prevent_cse=False), known, *arrays)


BRANCHES_ARE_CHEAP: ContextVar[bool] = ContextVar("branches are cheap", default=False)
LOOPS = {"xla_cpu_use_fusion_emitters": False}


def branches_are_cheap() -> bool:
    """Whether this program's loops ask where they are outside the innermost one, so that ends cost nothing."""
    return BRANCHES_ARE_CHEAP.get()


def for_stencils(function: Callable) -> Callable:
    """`function`, jitted with the older of the two ways in which XLA writes loops for a CPU.

    It makes vectors of loops that ask whether a row is the first or last: heat in one pass is two to four times faster.
    Only for calls outside any other program, since options belong to a whole program.
    """

    @functools.wraps(function)
    def traced(*args):
        with _set(BRANCHES_ARE_CHEAP):
            return function(*args)

    return eqx.filter_jit(traced, compiler_options=LOOPS)


TAKES_MARGINS: ContextVar[bool] = ContextVar("takes margins", default=False)


def takes_margins() -> bool:
    """Whether steps of this program may copy neighbours once for many of them; its derivatives would suffer."""
    return TAKES_MARGINS.get()


def for_rings(function: Callable) -> Callable:
    """`function`, jitted with leave to take margins: for calls outside any other program."""

    @functools.wraps(function)
    def traced(*args):
        with _set(TAKES_MARGINS):
            return function(*args)

    return eqx.filter_jit(traced)


@functools.cache
def can_choose_loops() -> bool:
    """Whether this is a CPU, and this version of XLA knows the option."""
    if jax.default_backend() != "cpu":
        return False
    try:
        jax.jit(jnp.negative, compiler_options=LOOPS).lower(0.0).compile()
    except Exception:
        return False
    return True


@contextlib.contextmanager
def _set(variable: ContextVar[bool]) -> Iterator[None]:
    token = variable.set(True)
    try:
        yield
    finally:
        variable.reset(token)

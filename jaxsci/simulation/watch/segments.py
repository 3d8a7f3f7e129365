"""Runs that save as they go: the same steps in segments on the host, so that a killed run can be resumed."""

import math
import re
import zlib
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..._core.errors import UnsupportedError
from ...fields import pack, unpack
from .. import adaptive
from ..closures import PlainLaw, digest
from ..methods.base import Method, vector_field
from ..rollout import march
from ..solution import Solution
from .progress import UPDATES, Bar


@eqx.filter_jit
def _fixed(plan, inputs, arrays, first, num_saves, every):
    equation, state, args, (t0, t1, _, _), _, _ = inputs
    system = (equation, state, arrays, t0, (t1 - t0) / plan.num_steps, args)
    return march(plan.method, system, num_saves, every, plan.adjoint, first)


@eqx.filter_jit
def _begin(plan, inputs):
    equation, state, args, (t0, t1, _, _), tolerances, _ = inputs
    f = vector_field(equation, state, args)
    return adaptive.begin(plan.method, f, t0, unpack(state), t1 - t0, tolerances, state)


@eqx.filter_jit
def _controlled(plan, inputs, run, knots):
    equation, state, args, _, tolerances, _ = inputs
    return adaptive.through(plan.method, (equation, state, args), run, knots, tolerances, plan.max_steps)[:2]


def in_segments(plan: Any, inputs: tuple, store: Any) -> Solution:
    """Run to the end, handing the store what has been saved after each segment; go on from what the store holds."""
    if not isinstance(plan.method, Method):
        raise UnsupportedError(
            f"{type(plan.method).__name__} is run by diffrax, which cannot be resumed: leave store out, or use a "
            "method of this library."
        )
    _, state, _, (t0, t1, _, times), _, _ = inputs
    engine = store.resume()
    call = _fingerprint(plan, inputs)
    done = 0 if engine is None else _done(engine, call)
    saved_here, ts_here = [], []
    bar = Bar("simulation") if plan.options["progress"] else None
    if plan.num_steps is not None:
        gaps = np.diff(np.array(plan.indices), prepend=0)
        if len(set(gaps)) != 1 or plan.indices[-1] != plan.num_steps:
            raise UnsupportedError(
                "with store= and dt the saves must be equally spaced: give save_at as a number of saves."
            )
        every, total = int(gaps[0]), len(gaps)
        ts = t0 + jnp.asarray(np.array(plan.indices), t0.dtype) * ((t1 - t0) / plan.num_steps)
        moving = unpack(state) if engine is None else _resumed(unpack(state), engine)
    else:
        ts, total = times, len(times)
        moving = _begin(plan, inputs) if engine is None else _resumed(_begin(plan, inputs), engine)
    size = math.ceil(total / UPDATES)
    while done < total:
        number = min(size, total - done)
        here = ts[done : done + number]
        if plan.num_steps is not None:
            moving, saved = _fixed(plan, inputs, moving, jnp.asarray(done * every), number, every)
        else:
            moving, saved = _controlled(plan, inputs, moving, here)
        arrays = moving if plan.num_steps is not None else moving.arrays
        done += number
        if not _healthy(moving, arrays, here[-1]):
            saved_here.append(saved)
            ts_here.append(here)
            break
        store.append(here, pack(state, saved, here), {"done": jnp.asarray(done), "call": call, "run": moving})
        saved_here.append(saved)
        ts_here.append(here)
        if bar:
            bar.update(done / total)
    if bar:
        bar.close(done == total)
    if plan.num_steps is None and done == total and ts[-1] < t1:
        moving, _ = _controlled(plan, inputs, moving, t1[None])
        ts = jnp.append(ts, t1)
    return _collect(plan, state, moving, ts_here, saved_here, (ts[-1], t1))


def _fingerprint(plan, inputs) -> np.ndarray:
    """A checksum of everything a run depends on: what the law does, the state, the times and the method."""
    equation, state, args, (t0, *_), _, _ = inputs
    code = zlib.crc32(digest(lambda t, arrays: vector_field(equation, state, args)(t, arrays), t0, unpack(state)))
    inputs = (None if isinstance(equation, PlainLaw) else equation, *inputs[1:])
    leaves, structure = jax.tree.flatten((plan, inputs))
    code = zlib.crc32(re.sub(r" at 0x[0-9a-f]+", "", f"{structure}").encode(), code)
    for leaf in leaves:
        code = zlib.crc32(np.asarray(leaf).tobytes() if eqx.is_array(leaf) else str(type(leaf)).encode(), code)
    return np.asarray(code, np.int64)


def _done(engine, call) -> int:
    """How many saves the store holds of this very run."""
    if int(engine["call"]) != int(call):
        raise ValueError(
            "the store holds another run: its law, coefficients, start, times or method differ from this call. "
            "Resume it with the call that began it, or give this run a store of its own."
        )
    return int(engine["done"])


def _resumed(start, engine):
    """What the store holds, in the containers of the beginning of this run."""
    leaves, structure = jax.tree.flatten(start)
    held = [np.asarray(leaf) for leaf in jax.tree.leaves(engine["run"])]
    kinds = [[(leaf.shape, leaf.dtype.name) for leaf in side] for side in (leaves, held)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"the store holds a run whose state has shapes and types {kinds[1]}, this one has {kinds[0]}: resume it "
            "with the same call, state, method and precision that began it, or give this run a store of its own."
        )
    return jax.tree.unflatten(structure, [jnp.asarray(leaf) for leaf in held])


def _healthy(moving, arrays, end) -> bool:
    finite = all(bool(jnp.all(jnp.isfinite(leaf))) for leaf in jax.tree.leaves(arrays))
    return finite and (not isinstance(moving, adaptive.Progress) or int(adaptive.failure(moving, end)) == 0)


def _collect(plan, state, moving, ts, saved, ends):
    controlled = isinstance(moving, adaptive.Progress)
    arrays = moving.arrays if controlled else moving
    last, t1 = ends
    if controlled:
        failure = adaptive.failure(moving, last)
        stats = {"steps": moving.accepted, "rejected": moving.rejected, "failure": failure, "reached": moving.t}
    else:
        stats = {"steps": jnp.asarray(plan.num_steps)}
    states = (
        jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *saved)
        if saved
        else jax.tree.map(lambda a: a[None][:0], arrays)
    )
    times = jnp.concatenate(ts) if ts else jnp.zeros(0, t1.dtype)
    ok = jnp.asarray(_healthy(moving, arrays, last))
    return Solution(times, pack(state, states, times), pack(state, arrays, t1), stats, ok, type(plan.method).__name__)

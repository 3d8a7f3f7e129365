"""The no-U-turn sampler of blackjax: a transition that learns its step size and metric, and chains on all cores.

References:
    Hoffman, Gelman, The no-U-turn sampler, JMLR 15 (2014); Betancourt, A conceptual introduction to Hamiltonian Monte
    Carlo (2017); Stan reference manual, section 15.2, for the windows of the warmup.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...simulation.many.cores import SETTINGS, num_cores
from .target import Target, evaluate

BLOCK = 50
FAST, SLOW, SAMPLING = 0, 1, 2


class Chain(NamedTuple):
    """A chain on its way: the state of blackjax, what it has learned, and what it moves with."""

    nuts: Any
    averaging: Any
    moments: Any
    step_size: Array
    inverse_mass: Array


class Transition(NamedTuple):
    """What is kept of a transition."""

    z: Array
    log_density: Array
    divergent: Array
    broken: Array
    gradients: Array
    acceptance: Array
    doublings: Array


class Settings(eqx.Module):
    """What the sampler is told.

    Args:
        acceptance: the mean acceptance that the step size is chosen for.
        doublings: how often a trajectory may double.
        lockstep: whether chains move side by side, each waiting for the slowest one, or in turn.
    """

    acceptance: Array
    doublings: int = eqx.field(static=True, default=10)
    lockstep: bool = eqx.field(static=True, default=True)


def library():
    """blackjax.

    Raises:
        ImportError: If it is not installed.
    """
    try:
        import blackjax
    except ModuleNotFoundError as error:
        raise ImportError(
            'js.inference.sample needs the package blackjax: pip install "jaxsci[bayes]"; without it there are '
            "js.inference.laplace and js.inference.ensemble_kalman.",
            name="blackjax",
        ) from error
    return blackjax


def _strong(tree):
    """Numbers as arrays of fixed type, so that a loop can carry them."""

    def convert(leaf):
        if isinstance(leaf, int):
            return jnp.asarray(leaf, jnp.zeros((), int).dtype)
        leaf = jnp.asarray(leaf)
        return jax.lax.convert_element_type(leaf, leaf.dtype)

    return jax.tree.map(convert, tree)


def _learners(acceptance, dense: bool):
    from blackjax.adaptation.mass_matrix import mass_matrix_adaptation
    from blackjax.adaptation.step_size import dual_averaging_adaptation

    return dual_averaging_adaptation(acceptance), mass_matrix_adaptation(not dense)


def begin(target: Target, z: Float[Array, "chains n"], inverse_mass: Array, settings: Settings) -> Chain:
    """Chains at their starts."""
    state = library().mcmc.hmc.HMCState

    @eqx.filter_jit
    def start(z, height, slope, settings):
        (average, *_), (measure, *_) = _learners(settings.acceptance, inverse_mass.ndim == 2)
        step_size = jnp.ones((), z.dtype)
        nuts = state(z, height, slope)
        return _strong(Chain(nuts, average(step_size), measure(z.shape[-1]), step_size, inverse_mass))

    with jax.numpy_dtype_promotion("standard"):
        height, slope = zip(*(evaluate(target, row) for row in z), strict=True)
        return jax.vmap(start, in_axes=(0, 0, 0, None))(z, jnp.stack(height), jnp.stack(slope), settings)


def schedule(num_warmup: int, num_samples: int) -> Int[np.ndarray, "transitions 2"]:
    """For each transition its stage, and whether it ends a window of the warmup (2 for the last one)."""
    library()
    from blackjax.adaptation.window_adaptation import build_schedule

    stages = np.full((num_warmup + num_samples, 2), (SAMPLING, 0))
    if num_warmup:
        with jax.numpy_dtype_promotion("standard"):
            stages[:num_warmup] = np.asarray(build_schedule(num_warmup), int)
        stages[num_warmup - 1, 1] = 2
    return stages


def _move(density: Callable, settings: Settings, chain: Chain, key, stage, window) -> tuple[Chain, Transition]:
    nuts, info = library().nuts.build_kernel()(
        key, chain.nuts, density, chain.step_size, chain.inverse_mass, settings.doublings
    )
    (average, averaged, settled), (measure, measured, metric) = _learners(
        settings.acceptance, chain.inverse_mass.ndim == 2
    )
    acceptance = jnp.where(jnp.isfinite(info.acceptance_rate), info.acceptance_rate, 0.0)

    def learn(chain):
        averaging = averaged(chain.averaging, acceptance)
        moments = jax.lax.cond(stage == SLOW, lambda m: measured(m, nuts.position), lambda m: m, chain.moments)
        return Chain(nuts, averaging, moments, jnp.exp(averaging.log_step_size), chain.inverse_mass)

    def close_window(chain):
        moments = metric(chain.moments)
        averaging = average(settled(chain.averaging))
        return Chain(nuts, averaging, moments, jnp.exp(averaging.log_step_size), moments.inverse_mass_matrix)

    def close_warmup(chain):
        return chain._replace(step_size=settled(chain.averaging))

    def like(new):
        return jax.tree.map(lambda a, b: jnp.asarray(a).astype(b.dtype), _strong(new), chain)

    chain = jax.lax.cond(stage == SAMPLING, lambda c: like(c._replace(nuts=nuts)), lambda c: like(learn(c)), chain)
    chain = jax.lax.cond((window == 1) & (stage == SLOW), lambda c: like(close_window(c)), lambda c: c, chain)
    chain = jax.lax.cond(window == 2, lambda c: like(close_warmup(c)), lambda c: c, chain)
    ends = (info.trajectory_leftmost_state.logdensity, info.trajectory_rightmost_state.logdensity)
    broken = info.is_divergent & ~jnp.all(jnp.isfinite(jnp.stack(ends)))
    return chain, Transition(
        nuts.position,
        nuts.logdensity,
        info.is_divergent,
        broken,
        info.num_integration_steps,
        acceptance,
        info.num_trajectory_expansions,
    )


@eqx.filter_jit
def _advance(target: Target, settings: Settings, chains: Chain, keys, stages, first, count):
    """`count` transitions of every chain, at most a block; the key of each is that of its chain and its number."""
    density = target.function()

    def one(chain, key):
        def body(i, carry):
            chain, kept = carry
            chain, new = _move(density, settings, chain, jax.random.fold_in(key, first + i), stages[i, 0], stages[i, 1])
            return chain, jax.tree.map(lambda rows, row: rows.at[i].set(row.astype(rows.dtype)), kept, new)

        z, height = chain.nuts.position, chain.nuts.logdensity
        no, none = jnp.array(False), jnp.zeros((), int)
        empty = Transition(z, height, no, no, none, height, none)
        kept = jax.tree.map(lambda leaf: jnp.zeros((len(stages), *leaf.shape), leaf.dtype), empty)
        return jax.lax.fori_loop(0, count, body, (chain, kept))

    with jax.numpy_dtype_promotion("standard"):
        if settings.lockstep:
            return jax.vmap(one)(chains, keys)
        return jax.lax.map(lambda pair: one(*pair), (chains, keys))


def _settings_of_jax() -> tuple:
    return tuple(getattr(jax.config, name) for name in SETTINGS)


def run(
    target: Target, settings: Settings, chains: Chain, stages: np.ndarray, key, progress: bool
) -> tuple[Chain, Transition]:
    """All transitions of all chains, dealt out to the cores of a lone CPU, one thread each."""
    num_chains = len(chains.step_size)
    keys = jax.random.split(key, num_chains)
    shares = min(num_cores(jax.devices()), num_chains)
    size = -(-num_chains // shares)
    padded = np.concatenate([stages, np.zeros((-len(stages) % BLOCK, 2), stages.dtype)])
    bar = _bar(progress, shares * len(stages))
    lock, here = threading.Lock(), _settings_of_jax()

    def some(share: int) -> tuple[Chain, Transition] | None:
        if _settings_of_jax() != here:
            return None
        picks = np.minimum(np.arange(share * size, (share + 1) * size), num_chains - 1)
        mine, my_keys, blocks = jax.tree.map(lambda leaf: leaf[picks], chains), keys[picks], []
        for first in range(0, len(stages), BLOCK):
            count = min(BLOCK, len(stages) - first)
            block = jnp.asarray(padded[first : first + BLOCK])
            mine, new = _advance(target, settings, mine, my_keys, block, jnp.asarray(first), jnp.asarray(count))
            blocks.append(jax.tree.map(lambda leaf, count=count: np.asarray(leaf[:, :count]), new))
            with lock:
                bar.update(count)
        return mine, jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *blocks)

    # the first thread to come would compile while the others wait to do the same
    _compile(target, settings, jax.tree.map(lambda leaf: leaf[:size], chains), keys[:size])
    bar.set_description("sampling")
    bar.unpause()
    with ThreadPoolExecutor(shares) as pool:
        results = list(pool.map(some, range(shares)))
    if any(result is None for result in results):
        results = [some(share) for share in range(shares)]
    bar.close()
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:num_chains], *results)


def _bar(progress: bool, total: int):
    if progress:
        from tqdm.auto import tqdm  # complains in notebooks without widgets, so only when it is wanted
    else:
        from tqdm import tqdm
    return tqdm(total=total, desc="compiling the sampler", unit="draw", disable=not progress)


def _compile(target: Target, settings: Settings, chains: Chain, keys) -> None:
    jax.block_until_ready(_advance(target, settings, chains, keys, jnp.zeros((BLOCK, 2), int), *jnp.zeros(2, int)))

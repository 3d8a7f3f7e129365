"""Kuramoto-Sivashinsky, 64 trajectories of 512 nodes, ETDRK4, against exponax."""

import numpy as np

from .comparison import OURS, Contender, Limit, Target, Work

TITLE = "Kuramoto-Sivashinsky, 64 x 512, ETDRK4"
VARIANTS = ("float32", "float64")
LENGTH, NODES, BATCH, DT = 32 * np.pi, 512, 64, 0.05


def starts() -> np.ndarray:
    """Eight waves with random amplitudes and phases for each trajectory."""
    draw = np.random.default_rng(0)
    x = np.arange(NODES) * LENGTH / NODES
    u = np.zeros((BATCH, NODES))
    for m in range(1, 9):
        u += draw.standard_normal((BATCH, 1)) * np.cos(
            2 * np.pi * m * x / LENGTH + draw.uniform(0, 2 * np.pi, (BATCH, 1))
        )
    return u / np.sqrt(8)


def ours(precision: str, steps: int):
    import jaxsci as js

    space = js.Fourier(js.Grid(js.Box((0.0, LENGTH)), (NODES,)))
    law, states = js.equations.KuramotoSivashinsky(), space.field(starts().astype(precision))
    return lambda: js.ensemble(law, states, t1=steps * DT, dt=DT).final.values.block_until_ready()


def exponax(precision: str, steps: int, repeated: bool = True):
    import exponax
    import jax
    import jax.numpy as jnp

    stepper = exponax.stepper.KuramotoSivashinskyConservative(1, LENGTH, NODES, DT, order=4)
    many = jax.vmap(exponax.RepeatedStepper(stepper, steps)) if repeated else exponax.repeat(jax.vmap(stepper), steps)
    run = jax.jit(lambda u: many(u[:, None])[:, 0])
    u = jnp.asarray(starts(), precision)
    return lambda: run(u).block_until_ready()


def transforms(precision: str, steps: int):
    """The eight transforms of a step and nothing else."""
    import jax
    import jax.numpy as jnp

    def body(c, _):
        return jnp.fft.rfft(jnp.fft.irfft(c, n=NODES)), None

    run = jax.jit(lambda u: jax.lax.scan(body, jnp.fft.rfft(u), None, length=4 * steps)[0])
    u = jnp.asarray(starts(), precision)
    return lambda: run(u).block_until_ready()


def work(precision: str, quick: bool) -> Work:
    steps = 100 if quick else 500
    return Work(
        [
            Contender(OURS, lambda: ours(precision, steps)),
            Contender("exponax", lambda: exponax(precision, steps)),
            Contender("exponax repeat", lambda: exponax(precision, steps, repeated=False)),
        ],
        steps,
        targets=[Target("exponax", 2.0), Target("exponax repeat", 2.0)],
        limits=[Limit("8 transforms a step, one core", lambda: transforms(precision, steps))],
    )

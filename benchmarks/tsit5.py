"""Tsitouras' method with a fixed step on a million unknowns, against diffrax."""

import numpy as np

from .comparison import OURS, Contender, Limit, Target, Work
from .machine import copy_rate

TITLE = "Tsit5, fixed step, 10^6 unknowns"
VARIANTS = ("float32", "float64")
UNKNOWNS, DT = 1_000_000, 1e-3


def start(precision: str) -> np.ndarray:
    return np.linspace(0.5, 1.5, UNKNOWNS).astype(precision)


def law(t, y, args):
    return -y * (1.0 + 0.1 * y * y)


def ours(precision: str, steps: int):
    import jaxsci as js

    y = start(precision)
    return lambda: js.simulate(law, y, t1=steps * DT, dt=DT, method=js.Tsit5()).final.block_until_ready()


def diffrax(precision: str, steps: int):
    import diffrax
    import jax
    import jax.numpy as jnp

    @jax.jit
    def run(y):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(law), diffrax.Tsit5(), 0.0, steps * DT, DT, y, max_steps=steps + 10
        ).ys[-1]

    y = jnp.asarray(start(precision))
    return lambda: run(y).block_until_ready()


def work(precision: str, quick: bool) -> Work:
    steps = 10 if quick else 50
    size = UNKNOWNS * np.dtype(precision).itemsize
    return Work(
        [Contender(OURS, lambda: ours(precision, steps)), Contender("diffrax", lambda: diffrax(precision, steps))],
        steps,
        targets=[Target("diffrax", 1.5)],
        limits=[
            Limit("read and write the state once a step, one core", seconds=lambda: 2 * size * steps / copy_rate(size))
        ],
    )

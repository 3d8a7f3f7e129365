"""Ten thousand Lorenz systems, each with its own error control, against diffrax under vmap and numba on all cores."""

import numpy as np

from .comparison import OURS, Contender, Limit, Target, Work
from .machine import cores, flops
from .pair_numba import solver

TITLE = "10^4 Lorenz systems, Tsit5 with error control"
VARIANTS = ("float64",)
T1, TOLERANCE = 5.0, 1e-6
FLOPS_A_STEP = 6 * 9 + 2 * 3 * (15 + 6 + 7) + 3 * 8 + 20
STEPS_A_TRAJECTORY = 190


def starts(count: int) -> np.ndarray:
    return np.array([1.0, 1.0, 21.0]) + 3 * np.random.default_rng(0).standard_normal((count, 3))


def ours(count: int):
    import jaxsci as js

    law, states = js.equations.Lorenz63(), starts(count)
    return lambda: js.ensemble(law, states, t1=T1, rtol=TOLERANCE, atol=TOLERANCE).final.block_until_ready()


def diffrax(count: int):
    import diffrax
    import jax
    import jax.numpy as jnp

    def law(t, y, args):
        return jnp.stack([10 * (y[1] - y[0]), y[0] * (28 - y[2]) - y[1], y[0] * y[1] - 8 / 3 * y[2]])

    def solve(y):
        control = diffrax.PIDController(rtol=TOLERANCE, atol=TOLERANCE)
        return diffrax.diffeqsolve(
            diffrax.ODETerm(law), diffrax.Tsit5(), 0.0, T1, 0.01, y, stepsize_controller=control, max_steps=100_000
        ).ys[-1]

    run, y = jax.jit(jax.vmap(solve)), jnp.asarray(starts(count))
    return lambda: run(y).block_until_ready()


def numba(count: int):
    import numba

    @numba.njit(fastmath=True)
    def law(y, out):
        out[0] = 10 * (y[1] - y[0])
        out[1] = y[0] * (28 - y[2]) - y[1]
        out[2] = y[0] * y[1] - 8 / 3 * y[2]

    solve, y = solver(law, 3, T1, TOLERANCE), starts(count)
    return lambda: solve(y)


def work(precision: str, quick: bool) -> Work:
    count = 1000 if quick else 10_000
    total = count * STEPS_A_TRAJECTORY * FLOPS_A_STEP
    return Work(
        [
            Contender(OURS, lambda: ours(count)),
            Contender("diffrax vmap", lambda: diffrax(count)),
            Contender("numba", lambda: numba(count)),
        ],
        count,
        "trajectory",
        targets=[Target("diffrax vmap", 10.0), Target("numba", 2.0)],
        limits=[
            Limit("floating-point operations, all cores", seconds=lambda: total / (flops(precision) * len(cores())))
        ],
    )

"""Ten thousand systems of ten bodies, each with its own error control, against numba on all cores."""

import numpy as np

from .comparison import OURS, Contender, Limit, Target, Work
from .machine import cores, flops
from .pair_numba import solver

TITLE = "10^4 ten-body systems, Tsit5 with error control"
VARIANTS = ("float64",)
BODIES, SOFTENING, T1, TOLERANCE = 10, 0.1, 1.0, 1e-6
FLOPS_A_STEP = 6 * 45 * 40 + 2 * 60 * (15 + 6 + 7) + 60 * 8
STEPS_A_TRAJECTORY = 28


def starts(count: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    return draw.standard_normal((count, BODIES, 3)) * 2, draw.standard_normal((count, BODIES, 3)) * 0.3


def ours(count: int):
    import jax.numpy as jnp

    import jaxsci as js

    law = js.equations.NBody(masses=np.ones(BODIES), softening=SOFTENING)
    states = js.equations.Phase(*map(jnp.asarray, starts(count)))

    def run():
        end = js.ensemble(law, states, t1=T1, rtol=TOLERANCE, atol=TOLERANCE).final
        return end.q.block_until_ready().reshape(count, -1)

    return run


def numba(count: int):
    import numba

    half, square = 3 * BODIES, SOFTENING**2

    @numba.njit(fastmath=True)
    def law(y, out):
        for i in range(half):
            out[i] = y[half + i]
            out[half + i] = 0.0
        for i in range(BODIES):
            for j in range(i):
                dx, dy, dz = y[3 * j] - y[3 * i], y[3 * j + 1] - y[3 * i + 1], y[3 * j + 2] - y[3 * i + 2]
                r2 = dx * dx + dy * dy + dz * dz + square
                w = 1 / (r2 * np.sqrt(r2))
                out[half + 3 * i] += w * dx
                out[half + 3 * i + 1] += w * dy
                out[half + 3 * i + 2] += w * dz
                out[half + 3 * j] -= w * dx
                out[half + 3 * j + 1] -= w * dy
                out[half + 3 * j + 2] -= w * dz

    solve = solver(law, 2 * half, T1, TOLERANCE)
    y = np.concatenate([part.reshape(count, -1) for part in starts(count)], axis=1)
    return lambda: solve(y)[:, :half]


def work(precision: str, quick: bool) -> Work:
    count = 1000 if quick else 10_000
    total = count * STEPS_A_TRAJECTORY * FLOPS_A_STEP
    return Work(
        [Contender(OURS, lambda: ours(count)), Contender("numba", lambda: numba(count))],
        count,
        "trajectory",
        targets=[Target("numba", 1.0)],
        limits=[
            Limit("floating-point operations, all cores", seconds=lambda: total / (flops(precision) * len(cores())))
        ],
    )

"""Heat on 1024^2 periodic nodes, second order, forward Euler, against numba on all cores."""

import numpy as np

from .comparison import OURS, Contender, Limit, Target, Work
from .machine import copy_rate

TITLE = "Heat, 1024^2 periodic, order 2, forward Euler"
VARIANTS = ("float32", "float64")
NODES, SHARE = 1024, 0.2


def start(precision: str) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((NODES, NODES)).astype(precision)


def ours(precision: str, steps: int):
    import jaxsci as js

    space = js.FiniteDifference(js.Grid(js.Box((0.0, float(NODES)), (0.0, float(NODES))), (NODES, NODES)))
    law, u = js.equations.Heat(), space.field(start(precision))
    return lambda: js.simulate(law, u, t1=steps * SHARE, dt=SHARE, method=js.Euler()).final.values.block_until_ready()


def numba(precision: str, steps: int):
    import numba

    @numba.njit(parallel=True, fastmath=True)
    def step(p, q, a):
        n = p.shape[0]
        for i in numba.prange(n):
            u = i - 1 if i else n - 1
            d = i + 1 if i < n - 1 else 0
            q[i, 0] = p[i, 0] + a * (p[u, 0] + p[d, 0] + p[i, n - 1] + p[i, 1] - 4 * p[i, 0])
            for j in range(1, n - 1):
                q[i, j] = p[i, j] + a * (p[u, j] + p[d, j] + p[i, j - 1] + p[i, j + 1] - 4 * p[i, j])
            q[i, n - 1] = p[i, n - 1] + a * (p[u, n - 1] + p[d, n - 1] + p[i, n - 2] + p[i, 0] - 4 * p[i, n - 1])

    first, a = start(precision), np.dtype(precision).type(SHARE)

    def run():
        p, q = first.copy(), np.empty_like(first)
        for _ in range(steps):
            step(p, q, a)
            p, q = q, p
        return p

    return run


def work(precision: str, quick: bool) -> Work:
    steps = 50 if quick else 300
    size = NODES * NODES * np.dtype(precision).itemsize
    return Work(
        [Contender(OURS, lambda: ours(precision, steps)), Contender("numba", lambda: numba(precision, steps))],
        steps,
        targets=[Target("numba", 1 / 1.5)],
        limits=[
            Limit("read and write the field once a step, one core", seconds=lambda: 2 * size * steps / copy_rate(size))
        ],
    )

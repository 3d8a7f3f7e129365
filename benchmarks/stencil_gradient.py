"""The gradient through 1000 steps of a front between walls, by finite differences: time over the forward run."""

import numpy as np

from .comparison import Work
from .gradient import against_forward

TITLE = "Gradient through 1000 steps of Fisher-KPP between walls, 256^2, order 4, RK4"
VARIANTS = ("float32",)
NODES, DT = 256, 0.05


def loss(precision: str, steps: int):
    """Mean square of the final population as a function of the initial one, and an initial one."""
    import jax.numpy as jnp

    import jaxsci as js

    grid = js.Grid(js.Box((0.0, 128.0), (0.0, 128.0)), (NODES, NODES))
    space = js.FiniteDifference(grid, boundary=js.Neumann(0.0), order=4)

    def function(values):
        end = js.simulate(js.equations.FisherKPP(), space.field(values), t1=steps * DT, dt=DT, method=js.RK4()).final
        return jnp.mean(end.values**2)

    x, y = np.meshgrid(*space.axes, indexing="ij")
    return function, jnp.asarray(1e-3 * np.exp(-((x - 64) ** 2 + (y - 64) ** 2) / 64), precision)


def work(precision: str, quick: bool) -> Work:
    return against_forward(loss, precision, 100 if quick else 1000)

"""Taylor-Green vortices in space at Re = 1600 on 128^3 nodes, and the peak of their dissipation, as published."""

import numpy as np

from .comparison import OURS, Contender, Limit, Work

TITLE = "Taylor-Green vortices, 128^3, ETDRK4"
VARIANTS = ("float32",)
NODES, DT, END = 128, 0.02, 9.6
PUBLISHED = {"time": 8.97, "rate": 1.29e-2}  # a spectral run on 512^3 nodes


def flow(precision: str, nodes: int):
    import jaxsci as js

    law = js.equations.NavierStokes(viscosity=1 / 1600)
    space = js.Fourier(js.Grid(js.Box(*((0.0, 2 * np.pi),) * 3), (nodes,) * 3))
    return law, space.field(js.equations.taylor_green, precision)


def ours(precision: str, steps: int, nodes: int):
    import jaxsci as js

    law, u = flow(precision, nodes)
    return lambda: js.simulate(law, u, t1=steps * DT, dt=DT).final.values.block_until_ready()


def transforms(precision: str, steps: int, nodes: int):
    """The 32 transforms of a step and nothing else: three of velocities and five of products, four times."""
    import jax
    import jax.numpy as jnp

    def body(c, _):
        return jnp.fft.rfftn(jnp.fft.irfftn(c, s=(nodes,) * 3)), None

    run = jax.jit(lambda u: jax.lax.scan(body, jnp.fft.rfftn(u), None, length=16 * steps)[0])
    u = flow(precision, nodes)[1].values[0]
    return lambda: run(u).block_until_ready()


def peak(precision: str, nodes: int, end: float) -> dict[str, float]:
    """The largest dissipation and its time, from values ten steps apart and a parabola through the highest three."""
    import jax

    import jaxsci as js

    law, u = flow(precision, nodes)
    dissipation = jax.jit(lambda u: law.dissipation(u))
    times, rates = [0.0], [float(dissipation(u))]
    while times[-1] < end:
        u = js.simulate(law, u, t1=10 * DT, dt=DT).final
        times.append(times[-1] + 10 * DT)
        rates.append(float(dissipation(u)))
    i = min(max(int(np.argmax(rates)), 1), len(rates) - 2)
    parabola = np.polyfit(np.array(times[i - 1 : i + 2]) - times[i], rates[i - 1 : i + 2], 2)
    shift = -parabola[1] / (2 * parabola[0])
    highest = float(np.polyval(parabola, shift))
    return {
        "dissipation at the start": rates[0],
        "largest dissipation": highest,
        "its deviation from the published one": highest / PUBLISHED["rate"] - 1,
        "time of the largest dissipation": times[i] + float(shift),
        "its deviation from the published time": times[i] + float(shift) - PUBLISHED["time"],
    }


def work(precision: str, quick: bool) -> Work:
    steps, nodes = (5, 32) if quick else (10, NODES)
    return Work(
        [Contender(OURS, lambda: ours(precision, steps, nodes))],
        steps,
        limits=[Limit("32 transforms a step, one after the other", lambda: transforms(precision, steps, nodes))],
        figures=lambda: peak(precision, nodes, 1.0 if quick else END),
        rounds=3,
    )

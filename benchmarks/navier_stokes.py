"""Kolmogorov flow, vorticity on 256^2 nodes, against exponax (ETDRK4) and jax-cfd (spectral, Crank-Nicolson RK4)."""

import numpy as np

from .comparison import OURS, Contender, Limit, Target, Work, relative_error

TITLE = "Navier-Stokes vorticity, 256^2, ETDRK4"
VARIANTS = ("float32", "float64")
TWICE = f"{OURS}, twice the step"
LENGTH, NODES, DT = 2 * np.pi, 256, 2e-3
VISCOSITY, DRAG, WAVENUMBER = 1e-3, 0.1, 4


def start(nodes: int = NODES) -> np.ndarray:
    """A vorticity of random waves up to wavenumber 11, of root mean square 4, the same on every grid."""
    draw = np.random.default_rng(0)
    x, y = np.meshgrid(*2 * (np.arange(nodes) * LENGTH / nodes,), indexing="ij")
    w = np.zeros((nodes, nodes))
    for _ in range(60):
        a, b = draw.integers(-8, 9, 2)
        phase = draw.uniform(0, 2 * np.pi)
        w += draw.standard_normal() * np.cos(a * x + b * y + phase)
    w -= w.mean()
    return w * (4 / np.sqrt((w**2).mean()))


def ours(precision: str, steps: int, dt: float = DT, nodes: int = NODES):
    import jaxsci as js

    box = js.Box((0.0, LENGTH), (0.0, LENGTH))
    w = js.Fourier(js.Grid(box, (nodes, nodes))).field(start(nodes).astype(precision))
    law = js.equations.NavierStokesVorticity.kolmogorov(VISCOSITY, DRAG, WAVENUMBER)
    return lambda: js.simulate(law, w, t1=steps * dt, dt=dt).final.values.block_until_ready()


def twice(precision: str, steps: int):
    """The same time in half as many steps: in double precision the error stays, since it is one of space.

    exponax could take this step, too (error 7.07e-7 in double precision): what compares the two is the same step.
    """
    return ours(precision, steps // 2, 2 * DT)


def exponax(precision: str, steps: int, repeated: bool = True):
    """Its velocity has the opposite sign, so the start and the force have, too."""
    import exponax
    import jax
    import jax.numpy as jnp

    stepper = exponax.stepper.KolmogorovFlowVorticity(
        2,
        LENGTH,
        NODES,
        DT,
        diffusivity=VISCOSITY,
        drag=-DRAG,
        injection_mode=WAVENUMBER,
        injection_scale=-1.0,
        order=4,
    )
    many = exponax.RepeatedStepper(stepper, steps) if repeated else exponax.repeat(stepper, steps)
    run = jax.jit(lambda w: -many(-w[None])[0])
    w = jnp.asarray(start(), precision)
    return lambda: run(w).block_until_ready()


def jax_cfd(precision: str, steps: int):
    import jax
    import jax.numpy as jnp

    if not hasattr(jax, "tree_map"):
        jax.tree_map = jax.tree.map
    import jax_cfd.base as cfd
    from jax_cfd.spectral import equations, time_stepping

    grid = cfd.grids.Grid((NODES, NODES), domain=((0, LENGTH), (0, LENGTH)))

    def forcing(grid):
        return cfd.forcings.kolmogorov_forcing(grid, k=WAVENUMBER, offsets=((0, 0), (0, 0)))

    law = equations.NavierStokes2D(VISCOSITY, grid, drag=DRAG, smooth=True, forcing_fn=forcing)
    many = cfd.funcutils.repeated(time_stepping.crank_nicolson_rk4(law, DT), steps)
    run = jax.jit(lambda w: jnp.fft.irfft2(many(jnp.fft.rfft2(w)), s=(NODES, NODES)))
    w = jnp.asarray(start(), precision)
    return lambda: run(w).block_until_ready()


def transforms(precision: str, steps: int):
    """The sixteen transforms of a step and nothing else."""
    import jax
    import jax.numpy as jnp

    def body(c, _):
        return jnp.fft.rfft2(jnp.fft.irfft2(c, s=(NODES, NODES))), None

    run = jax.jit(lambda w: jax.lax.scan(body, jnp.fft.rfft2(w), None, length=8 * steps)[0])
    w = jnp.asarray(start(), precision)
    return lambda: run(w).block_until_ready()


def errors(precision: str, steps: int) -> dict[str, float]:
    """Relative errors at the common nodes against 512^2 nodes and a quarter of the step, where all schemes agree.

    The reference is in double precision for both: in single precision its own rounding would be most of the error.
    """
    import jax

    with jax.enable_x64(True):
        reference = np.asarray(ours("float64", 4 * steps, DT / 4, 2 * NODES)())[::2, ::2]
    runs = {OURS: ours, TWICE: twice, "exponax": exponax, "jax-cfd": jax_cfd}
    found = {}
    for name, build in runs.items():
        try:
            found[f"error of {name}"] = relative_error(build(precision, steps)(), reference)
        except ImportError:
            continue
    return found


def work(precision: str, quick: bool) -> Work:
    steps = 20 if quick else 100
    return Work(
        [
            Contender(OURS, lambda: ours(precision, steps)),
            Contender(TWICE, lambda: twice(precision, steps)),
            Contender("exponax", lambda: exponax(precision, steps)),
            Contender("exponax repeat", lambda: exponax(precision, steps, repeated=False)),
            Contender("jax-cfd", lambda: jax_cfd(precision, steps)),
        ],
        steps,
        targets=[
            Target("exponax", 1.4),
            Target("jax-cfd", 2.0),
        ],
        limits=[Limit("16 transforms a step, one after the other", lambda: transforms(precision, steps))],
        figures=lambda: errors(precision, steps),
    )

"""The gradient through 1000 steps of Kolmogorov flow on 128^2 nodes: time over the forward run, and memory."""

from .comparison import OURS, Contender, Target, Work
from .navier_stokes import DRAG, LENGTH, VISCOSITY, WAVENUMBER, start

TITLE = "Gradient through 1000 steps of vorticity, 128^2"
VARIANTS = ("float32",)
NODES, DT = 128, 4e-3
FORWARD = "forward run x 3.5"


def loss(precision: str, steps: int):
    """Mean square of the final vorticity as a function of the initial one, and an initial one."""
    import jax.numpy as jnp

    import jaxsci as js

    box = js.Box((0.0, LENGTH), (0.0, LENGTH))
    space = js.Fourier(js.Grid(box, (NODES, NODES)))
    law = js.equations.NavierStokesVorticity.kolmogorov(VISCOSITY, DRAG, WAVENUMBER)

    def function(values):
        return jnp.mean(js.simulate(law, space.field(values), t1=steps * DT, dt=DT).final.values ** 2)

    return function, jnp.asarray(start(NODES), precision)


def gradient(loss, precision: str, steps: int):
    import jax

    function, values = loss(precision, steps)
    run = jax.jit(jax.grad(function))
    return lambda: run(values).block_until_ready()


def forward(loss, precision: str, steps: int):
    """Three and a half forward runs, the time a gradient may take."""
    import jax

    function, values = loss(precision, steps)
    run, shorter = jax.jit(function), jax.jit(loss(precision, steps // 2)[0])

    def three_and_a_half():
        for _ in range(3):
            run(values).block_until_ready()
        return shorter(values).block_until_ready()

    return three_and_a_half


def memory(loss, precision: str, steps: int) -> dict[str, float]:
    import jax

    function, values = loss(precision, steps)
    compiled = jax.jit(jax.grad(function)).lower(values).compile()
    return {"temporary memory, MB (at most 70)": compiled.memory_analysis().temp_size_in_bytes / 1e6}


def against_forward(loss, precision: str, steps: int) -> Work:
    """The gradient of `loss(precision, steps)`, a function and where it is taken, beside its forward run."""
    return Work(
        [
            Contender(OURS, lambda: gradient(loss, precision, steps)),
            Contender(FORWARD, lambda: forward(loss, precision, steps)),
        ],
        steps,
        targets=[Target(FORWARD, 1.0)],
        figures=lambda: memory(loss, precision, steps),
    )


def work(precision: str, quick: bool) -> Work:
    return against_forward(loss, precision, 100 if quick else 1000)

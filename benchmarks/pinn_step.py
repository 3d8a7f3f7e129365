"""One step of Adam on the residual of Burgers' equation, 10 000 points, against DeepXDE and jinns.

The same network for all: tanh, 2-64-64-64-64-1. Ours is the path of `solve_pinn`: its problem, with start and walls
built in, and its Adam; the peers compute the residual alone, which is less work.
"""

import sys

import numpy as np

from .apart import Apart, serve
from .clock import Lap, lap
from .comparison import OURS, Contender, Limit, Target, Work
from .machine import cores, product_rate

TITLE = "Training step on the residual of Burgers' equation, 10 000 points, tanh 4 x 64"
VARIANTS = ("float32", "float64")
POINTS, WIDTH, DEPTH, VISCOSITY, RATE = 10_000, 64, 4, 0.01 / np.pi, 1e-3
SERIES = 4
PRODUCTS = 2 * POINTS * (WIDTH * 2 + SERIES * (WIDTH * WIDTH * (DEPTH - 1) + WIDTH))
OPERATIONS = 3 * PRODUCTS - 2 * POINTS * WIDTH * 2


def points(precision: str) -> np.ndarray:
    """Times in [0, 1] and places in [-1, 1]."""
    unit = np.random.default_rng(0).random((POINTS, 2))
    return np.stack([unit[:, 0], 2 * unit[:, 1] - 1], axis=1).astype(precision)


def program(precision: str, steps: int):
    """The compiled training, and its first state."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    import jaxsci as js
    from jaxsci.learning.problems.assembly import Wanted, set_up

    wanted = Wanted(
        js.equations.Burgers(VISCOSITY),
        js.Box((-1.0, 1.0)),
        js.networks.MLP(2, "scalar", WIDTH, DEPTH, dtype=jnp.dtype(precision), key=jax.random.key(0)),
        initial=lambda x: -jnp.sin(jnp.pi * x[0]),
        boundary=js.Dirichlet(0.0),
        times=(0.0, 1.0),
        points=points(precision),
    )
    setup = set_up(wanted, jax.random.key(1))
    problem, optimiser = setup.problem, js.learning.Adam(max_steps=10_000, learning_rate=RATE)

    @eqx.filter_jit
    def train(problem, state):
        return jax.lax.fori_loop(0, steps, lambda _, state: optimiser.step(problem, state), state)

    state = eqx.filter_jit(optimiser.init)(problem, problem.start)
    return train.lower(problem, state).compile(), (problem, state)


def ours(precision: str, steps: int):
    train, start = program(precision, steps)
    return lambda: train(*start).w.block_until_ready()


def jinns(precision: str, steps: int):
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import jinns
    import optax

    sizes = [2, *[WIDTH] * DEPTH, 1]
    layers = [part for m, n in zip(sizes[:-1], sizes[1:], strict=True) for part in ((eqx.nn.Linear, m, n), (jnp.tanh,))]
    network, weights = jinns.nn.PINN_MLP.create(
        key=jax.random.PRNGKey(0), eqx_list=tuple(layers[:-1]), eq_type="PDENonStatio"
    )
    params = jinns.parameters.Params(nn_params=weights, eq_params={"nu": jnp.asarray(VISCOSITY, precision)})
    loss = jinns.loss.LossPDENonStatio(
        u=network,
        dynamic_loss=jinns.loss.BurgersEquation(Tmax=1),
        loss_weights=jinns.loss.LossWeightsPDENonStatio(dyn_loss=1.0),
        params=params,
    )
    batch = jinns.data.PDENonStatioBatch(domain_batch=jnp.asarray(points(precision)), border_batch=None,
                                         initial_batch=None)  # fmt: skip
    adam = optax.adam(RATE)

    def step(carry, _):
        params, memory = carry
        value, slope = jax.value_and_grad(lambda p: loss.evaluate(p, batch)[0])(params)
        change, memory = adam.update(slope, memory, params)
        return (optax.apply_updates(params, change), memory), value

    train = jax.jit(lambda params, memory: jax.lax.scan(step, (params, memory), None, length=steps)[1][-1])
    memory = adam.init(params)
    return lambda: train(params, memory).block_until_ready()


def deepxde(backend: str, precision: str, steps: int):
    """Runs in a process of its own, since DeepXDE takes one backend a process."""
    import deepxde as dde

    if precision == "float64":
        if backend == "jax":
            import jax

            jax.config.update("jax_enable_x64", True)
        dde.config.set_default_float("float64")
    grad = dde.grad

    def residual(x, u):
        if backend == "jax":
            u_x, u_t, u_xx = (a[0] for a in (grad.jacobian(u, x, j=0), grad.jacobian(u, x, j=1), grad.hessian(u, x)))
            return u_t + u[0] * u_x - VISCOSITY * u_xx
        return grad.jacobian(u, x, j=1) + u * grad.jacobian(u, x, j=0) - VISCOSITY * grad.hessian(u, x)

    domain = dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 1))
    data = dde.data.TimePDE(domain, residual, [], num_domain=POINTS)
    model = dde.Model(data, dde.nn.FNN([2, *[WIDTH] * DEPTH, 1], "tanh", "Glorot normal"))
    model.compile("adam", lr=RATE, verbose=0)

    def train(count: int) -> None:
        model.train(iterations=count, display_every=10**9, verbose=0)

    def run() -> Lap:
        few, many = lap(lambda: train(2)), lap(lambda: train(steps + 2))
        return Lap(many.wall - few.wall, many.alone - few.alone)

    return run


def apart(backend: str, precision: str, steps: int) -> Apart:
    needs = ("deepxde", "torch" if backend == "pytorch" else "flax")
    return Apart("benchmarks.pinn_step", (backend, precision, str(steps)), needs, {"DDE_BACKEND": backend})


def work(precision: str, quick: bool) -> Work:
    steps = 5 if quick else 40

    def figures() -> dict[str, float]:
        memory = program(precision, steps)[0].compiled.memory_analysis().temp_size_in_bytes
        return {
            "temporary memory, MB (at most 10)": memory / 1e6,
            "matrix products, GFLOP a step": OPERATIONS / 1e9,
            "rate of matrix products, GFLOP/s a core": product_rate(precision, 1024) / 1e9 / len(cores()),
        }

    contenders = [Contender(OURS, lambda: ours(precision, steps)), Contender("jinns", lambda: jinns(precision, steps))]
    for backend in ("jax", "pytorch"):
        name = f"DeepXDE, {backend}"
        contenders.append(Contender(name, lambda backend=backend: apart(backend, precision, steps)))
    return Work(
        contenders,
        steps,
        targets=[Target("jinns", 1.2), Target("DeepXDE, jax", 1.5), Target("DeepXDE, pytorch", 1.5)],
        limits=[
            Limit(
                "matrix products of the series and of their gradient, all cores",
                seconds=lambda: steps * OPERATIONS / product_rate(precision, 1024),
            )
        ],
        figures=figures,
    )


if __name__ == "__main__":
    serve(lambda: deepxde(sys.argv[1], sys.argv[2], int(sys.argv[3])))

"""The inverse cases: coefficients and coefficient fields from measured values, by the solver and by a network.

Both see the same values at the same places. The laws are smooth: Burgers' equation of viscosity 0.05 from -sin(pi x),
Allen and Cahn's with diffusivity 0.01 and reaction 5 from cos(2 pi x)/2, and heat at rest, -div(K grad u) = f. With
10 % noise the Fisher information of 8000 values leaves Burgers' viscosity uncertain by 0.4 %, but Allen and Cahn's
diffusivity by 1.7 %: five times as many are measured there.
"""

from functools import partial
from typing import Any

import numpy as np

from .neural_cases import Case, Outcome, in_time, timed

COEFFICIENTS = {"burgers": {"viscosity": 0.05}, "allen-cahn": {"diffusivity": 0.01, "reaction": 5.0}}
GUESS_FACTOR = 1.6
TIMES, NOISE = np.linspace(0.05, 1.0, 20), 0.1
NUM_PLACES, NUM_PLACES_IF_NOISY = 100, {"burgers": 400, "allen-cahn": 2000}


def law(name: str) -> Any:
    import jaxsci as js

    kind = {"burgers": js.equations.Burgers, "allen-cahn": js.equations.AllenCahn}[name]
    return lambda coefficients: kind(**coefficients)


def start(name: str):
    import jax.numpy as jnp

    return {"burgers": lambda x: -jnp.sin(jnp.pi * x[0]), "allen-cahn": lambda x: 0.5 * jnp.cos(2 * jnp.pi * x[0])}[
        name
    ]


def simulated(name: str, coefficients: Any, places: np.ndarray, num_nodes: int, dt: float) -> Any:
    """Values at `TIMES` and places, `(times, places)`."""
    import jax
    import jax.numpy as jnp

    import jaxsci as js

    space = js.Fourier(js.Grid(js.Box((-1.0, 1.0)), (num_nodes,)))
    run = js.simulate(
        law(name)(coefficients), space.field(start(name)), t1=1.0, dt=dt, save_at=TIMES,
        adjoint=js.Forward(),
    )  # fmt: skip
    return jax.vmap(lambda u: u(jnp.asarray(places)[:, None]))(run.states)


def measured(name: str, seed: int, noise: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Places, values on a finer grid and at shorter steps, and the standard deviation of their noise."""
    generator = np.random.default_rng(seed)
    places = generator.uniform(-1, 1, NUM_PLACES_IF_NOISY[name] if noise else NUM_PLACES)
    values = np.asarray(simulated(name, COEFFICIENTS[name], places, 512, 2.5e-4))
    sigma = noise * values.std()
    return places, values + sigma * generator.standard_normal(values.shape), sigma


def largest_error(name: str, found: dict) -> float:
    """Of the coefficients, the largest relative one."""
    return max(abs(float(found[key]) / value - 1) for key, value in COEFFICIENTS[name].items())


def by_solver(name: str, noise: float, seed: int) -> Outcome:
    """Least squares through the solver."""
    import jax.numpy as jnp

    import jaxsci as js

    places, values, sigma = measured(name, seed, noise)

    def predict(coefficients):
        return simulated(name, coefficients, places, 256, 1e-3)

    guess = {key: jnp.asarray(GUESS_FACTOR * value) for key, value in COEFFICIENTS[name].items()}
    posterior = js.inference.Posterior(predict, values, sigma or 1e-3)
    best, seconds = timed(js.inference.maximize, posterior, guess)
    return Outcome(largest_error(name, best.value), seconds, 0.0, "maximize", len(guess))


def by_network(name: str, noise: float, seed: int) -> Outcome:
    """The coefficients are learned with the solution."""
    import jax

    import jaxsci as js

    places, values, sigma = measured(name, seed, noise)
    t, x = np.meshgrid(TIMES, places, indexing="ij")
    data = js.learning.Data(np.stack([t.ravel(), x.ravel()], 1), values.ravel(), sigma=sigma or None)
    guess = {key: GUESS_FACTOR * value for key, value in COEFFICIENTS[name].items()}
    periodic = name == "allen-cahn"
    solution = in_time(
        law(name)(guess),
        js.Box((-1.0, 1.0)),
        js.networks.MLP(2 + periodic, "scalar", 20, 2, key=jax.random.key(seed)),
        initial=start(name),
        boundary=js.Periodic() if periodic else js.Dirichlet(0.0),
        points=(30, 40),
        data=data,
        unknowns=tuple(guess),
        positive=tuple(guess),
        optimiser=js.learning.LevenbergMarquardt(max_steps=300 if noise else 1500),
        seed=seed,
    )
    report = solution.report
    error = largest_error(name, solution.unknowns)
    return Outcome(error, report.seconds, report.compile_seconds, report.optimiser, report.num_weights)


def true_conductivity(x):
    """One full wave along each axis around 1."""
    import jax.numpy as jnp

    return 1 + 0.5 * jnp.prod(jnp.sin(2 * jnp.pi * x))


def temperature(x):
    """What a conductivity of any kind gives with the right source: one bump between cold walls."""
    import jax.numpy as jnp

    return jnp.prod(jnp.sin(jnp.pi * x))


def source(x):
    """`-div(K grad u)`."""
    import jax
    import jax.numpy as jnp

    def flow(y):
        return true_conductivity(y) * jax.grad(temperature)(y)

    return -jnp.trace(jax.jacfwd(flow)(x))


def rod_or_plate(dim: int, seed: int) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """The box, places of measurement, the exact values there, and a grid where the conductivity is judged."""
    import jax

    import jaxsci as js

    box = js.Box(*[(0.0, 1.0)] * dim)
    places = np.random.default_rng(seed).uniform(0.02, 0.98, ((200, 900)[dim - 1], dim))
    axis = (np.arange(60) + 0.5) / 60
    judged = np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), -1).reshape(-1, dim)
    return box, places, np.asarray(jax.vmap(temperature)(places)), judged


def field_error(found: Any, judged: np.ndarray) -> float:
    """Relative root mean square of a conductivity."""
    import jax

    truth = np.asarray(jax.vmap(true_conductivity)(judged))
    return float(np.sqrt(np.mean((np.asarray(found) - truth) ** 2) / np.mean(truth**2)))


def field_by_network(dim: int, seed: int) -> Outcome:
    """Two networks: the temperature, and the logarithm of the conductivity."""
    import jax

    import jaxsci as js

    box, places, values, judged = rod_or_plate(dim, seed)
    keys = jax.random.split(jax.random.key(seed), 3)
    inside = js.networks.MLP(dim, "scalar", 20, 1, key=keys[0])
    solution = js.learning.solve_pinn(
        js.equations.Heat(conductivity=inside, source=source),
        box,
        js.networks.MLP(dim, "scalar", 20, 2, key=keys[1]),
        boundary=js.Dirichlet(0.0),
        data=js.learning.Data(places, values),
        unknowns="conductivity",
        positive="conductivity",
        points=(60,) if dim == 1 else (30, 30),
        optimiser=js.learning.LevenbergMarquardt(max_steps=300),
        compare=0,
        key=keys[2],
    )
    report = solution.report
    error = field_error(solution.unknowns["conductivity"](judged), judged)
    return Outcome(error, report.seconds, report.compile_seconds, report.optimiser, report.num_weights)


def field_by_solver(dim: int, seed: int) -> Outcome:
    """The logarithm of the conductivity is a Gaussian random field on the nodes."""
    import jax
    import jax.numpy as jnp

    import jaxsci as js

    box, places, values, judged = rod_or_plate(dim, seed)
    space = js.FiniteDifference(
        js.Grid(box, ((96,), (24, 24))[dim - 1]), boundary=js.Dirichlet(0.0), order=4 if dim == 1 else 2
    )
    prior = js.inference.GaussianRandomField(space.derived, 0.5, 0.3, smoothness=2.5)
    rest = space.field(lambda x: jnp.zeros_like(x[0]))

    def predict(z):
        k = space.derived.field(jnp.exp(prior.values(z)))
        u = js.steady_state(js.equations.Heat(conductivity=k, source=source), rest).final
        return u(jnp.asarray(places))

    posterior = js.inference.Posterior(predict, values, (1e-4, 1e-3)[dim - 1], js.inference.Normal(0.0, 1.0))
    best, seconds = timed(
        partial(js.inference.maximize, max_steps=50, rtol=0.01), posterior, jnp.zeros(prior.num_modes)
    )
    k = jax.jit(lambda z: space.derived.field(jnp.exp(prior.values(z)))(jnp.asarray(judged)))(best.value)
    return Outcome(field_error(k, judged), seconds, 0.0, "maximize", prior.num_modes)


def scalar_cases() -> dict[str, Case]:
    """Both laws, clean and noisy, both ways."""
    names, found = {"burgers": "Burgers", "allen-cahn": "Allen-Cahn"}, {}
    for name, title in names.items():
        for way, solve, gate in (("solver", by_solver, 1e-6), ("network", by_network, 1e-4)):
            found[f"inverse-{name}-{way}"] = Case(
                f"Coefficients of {title} through the {way}, clean values", gate, 600.0, "-", None,
                partial(solve, name, 0.0),
            )  # fmt: skip
            found[f"inverse-{name}-noisy-{way}"] = Case(
                f"The same, 10 % noise, {title}, {way}", 2e-2, 600.0, "-", None, partial(solve, name, NOISE)
            )
    return found


def field_cases() -> dict[str, Case]:
    """The conductivity of a rod and of a plate, both ways."""
    return {
        f"inverse-{place}-{way}": Case(
            f"Conductivity field of a {place} through the {way}", 2e-2, 600.0, "-", None, partial(solve, dim)
        )
        for place, dim in (("rod", 1), ("plate", 2))
        for way, solve in (("solver", field_by_solver), ("network", field_by_network))
    }


INVERSE = {**scalar_cases(), **field_cases()}

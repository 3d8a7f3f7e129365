"""The reference cases of networks that obey a law: how each is solved, its gate, and the state of the art.

Change how a case is called here, and nowhere else: the table and the race to 1e-3 on Burgers' equation read it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np


class Outcome(NamedTuple):
    """What one seed gave: relative error, seconds of training and of compiling, and how it was trained."""

    error: float
    seconds: float
    compile_seconds: float
    optimiser: str
    num_weights: int


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Args:
        title: The problem in words.
        gate: What the error must stay below, for the worst of the seeds.
        most_seconds: What the training may take.
        reach: The state of the art, in words.
        best: The same as a number, if it bounds the error asked for.
        solve: From the number of a seed to its outcome.
        stretch: An error asked for beyond the gate.
    """

    title: str
    gate: float
    most_seconds: float
    reach: str
    best: float | None
    solve: Callable[[int], Outcome]
    stretch: float | None = None


BURGERS_VISCOSITY = 0.01 / np.pi
ALLEN_CAHN = {"diffusivity": 1e-4, "reaction": 5.0}
TIMES = np.linspace(0.1, 1.0, 10)
PLACES = np.linspace(-1.0, 1.0, 1001)


def outcome(solution: Any, error: float | None = None) -> Outcome:
    """What a solution reports; `error` where it was measured on a grid instead."""
    report = solution.report
    found = report.error if error is None else error
    return Outcome(float(found), report.seconds, report.compile_seconds, report.optimiser, report.num_weights)


def reference(law: Any, start: Callable, num_nodes: int, dt: float) -> np.ndarray:
    """The library's own spectral solution on [-1, 1] at `TIMES` and `PLACES`; its ends are one point."""
    import jax
    import jax.numpy as jnp

    import jaxsci as js

    space = js.Fourier(js.Grid(js.Box((-1.0, 1.0)), (num_nodes,)))
    run = js.simulate(law, space.field(start), t1=1.0, dt=dt, save_at=TIMES)
    at = jax.jit(lambda u: u(jnp.asarray(PLACES)[:, None]))
    return np.stack([np.asarray(at(jax.tree.map(lambda a, i=i: a[i], run.states))) for i in range(len(TIMES))])


def burgers_reference(num_nodes: int = 2048) -> np.ndarray:
    """Burgers' front, to ten digits."""
    import jax.numpy as jnp

    import jaxsci as js

    law = js.equations.Burgers(BURGERS_VISCOSITY)
    return reference(law, lambda x: -jnp.sin(jnp.pi * x[0]), num_nodes, 0.512 / num_nodes)


def allen_cahn_reference(num_nodes: int = 2048) -> np.ndarray:
    """Allen and Cahn's interfaces; the start has a kink at the ends, which rests."""
    import jax.numpy as jnp

    import jaxsci as js

    law = js.equations.AllenCahn(**ALLEN_CAHN)
    return reference(law, lambda x: x[0] ** 2 * jnp.cos(jnp.pi * x[0]), num_nodes, 2e-3)


def grid_error(at: Callable, known: np.ndarray) -> float:
    """Relative root mean square of `at(t)(points)` against known values at `TIMES` and `PLACES`."""
    values = np.stack([np.asarray(at(t)(PLACES[:, None])) for t in TIMES])
    return float(np.sqrt(np.mean((values - known) ** 2) / np.mean(known**2)))


def poisson(seed: int, network: Callable, **options) -> Outcome:
    """Rows 1: one bump on the unit square."""
    import jax

    import jaxsci as js

    example = js.equations.Poisson.example()
    options = {"boundary": js.Dirichlet(0.0), **options}
    return outcome(
        js.learning.solve_pinn(
            example.equation,
            example.box,
            network(jax.random.key(seed)),
            points=(30, 30),
            compare=0,
            exact=example.solution,
            key=jax.random.key(seed + 100),
            **options,
        )
    )


def poisson_built_in(seed: int) -> Outcome:
    import jaxsci as js

    return poisson(seed, lambda key: js.networks.MLP(2, "scalar", 32, 1, key=key))


def poisson_penalised(seed: int) -> Outcome:
    """The wall law `1 u + 0 u_n = 0` joins the loss."""
    import jaxsci as js

    return poisson(seed, lambda key: js.networks.MLP(2, "scalar", 32, 1, key=key), boundary=js.Robin(1.0, 0.0, 0.0))


def poisson_one_solve(seed: int) -> Outcome:
    import jaxsci as js

    return poisson(seed, lambda key: js.networks.RandomFeatures(2, "scalar", 300, key=key))


def in_time(law, box, network, *, seed: int, **options):
    """A law in time up to 1 without the comparison with a solver."""
    import jax

    import jaxsci as js

    return js.learning.solve_pinn(law, box, network, t1=1.0, compare=0, key=jax.random.key(seed + 100), **options)


def heat(seed: int) -> Outcome:
    import jax

    import jaxsci as js

    example = js.equations.Heat.example()
    network = js.networks.MLP(2, "scalar", 64, 1, key=jax.random.key(seed))
    options = {"initial": partial(example.solution, 0.0), "exact": example.solution, "points": (30, 30)}
    return outcome(in_time(example.equation, example.box, network, boundary=js.Dirichlet(0.0), seed=seed, **options))


def burgers_solution(seed: int, **options) -> Any:
    """Row 3: points that gather at the front, Levenberg-Marquardt."""
    import jax
    import jax.numpy as jnp

    import jaxsci as js

    chosen = {
        "points": js.learning.Adaptive(3000, every=5),
        "optimiser": js.learning.LevenbergMarquardt(max_steps=120),
        "network": js.networks.MLP(2, "scalar", 20, 3, key=jax.random.key(seed)),
        **options,
    }
    return in_time(
        js.equations.Burgers(BURGERS_VISCOSITY),
        js.Box((-1.0, 1.0)),
        chosen.pop("network"),
        initial=lambda x: -jnp.sin(jnp.pi * x[0]),
        boundary=js.Dirichlet(0.0),
        seed=seed,
        **chosen,
    )


def burgers_soon(seed: int, max_steps: int = 220) -> Any:
    """The same by a network of half the weights at half the points, for errors of 1e-3."""
    import jax

    import jaxsci as js

    return burgers_solution(
        seed,
        network=js.networks.MLP(2, "scalar", 14, 3, key=jax.random.key(seed)),
        points=js.learning.Adaptive(1500, every=5),
        optimiser=js.learning.LevenbergMarquardt(max_steps=max_steps),
    )


def burgers(seed: int) -> Outcome:
    solution = burgers_solution(seed)
    return outcome(solution, grid_error(solution.at, burgers_reference()))


def burgers_further(seed: int) -> Outcome:
    """Row 3 with the ten minutes that the stretch is given."""
    import jaxsci as js

    solution = burgers_solution(seed, optimiser=js.learning.LevenbergMarquardt(max_steps=1900))
    return outcome(solution, grid_error(solution.at, burgers_reference()))


def allen_cahn(seed: int, **options) -> Outcome:
    """Row 4: the network is periodic by its inputs."""
    import jax
    import jax.numpy as jnp

    import jaxsci as js

    chosen = {
        "points": js.learning.Adaptive(4000),
        "optimiser": js.learning.LevenbergMarquardt(max_steps=700),
        **options,
    }
    solution = in_time(
        js.equations.AllenCahn(**ALLEN_CAHN),
        js.Box((-1.0, 1.0)),
        js.networks.MLP(3, "scalar", 20, 3, key=jax.random.key(seed)),
        initial=lambda x: x[0] ** 2 * jnp.cos(jnp.pi * x[0]),
        boundary=js.Periodic(),
        seed=seed,
        **chosen,
    )
    return outcome(solution, grid_error(solution.at, allen_cahn_reference()))


def string(seed: int) -> Outcome:
    import jax
    import jax.numpy as jnp

    import jaxsci as js

    example = js.equations.Wave.example()
    network = js.networks.RandomFeatures(2, "scalar", 900, jnp.sin, scale=15.0, key=jax.random.key(seed))
    options = {"initial": partial(example.solution, 0.0), "exact": example.solution, "points": (60, 60)}
    return outcome(in_time(example.equation, example.box, network, boundary=js.Dirichlet(0.0), seed=seed, **options))


def advection(seed: int) -> Outcome:
    import jax
    import jax.numpy as jnp

    import jaxsci as js

    bounds = [(-0.045, 0.045), (-1, 1), (-1, 1)]
    network = js.networks.RandomFeatures(3, "scalar", 900, jnp.sin, scale=1.0, bounds=bounds, key=jax.random.key(seed))
    return outcome(
        in_time(
            js.equations.Advection(30.0),
            js.Box((0.0, 2 * np.pi)),
            network,
            initial=lambda x: jnp.sin(x[0]),
            exact=lambda t, x: jnp.sin(x[0] - 30.0 * t),
            boundary=js.Periodic(),
            points=(100, 24),
            seed=seed,
        )
    )


def timed(run: Callable, *arguments) -> tuple[Any, float]:
    """What a function gives, and how long it took."""
    began = time.perf_counter()
    found = run(*arguments)
    return found, time.perf_counter() - began


FORWARD = {
    "1a": Case("Poisson, tanh 2-32-1, walls built in", 5e-6, 15.0, "1.6e-7 (2-64-1)", 1.6e-7, poisson_built_in),
    "1a-penalised": Case(
        "Poisson, tanh 2-32-1, walls in the loss", 5e-4, 15.0, "1.6e-7 (2-64-1)", None, poisson_penalised
    ),
    "1b": Case("Poisson, 300 random features, one solve", 1e-10, 2.0, "2.9e-13", 2.9e-13, poisson_one_solve),
    "2": Case("Heat, tanh 2-64-1", 2e-4, 30.0, "1e-6", 1e-6, heat),
    "3": Case("Burgers, viscosity 0.01/pi", 1e-3, 180.0, "1.6e-8", None, burgers),
    "3-further": Case("the same, ten minutes", 1e-5, 600.0, "1.6e-8", None, burgers_further),
    "4": Case("Allen-Cahn, diffusivity 1e-4", 1e-2, 600.0, "9.4e-7", None, allen_cahn, stretch=1e-4),
    "5a": Case("Vibrating string, two modes", 1e-3, 10.0, "8.6e-5; 1e-12 by linear features", 1e-12, string),
    "5b": Case("Advection at speed 30", 1e-3, 10.0, "2.6e-4; 1e-12 by linear features", 1e-12, advection),
}

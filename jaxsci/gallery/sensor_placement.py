"""Sensor placement: where eight thermometers on a plate tell most about what heats it.

A plate is cold at its left side and insulated elsewhere; an unknown source q(x, y) heats it, u_t = K lap u + q, and
each thermometer reads the temperature at three times. The source is a Gaussian random field, q = sum_i z_i phi_i with
z ~ N(0, 1), and the readings are linear in z: J z + noise. What an experiment tells, in nats, is then known before it
is made,

    expected information gain = log det(1 + J' J / sigma^2) / 2,

for it does not depend on the readings. Eight sensors are picked among the nodes of a grid, one after the other and then
by exchanges; from there their positions climb, by gradients through the interpolated solution, to a local optimum. They
are compared with a regular arrangement and with two hundred random ones, and all of them are then put to the test: how
well does each find sources drawn at random?

References:
    Chaloner & Verdinelli, Statistical Science 10 (1995) 273; Krause, Singh & Guestrin, J. Mach. Learn. Res. 9 (2008)
    235, for greedy sensors.
"""

import json
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from tqdm.auto import tqdm

from ..equations import Heat
from ..fields import Field, FiniteDifference
from ..geometry import Box, Dirichlet, Grid, Neumann
from ..inference import GaussianRandomField, Normal, Posterior, best_experiment, choose_measurements
from ..plots import plot
from ..simulation import simulate

CONDUCTIVITY, NOISE, TIMES = 0.1, 0.01, np.array([0.1, 0.3, 1.0])
NUM_RANDOM, NUM_SOURCES = 200, 200


class Case(NamedTuple):
    """How finely the plate is resolved, and what is looked for."""

    num_nodes: int = 24
    num_modes: int = 40
    num_sensors: int = 8
    num_steps: int = 600
    spacing: int = 3


def plate(num_nodes: int) -> FiniteDifference:
    """The plate: cold on the left, insulated elsewhere."""
    walls = {"x-": Dirichlet(0.0), "x+": Neumann(0.0), "y-": Neumann(0.0), "y+": Neumann(0.0)}
    return FiniteDifference(Grid(Box((0.0, 1.0), (0.0, 1.0)), (num_nodes, num_nodes)), boundary=walls)


def responses(space: FiniteDifference, prior: GaussianRandomField, case: Case) -> Float[Array, "modes times *grid"]:
    """Temperatures that each mode of the source alone would cause: all there is to know about a linear law."""
    cold = space.field(lambda x: 0.0 * x[0])

    def temperatures(z: Float[Array, " modes"]) -> Float[Array, "times *grid"]:
        law = Heat(CONDUCTIVITY, source=space.derived.field(prior.values(z)))
        return simulate(law, cold, TIMES[-1], dt=TIMES[-1] / case.num_steps, save_at=TIMES).states.values

    return jax.jit(jax.vmap(temperatures))(jnp.eye(case.num_modes))


def readings(space: FiniteDifference, modes: Array, z: Array, points: Float[Array, "sensors 2"]) -> Array:
    """What sensors at any points read at the three times, (sensors, times)."""
    states = jnp.tensordot(z, modes, axes=1)
    return jax.vmap(lambda values: space.field(values)(points), out_axes=1)(states)


def information(rows: Float[Array, "sensors times modes"]) -> Float[Array, ""]:
    """Expected information gain, in nats, of sensors whose readings have these derivatives."""
    scaled = rows.reshape(-1, rows.shape[-1]) / NOISE
    return jnp.linalg.slogdet(jnp.eye(len(scaled)) + scaled @ scaled.T)[1] / 2


class Placement(NamedTuple):
    """Sensors, what they tell, how uncertain they leave the source, and their error on random sources."""

    points: np.ndarray
    gain: float
    spread: Field
    error: float


def examine(space: FiniteDifference, prior: GaussianRandomField, modes: Array, points: Array) -> Placement:
    """The gain of some sensors, the posterior they lead to, and how it does on sources drawn from the prior."""
    num_modes = modes.shape[0]
    rows = jax.jacfwd(lambda z: readings(space, modes, z, points))(jnp.zeros(num_modes))
    scaled = rows.reshape(-1, num_modes) / NOISE
    covariance = jnp.linalg.inv(jnp.eye(num_modes) + scaled.T @ scaled)
    basis = jax.vmap(prior.values)(jnp.eye(num_modes)).reshape(num_modes, -1)
    spread = jnp.sqrt(jnp.sum(basis * (covariance @ basis), axis=0)).reshape(space.grid.shape)
    key_sources, key_noise = jax.random.split(jax.random.key(1995))
    sources = jax.random.normal(key_sources, (NUM_SOURCES, num_modes))
    read = sources @ scaled.T + jax.random.normal(key_noise, (NUM_SOURCES, len(scaled)))
    missed = (read @ scaled @ covariance - sources) @ basis
    error = jnp.sqrt(jnp.sum(missed**2) / jnp.sum((sources @ basis) ** 2))
    return Placement(np.asarray(points), float(information(rows)), space.derived.field(spread), float(error))


def regular(count: int) -> Float[Array, "sensors 2"]:
    """Two columns of sensors, evenly spread."""
    x, y = np.meshgrid([0.25, 0.75], (np.arange(count // 2) + 0.5) / (count // 2), indexing="ij")
    return jnp.asarray(np.stack([x.ravel(), y.ravel()], axis=1))


def figure(path: Path, designs: dict[str, Placement], greedy: np.ndarray, random: np.ndarray) -> None:
    """How uncertain the source stays, for the best and the regular sensors; the gain of one sensor after the other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(15, 4.4), layout="constrained")
    FigureCanvasAgg(picture)
    *maps, gains = picture.subplots(1, 3)
    top = max(float(designs[name].spread.values.max()) for name in ("regular", "refined"))
    for panel, name in zip(maps, ("regular", "refined"), strict=True):
        design = designs[name]
        plot(design.spread, axes=panel, name="standard deviation of the source", limits=(0.0, top))
        panel.plot(*design.points.T, "wo", ms=7, mec="k")
        panel.set_title(f"{name} sensors: {design.gain:.1f} nats, error {design.error:.0%}")
    count = np.arange(1, len(greedy) + 1)
    gains.plot(count, greedy, "o-", label="one after the other")
    gains.plot(count[-1], designs["refined"].gain, "k*", ms=11, label="moved by gradients")
    gains.plot(count[-1], designs["regular"].gain, "C1s", label="regular")
    for body in gains.violinplot(random, [len(greedy)], widths=1.2, showextrema=False)["bodies"]:
        body.set_facecolor("0.5")
    gains.plot([], [], color="0.5", alpha=0.3, lw=8, label=f"{len(random)} random arrangements")
    gains.set(xlabel="sensors", ylabel="expected information gain, nats", ylim=(0, None))
    gains.legend(frameon=False, loc="lower right")
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False, case: Case = Case()) -> None:  # noqa: B008
    """Place the sensors, and write `sensor_placement.png` and `results.json` into `output`."""
    space = plate(case.num_nodes)
    prior = GaussianRandomField(space.derived, standard_deviation=1.0, length=0.3, num_modes=case.num_modes)
    with tqdm(total=5, desc="placing sensors", unit="stage", disable=not progress) as bar:
        modes = responses(space, prior, case)
        bar.update()
        nodes = space.points.reshape(case.num_nodes, case.num_nodes, 2)
        candidates = nodes[case.spacing // 2 :: case.spacing, case.spacing // 2 :: case.spacing].reshape(-1, 2)
        white = Normal(jnp.zeros(case.num_modes), 1.0)
        zero = jnp.zeros(case.num_modes)
        rows = jax.jit(jax.vmap(lambda p: jax.jacfwd(lambda z: readings(space, modes, z, p))(zero)))
        matrix = rows(candidates[:, None])[:, 0]
        posterior = Posterior(lambda z: matrix @ z, jnp.zeros((len(candidates), len(TIMES))), NOISE, white)
        choice = choose_measurements(posterior, case.num_sensors, unknowns=zero)
        bar.update()
        picked = candidates[choice.chosen]
        moved = best_experiment(
            lambda z, points: readings(space, modes, z, points), picked, white, NOISE,
            bounds=(0.02, 0.98), unknowns=zero, starts=1, max_steps=60,
        )  # fmt: skip
        bar.update()
        places = jax.random.uniform(jax.random.key(235), (NUM_RANDOM, case.num_sensors, 2), minval=0.02, maxval=0.98)
        random = np.asarray(jax.vmap(information)(rows(places)))
        bar.update()
        arrangements = {
            "regular": regular(case.num_sensors),
            "typical random": places[int(np.argsort(random)[NUM_RANDOM // 2])],
            "greedy": picked,
            "refined": moved.design,
        }
        designs = {name: examine(space, prior, modes, points) for name, points in arrangements.items()}
        bar.update()
    print(f"{case.num_sensors} sensors: what they tell, and the relative error of {NUM_SOURCES} random sources")
    for name, design in designs.items():
        print(f"{name:16}{design.gain:8.2f} nats   error {design.error:.3f}")
    beaten = float(np.mean(random < designs["refined"].gain))
    print(f"the refined sensors tell more than {beaten:.1%} of {NUM_RANDOM} random arrangements")
    figure(output / "sensor_placement.png", designs, np.asarray(choice.scores), random)
    results = {
        "gain": {name: design.gain for name, design in designs.items()},
        "error": {name: design.error for name, design in designs.items()},
        "points": {name: design.points.tolist() for name, design in designs.items()},
        "greedy_gain": np.asarray(choice.scores).tolist(),
        "random_gain": random.tolist(),
        "case": case._asdict(),
    }
    (output / "results.json").write_text(json.dumps(results, indent=1))

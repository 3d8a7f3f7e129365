"""Vorticity from sensors: how a flow began, from forty sensors that read its velocity for a while.

The law is that of a fluid in a periodic plane, for its vorticity w,

    w_t + (u . grad) w = nu lap w.

Forty sensors at random places read both components of the velocity at six times, each with an error of some percent.
Unknown is the vorticity at the start: a Gaussian random field w = sum_i sqrt(lambda_i) z_i phi_i of known size and
correlation length, with coefficients z ~ N(0, 1), of which the 120 smoothest are sought. The posterior density of z is
climbed by derivatives through the solver; the inverse of its curvature and the variance of the finer waves give the
band. What the sensors do not see stays as uncertain as before, and the flow carries what they see to where they do not
stand.

The readings are made on a grid twice as fine, of a flow with all its waves.

References:
    Talagrand & Courtier, Q. J. R. Meteorol. Soc. 113 (1987) 1311; Cotter, Dashti & Stuart, SIAM J. Numer. Anal. 48
    (2010) 322, for the posterior.
"""

import json
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from tqdm.auto import tqdm

from ..equations import NavierStokesVorticity
from ..fields import Field, Fourier
from ..geometry import Box, Grid
from ..inference import Estimate, GaussianRandomField, Normal, Posterior, maximize
from ..operators import mean, norm
from ..plots import plot
from ..simulation import simulate

LENGTH, VISCOSITY = 2 * np.pi, 5e-3
SIZE, CORRELATION, SMOOTHNESS = 3.0, 1.0, 2.5
LAW = NavierStokesVorticity(viscosity=VISCOSITY)


class Case(NamedTuple):
    """How finely the flow is computed, and how it is read."""

    num_nodes: int = 32
    num_modes: int = 120
    num_sensors: int = 40
    num_times: int = 6
    t1: float = 1.5
    dt: float = 0.05
    noise: float = 0.05


def plane(num_nodes: int) -> Fourier:
    """The periodic plane."""
    return Fourier(Grid(Box((0.0, LENGTH), (0.0, LENGTH)), (num_nodes, num_nodes)))


def random_field(num_nodes: int, num_modes: int | None = None) -> GaussianRandomField:
    """What is known of the vorticity before it is measured."""
    return GaussianRandomField(plane(num_nodes), SIZE, CORRELATION, SMOOTHNESS, num_modes=num_modes)


def spinning(w: Field) -> Field:
    """The vorticity without its mean, which no flow in a periodic plane has."""
    return w - mean(w)


def readings(w: Field, points: Float[Array, "sensors 2"], case: Case) -> Float[Array, "times sensors 2"]:
    """Velocities at the sensors and times, of the flow that starts with vorticity `w`."""
    solution = simulate(LAW, w, case.t1, dt=case.dt, save_at=case.num_times)
    return jax.vmap(lambda state: LAW.velocity(w.replace(state))(points))(solution.states.data)


class Experiment(NamedTuple):
    """The truth, where the sensors are, and what they read."""

    truth: Field
    points: Array
    data: Array


def experiment(case: Case) -> Experiment:
    """A flow drawn from the prior on a finer grid, its sensors, and their noisy readings."""
    key_flow, key_places, key_noise = jax.random.split(jax.random.key(1987), 3)
    prior = random_field(2 * case.num_nodes)
    truth = spinning(prior.field(jax.random.normal(key_flow, (prior.num_modes,))))
    points = jax.random.uniform(key_places, (case.num_sensors, 2), maxval=LENGTH)
    exact = jax.jit(lambda w: readings(w, points, case._replace(dt=case.dt / 2)))(truth)
    scale = case.noise * jnp.sqrt(jnp.mean(exact**2))
    return Experiment(truth, points, exact + scale * jax.random.normal(key_noise, exact.shape))


class Found(NamedTuple):
    """The recovered vorticity, its standard deviation, and what was measured about them."""

    vorticity: Field
    spread: Field
    errors: dict[str, float]


def recover(made: Experiment, case: Case, progress: bool) -> tuple[Found, Estimate]:
    """The top of the posterior density of the vorticity, and its band."""
    prior = random_field(case.num_nodes, case.num_modes)
    scale = case.noise * float(jnp.sqrt(jnp.mean(made.data**2)))
    zero = jnp.zeros(case.num_modes)
    posterior = Posterior(
        lambda z: readings(spinning(prior.field(z)), made.points, case), made.data, scale, Normal(zero, 1.0)
    )
    best = maximize(posterior, zero, rtol=1e-3, progress=progress)
    if best.covariance is None or not best.ok:
        raise RuntimeError(f"no top of the posterior found:\n{best}")
    vorticity = spinning(prior.field(best.value))
    basis = jax.vmap(lambda z: prior.values(z).ravel())(jnp.eye(case.num_modes))
    finer = SIZE**2 - jnp.sum(basis**2, axis=0)
    basis = basis - jnp.mean(basis, axis=1, keepdims=True)
    spread = jnp.sqrt(jnp.sum(basis * (best.covariance @ basis), axis=0) + finer).reshape(vorticity.values.shape)
    truth = vorticity.space.project(made.truth)
    missed = jnp.abs((vorticity - truth).values)
    later = [simulate(LAW, w, 2 * case.t1, dt=case.dt).final for w in (vorticity, truth)]
    errors = {
        "start": float(norm(vorticity - truth) / norm(truth)),
        "forecast": float(norm(later[0] - later[1]) / norm(later[1])),
        "prior_alone": prior_error(truth, prior),
        "covered_by_90_percent_band": float(jnp.mean(missed < 1.645 * spread)),
        "residual_over_noise": float(jnp.sqrt(jnp.mean((posterior.predict(best.value) - made.data) ** 2)) / scale),
    }
    return Found(vorticity, vorticity.space.field(spread), errors), best


def prior_error(truth: Field, prior: GaussianRandomField) -> float:
    """Relative error of the best that is known without readings, the mean of the prior."""
    return float(norm(prior.field(jnp.zeros(prior.num_modes)) - truth) / norm(truth))


def figure(path: Path, made: Experiment, found: Found) -> None:
    """Truth, recovered vorticity and its standard deviation, with the sensors."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(15, 4.4), layout="constrained")
    FigureCanvasAgg(picture)
    panels = picture.subplots(1, 3)
    top = float(jnp.max(jnp.abs(made.truth.values)))
    named = {"true vorticity at the start": made.truth, "recovered": found.vorticity}
    for panel, (title, field) in zip(panels, named.items(), strict=False):
        plot(field, axes=panel, name="vorticity", limits=(-top, top))
        panel.set_title(title)
    plot(found.spread, axes=panels[2], name="standard deviation", limits=(0.0, SIZE))
    panels[2].set_title(f"what stays unknown (before: {SIZE:g})")
    for panel in panels:
        panel.plot(*np.asarray(made.points).T, "ko", ms=3.5, mfc="w")
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False, case: Case = Case()) -> None:  # noqa: B008
    """Recover the flow, and write `vorticity.png` and `results.json` into `output`."""
    with tqdm(total=2, desc="flow and readings", unit="stage", disable=not progress) as bar:
        made = experiment(case)
        bar.update()
        found, best = recover(made, case, progress)
        bar.update()
    errors = found.errors
    print(
        f"relative error of the vorticity at the start: {errors['start']:.1%}; "
        f"of the prior alone {errors['prior_alone']:.0%}"
    )
    print(f"... of a forecast to twice the time of the readings: {errors['forecast']:.1%}")
    print(f"the 90 % band holds the truth at {errors['covered_by_90_percent_band']:.0%} of the nodes")
    print(
        f"the fit differs from the {made.data.size} readings by {errors['residual_over_noise']:.3f} times their error"
    )
    figure(output / "vorticity.png", made, found)
    results = errors | {
        "stats": {name: float(value) for name, value in best.stats.items() if np.ndim(value) == 0},
        "sensors": np.asarray(made.points).tolist(),
        "truth": found.vorticity.space.project(made.truth).values.tolist(),
        "vorticity": found.vorticity.values.tolist(),
        "standard_deviation": found.spread.values.tolist(),
        "case": case._asdict(),
    }
    (output / "results.json").write_text(json.dumps(results))

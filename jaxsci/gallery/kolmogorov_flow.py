"""Kolmogorov flow: a force that varies as a sine turns random vortices into two-dimensional turbulence, with a film.

The law is that of a fluid in a periodic plane, for its vorticity w,

    w_t + (u . grad) w = nu lap w - alpha w - A k cos(k y),

with the force A sin(k y) along x. Energy enters at the wavenumber of the force, gathers in larger vortices, where the drag
alpha takes it, and enstrophy runs to smaller ones, where viscosity does. The run keeps the books: the change of energy
must be what the force puts in less what drag and viscosity take out, and the spectrum must have fallen to nothing at the
finest waves; both are written to `results.json`.

References:
    Arnold & Meshalkin, *Kolmogorov's seminar on selected problems of analysis* (1960);
    Boffetta & Ecke, Annu. Rev. Fluid Mech. 44 (2012) 427, for the two cascades.
"""

import json
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from tqdm.auto import tqdm

from ..data import save
from ..equations import NavierStokesVorticity
from ..fields import Field, Fourier
from ..geometry import Box, Grid
from ..operators import dot, energy_spectrum, mean
from ..plots import animate, plot, plot_spectrum
from ..simulation import Solution, simulate

WAVENUMBER, VISCOSITY, DRAG = 4.0, 2e-3, 0.1
LENGTH = 2 * np.pi


class Case(NamedTuple):
    """How finely and how long the flow is computed."""

    num_nodes: int = 128
    t1: float = 25.0
    dt: float = 0.01
    num_saves: int = 125


def random_vorticity(space: Fourier, strength: float = 3.0, largest: int = 8) -> Field:
    """Random waves up to wavenumber `largest`, with root mean square `strength`."""
    k2 = sum(space.wavenumbers(axis, half=True) ** 2 for axis in range(space.dim))
    noise = space.field(jax.random.normal(jax.random.key(1959), space.grid.shape))
    waves = noise.replace(jnp.where((k2 > 0) & (k2 <= largest**2), noise.data, 0.0))
    return waves * (strength / jnp.sqrt(mean(waves * waves)))


def books(law: NavierStokesVorticity, solution: Solution) -> dict[str, Array]:
    """Energy, enstrophy, and the powers that change the energy, at each saved time."""
    space = solution.states.space
    zero = space.field(lambda x: 0.0 * x[0])
    force = space.field(lambda x: jnp.stack([law.forcing.amplitude * jnp.sin(law.forcing.wavenumber * x[1]), 0.0 * x[0]]))

    def entry(w: Array) -> dict[str, Array]:
        field = zero.replace(w)
        velocity = law.velocity(field)
        energy, enstrophy = law.energy(field), law.enstrophy(field)
        return {
            "energy": energy,
            "enstrophy": enstrophy,
            "input": mean(dot(force, velocity)),
            "taken_by_drag": 2 * law.drag * energy,
            "taken_by_viscosity": 2 * law.viscosity * enstrophy,
        }

    return jax.jit(jax.vmap(entry))(solution.states.data)


def imbalance(ts: Array, entries: dict[str, Array]) -> float:
    """Largest gap in the books, `|E(t) - E(0) - int (input - taken) dt|`, over the energy put in; cubic rule in time."""
    from scipy.interpolate import CubicSpline

    power = entries["input"] - entries["taken_by_drag"] - entries["taken_by_viscosity"]
    gained = CubicSpline(ts, power).antiderivative()(ts)
    return float(np.abs(entries["energy"] - entries["energy"][0] - gained).max() / np.sum(np.diff(ts) * entries["input"][1:]))

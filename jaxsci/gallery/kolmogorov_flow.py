"""Kolmogorov flow: random vortices under a sine force become turbulence, with a film.

The law is that of a fluid in a periodic plane, for its vorticity w,

    w_t + (u . grad) w = nu lap w - alpha w - A k cos(k y),

with the force A sin(k y) along x. Energy enters at the wavenumber of the force and gathers in larger vortices, where
the drag alpha takes it; enstrophy runs to smaller ones, where viscosity does. The run keeps the books: the change of
energy must be what the force puts in less what drag and viscosity take out, and the spectrum must have fallen to
nothing at the finest waves; both are written to `results.json`.

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

from ..data import save, to_xarray
from ..equations import NavierStokesVorticity
from ..fields import Field, Fourier
from ..geometry import Box, Grid
from ..operators import dot, energy_spectrum, mean, norm
from ..plots import animate, plot, plot_spectrum
from ..simulation import Solution, simulate

WAVENUMBER, VISCOSITY, DRAG = 4.0, 3e-3, 0.1
LENGTH = 2 * np.pi


class Case(NamedTuple):
    """How finely and how long the flow is computed."""

    num_nodes: int = 128
    t1: float = 25.0
    dt: float = 0.01
    num_saves: int = 100


def random_vorticity(space: Fourier, strength: float = 3.0, largest: int = 8) -> Field:
    """Random waves up to wavenumber `largest`, with root mean square `strength`."""
    k2 = sum(space.wavenumbers(axis, half=True) ** 2 for axis in range(space.dim))
    noise = space.field(jax.random.normal(jax.random.key(1959), space.grid.shape))
    waves = noise.replace(jnp.where((k2 > 0) & (k2 <= largest**2), noise.data, 0.0))
    return waves * (strength * space.grid.box.volume**0.5 / norm(waves))


def books(law: NavierStokesVorticity, solution: Solution) -> dict[str, Array]:
    """Energy, enstrophy, and the powers that change the energy, at each saved time."""
    space = solution.states.space
    zero = space.field(lambda x: 0.0 * x[0])
    force = space.field(
        lambda x: jnp.stack([law.forcing.amplitude * jnp.sin(law.forcing.wavenumber * x[1]), 0.0 * x[0]])
    )

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
    """Largest gap in the books, `|E(t) - E(0) - int (input - taken) dt|`, over the energy put in."""
    from scipy.interpolate import CubicSpline

    power = entries["input"] - entries["taken_by_drag"] - entries["taken_by_viscosity"]
    gained = CubicSpline(ts, power).antiderivative()(ts)
    return float(
        np.abs(entries["energy"] - entries["energy"][0] - gained).max() / np.sum(np.diff(ts) * entries["input"][1:])
    )


def figure(path: Path, law: NavierStokesVorticity, solution: Solution, entries: dict[str, Array]) -> None:
    """The flow at the end, the books, and the spectrum."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(15, 4.4), layout="constrained")
    FigureCanvasAgg(picture)
    flow, powers, spectrum = picture.subplots(1, 3)
    plot(solution.final, axes=flow, name="vorticity")
    flow.set_title(f"t = {float(solution.ts[-1]):g}")
    for name, label in (
        ("input", "put in by the force"),
        ("taken_by_drag", "taken by drag"),
        ("taken_by_viscosity", "taken by viscosity"),
    ):
        powers.plot(solution.ts, entries[name], label=label)
    powers.plot(solution.ts, entries["energy"], "k--", lw=1, label="energy")
    powers.set(xlabel="time", ylabel="power, energy", xlim=(0, float(solution.ts[-1])))
    powers.legend(frameon=False)
    plot_spectrum(mean_spectrum(law, solution), axes=spectrum, slope=-3)
    spectrum.axvline(law.forcing.wavenumber, color="0.6", lw=1, zorder=0)
    spectrum.set_title("energy, second half of the run; line: the force")
    picture.savefig(path, dpi=150)


def mean_spectrum(law: NavierStokesVorticity, solution: Solution) -> tuple[Array, Array]:
    """Energy per shell of wavenumbers, averaged over the second half of the run."""
    second_half = solution.states.data[len(solution.ts) // 2 :]
    k, energy = jax.jit(jax.vmap(lambda w: energy_spectrum(law.velocity(solution.final.replace(w)))))(second_half)
    return k[0], jnp.mean(energy, axis=0)


def write_states(output: Path, law: NavierStokesVorticity, solution: Solution) -> None:
    """The states as netCDF, or, where xarray is not installed, as NumPy arrays."""
    try:
        save(output / "kolmogorov.nc", to_xarray(solution, "vorticity", law))
    except ImportError:
        x, y = solution.states.space.axes
        np.savez_compressed(output / "kolmogorov.npz", time=solution.ts, x=x, y=y, vorticity=solution.states.values)


def main(output: Path, progress: bool = False, case: Case = Case()) -> None:  # noqa: B008
    """Run the flow, and write film, figure, states and `results.json` into `output`."""
    law = NavierStokesVorticity.kolmogorov(VISCOSITY, DRAG, WAVENUMBER)
    space = Fourier(Grid(Box((0.0, LENGTH), (0.0, LENGTH)), (case.num_nodes, case.num_nodes)))
    start = random_vorticity(space)
    solution = simulate(law, start, case.t1, dt=case.dt, save_at=case.num_saves, progress=progress)
    entries = {name: np.asarray(values) for name, values in books(law, solution).items()}
    gap = imbalance(np.asarray(solution.ts), entries)
    k, energy = mean_spectrum(law, solution)
    resolved = k <= case.num_nodes / 3
    tail = float(energy[resolved][-1] / energy.max())
    print(f"energy {entries['energy'][-1]:.4f}, enstrophy {entries['enstrophy'][-1]:.4f} at t = {case.t1:g}")
    print(f"books: {gap:.1e} of the energy put in is not accounted for; finest waves hold {tail:.1e} of the largest")
    figure(output / "kolmogorov.png", law, solution, entries)
    with tqdm(total=case.num_saves, desc="film", unit="frame", disable=not progress) as bar:
        animate(
            solution, output / "kolmogorov.gif", name="vorticity", dots_per_inch=60, on_frame=lambda _: bar.update()
        )
    write_states(output, law, solution)
    results = {
        "law": {"viscosity": VISCOSITY, "drag": DRAG, "wavenumber": WAVENUMBER, "amplitude": 1.0},
        "case": case._asdict(),
        "time": np.asarray(solution.ts).tolist(),
        "imbalance": gap,
        "finest_over_largest": tail,
        "spectrum": {"wavenumber": k.tolist(), "energy": energy.tolist()},
    } | {name: values.tolist() for name, values in entries.items()}
    (output / "results.json").write_text(json.dumps(results, indent=1))

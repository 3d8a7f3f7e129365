"""Heat source: what a cooling rod remembers of where it was heated, and how strongly to smooth.

A source q(x) heats a rod with cold ends, u_t = u_xx + q, from u = 0 on, and 40 thermometers read the temperature once,
at T = 0.1. A sine wave of the source comes back as the same wave, times

    sigma_k = (1 - exp(-k^2 pi^2 T)) / (k pi)^2,

the singular values of this inverse problem: undoing the fifth wave amplifies the noise 250 times, the fiftieth 25 000
times. So the source is held to be smooth, by a factor of its squared slopes that the data choose, in three ways:
that the misfit be that of the noise (Morozov), that every datum be predicted best from the others (generalised
cross-validation), or that the data be likeliest (evidence).

The readings are made on a grid twice as fine as that of the inversion, with more steps.

References:
    Hansen, *Rank-Deficient and Discrete Ill-Posed Problems* (1998), chapters 2 and 7.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from tqdm.auto import tqdm

from ..equations import Heat
from ..fields import FiniteDifference
from ..geometry import Box, Dirichlet, Grid
from ..inference import (
    CrossValidation,
    DiscrepancyPrinciple,
    LargestEvidence,
    Posterior,
    Smoothness,
    StrengthPath,
    choose_strength,
    maximize,
)
from ..plots import strength_path
from ..simulation import simulate

T = 0.1
SENSORS = np.linspace(0.0125, 0.9875, 40)[:, None]
LEVELS = (3e-3, 3e-4, 3e-5, 3e-6)
RULES = {"misfit": DiscrepancyPrinciple(), "cross-validation": CrossValidation(), "evidence": LargestEvidence()}
# Published to ten digits, for k = 1 to 5.
SINGULAR_VALUES = (0.0635579843, 0.0248415148, 0.0112563470, 0.0063325731, 0.0040528473)


class Case(NamedTuple):
    """How finely the rod is resolved, and how noisy its thermometers are."""

    num_nodes: int = 64
    num_steps: int = 1000
    noise: float = 3e-4


def true_source(x: Array) -> Array:
    """What is to be found: a broad heater, and a narrow cooler."""
    return jnp.exp(-(((x - 0.3) / 0.12) ** 2)) - 0.6 * jnp.exp(-(((x - 0.72) / 0.05) ** 2))


def rod(num_nodes: int) -> FiniteDifference:
    """The rod, cold at both ends."""
    return FiniteDifference(Grid(Box((0.0, 1.0)), (num_nodes,)), boundary=Dirichlet(0.0), order=4)


def temperature(space: FiniteDifference, q: Float[Array, " nodes"], num_steps: int) -> Any:
    """The temperature at T, as a field, for nodal values `q` of the source."""
    cold = space.field(lambda x: 0.0 * x[0])
    return simulate(Heat(1.0, source=space.derived.field(q)), cold, T, dt=T / num_steps).final


def measure(case: Case) -> tuple[Float[Array, " sensors"], Float[Array, " sensors"]]:
    """The readings without noise, and noise of size one."""
    space = rod(2 * case.num_nodes)
    exact = jax.jit(lambda q: temperature(space, q, 4 * case.num_steps)(jnp.asarray(SENSORS)))
    return exact(true_source(space.points[:, 0])), jax.random.normal(jax.random.key(1822), (len(SENSORS),))


def singular_values(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Those of the simulated map from source to temperature, and of the formula."""
    space = rod(case.num_nodes)
    zero = jnp.zeros(case.num_nodes)
    matrix = jax.jit(jax.jacfwd(lambda q: temperature(space, q, case.num_steps).values))(zero)
    k = np.arange(1, case.num_nodes + 1) * np.pi
    return np.linalg.svd(np.asarray(matrix), compute_uv=False), -np.expm1(-(k**2) * T) / k**2


def relative_error(found: Array, truth: Array) -> float:
    """Norm of the difference over the norm of the truth."""
    return float(jnp.linalg.norm(found - truth) / jnp.linalg.norm(truth))


def recover(case: Case, progress: bool) -> tuple[dict[str, Any], dict[str, StrengthPath], list[dict[str, float]]]:
    """The source with its band at the noise of the case, the three strengths, and errors for every level of noise."""
    space = rod(case.num_nodes)
    x = space.points[:, 0]
    truth, zero = true_source(x), jnp.zeros(case.num_nodes)
    matrix = jax.jit(jax.jacfwd(lambda q: temperature(space, q, case.num_steps)(jnp.asarray(SENSORS))))(zero)

    exact, errors = measure(case)

    def posterior(noise, strength=1.0):
        return Posterior(lambda q: matrix @ q, exact + noise * errors, noise, Smoothness(space, strength))

    levels = []
    for noise in tqdm(LEVELS, desc="levels of noise", disable=not progress):
        path = choose_strength(posterior(noise), zero)
        naive = jnp.linalg.pinv(matrix) @ (exact + noise * errors)
        seen = int(np.sum(np.asarray(jnp.linalg.svd(matrix)[1]) * np.abs(wave_coefficients(truth)) > noise))
        levels.append(
            {
                "noise": noise,
                "waves_above_noise": seen,
                "naive_error": relative_error(naive, truth),
                "error": relative_error(path.value, truth),
            }
        )
    data = exact + case.noise * errors
    paths = {name: choose_strength(posterior(case.noise), zero, rule=rule) for name, rule in RULES.items()}
    best = maximize(posterior(case.noise, paths["evidence"].best), zero)
    found = {
        "x": x,
        "data": data,
        "truth": truth,
        "naive": jnp.linalg.pinv(matrix) @ data,
        "source": best.value,
        "spread": jnp.sqrt(jnp.diag(best.covariance)),
        "fitted": matrix @ best.value,
    }
    return found, paths, levels


def wave_coefficients(values: Array, count: int = len(SENSORS)) -> np.ndarray:
    """Components of nodal values along the first orthonormal sine waves."""
    n = len(values)
    x = (np.arange(n) + 0.5) / n
    return np.sqrt(2 / n) * np.sin(np.pi * np.arange(1, count + 1)[:, None] * x) @ np.asarray(values)


def figure(path: Path, case: Case, values: np.ndarray, found: dict, paths: dict[str, StrengthPath]) -> None:
    """What the rod remembers, the naive inverse, the choice of the strength, and the source with its band."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12.5, 8.4), layout="constrained")
    FigureCanvasAgg(picture)
    (memory, naive), (choice, source) = picture.subplots(2, 2)
    k = np.arange(1, len(SENSORS) + 1)
    seen = values[: len(k)] * np.abs(wave_coefficients(found["truth"]))
    memory.semilogy(k, values[: len(k)], "k.-", lw=1, label="singular value $\\sigma_k$")
    memory.semilogy(k, seen, ".", label="wave k of the source in the data")
    memory.axhline(case.noise, color="C3", lw=1, label="noise")
    memory.set(xlabel="wave k", ylim=(1e-9, 1.0), title="what the temperature remembers of the source")
    memory.legend(frameon=False)
    x = found["x"]
    naive.plot(x, found["naive"], "C3", lw=1, label="exact inverse of the noisy readings")
    naive.plot(x, found["truth"], "k--", lw=1, label="truth")
    naive.set(xlabel="x", ylabel="source q", title="without smoothing")
    naive.legend(frameon=False)
    strength_path(paths["evidence"], axes=choice)
    for number, name in enumerate(("misfit", "cross-validation")):
        choice.axvline(float(paths[name].best), color=f"C{number + 1}", lw=1.5, ls=":", label=f"chosen by {name}")
    choice.legend(frameon=False, fontsize="small", loc="lower center")
    low, high = (found["source"] + sign * 1.645 * found["spread"] for sign in (-1, 1))
    source.fill_between(x, low, high, alpha=0.25, lw=0, label="90 % band")
    source.plot(x, found["source"], "C0", label="recovered")
    source.plot(x, found["truth"], "k--", lw=1, label="truth")
    source.set(xlabel="x", ylabel="source q", xlim=(0, 1), title="with the strength that the evidence chooses")
    source.legend(frameon=False)
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False, case: Case = Case()) -> None:  # noqa: B008
    """Recover the source, and write `heat_source.png` and `results.json` into `output`."""
    simulated, formula = singular_values(case)
    off = float(np.max(np.abs(simulated[:5] / formula[:5] - 1)))
    print(f"singular values: simulated and exact differ by {off:.1e}; the first five, simulated, exact, published")
    for rows in zip(simulated, formula, SINGULAR_VALUES, strict=False):
        print("".join(f"{value:15.10f}" for value in rows))
    found, paths, levels = recover(case, progress)
    print(f"\n{'noise':>8}{'waves above it':>17}{'error without smoothing':>26}{'with, by evidence':>20}")
    for row in levels:
        print(f"{row['noise']:8.0e}{row['waves_above_noise']:17}{row['naive_error']:26.2f}{row['error']:20.3f}")
    print(f"\nnoise {case.noise:.0e}:")
    errors = {name: relative_error(path.value, found["truth"]) for name, path in paths.items()}
    for name, path in paths.items():
        print(f"strength by {name:17} {float(path.best):10.3g}   error of the source {errors[name]:.3f}")
    covered = float(jnp.mean(jnp.abs(found["source"] - found["truth"]) < 1.645 * found["spread"]))
    print(f"the 90 % band holds the truth at {covered:.0%} of the nodes")
    figure(output / "heat_source.png", case, simulated, found, paths)
    results = {
        "singular_values": {"simulated": simulated[:5].tolist(), "exact": formula[:5].tolist(), "difference": off},
        "levels": levels,
        "strengths": {name: float(path.best) for name, path in paths.items()},
        "errors": errors,
        "covered_by_90_percent_band": covered,
        "case": case._asdict(),
    } | {name: np.asarray(values).tolist() for name, values in found.items()}
    (output / "results.json").write_text(json.dumps(results, indent=1))

"""What cannot be identified: an epidemic of which only some cases are reported, and how one sees it.

Somewhere an epidemic runs its course, and each day so many cases are reported: a share rho of the I infected of a
population of N. In shares of the population the law of Kermack and McKendrick is free of N,

    s' = -beta s i,    i' = beta s i - gamma i,    reported = rho N i,

so counts tell beta, gamma and the product rho N, but neither of its factors; and the more persons are infected at the
start, I0 = N i0, the larger the population may be. No optimizer says so by itself: it returns some values. Three looks
do. The singular values of the sensitivity end in one that is zero, and its direction names the unknowns that can be
exchanged. The error bars along it are infinite. And the profile of the likelihood, which holds one unknown and fits all
others, is flat. The remedy is knowledge from elsewhere: here a blood survey that found how many cases are reported.

References:
    Raue et al., Bioinformatics 25 (2009) 1923, for profiles; Gutenkunst et al., PLOS Comput. Biol. 3 (2007) e189, for
    singular values.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from tqdm.auto import tqdm

from ..equations import SIR
from ..inference import Estimate, Gaussian, LogNormalNoise, Posterior, maximize
from ..plots import identifiability
from ..simulation import simulate

DAYS, NOISE = 40, 0.1
# Logarithms, so that a product of unknowns is a sum, and every value is allowed.
TRUTH = {"beta": 0.5, "gamma": 0.2, "I0": 10.0, "N": 20_000.0, "rho": 0.3}
GUESS = {"beta": 0.6, "gamma": 0.3, "I0": 5.0, "N": 10_000.0, "rho": 0.5}
SURVEY, SURVEY_NOISE = math.log(0.3), 0.15
RANGE = np.linspace(-0.8, 0.8, 17)
Unknowns = dict[str, Array]


def logarithms(values: dict[str, float]) -> Unknowns:
    """The unknowns for physical values."""
    return {f"log {name}": jnp.asarray(math.log(value)) for name, value in values.items()}


def reported(unknowns: Unknowns) -> Float[Array, " days"]:
    """Cases reported on each day."""
    beta, gamma, infected, size, rho = (jnp.exp(unknowns[f"log {name}"]) for name in TRUTH)
    share = infected / size
    start = jnp.stack([1.0 - share, share, 0.0 * share])
    states = simulate(SIR(beta, gamma), start, float(DAYS), dt=0.25, save_at=DAYS).states
    return rho * size * states[:, 1]


def measured(unknowns: Unknowns) -> dict[str, Array]:
    """The reported cases, and what a survey would say of the reported share."""
    return {"cases": reported(unknowns), "survey": unknowns["log rho"]}


def posterior(cases: Array, with_survey: bool) -> Posterior:
    """The density of the unknowns, which nothing is known of but by the cases and the survey."""
    noise = {"cases": LogNormalNoise(NOISE), "survey": Gaussian(SURVEY_NOISE)}
    return Posterior(measured, {"cases": cases, "survey": SURVEY}, noise, mask={"cases": True, "survey": with_survey})


def measure() -> Float[Array, " days"]:
    """The reported cases."""
    key = jax.random.key(2009)
    return reported(logarithms(TRUTH)) * jnp.exp(NOISE * jax.random.normal(key, (DAYS,)))


@eqx.filter_jit
def profiles(density: Posterior, best: Estimate) -> Float[Array, "unknowns values"]:
    """Rise of -2 log density when one unknown is held at values around its best and all others are fitted."""
    size = len(best.names)
    flat = density.flatten(best.value)
    others = jnp.stack([jnp.delete(jnp.eye(size), held, axis=1) for held in range(size)])

    def rise(held: Array, basis: Float[Array, "n free"], shift: Array) -> Array:
        base = best.vector + shift * held
        conditional = Posterior(
            lambda free: density.predict(flat.tree(base + basis @ free)), density.data, density.noise, mask=density.mask
        )
        return 2 * (best.log_density - maximize(conditional, jnp.zeros(size - 1)).log_density)

    along = jax.vmap(rise, in_axes=(None, None, 0))
    return jax.vmap(along, in_axes=(0, 0, None))(jnp.eye(size), others, jnp.asarray(RANGE))


class Look(NamedTuple):
    """One state of knowledge: the fit, and a profile for each unknown."""

    best: Estimate
    profiles: dict[str, np.ndarray]


def look(density: Posterior) -> Look:
    """Fit all unknowns, and each of them held around its best value."""
    best = maximize(density, logarithms(GUESS))
    return Look(best, dict(zip(best.names, np.asarray(profiles(density, best)), strict=True)))


def figure(path: Path, data: Array, looks: dict[str, Look]) -> None:
    """Fit, singular values and directions, and the profiles without and with the survey."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12.5, 8.4), layout="constrained")
    FigureCanvasAgg(picture)
    (fit, values, directions), (*rises, empty) = picture.subplots(2, 3)
    alone = looks["counts alone"].best
    days = np.arange(1, DAYS + 1)
    fit.plot(days, data, "k.", label="reported")
    fit.plot(days, reported(alone.value), label="best fit")
    fit.set(xlabel="day", ylabel="cases", title="a fit as good as the noise allows")
    fit.legend(frameon=False)
    identifiability(alone, axes=(values, directions))
    for panel, (title, found) in zip(rises, looks.items(), strict=True):
        for name, rise in found.profiles.items():
            panel.plot(RANGE, rise, label=name)
        panel.axhline(3.84, color="0.6", lw=1, ls="--")
        panel.set(xlabel="distance of the unknown from its best", ylabel="rise of -2 log density", ylim=(-0.5, 12))
        panel.set_title(f"profiles, {title}")
    empty.set_axis_off()
    empty.legend(*rises[0].get_legend_handles_labels(), frameon=False, loc="upper left", title="profile of")
    empty.text(0.02, 0.35, "dashed: 95 % limit (3.84)", transform=empty.transAxes)
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False) -> None:
    """Fit with and without the survey, and write `unidentifiable.png` and `results.json` into `output`."""
    data = measure()
    knowledge = {"counts alone": False, "with a survey of the reported share": True}
    bar = tqdm(knowledge.items(), desc="fits and profiles", disable=not progress)
    looks = {title: look(posterior(data, with_survey)) for title, with_survey in bar}
    for title, found in looks.items():
        print(f"{title}\n{found.best}\n")
    alone, informed = looks.values()
    print("exchangeable:", *alone.best.identifiability.unidentifiable)
    for name in ("log beta", "log rho"):
        before, after = (float(np.min(found.profiles[name][[0, -1]])) for found in looks.values())
        print(f"profile of {name:8} at its ends: {before:8.2f} from counts alone, {after:8.2f} with the survey")
    figure(output / "unidentifiable.png", data, looks)
    results = {
        title: {
            "ok": bool(found.best.ok),
            "reasons": found.best.reasons,
            "unidentifiable": found.best.identifiability.unidentifiable,
            "singular_values": np.asarray(found.best.identifiability.singular_values).tolist(),
            "value": {name: float(value) for name, value in found.best.value.items()},
            "standard_deviation": {
                name: float(value) if np.isfinite(value) else None
                for name, value in found.best.standard_deviation.items()
            },
            "profiles": {name: rise.tolist() for name, rise in found.profiles.items()},
        }
        for title, found in looks.items()
    } | {"range": RANGE.tolist(), "data": data.tolist(), "truth": TRUTH}
    (output / "results.json").write_text(json.dumps(results, indent=1))

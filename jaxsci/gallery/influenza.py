"""Influenza: an epidemic in a school, its reproduction number, and a forecast from its first days.

In January 1978, 763 boys of an English boarding school met an influenza virus. The law is that of Kermack and
McKendrick for susceptible, infected and recovered boys,

    S' = -beta S I / N,    I' = beta S I / N - gamma I,    R' = gamma I,

and the number of boys in bed on each day stands for I, scattered by a negative binomial distribution of mean I and
variance I + I^2 / phi. Unknown are beta, gamma, the number I0 of infected boys on the first day, and phi. All is
inferred twice: from all fourteen days, and from the first eight alone, whose forecast is held against what came.

Bands and moments come from draws of Student's distribution around the top, shaped as Laplace's approximation says, and
chosen again by their weights, (density / distribution). The boys left their beds faster than the law allows, in which
recovery has no memory; the forecast shows it: right for some days, then too high.

References:
    *Influenza in a boarding school*, Br. Med. J. 1 (4 March 1978) 587, for the counts;
    Grinsztajn, Semenova, Margossian & Riou, Statistics in Medicine 40 (2021) 6209, for this model, with a fixed start.
"""

import json
import math
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float
from tqdm.auto import tqdm

from .._core.precision import as_floating
from ..equations import SIR
from ..inference import Likelihood, LogNormal, Posterior, laplace
from ..plots import corner, predictive_bands
from ..simulation import simulate

BOYS = 763.0
IN_BED = np.array([3.0, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4])
DAYS = np.arange(14.0)
SEEN = 8
FINE = np.linspace(0.0, 13.0, 131)
STEPS_A_DAY, NUM_PROPOSALS, DEGREES = 10, 20_000, 4.0
SHOWN = ("beta", "gamma", "I0", "R0")
GUESS = {"beta": 2.0, "gamma": 0.5, "I0": 3.0, "phi": 10.0}
PRIOR = {
    "beta": LogNormal(math.log(1.5), 0.7),
    "gamma": LogNormal(math.log(0.4), 0.7),
    "I0": LogNormal(math.log(3.0), 1.0),
    "phi": LogNormal(math.log(10.0), 1.0),
}
Unknowns = dict[str, Array]


class NegativeBinomial(Likelihood):
    """Counts of mean p and variance p + p^2 / phi: Poisson's, for a mean that itself scatters.

    Args:
        concentration: phi.
    """

    concentration: Array = eqx.field(converter=as_floating)

    def log_density(self, data, prediction):
        phi = self.concentration
        ways = gammaln(data + phi) - gammaln(phi) - gammaln(data + 1)
        return ways + phi * jnp.log(phi / (phi + prediction)) + data * jnp.log(prediction / (phi + prediction))

    def information(self, prediction):
        return 1 / (prediction + prediction**2 / self.concentration)

    def sample(self, key, prediction):
        key_mean, key_count = jax.random.split(key)
        mean = prediction * jax.random.gamma(key_mean, self.concentration, prediction.shape) / self.concentration
        return jax.random.poisson(key_count, mean).astype(prediction.dtype)


def infected(unknowns: Unknowns, num_saves: int) -> Float[Array, " times"]:
    """Infected boys, at `num_saves` equally spaced times after the start, which comes first."""
    start = jnp.stack([BOYS - unknowns["I0"], unknowns["I0"], 0.0 * unknowns["I0"]])
    law = SIR(unknowns["beta"], unknowns["gamma"])
    states = simulate(law, start, DAYS[-1], dt=1 / STEPS_A_DAY, save_at=num_saves).states
    return jnp.concatenate([start[None], states])[:, 1]


def posterior(num_days: int) -> Posterior:
    """The density of the unknowns, given the first days."""
    return Posterior(
        lambda unknowns: infected(unknowns, len(DAYS) - 1),
        IN_BED,
        lambda unknowns: NegativeBinomial(unknowns["phi"]),
        PRIOR,
        mask=DAYS < num_days,
    )


class Inference(NamedTuple):
    """Draws from a posterior, their curves and daily counts, and how many of them are effective."""

    draws: Unknowns
    curves: np.ndarray
    counts: np.ndarray
    effective: float


def infer(num_days: int, key: Array, num_draws: int = 4000) -> Inference:
    """The posterior from the first days, as draws of unknowns, of curves, and of daily counts."""
    density = posterior(num_days)
    approximation = laplace(density, GUESS)
    if not approximation.ok:
        raise RuntimeError(f"no top of the posterior found: look at the counts.\n{approximation}")
    keys, n = jax.random.split(key, 4), len(GUESS)
    spread = jnp.sqrt(DEGREES / (2 * jax.random.gamma(keys[3], DEGREES / 2, (NUM_PROPOSALS, 1))))
    r = spread * jax.random.normal(keys[0], (NUM_PROPOSALS, n))
    z = approximation.mode + r @ jnp.linalg.cholesky(approximation.covariance).T
    flat, height = density.flatten(GUESS), density.unconstrained(GUESS)
    proposed = -(DEGREES + n) / 2 * jnp.log1p(jnp.sum(r**2, axis=1) / DEGREES)
    weights = jax.nn.softmax(jax.jit(jax.vmap(height))(z) - proposed)
    chosen = z[jax.random.choice(keys[1], NUM_PROPOSALS, (num_draws,), p=weights)]
    draws = jax.vmap(flat.to_physical)(chosen)
    curves = jax.jit(jax.vmap(lambda unknowns: infected(unknowns, len(FINE) - 1)))(draws)
    count_keys = jax.random.split(keys[2], num_draws)
    noise = jax.vmap(lambda k, phi, curve: NegativeBinomial(phi).sample(k, curve))
    counts = noise(count_keys, draws["phi"], curves)
    return Inference(draws, np.asarray(curves), np.asarray(counts), float(1 / jnp.sum(weights**2)))


def moments(values: Array) -> dict[str, float]:
    """Mean, standard deviation and the ends of the central 90 %."""
    low, high = np.quantile(values, [0.05, 0.95])
    return {"mean": float(np.mean(values)), "sd": float(np.std(values)), "low": float(low), "high": float(high)}


def summarise(found: Inference) -> dict[str, dict[str, float]]:
    """Moments of the unknowns, and of what follows from them."""
    return {name: moments(np.asarray(values)) for name, values in with_derived(found.draws).items()}


def with_derived(draws: Unknowns) -> Unknowns:
    """The draws, and what follows from them: the reproduction number, and how long a boy stays in bed."""
    return draws | {"R0": draws["beta"] / draws["gamma"], "days in bed": 1 / draws["gamma"]}


def figure(path: Path, everything: Inference, early: Inference) -> None:
    """Both posteriors as predictions of the counts, and the unknowns from all days."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(15, 8.0), layout="constrained")
    FigureCanvasAgg(picture)
    left, right = np.ravel(picture.subfigures(1, 2, width_ratios=(1.1, 1.0)))
    panels = left.subplots(2, 1, sharex=True)
    for panel, found, days in zip(panels, (everything, early), (len(DAYS), SEEN), strict=True):
        predictive_bands(FINE, found.counts, axes=panel, along="", name="boys in bed", masses=(0.5, 0.9))
        panel.plot(DAYS[:days], IN_BED[:days], "k.", ms=8, label="counts used")
        panel.plot(DAYS[days:], IN_BED[days:], "ko", ms=6, mfc="w", label="counts that came")
        panel.set(ylim=(0, 620), title="from all days" if days == len(DAYS) else f"forecast from the first {days} days")
        panel.legend(frameon=False)
    panels[1].axvline(SEEN - 0.5, color="0.6", lw=1)
    panels[1].set_xlabel("days after 22 January 1978")
    size = len(SHOWN)
    square = right.subplots(size, size, sharex="col")
    for found, days, color in ((early, SEEN, "C1"), (everything, len(DAYS), "C0")):
        corner(with_derived(found.draws), square, names=SHOWN, color=color, label=f"{days} days")
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False) -> None:
    """Infer the epidemic, print the table, and write `influenza.png` and `results.json` into `output`."""
    keys = jax.random.split(jax.random.key(1978))
    found = {
        days: infer(days, key)
        for days, key in tqdm(
            list(zip((len(DAYS), SEEN), keys, strict=True)), desc="posteriors", disable=not progress
        )
    }  # fmt: skip
    rows = {days: summarise(inference) for days, inference in found.items()}
    print(f"{'':12}" + "".join(f"{f'from {days} days: mean (sd)':>28}" for days in found))
    for name in rows[SEEN]:
        print(
            f"{name:12}" + "".join(f"{row[name]['mean']:18.3f} ({row[name]['sd']:.3f}){'':2}" for row in rows.values())
        )
    at_days = np.searchsorted(FINE, DAYS[SEEN:])
    low, high = np.quantile(found[SEEN].counts[:, at_days], [0.05, 0.95], axis=0)
    inside = int(np.sum((low <= IN_BED[SEEN:]) & (IN_BED[SEEN:] <= high)))
    print(f"\n{inside} of {len(DAYS) - SEEN} counts that came lie in the 90 % band of the forecast")
    figure(output / "influenza.png", found[len(DAYS)], found[SEEN])
    results = {
        "days": {str(days): row for days, row in rows.items()},
        "effective_draws": {str(days): inference.effective for days, inference in found.items()},
        "forecast": {"day": DAYS[SEEN:].tolist(), "low": low.tolist(), "high": high.tolist(),
                     "came": IN_BED[SEEN:].tolist(), "inside": inside},
        "bands": {
            str(days): {"day": FINE.tolist(), "quantiles": [0.05, 0.5, 0.95],
                        "counts": np.quantile(inference.counts, [0.05, 0.5, 0.95], axis=0).tolist()}
            for days, inference in found.items()
        },
    }  # fmt: skip
    (output / "results.json").write_text(json.dumps(results, indent=1))

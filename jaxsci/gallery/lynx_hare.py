"""Lynx and hare: the predator-prey law, with error bars, from twenty-one years of fur records.

The Hudson's Bay Company's pelts of 1900-1920 stand for the numbers of hares and lynx. The law is Lotka and Volterra's,

    u' = (alpha - beta v) u,    v' = (-gamma + delta u) v,

and each count is the law's value times lognormal noise. All unknowns are positive, so the posterior density is climbed
in their logarithms z, by derivatives through the solver. At the top, Laplace's approximation: z is normal, with the
inverse of the Hessian of the negative log density as covariance. It is an approximation; drawing from it and weighting
each draw by (density / approximation) removes its error, and that column is what the published posterior, from Markov
chains, should be compared with. The example `lynx-hare-chains` runs chains of its own.

References:
    Carpenter, *Predator-prey population dynamics: the Lotka-Volterra model in Stan* (2018), for model and priors;
    Magnusson et al., *posteriordb* (2024), `hudson_lynx_hare`, for the published posterior;
    Howard, *Modeling basics* (2009), for the pelts.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from tqdm.auto import tqdm

from ..equations import LotkaVolterra
from ..inference import LaplaceApproximation, LogNormal, LogNormalNoise, Posterior, TruncatedNormal, laplace
from ..simulation import Forward, simulate

YEARS = np.arange(1900, 1921)
# fmt: off
HARE = [30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2,
        24.7]
LYNX = [4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6]
# fmt: on
PELTS = np.stack([HARE, LYNX], axis=1)
MAX_STEPS = 200


class Unknown(NamedTuple):
    """A name, a guess from the look of the data, and the published posterior mean and standard deviation."""

    name: str
    guess: float
    published_mean: float
    published_sd: float


# The guess: cycles of ten years give sqrt(alpha gamma) = 0.6; the means, 34 and 20, are gamma / delta and alpha / beta.
UNKNOWNS = (
    Unknown("alpha", 0.6, 0.54686, 0.0631),
    Unknown("beta", 0.03, 0.02775, 0.00415),
    Unknown("gamma", 0.6, 0.8001, 0.0894),
    Unknown("delta", 0.018, 0.02409, 0.00353),
    Unknown("u0", 30.0, 34.035, 2.917),
    Unknown("v0", 4.0, 5.936, 0.531),
    Unknown("sigma_u", 0.4, 0.2481, 0.0433),
    Unknown("sigma_v", 0.4, 0.2510, 0.0436),
)


class Law(NamedTuple):
    """What is unknown: the coefficients, the populations of 1900 in thousands, and the noise of the records."""

    alpha: Any
    beta: Any
    gamma: Any
    delta: Any
    u0: Any
    v0: Any
    sigma_u: Any
    sigma_v: Any


def guess() -> Law:
    """The unknowns to climb from."""
    return Law(*(jnp.asarray(unknown.guess) for unknown in UNKNOWNS))


def populations(law: Law, ts: Float[Array, " times"], adjoint=None) -> Float[Array, "times 2"]:
    """Hares and lynx, in thousands, `ts` years after 1900."""
    equation = LotkaVolterra(law.alpha, law.beta, law.gamma, law.delta)
    start = jnp.stack([law.u0, law.v0])
    solution = simulate(equation, start, t1=ts[-1], save_at=ts[1:], rtol=1e-7, atol=1e-7, adjoint=adjoint)
    return jnp.concatenate([start[None], solution.states])


def posterior(adjoint=None) -> Posterior:
    """Records, law, noise and priors of the published model; derivatives are taken forwards by default."""
    adjoint = Forward() if adjoint is None else adjoint
    rate, coupling = TruncatedNormal(1.0, 0.5, lower=0.0), TruncatedNormal(0.05, 0.05, lower=0.0)
    number, noise = LogNormal(math.log(10.0), 1.0), LogNormal(-1.0, 1.0)
    return Posterior(
        lambda law: populations(law, jnp.asarray(YEARS - 1900.0), adjoint),
        PELTS,
        noise=lambda law: LogNormalNoise(jnp.stack([law.sigma_u, law.sigma_v])),
        prior=Law(rate, coupling, rate, coupling, number, number, noise, noise),
    )


def draw(
    approximation: LaplaceApproximation, progress: bool, num_draws: int = 8000, widen: float = 1.3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws from Laplace's approximation, widened to reach the tails; their weights; the populations they give."""
    z = approximation.mode
    normals = jax.random.normal(jax.random.key(1900), (num_draws, len(z)))
    draws = z + widen * normals @ jnp.linalg.cholesky(approximation.covariance).T
    ts, density = jnp.linspace(0.0, 20.0, 201), posterior().unconstrained(guess())
    to_law = approximation.coordinates.to_physical
    evaluate = eqx.filter_jit(jax.vmap(lambda z: (density(z), populations(to_law(z), ts))))
    chunks = jnp.split(draws, 20)
    results = [evaluate(chunk) for chunk in tqdm(chunks, desc="weighting the draws", disable=not progress)]
    heights, curves = (np.concatenate(parts) for parts in zip(*results, strict=True))
    return np.asarray(draws), np.asarray(jax.nn.softmax(heights + jnp.sum(normals**2, axis=1) / 2)), curves


def predictive_band(draws: np.ndarray, weights: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """5, 50 and 95 % quantiles of what would be counted: uncertainty of the law and noise of the records."""
    generator = np.random.default_rng(1920)
    chosen = generator.choice(len(draws), len(draws), p=weights)
    sigma = np.exp(draws[chosen, None, 6:])
    counted = curves[chosen] * np.exp(sigma * generator.normal(size=curves.shape))
    return np.quantile(counted, [0.05, 0.5, 0.95], axis=0)


def summarise(approximation: LaplaceApproximation, draws: np.ndarray, weights: np.ndarray) -> list[dict]:
    """One row per unknown, in physical values."""
    mean = weights @ np.exp(draws)
    sd = np.sqrt(weights @ (np.exp(draws) - mean) ** 2)
    columns = {
        "maximum": approximation.value,
        "laplace_mean": approximation.mean,
        "laplace_sd": approximation.standard_deviation,
        "weighted_mean": mean,
        "weighted_sd": sd,
    }
    return [
        unknown._asdict() | {name: float(column[i]) for name, column in columns.items()}
        for i, unknown in enumerate(UNKNOWNS)
    ]


LEGEND = """
maximum    top of the posterior density of the logarithms: not a mean, and it moves with the coordinates
Laplace    a normal density of the logarithms around it, from the Hessian: an approximation
weighted   the posterior itself, up to chance: draws from the widened approximation, {effective:.0f} effective ones
published  posterior from Markov chains (posteriordb)
off by     weighted mean less published mean, in published standard deviations
"""


def table(rows: list[dict], effective: float) -> str:
    """The rows as text, with what the columns mean."""
    kinds = ("Laplace", "weighted", "published")
    lines = [f"{'':8}{'maximum':>9}" + "".join(f"{kind + ' mean (sd)':>22}" for kind in kinds) + f"{'off by':>9}"]
    for row in rows:
        pairs = "".join(f"{row[f'{kind.lower()}_mean']:13.4f} ({row[f'{kind.lower()}_sd']:.4f})" for kind in kinds)
        off = (row["weighted_mean"] - row["published_mean"]) / row["published_sd"]
        lines.append(f"{row['name']:8}{row['maximum']:9.4f}{pairs}{off:+6.2f} sd")
    return "\n".join(lines) + "\n" + LEGEND.format(effective=effective)


def figure(path: Path, curve: np.ndarray, band: np.ndarray) -> None:
    """Records, the law, and the predictive band, one panel per species."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ts = np.linspace(0.0, 20.0, band.shape[1])
    picture = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(picture)
    panels = picture.subplots(2, 1, sharex=True)
    for i, (panel, species, color) in enumerate(zip(panels, ("hare", "lynx"), ("tab:brown", "tab:blue"), strict=True)):
        panel.fill_between(
            1900 + ts, band[0, :, i], band[2, :, i], color=color, alpha=0.2, lw=0, label="90 % predictive band"
        )
        panel.plot(1900 + ts, curve[:, i], color=color, label="law, mean over the posterior")
        panel.plot(YEARS, PELTS[:, i], "ko", ms=4, label="pelts recorded")
        panel.set(
            ylabel=f"{species} pelts / thousand", ylim=(0, 1.25 * float(band[2, :, i].max())), xlim=(1899.5, 1920.5)
        )
        panel.legend(loc="upper center", ncols=3, frameon=False)
    panels[0].set_title("Hudson's Bay Company, 1900-1920: the law inferred by gradients through the solver")
    panels[1].set(xlabel="year", xticks=YEARS[::4])
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False) -> None:
    """Infer the law, print the table, and write `lynx_hare.png`, `results.json` and `table.txt` into `output`."""
    with tqdm(total=1, desc="climbing the posterior", bar_format="{desc}: {elapsed}", disable=not progress) as bar:
        approximation = laplace(posterior(), guess(), max_steps=MAX_STEPS)
        bar.update()
    draws, weights, curves = draw(approximation, progress)
    effective = float(1 / np.sum(weights**2))
    band = predictive_band(draws, weights, curves)
    rows = summarise(approximation, draws, weights)
    text = table(rows, effective)
    print(text, end="")
    figure(output / "lynx_hare.png", np.tensordot(weights, curves, axes=1), band)
    (output / "table.txt").write_text(text)
    results = {
        "unknowns": rows,
        "log_covariance": approximation.covariance.tolist(),
        "num_steps": int(approximation.steps),
        "effective_draws": effective,
        "records": {"year": YEARS.tolist(), "hare": HARE, "lynx": LYNX},
        "predictive": {
            "quantiles": [0.05, 0.5, 0.95],
            "year": np.linspace(1900, 1920, 201).tolist(),
            "hare_lynx": band.tolist(),
        },
    }
    (output / "results.json").write_text(json.dumps(results, indent=1))

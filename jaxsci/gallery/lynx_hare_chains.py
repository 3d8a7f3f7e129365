"""Lynx and hare by chains: the whole posterior of the predator-prey law, beside the published one.

The model is that of the example `lynx-hare`. Four chains of the no-U-turn sampler start around the top of the density,
their gradients taken forwards through the solver. A chain's mean has an error from chance, which its effective sample
size gives, and so does the published mean: they should agree within a few of these.

References:
    Magnusson et al., *posteriordb* (2024), `hudson_lynx_hare`, for the published posterior;
    Hoffman, Gelman, *The no-U-turn sampler* (2014).
"""

import json
from pathlib import Path

import jax
import numpy as np

from ..inference import Draws, sample
from .lynx_hare import UNKNOWNS, guess, posterior

NUM_SAMPLES, NUM_WARMUP = 1000, 500


def summarise(draws: Draws) -> list[dict]:
    """One row per unknown."""
    columns = {
        "mean": draws.mean,
        "sd": draws.standard_deviation,
        "monte_carlo_error": draws.monte_carlo_error,
        "r_hat": draws.r_hat,
        "effective_sample_size": draws.effective_sample_size,
    }
    return [
        {key: value for key, value in unknown._asdict().items() if key != "guess"}
        | {name: float(column[i]) for name, column in columns.items()}
        for i, unknown in enumerate(UNKNOWNS)
    ]


def table(rows: list[dict], draws: Draws) -> str:
    """The rows as text, and what speaks against the draws."""
    lines = [
        f"{'':8}{'mean':>10} {'(sd)':>9}{'+-':>9}{'published mean (sd)':>22}{'off by':>11}{'R-hat':>8}{'draws':>7}"
    ]
    for row in rows:
        off = (row["mean"] - row["published_mean"]) / row["published_sd"]
        lines.append(
            f"{row['name']:8}{row['mean']:10.4f} {'(' + format(row['sd'], '.4f') + ')':>9}"
            f"{row['monte_carlo_error']:9.5f}"
            f"{row['published_mean']:13.4f} ({row['published_sd']:.4f}){off:+8.2f} sd{row['r_hat']:8.3f}"
            f"{row['effective_sample_size']:7.0f}"
        )
    return "\n".join([*lines, "+-: error of the mean by chance; draws: effective ones", *draws.warnings]) + "\n"


def figure(path: Path, draws: Draws) -> None:
    """The draws of each unknown, and the normal density of the published mean and standard deviation."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(11, 5), layout="constrained")
    FigureCanvasAgg(picture)
    flat = draws.matrix.reshape(-1, len(UNKNOWNS))
    for i, (panel, unknown) in enumerate(zip(picture.subplots(2, 4).ravel(), UNKNOWNS, strict=True)):
        mean, sd = unknown.published_mean, unknown.published_sd
        x = np.linspace(mean - 3.5 * sd, mean + 4.5 * sd, 200)
        panel.hist(
            flat[:, i], bins=np.linspace(x[0], x[-1], 50), density=True, color="tab:blue", alpha=0.4, label="chains"
        )
        density = np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
        panel.plot(x, density, "k--", lw=1, label="normal of the published mean and sd")
        panel.set(title=unknown.name, yticks=[])
    picture.legend(*panel.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    picture.suptitle("Hudson's Bay Company, 1900-1920: the posterior of the predator-prey law")
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False) -> None:
    """Draw, print the table, and write `posterior.png`, `results.json`, `table.txt` and `draws.npz` into `output`."""
    draws = sample(
        posterior(),
        guess(),
        num_samples=NUM_SAMPLES,
        num_warmup=NUM_WARMUP,
        progress=progress,
        key=jax.random.key(1900),
    )
    rows = summarise(draws)
    text = table(rows, draws)
    print(text, end="")
    figure(output / "posterior.png", draws)
    (output / "table.txt").write_text(text)
    np.savez_compressed(output / "draws.npz", **{u.name: draws.values[i] for i, u in enumerate(UNKNOWNS)})
    results = {
        "unknowns": rows,
        "divergences": int(np.sum(draws.divergences)),
        "ok": draws.ok,
        "num_gradients": np.asarray(draws.num_gradients).tolist(),
    }
    (output / "results.json").write_text(json.dumps(results, indent=1))

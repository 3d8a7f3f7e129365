"""Effective samples a second of the lynx-hare posterior: chains of jaxsci against numpyro calling diffrax directly."""

import time

import numpy as np

from .clock import Lap
from .comparison import OURS, Contender, Target, Work

TITLE = "Lynx and hare, no-U-turn sampler, per effective sample (least one of eight unknowns, bulk)"
VARIANTS = ("float64",)
CHAINS, RTOL = 4, 1e-7
PLAIN, BEST = "numpyro + diffrax", "numpyro + diffrax, forward mode, dense metric"
# fmt: off
HARE = [30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2,
        24.7]
LYNX = [4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1, 8.6]
# fmt: on
PELTS = np.stack([HARE, LYNX], axis=1)
GUESS = {"alpha": 0.6, "beta": 0.03, "gamma": 0.6, "delta": 0.018, "start": [30.0, 4.0], "sigma": [0.4, 0.4]}
NAMES = tuple(GUESS)


def columns(values: dict) -> np.ndarray:
    """Draws of all eight numbers, (chains, draws, 8)."""
    return np.concatenate([np.asarray(values[n]).reshape(*np.shape(values[n])[:2], -1) for n in NAMES], axis=-1)


def effective(values: dict) -> float:
    """The least effective sample size of the eight unknowns, by one estimator for all contenders."""
    from jaxsci.inference.chains.diagnostics import bulk_size

    draws = columns(values)
    return min(bulk_size(draws[..., i]) for i in range(draws.shape[-1]))


def posterior():
    import jax.numpy as jnp

    import jaxsci as js

    inference, years = js.inference, jnp.arange(21.0)

    def predict(unknowns):
        law = js.equations.LotkaVolterra(*(unknowns[name] for name in ("alpha", "beta", "gamma", "delta")))
        start = unknowns["start"]
        run = js.simulate(law, start, t1=20.0, save_at=years[1:], rtol=RTOL, atol=RTOL, adjoint=js.Forward())
        return jnp.concatenate([start[None], run.states])

    rate, coupling = (inference.TruncatedNormal(mean, sd, lower=0.0) for mean, sd in ((1.0, 0.5), (0.05, 0.05)))
    prior = {
        **{"alpha": rate, "gamma": rate, "beta": coupling, "delta": coupling},
        "start": inference.LogNormal(jnp.log(10.0), 1.0),
        "sigma": inference.LogNormal(-1.0, 1.0),
    }
    return inference.Posterior(predict, PELTS, lambda u: inference.LogNormalNoise(u["sigma"]), prior)


def ours(draws: int, sizes: dict):
    import jax
    import jax.numpy as jnp

    import jaxsci as js

    density, guess, seed = posterior(), jax.tree.map(jnp.asarray, GUESS, is_leaf=lambda x: isinstance(x, list)), [0]

    def run():
        seed[0] += 1
        found = js.inference.sample(
            density, guess, num_samples=draws, num_warmup=draws, num_chains=CHAINS, key=jax.random.key(seed[0])
        )
        return found.values, np.mean(found.num_gradients)

    return per_sample(run, sizes, OURS)


def numpyro(draws: int, sizes: dict, best: bool):
    import diffrax
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS, init_to_value

    years, seed = jnp.arange(21.0), [0]
    adjoint = diffrax.ForwardMode() if best else diffrax.RecursiveCheckpointAdjoint()

    def law(t, y, p):
        alpha, beta, gamma, delta = p
        return jnp.stack([(alpha - beta * y[1]) * y[0], (-gamma + delta * y[0]) * y[1]])

    def model():
        rates = [
            numpyro.sample(name, dist.TruncatedNormal(m, m if m < 1 else 0.5, low=0.0))
            for name, m in (("alpha", 1.0), ("beta", 0.05), ("gamma", 1.0), ("delta", 0.05))
        ]
        start = numpyro.sample("start", dist.LogNormal(jnp.log(10.0), 1.0).expand([2]).to_event(1))
        sigma = numpyro.sample("sigma", dist.LogNormal(-1.0, 1.0).expand([2]).to_event(1))
        run = diffrax.diffeqsolve(
            diffrax.ODETerm(law), diffrax.Tsit5(), 0.0, 20.0, None, start, args=jnp.stack(rates),
            saveat=diffrax.SaveAt(ts=years), adjoint=adjoint,
            stepsize_controller=diffrax.PIDController(rtol=RTOL, atol=RTOL), throw=False,
        )  # fmt: skip
        numpyro.sample("pelts", dist.LogNormal(jnp.log(run.ys), sigma).to_event(2), obs=jnp.asarray(PELTS))

    values = {name: jnp.asarray(value) for name, value in GUESS.items()}
    kernel = NUTS(model, init_strategy=init_to_value(values=values), dense_mass=best, forward_mode_differentiation=best)
    chains = MCMC(
        kernel, num_warmup=draws, num_samples=draws, num_chains=CHAINS, chain_method="vectorized", progress_bar=False
    )

    def run():
        seed[0] += 1
        chains.run(jax.random.key(seed[0]), extra_fields=("num_steps",))
        found = jax.block_until_ready(chains.get_samples(group_by_chain=True))
        return found, np.mean(chains.get_extra_fields()["num_steps"]) * 2 * draws

    return per_sample(run, sizes, BEST if best else PLAIN)


def per_sample(run, sizes: dict, name: str):
    """A lap whose time is that of one effective sample: the compilation is in the first call, which is not counted."""

    def lap() -> Lap:
        began = time.perf_counter()
        values, gradients = run()
        seconds = time.perf_counter() - began
        found = sizes.setdefault(name, {"ess": [], "seconds": [], "gradients": [], "mean": []})
        for key, value in (("ess", effective(values)), ("seconds", seconds), ("gradients", gradients)):
            found[key].append(value)
        found["mean"].append(columns(values).mean(axis=(0, 1)))
        return Lap(seconds / found["ess"][-1], seconds / found["ess"][-1])

    return lap


def work(precision: str, quick: bool) -> Work:
    draws, sizes = 100 if quick else 1000, {}

    def figures() -> dict[str, float]:
        table = {}
        for name, found in sizes.items():
            seconds, ess = np.array(found["seconds"][1:]), np.array(found["ess"][1:])
            table |= {
                f"{name}: effective samples a second": float(np.median(ess / seconds)),
                f"{name}: least effective sample size": float(np.median(ess)),
                f"{name}: seconds a run without compiling": float(np.median(seconds)),
                f"{name}: first run less a later one, the compilation": found["seconds"][0] - float(np.median(seconds)),
                f"{name}: gradients a chain": float(np.median(found["gradients"])),
            }
        return table

    return Work(
        [
            Contender(OURS, lambda: ours(draws, sizes)),
            Contender(PLAIN, lambda: numpyro(draws, sizes, False)),
            Contender(BEST, lambda: numpyro(draws, sizes, True)),
        ],
        1,
        "effective sample",
        targets=[Target(PLAIN, 3.0), Target(BEST, 1.0)],
        figures=figures,
        rounds=2,
    )

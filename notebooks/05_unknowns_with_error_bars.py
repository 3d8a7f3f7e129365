# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Unknowns with error bars
#
# A simulator turns unknowns into predictions. Data, noise and what was known before turn it around: into a density over
# the unknowns, the *posterior*. Everything on this page asks that one object: where is its top, how wide is it, what
# does it predict, and may I believe it?
#
# The data are real: pelts of hare and lynx, in thousands, that the Hudson's Bay Company bought in each year from 1900
# to 1920.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxsci as js

jax.config.update("jax_enable_x64", True)
plt.rcParams.update({"figure.dpi": 60, "figure.figsize": (6.4, 3.6)})

hare = [30, 47.2, 70.2, 77.4, 36.3, 20.6, 18.1, 21.4, 22, 25.4, 27.1, 40.3, 57, 76.6, 52.3, 19.5, 11.2, 7.6, 14.6, 16.2]
lynx = [4, 6.1, 9.8, 35.2, 59.4, 41.7, 19, 13, 8.3, 9.1, 7.4, 8, 12.3, 19.5, 45.7, 51.1, 29.7, 15.8, 9.7, 10.1]
pelts = np.stack([hare + [24.7], lynx + [8.6]], axis=1)
years = np.arange(1900, 1921)

# %% [markdown]
# ## The posterior
#
# `predict` is any pure function of a container of unknowns; here Lotka and Volterra's law, $\dot u = (\alpha - \beta v)
# u$, $\dot v = (-\gamma + \delta u) v$. Pelts scatter by a factor rather than by an amount, so the noise is lognormal;
# its size is unknown too, and `noise` may therefore be a function of the unknowns. A prior stands for what one knows
# before: here, orders of magnitude.


# %%
def populations(unknowns, times_a_year=1):
    law = js.equations.LotkaVolterra(*(unknowns[name] for name in ("alpha", "beta", "gamma", "delta")))
    start = unknowns["start"]
    states = js.simulate(law, start, t1=20.0, dt=0.05, save_at=20 * times_a_year).states
    return jnp.concatenate([start[None], states])


prior = {
    "alpha": js.inference.TruncatedNormal(1.0, 0.5, lower=0.0),
    "gamma": js.inference.TruncatedNormal(1.0, 0.5, lower=0.0),
    "beta": js.inference.TruncatedNormal(0.05, 0.05, lower=0.0),
    "delta": js.inference.TruncatedNormal(0.05, 0.05, lower=0.0),
    "start": js.inference.LogNormal(jnp.log(10.0) * jnp.ones(2), 1.0),
    "noise": js.inference.LogNormal(-1.0 * jnp.ones(2), 1.0),
}
posterior = js.inference.Posterior(
    populations, pelts, noise=lambda unknowns: js.inference.LogNormalNoise(unknowns["noise"]), prior=prior
)
guess = {"alpha": 0.6, "beta": 0.03, "gamma": 0.6, "delta": 0.018, "start": jnp.array([30.0, 4.0])}
guess["noise"] = jnp.array([0.4, 0.4])
print("log density of the guess:", posterior.log_density(guess))

# %% [markdown]
# All methods below follow the gradient of this density through the solver. Is it right?

# %%
log_density = jax.jit(lambda unknowns: posterior.log_density(unknowns))
print(js.check_gradient(log_density, guess))

# %% [markdown]
# ## The top
#
# `maximize` climbs to it and measures the curvature there, whose inverse is a covariance. The guess only starts the
# climb. `best.ok` is False, and the table says why, when it did not arrive or when the data leave something open.

# %%
best = js.inference.maximize(posterior, guess)
print(best)

# %% [markdown]
# Does the law explain the data? If so, what it leaves are residuals without pattern, in size like the noise: on the
# left in their order (first year first, hare and lynx in turn), on the right sorted, against normal quantiles.

# %%
js.plots.residuals(posterior, best.value)
plt.show()

# %% [markdown]
# ## The whole posterior
#
# A top and a curvature are an approximation: `laplace` makes it where it is best, for logarithms of positive unknowns,
# and reports means and standard deviations of the unknowns themselves. `sample` needs no approximation: Markov chains
# (NUTS) draw from the posterior. The table tells whether the chains agree (R-hat near 1) and what they are worth
# (effective draws), and would carry warnings with remedies.

# %%
print(js.inference.laplace(posterior, best))

# %%
draws = js.inference.sample(posterior, best.value, num_samples=1000, num_warmup=400, key=jax.random.key(1900))
print(draws)

# %% [markdown]
# Carpenter's published posterior for this model has $\alpha = 0.547 \pm 0.063$, $\beta = 0.0278 \pm 0.0042$, $\gamma =
# 0.800 \pm 0.089$, $\delta = 0.0241 \pm 0.0035$. Growth of the prey and hunting by the predator are correlated: more of
# the one can be had with more of the other.

# %%
js.plots.corner(draws, names=["alpha", "beta", "gamma", "delta"])
plt.show()

# %% [markdown]
# ## What it predicts
#
# Each draw is a complete law. Its curve says how well the law is known; with noise added, it says where a new count
# would lie, and that is what data should be compared with.

# %%
some = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[::20], draws.values)
curves = jax.jit(jax.vmap(lambda unknowns: populations(unknowns, 10)))(some)
noise = jax.random.normal(jax.random.key(1920), curves.shape)
counted = curves * jnp.exp(some["noise"][:, None] * noise)
js.plots.predictive_bands(
    np.linspace(1900, 1920, 201), counted, pelts, data_ts=years, along="year", labels=("hare", "lynx"), masses=(0.9,)
)
plt.show()

# %% [markdown]
# ## What goes wrong
#
# A record with a hole is not a number; say where there is one, and the hole is left out.

# %%
broken = pelts.copy()
broken[7, 0] = np.nan
try:
    js.inference.Posterior(populations, broken, noise=js.inference.LogNormalNoise(0.25))
except ValueError as error:
    print(error)
fixed = js.inference.LogNormalNoise(0.25)
patched = js.inference.Posterior(populations, broken, fixed, {**prior, "noise": None}, mask=np.isfinite(broken))
print("without 1907:", round(float(patched.log_density(best.value)), 2))

# %% [markdown]
# A prior that says nothing cannot be drawn from, and the message says which one it is.

# %%
try:
    patched.sample_prior(jax.random.key(0), like=guess)
except ValueError as error:
    print(error)

# %% [markdown]
# Next: [functions as unknowns](06_fields_as_unknowns.ipynb).

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
# # Functions as unknowns
#
# Where was a rod heated? How well does it conduct, and where does it not? The unknown is now a function, with as many
# numbers as there are nodes, and the data are few. Two things decide: what the data know, and what was known before.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import jaxsci as js

jax.config.update("jax_enable_x64", True)
plt.rcParams.update({"figure.dpi": 60, "figure.figsize": (6.4, 3.6)})

walls = js.Dirichlet(0.0)
rod = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (48,)), boundary=walls, order=4)
x = rod.points[:, 0]
sensors = jnp.linspace(0.02, 0.98, 30)[:, None]

# %% [markdown]
# ## A source from one picture of the temperature
#
# $u_t = u_{xx} + q(x)$, cold ends, from $u = 0$ on; thirty thermometers read $u$ at $t = 0.1$, with an error of
# 0.0005 (the hottest spot is near 0.04).


# %%
def temperature(q):
    law = js.equations.Heat(1.0, source=rod.derived.field(q))
    return js.simulate(law, rod.field(lambda x: 0.0 * x[0]), t1=0.1, dt=1.5e-4).final(sensors)


truth = jnp.exp(-(((x - 0.3) / 0.12) ** 2)) - 0.6 * jnp.exp(-(((x - 0.72) / 0.06) ** 2))
noise = 5e-4
data = jax.jit(temperature)(truth) + noise * jax.random.normal(jax.random.key(7), (30,))
print(js.check_gradient(jax.jit(temperature), truth))

# %% [markdown]
# The map from source to data is linear; its singular values say how much of each pattern survives. The weakest are lost
# in the noise, so any fit that follows the data exactly is noise multiplied by thousands.

# %%
matrix = jax.jit(jax.jacfwd(temperature))(jnp.zeros(48))
U, s, V = jnp.linalg.svd(matrix, full_matrices=False)
exact_fit = V.T @ ((U.T @ data) / s)
figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.2), layout="constrained")
axes[0].semilogy(s, ".", label="singular values")
axes[0].axhline(noise, color="C3", lw=1, label="noise")
axes[1].plot(x, exact_fit, lw=1, label="exact fit of the data")
axes[1].plot(x, truth, "k--", lw=1, label="truth")
for panel in axes:
    panel.legend(frameon=False)
plt.show()

# %% [markdown]
# So we ask for a *smooth* source. `Smoothness` penalises squared slopes; how strongly, the data can say themselves.
# `choose_strength` solves the problem for all strengths at once. The penalty must be so weak that the misfit is no
# larger than noise explains, and no weaker. Three rules make that precise; their strengths differ by a factor of
# twenty, the sources that they give by little, because the misfit changes so slowly around the knee.

# %%
smooth = js.inference.Posterior(lambda q: matrix @ q, data, noise, js.inference.Smoothness(rod))
for rule in (js.inference.DiscrepancyPrinciple(), js.inference.CrossValidation(), js.inference.LargestEvidence()):
    path = js.inference.choose_strength(smooth, jnp.zeros(48), rule=rule)
    error = jnp.linalg.norm(path.value - truth) / jnp.linalg.norm(truth)
    print(f"{path.rule:28} strength {path.best:8.3g}   error {error:.3f}")
js.plots.strength_path(path)
plt.show()

# %% [markdown]
# With the strength, the posterior has a top and error bars, and one can draw sources from it: any of them may be the
# true one.

# %%
chosen = js.inference.Posterior(lambda q: matrix @ q, data, noise, js.inference.Smoothness(rod, path.best))
best = js.inference.maximize(chosen, jnp.zeros(48))
factor = jnp.linalg.cholesky(best.covariance)
sources = best.value + jax.random.normal(jax.random.key(8), (400, 48)) @ factor.T
figure, axes = js.plots.predictive_bands(x, sources, truth=truth, along="x", name="source q", masses=(0.9,))
axes.plot(x, sources[:4].T, color="0.5", lw=0.5)
plt.show()

# %% [markdown]
# ## A conductivity
#
# Now the law is known but for its coefficient: $u_t = (k(x)\,u_x)_x$, hot at the left and cold at the right. It enters
# as a product with the unknown temperature, so the problem is not linear. Conductivity is positive: let $k = e^m$, and
# say of $m$ that it is a Gaussian random field of size 0.5 and correlation length 0.2. Written in its own modes, the
# unknowns are coefficients $z$ with prior $N(0, 1)$; the smoothest 24 will do.

# %%
walls = {"x-": js.Dirichlet(1.0), "x+": js.Dirichlet(0.0)}
plate = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (48,)), boundary=walls, order=2)
field = js.inference.GaussianRandomField(plate.derived, standard_deviation=0.5, length=0.2, num_modes=24)
start = plate.field(lambda x: (1 - x[0]) ** 8)


def readings(k):
    law = js.equations.Heat(conductivity=plate.derived.field(k))
    solution = js.simulate(law, start, t1=0.4, dt=1e-4, save_at=8)
    return jax.vmap(lambda u: start.replace(u)(sensors))(solution.states.data)


k_true = 0.6 + 0.8 * jnp.exp(-(((x - 0.35) / 0.13) ** 2)) - 0.35 * jnp.exp(-(((x - 0.72) / 0.08) ** 2))
temperatures = jax.jit(readings)(k_true)
temperatures += 0.005 * jax.random.normal(jax.random.key(9), temperatures.shape)
unknown = js.inference.Posterior(
    lambda z: readings(jnp.exp(field.values(z))), temperatures, 0.005, js.inference.Normal(jnp.zeros(24), 1.0)
)
found = js.inference.maximize(unknown, jnp.zeros(24))
print(f"{int(found.stats['steps'])} steps, converged and identified: {bool(found.ok)}")

# %%
z = found.value + jax.random.normal(jax.random.key(10), (400, 24)) @ jnp.linalg.cholesky(found.covariance).T
conductivities = jnp.exp(jax.vmap(field.values)(z))
js.plots.predictive_bands(x, conductivities, truth=k_true, along="x", name="conductivity k")
plt.show()
error = jnp.linalg.norm(jnp.exp(field.values(found.value)) - k_true) / jnp.linalg.norm(k_true)
print(f"relative error {error:.3f}")

# %% [markdown]
# ## What goes wrong
#
# A penalty on slopes leaves the mean of a function free. As a prior it cannot be normalised, so there is nothing to
# draw from it, and no evidence that could be compared with that of another model:

# %%
try:
    smooth.sample_prior(jax.random.key(0), like=jnp.zeros(48))
except ValueError as error:
    print(error)

# %% [markdown]
# Next: [which experiment, and which unknowns](07_experiments_and_identifiability.ipynb).

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
# # Which experiment, and which unknowns?
#
# Before data come in, the law already tells what they can tell: which unknowns matter, which cannot be told apart, and
# where and when to measure.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxsci as js

jax.config.update("jax_enable_x64", True)
plt.rcParams.update({"figure.dpi": 60, "figure.figsize": (6.4, 3.6)})

# %% [markdown]
# ## Something that cannot be known
#
# Each day of an epidemic, so many cases are reported: a share $\rho$ of the $I$ infected among $N$ persons. The
# unknowns are logarithms, so that every value is allowed.

# %%
days = 40
true = {"beta": 0.5, "gamma": 0.2, "I0": 10.0, "N": 20_000.0, "rho": 0.3}
truth = {name: jnp.log(value) for name, value in true.items()}


def reported(unknowns):
    beta, gamma, infected, size, rho = (jnp.exp(unknowns[name]) for name in true)
    start = jnp.stack([size - infected, infected, 0.0 * infected])
    states = js.simulate(js.equations.SIR(beta, gamma), start, t1=40.0, dt=0.25, save_at=days).states
    return rho * states[:, 1]


noise = js.inference.LogNormalNoise(0.1)
cases = reported(truth) * jnp.exp(0.1 * jax.random.normal(jax.random.key(3), (days,)))
posterior = js.inference.Posterior(reported, cases, noise)
guess = {name: jnp.log(value) for name, value in {"beta": 0.6, "gamma": 0.3, "I0": 5.0, "N": 1e4, "rho": 0.5}.items()}
best = js.inference.maximize(posterior, guess)
print(best)

# %% [markdown]
# The fit is as good as the noise allows, and worthless for three of five unknowns: a larger population with more
# infected at the start, of whom fewer are reported, gives the same counts. `maximize` notices, because one singular
# value of the sensitivity is zero to rounding; its direction names the unknowns that can be exchanged.

# %%
js.plots.identifiability(best)
plt.show()

# %% [markdown]
# More data of this kind will never help. Knowledge of another kind does: say a survey finds that $\rho = 0.3$ up to
# 15 %, which is a prior.

# %%
survey = dict.fromkeys(true) | {"rho": js.inference.Normal(jnp.log(0.3), 0.15)}
informed = js.inference.maximize(js.inference.Posterior(reported, cases, noise, survey), guess)
print(informed)
print(js.check_gradient(jax.jit(reported), truth))

# %% [markdown]
# ## Sensitivities
#
# At one point: by how many percent do the cases of a day change when an unknown changes by one percent? Since the
# unknowns are logarithms, that is the derivative of the logarithm of the prediction.

# %%
local = js.inference.local_sensitivities(lambda unknowns: jnp.log(reported(unknowns)), informed.value)
figure, axes = plt.subplots()
for name in true:
    axes.plot(np.arange(1, days + 1), local.of(name)[0], label=name)
axes.set(xlabel="day", ylabel="percent per percent")
axes.legend(frameon=False, ncols=2)
plt.show()

# %% [markdown]
# The curves of $\rho$, $N$ and $I_0$ cancel when added with signs: that is the zero above, seen day by day. Over all
# that is possible, Sobol's indices share out the variance: how much of the uncertainty of the peak would go if we knew
# one unknown?

# %%
box = {
    "beta": js.inference.Normal(jnp.log(0.5), 0.1),
    "gamma": js.inference.Normal(jnp.log(0.2), 0.1),
    "I0": js.inference.Normal(jnp.log(10.0), 0.5),
    "N": js.inference.Normal(jnp.log(2e4), 0.1),
    "rho": js.inference.Normal(jnp.log(0.3), 0.15),
}
print(js.inference.sobol_indices(lambda unknowns: jnp.max(reported(unknowns)), box, num_samples=1024))

# %% [markdown]
# ## Where and when to measure
#
# A straight line through two points, $y = a + b x$, all known up to 1: where should they be? The expected information
# gain is a number, in nats, of the design alone; `best_experiment` climbs it by its gradient. The answer is known:
# at the ends, for $\ln 3$ nats, and two readings at the same end give $\ln(5) / 2$.

# %%
normal = js.inference.Normal(0.0, 1.0)
line = {"a": normal, "b": normal}
design = js.inference.best_experiment(
    lambda unknowns, x: unknowns["a"] + unknowns["b"] * x,
    jnp.array([0.1, 0.3]),
    line,
    1.0,
    bounds=(-1.0, 1.0),
    num_samples=1,
)
print("points", design.design, " gain", design.score, " ln 3 =", np.log(3))

# %% [markdown]
# A law that is not linear: a drug enters the blood at rate $a$ and leaves it at rate $e$, and four blood samples may be
# taken on the first day. When? The gain is averaged over draws of the prior. Early samples tell of the uptake, late
# ones of the decay.


# %%
def concentration(unknowns, times):
    a, e, dose = (jnp.exp(unknowns[name]) for name in ("uptake", "decay", "dose"))
    return dose * a / (a - e) * (jnp.exp(-e * times) - jnp.exp(-a * times))


rates = {
    "uptake": js.inference.Normal(jnp.log(1.5), 0.3),
    "decay": js.inference.Normal(jnp.log(0.15), 0.3),
    "dose": js.inference.Normal(jnp.log(10.0), 0.2),
}
evenly = jnp.array([6.0, 12.0, 18.0, 24.0])
samples = js.inference.best_experiment(concentration, evenly, rates, 0.3, bounds=(0.1, 24.0), key=jax.random.key(5))
print("hours:", np.sort(samples.design).round(2), f" gain {float(samples.score):.2f} nats")


def gain(times):
    posterior = js.inference.Posterior(lambda unknowns: concentration(unknowns, times), jnp.zeros(4), 0.3, rates)
    return js.inference.expected_information_gain(posterior, key=jax.random.key(6))


print("evenly spread:", gain(evenly))
print("chosen:       ", gain(samples.design))

# %% [markdown]
# ## Do the methods agree?
#
# On the linearised problem, evidence, Fisher information, information gain and posterior are bound to each other by
# identities. They hold to rounding for every model, and you can have them checked on yours.

# %%
drug = js.inference.Posterior(
    lambda unknowns: concentration(unknowns, evenly), jnp.array([7.5, 3.0, 1.2, 0.5]), 0.3, rates
)
middle = {name: prior.mean for name, prior in rates.items()}
print(js.inference.check_identities(drug, middle, key=jax.random.key(0)))

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
# # Networks that obey the law
#
# The equation that `simulate` integrates can also be *obeyed*: put a network into it, and what is left over, the
# residual, says how wrong the network is. `solve_pinn` lowers it. Nothing is written twice, and every report says what
# the library's own solver would have made of the same problem.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxsci as js

jax.config.update("jax_enable_x64", True)
plt.rcParams.update({"figure.dpi": 60, "figure.figsize": (6.4, 3.6)})

# %% [markdown]
# ## One equation, two ways
#
# Heat that flows and reacts, Fisher and Kolmogorov's law $u_t = D u_{xx} + r u (1 - u)$ between cold walls. First the
# solver:

# %%
law = js.equations.FisherKPP(diffusivity=0.05, growth=2.0)
box, walls = js.Box((0.0, 1.0)), js.Dirichlet(0.0)


def start(x):
    return jnp.sin(jnp.pi * x[0]) / 2


space = js.FiniteDifference(js.Grid(box, (128,)), boundary=walls, order=4)
solved = js.simulate(law, space.field(start), t1=1.0).final

# %% [markdown]
# Then a network of 151 weights with the same law, box, start and walls. It takes $(t, x)$, scaled to $[-1, 1]$, and
# gives one number. Up to two thousand weights the default is the method of Levenberg and Marquardt: a few hundred steps
# where Adam needs tens of thousands.

# %%
network = js.networks.MLP(2, "scalar", width=10, depth=2, key=jax.random.key(0))
problem = {"initial": start, "boundary": walls, "t1": 1.0, "key": jax.random.key(1)}
solution = js.learning.solve_pinn(law, box, network, **problem, points=(20, 20))
print(solution)

# %% [markdown]
# ## Reading the report
#
# * *residual*: at the points of training, and at fresh ones. If the second is much larger, there are too few points.
# * *built in*: what holds exactly, whatever the weights are. Nothing of it can be out of balance with the law.
# * *error*: against a solution if one is given as `exact=`, else against the solver, whose own error is estimated by
#   a grid half as fine.
# * *solver*: error and seconds of the library's solver. Here it is better in a fraction of the time, and the last line
#   says so.
#
# The picture shows the loss by steps, the terms of the loss, and where the residual sits; the worst hundredth of the
# points is circled.

# %%
js.plots.training(solution)
plt.show()

# %% [markdown]
# The solution is a field: it can be evaluated, differentiated, compared, projected onto any space, and a simulation can
# start from it.

# %%
js.plots.compare({"solver": solved, "network": solution.field})
plt.show()
middle = jnp.array([0.5])
print("value and slope at the wall:", solution.field(middle), js.derivative(solution.field)(jnp.array([0.0])))
half = space.project(solution.at(0.5))


def further(diffusivity):
    law = js.equations.FisherKPP(diffusivity, growth=2.0)
    return js.simulate(law, half, t0=0.5, t1=1.0, rtol=1e-10).final(middle)


print("half by the network, half by the solver:", further(0.05), " solver alone:", solved(middle))
print(js.check_gradient(further, 0.05))

# %% [markdown]
# ## Conditions
#
# Start, given values at walls and periods are built in: the trial function is a lift plus a window times the network.
# So a network that knows nothing yet already starts and ends where it should. Other laws at walls, such as an
# insulated end, join the loss with a factor `weight`, and the report says by how much they are missed.

# %%
untrained = js.learning.LevenbergMarquardt(max_steps=0)
raw = js.learning.solve_pinn(law, box, network, **problem, points=16, compare=0, optimiser=untrained)
print("untrained, at the start:", raw.at(0.0)(middle), " at a wall:", raw.at(0.7)(jnp.array([1.0])))
insulated = problem | {"boundary": {"x-": js.Neumann(0.0), "x+": js.Neumann(0.0)}}
insulated["initial"] = lambda x: (1 + jnp.cos(jnp.pi * x[0])) / 4
print(js.learning.solve_pinn(law, box, network, **insulated, points=(20, 20), compare=0))

# %% [markdown]
# ## Which network, which optimiser?
#
# If the *law is linear*, take random features: the hidden layer stays random, the residual is linear in the weights,
# and one least-squares solve replaces all training.

# %%
heat = js.equations.Heat(0.25)
features = js.networks.RandomFeatures(2, "scalar", 200, jnp.sin, scale=3.0, key=jax.random.key(0))
decay = problem | {"initial": lambda x: jnp.sin(jnp.pi * x[0])}
once = js.learning.solve_pinn(
    heat,
    box,
    features,
    **decay,
    exact=lambda t, x: jnp.exp(-(jnp.pi**2) * t / 4) * jnp.sin(jnp.pi * x[0]),
    points=(25, 25),
)
print(once)

# %% [markdown]
# Else the number of weights decides: `LevenbergMarquardt` up to about two thousand, self-scaled `Broyden` up to eight
# thousand, `SOAP` beyond. The same network and law by the first, and by Adam:

# %%
ways = {
    "Levenberg-Marquardt": js.learning.LevenbergMarquardt(max_steps=60),
    "Adam": js.learning.Adam(max_steps=1000),
}
figure, axes = plt.subplots()
for name, optimiser in ways.items():
    options = {"optimiser": optimiser, "points": (20, 20), "compare": 0}
    report = js.learning.solve_pinn(law, box, network, **problem, **options).report
    axes.semilogy(np.linspace(0, report.seconds, len(report.losses)), report.losses, label=name)
axes.set(xlabel="seconds, compiled", ylabel="loss")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## When not to
#
# In one to three dimensions, with known coefficients and a box for a domain, the solver is more accurate in a
# hundredth of the time or less: `python -m jaxsci run wrong-tool --output out` measures it on three problems. Networks
# earn their keep where data and law are to be met at once, in five dimensions and more, and where a solution for all
# times and points in a few hundred numbers is the product. Fronts, short waves and long times are hard for them; errors
# below 1e-4 need float64.

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
# # A first simulation
#
# You know the physics; this page shows how it is written here. A simulation has three ingredients, always the same:
#
# 1. **where** and **how** the unknown function is stored: a *space*, which turns a formula into a *field*;
# 2. the **law** it obeys: an *equation*;
# 3. what makes **time** pass: `simulate`.
#
# jaxsci runs on JAX, an array library with the interface of NumPy (`jnp` instead of `np`) that can differentiate and
# compile what you write. JAX computes in single precision unless told otherwise; one line at the top of a program
# changes that.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import jaxsci as js

jax.config.update("jax_enable_x64", True)
plt.rcParams.update({"figure.dpi": 60, "figure.figsize": (6.4, 3.6)})

# %% [markdown]
# ## Chaos on a line
#
# The Kuramoto-Sivashinsky equation $u_t = -u\,u_x - u_{xx} - u_{xxxx}$ describes flame fronts and falling films. Long
# waves grow, short waves decay, and the nonlinear term carries energy from one to the other: chaos in space and time.
#
# The domain is $[0, 32\pi)$ with 256 nodes. It is periodic, so we store $u$ as a Fourier series. `space.field` takes a
# function of **one point** `x`, an array of coordinates; that there are many points is the library's business.

# %%
grid = js.Grid(js.Box((0.0, 32 * jnp.pi)), (256,))
space = js.Fourier(grid)
u0 = space.field(lambda x: jnp.cos(x[0] / 16) * (1 + jnp.sin(x[0] / 16)))

law = js.equations.KuramotoSivashinsky()
solution = js.simulate(law, u0, t1=150.0, dt=1 / 8, save_at=150)
print(solution)

# %% [markdown]
# Nobody chose a method: this law splits into a stiff linear and a mild nonlinear part and is stored in Fourier modes,
# so `simulate` took ETDRK4, an exponential integrator that treats the linear part exactly. `js.plots.plot` looks at
# what it gets and chooses the picture.

# %%
js.plots.plot(solution)
plt.show()

# %% [markdown]
# ## What came back
#
# A solution holds the saved times `ts`, the saved states, and the final one. A field is a *function*: call it at any
# point, not only at nodes; `values` are its nodal values. Operators map fields to fields, whatever the storage.

# %%
u = solution.final
print("nodal values:     ", u.values.shape)
print("at two points:    ", u(jnp.array([[1.0], [50.0]])))
print("slope at x = 1:   ", js.derivative(u)(jnp.array([1.0])))
print("mean and norm:    ", js.mean(u), js.norm(u))

# %% [markdown]
# ## Is it right?
#
# Two things are approximate: the function, by its nodes, and time, by its steps. This problem has a known value, $u(0,
# 10) = 0.587967873$. Halving the step should divide the error of a fourth-order method by about 16 once steps are
# small, until the nodes limit it.


# %%
def at_origin(num_nodes, dt):
    space = js.Fourier(js.Grid(grid.box, (num_nodes,)))
    u0 = space.field(lambda x: jnp.cos(x[0] / 16) * (1 + jnp.sin(x[0] / 16)))
    return js.simulate(law, u0, t1=10.0, dt=dt).final(jnp.array([0.0]))


for num_nodes in (256, 512):
    for dt in (2.0, 1.0, 0.5, 0.25, 0.125):
        error = abs(at_origin(num_nodes, dt) - 0.587967873)
        print(f"{num_nodes} nodes, dt = {dt:<5}  error {error:.1e}")

# %% [markdown]
# ## Walls
#
# A rod, cold at first, is heated at its left end and insulated at its right: $u_t = K u_{xx}$, $u = 1$ at the left,
# $\partial u / \partial n = 0$ at the right. With walls, store the function by its values at nodes and differentiate by
# finite differences. The laws at the walls belong to the space: one per side.

# %%
rod = js.Grid(js.Box((0.0, 1.0)), (64,))
walls = {"x-": js.Dirichlet(1.0), "x+": js.Neumann(0.0)}
cold = js.FiniteDifference(rod, boundary=walls, order=4).field(lambda x: 0.0 * x[0])

heating = js.simulate(js.equations.Heat(conductivity=0.2), cold, t1=4.0, save_at=[0.05, 0.2, 0.8, 2.0, 4.0])
figure, axes = js.plots.compare({f"t = {t:g}": heating.at(i) for i, t in enumerate(heating.ts)}, name="temperature")
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
plt.show()

# %% [markdown]
# Here no `dt` was given, so the method chose its steps itself: an explicit Runge-Kutta pair that keeps the error of
# each step below `rtol` and `atol` (arguments of `simulate`).
#
# ## Any law will do
#
# A plain function `f(t, state, args)` works wherever an equation does, and a state may be an array. Predators and prey:


# %%
def predator_prey(t, populations, rates):
    prey, predators = populations
    birth, hunt, death, growth = rates
    return jnp.array([birth * prey - hunt * prey * predators, growth * prey * predators - death * predators])


rates = jnp.array([0.55, 0.028, 0.80, 0.024])
populations = js.simulate(predator_prey, jnp.array([30.0, 4.0]), t1=30.0, args=rates, save_at=300)
figure, axes = js.plots.plot(populations, labels=["prey", "predators"], name="number", limits=(0, 100))
axes.legend(loc="upper center", ncols=2, frameon=False)
plt.show()

# %% [markdown]
# ## How does the answer depend on the question?
#
# `jax.grad` differentiates any function that ends in a number, straight through the simulation. How does the
# temperature at the insulated end depend on the conductivity and on the temperature of the hot wall?


# %%
def far_end(unknowns):
    walls = {"x-": js.Dirichlet(unknowns["wall"]), "x+": js.Neumann(0.0)}
    u = js.FiniteDifference(rod, boundary=walls, order=4).field(lambda x: 0.0 * x[0])
    law = js.equations.Heat(conductivity=unknowns["conductivity"])
    return js.simulate(law, u, t1=0.8, dt=2.5e-4).final(jnp.array([1.0]))


unknowns = {"conductivity": 0.2, "wall": 1.0}
print("temperature:", far_end(unknowns))
print("derivatives:", jax.grad(far_end)(unknowns))

# %% [markdown]
# The law is linear in the wall temperature and the rod starts at zero, so that derivative must equal the temperature
# itself; it does. In general you cannot see whether a gradient is right. `check_gradient` can: it tests that the
# remainder of Taylor's formula shrinks as $h^2$, that forward and reverse mode are transposes of each other, and that
# central differences agree.

# %%
print(js.check_gradient(far_end, unknowns))

# %% [markdown]
# ## What goes wrong
#
# An error should tell you what to do next. Two that everybody meets: a step beyond the stability limit of an explicit
# method, and two fields that live in different spaces.

# %%
try:
    js.simulate(js.equations.Heat(conductivity=0.2), cold, t1=4.0, dt=2e-3)
except RuntimeError as error:
    print(error)

# %%
try:
    u0 + cold
except TypeError as error:
    print(error)

# %% [markdown]
# Next: [differentiate through a simulation](02_differentiate_through_a_simulation.ipynb) to recover unknowns from data.

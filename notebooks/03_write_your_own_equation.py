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
# # Write your own equation
#
# A law is a class with one method: the time derivative of the state, written with operators that look like the formula.
# It does not know how its unknown is stored, so the same text runs on finite differences, Fourier modes and functions.
#
# The example is Nagumo's equation, a nerve pulse that switches on what it passes:
#
# $$u_t = D\,u_{xx} + u\,(1 - u)\,(u - a), \qquad 0 < a < \tfrac12 .$$
#
# Both $u = 0$ and $u = 1$ are stable, and a front between them travels without changing shape: $u = 1 / (1 + e^{(x - c
# t)/\sqrt{2 D}})$ with the speed $c = \sqrt{D/2}\,(1 - 2a)$. A known answer is worth having: everything below is
# measured against it.

# %%
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Array

import jaxsci as js

jax.config.update("jax_enable_x64", True)
plt.rcParams.update({"figure.dpi": 60, "figure.figsize": (6.4, 3.6)})

# %% [markdown]
# ## The formula


# %%
class Nagumo(js.equations.Equation):
    diffusivity: Array = eqx.field(converter=jnp.asarray, default=1.0)
    threshold: Array = eqx.field(converter=jnp.asarray, default=0.2)

    def __call__(self, t, u, args=None):
        return self.diffusivity * js.laplacian(u) + u * (1 - u) * (u - self.threshold)


def front(t, x, diffusivity=1.0, threshold=0.2):
    speed = jnp.sqrt(diffusivity / 2) * (1 - 2 * threshold)
    return 1 / (1 + jnp.exp((x[0] - speed * t) / jnp.sqrt(2 * diffusivity)))


# %% [markdown]
# `Equation` is an Equinox module: a dataclass whose fields are visible to derivatives. `converter=jnp.asarray` makes
# numbers into arrays, so that JAX treats them as inputs: changing one never compiles anything again, and each can be
# differentiated.
#
# ## One text, three storages
#
# Between walls, by finite differences: the front runs from $u = 1$ at the left to $u = 0$ at the right, and is flat at
# both.

# %%
line = js.Box((-30.0, 30.0))
nodes = js.FiniteDifference(js.Grid(line, (240,)), boundary=js.Neumann(0.0), order=4)
by_nodes = js.simulate(Nagumo(), nodes.field(lambda x: front(0.0, x)), t1=20.0, rtol=1e-8)

# %% [markdown]
# Fourier modes need a periodic function, so a second front, mirrored, brings it back to zero on a box twice as long.

# %%
circle = js.Fourier(js.Grid(js.Box((-90.0, 30.0)), (480,)), dealias=1 / 2)
two_fronts = circle.field(lambda x: front(0.0, x) + front(0.0, -60.0 - x) - 1)
by_waves = js.simulate(Nagumo(), two_fronts, t1=20.0, dt=0.01)

# %% [markdown]
# The third storage is a function itself: a formula or a network, differentiated exactly. Nothing steps it through time;
# instead the law tells whether it *is* a solution. What remains of $u_t - F(u)$, the residual, is zero for the exact
# front. (This residual is what a physics-informed network is trained on.)

# %%
functions = js.Neural(line)
points = jnp.linspace(-5.0, 25.0, 7)[:, None]
t = 20.0
rate = functions.field(lambda x: jax.jvp(lambda s: front(s, x), (t,), (1.0,))[1])
residual = rate - Nagumo()(t, functions.field(lambda x: front(t, x)))
print("largest residual of the formula:     ", jnp.max(jnp.abs(residual(points))))

exact = jax.vmap(lambda x: front(20.0, x))(points)
print("largest error, finite differences:   ", jnp.max(jnp.abs(by_nodes.final(points) - exact)))
print("largest error, Fourier modes:        ", jnp.max(jnp.abs(by_waves.final(points) - exact)))

# %%
figure, axes = js.plots.compare(
    {
        "start": nodes.field(lambda x: front(0.0, x)),
        "finite differences, t = 20": by_nodes.final,
        "Fourier modes, t = 20": nodes.project(by_waves.final),
        "formula, t = 20": functions.field(lambda x: front(20.0, x)),
    }
)
axes.set_xlim(-30, 30)
axes.legend(loc="lower left", frameon=False)
plt.show()

# %% [markdown]
# `space.project(field)` brings a field into another space; nothing is ever converted silently.
#
# ## Tell which part is stiff
#
# Diffusion is fast on short waves: it limits an explicit method to steps of about $h^2 / D$. Say which part is linear
# and has constant coefficients, and exponential and implicit-explicit methods can treat it without a limit. The sum of
# both parts is again the law, so everything above still works.


# %%
class StiffNagumo(js.equations.SemilinearEquation):
    diffusivity: Array = eqx.field(converter=jnp.asarray, default=1.0)
    threshold: Array = eqx.field(converter=jnp.asarray, default=0.2)

    def linear(self, u):
        return self.diffusivity * js.laplacian(u)

    def nonlinear(self, t, u, args=None):
        return u * (1 - u) * (u - self.threshold)


for law, dt in ((Nagumo(), 0.01), (StiffNagumo(), 0.1), (StiffNagumo(), 0.5)):
    run = js.simulate(law, two_fronts, t1=20.0, dt=dt)
    error = jnp.max(jnp.abs(run.final(points) - exact))
    print(f"{type(law).__name__:12} by {run.method:7} {int(run.stats['steps']):5} steps   error {error:.1e}")

# %% [markdown]
# ## Is the text right? Its order of accuracy knows
#
# No exact solution at hand? Choose any smooth function; `manufactured` adds the source that makes it solve your law, by
# evaluating the law itself on the function. A solver must then converge to it at its order. A sign error does not show
# here (the source would inherit it), but a wrong boundary law, stencil or step does.


# %%
def chosen(t, x):
    return 0.5 + 0.4 * jnp.cos(t) * jnp.sin(2 * x[0] + 0.3)


def error_of(order, num_nodes):
    grid = js.Grid(js.Box((0.0, jnp.pi)), (num_nodes,))
    space = js.FiniteDifference(grid, boundary=js.Periodic(), order=order)
    law = js.equations.manufactured(Nagumo(diffusivity=0.1), chosen)
    u = js.simulate(law, space.field(lambda x: chosen(0.0, x)), t1=1.0, dt=2e-3).final
    return js.norm(u - space.field(lambda x: chosen(1.0, x)))


sizes = (16, 32, 64)
figure, axes = plt.subplots()
for order in (2, 4, 6):
    errors = [float(error_of(order, n)) for n in sizes]
    observed = np.log2(errors[-2] / errors[-1])
    print(f"order {order}: errors", *(f"{error:.1e}" for error in errors), f"  observed order {observed:.2f}")
    axes.loglog(sizes, errors, "o-", label=f"order {order}")
axes.set(xlabel="nodes", ylabel="error")
axes.set_xticks(sizes, sizes)
axes.minorticks_off()
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## The gradient comes for free
#
# The front moves at $c = \sqrt{D/2}\,(1 - 2a)$, so the amount of $u$ on the line grows as $c\,t$, and its derivative
# with respect to the threshold $a$ must be $-2 t \sqrt{D/2}$. Nobody told the library. (The two differ in the seventh
# digit, by what a front on a finite line with 240 nodes is allowed to.) The certificate says that the gradient is that
# of the program, to rounding.


# %%
def amount(threshold):
    u = js.simulate(
        Nagumo(threshold=threshold), nodes.field(lambda x: front(0.0, x, threshold=0.2)), t1=20.0, dt=0.02
    ).final
    return js.integral(u)


print("by the simulation:", jax.grad(amount)(0.2))
print("by theory:        ", -2 * 20.0 * jnp.sqrt(0.5))
print(js.check_gradient(amount, 0.2))

# %% [markdown]
# ## States with several parts
#
# A state may be any container of fields and arrays. Add a slow recovery to the pulse, $u_t = D \nabla^2 u + u(1-u)(u-a)
# - w$, $w_t = \varepsilon (u - \gamma w)$ (FitzHugh and Nagumo), go to the plane, and a pulse with two open ends curls
# up into a pair of spirals, as in a fibrillating heart.


# %%
class Tissue(NamedTuple):
    voltage: Any
    recovery: Any


class FitzHughNagumo(js.equations.SemilinearEquation):
    diffusivity: Array = eqx.field(converter=jnp.asarray, default=1.0)
    threshold: Array = eqx.field(converter=jnp.asarray, default=0.1)
    slowness: Array = eqx.field(converter=jnp.asarray, default=0.005)
    decay: Array = eqx.field(converter=jnp.asarray, default=2.0)

    def linear(self, state):
        u, w = state
        return Tissue(self.diffusivity * js.laplacian(u), -self.slowness * self.decay * w)

    def nonlinear(self, t, state, args=None):
        u, w = state
        return Tissue(u * (1 - u) * (u - self.threshold) - w, self.slowness * u)


plane = js.Fourier(js.Grid(js.Box((0.0, 200.0), (0.0, 200.0)), (96, 96)), dealias=1 / 2)


def block(x, low, high):
    inside = jax.nn.sigmoid((x - jnp.array(low)) / 2) * jax.nn.sigmoid((jnp.array(high) - x) / 2)
    return inside[0] * inside[1]


pulse = Tissue(
    voltage=plane.field(lambda x: block(x, (60.0, 50.0), (75.0, 150.0))),
    recovery=plane.field(lambda x: 0.15 * block(x, (20.0, 40.0), (60.0, 160.0))),
)
waves = js.simulate(FitzHughNagumo(), pulse, t1=400.0, dt=1.0, save_at=8)

figure, axes = plt.subplots(1, 3, figsize=(10.0, 2.8), layout="constrained")
for panel, index in zip(axes, (0, 3, 7), strict=True):
    js.plots.plot(waves.at(index).voltage, panel, limits=(-0.3, 1.0))
    panel.set_title(f"t = {waves.ts[index]:g}")
plt.show()

# %% [markdown]
# ## What goes wrong
#
# A derivative of the wrong shape is caught before anything runs; so is a method that asks for a contract the law does
# not keep.


# %%
def forgot_a_component(t, u, args):
    return js.gradient(u)


for law, options in ((forgot_a_component, {}), (Nagumo(), {"dt": 0.1, "method": js.ETDRK4()})):
    try:
        js.simulate(law, circle.field(lambda x: front(0.0, x)), t1=1.0, **options)
    except (ValueError, NotImplementedError) as error:
        print(type(error).__name__, "-", error, "\n")

# %% [markdown]
# Next: [choosing storage and integrator](04_choosing_storage_and_integrator.ipynb).

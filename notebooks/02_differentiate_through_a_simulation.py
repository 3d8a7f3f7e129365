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
# # Differentiate through a simulation
#
# A simulation is a function: coefficients, initial state, boundary values go in, a solution comes out. Its derivative
# turns *what follows from this law?* into *which law follows from these data?* This page recovers a viscosity and an
# initial state, aims a boundary value, and then says what a gradient costs and when not to trust it.

# %%
import time

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize

import jaxsci as js

jax.config.update("jax_enable_x64", True)
plt.rcParams.update({"figure.dpi": 60, "figure.figsize": (6.4, 3.6)})

# %% [markdown]
# ## A viscosity from noisy readings
#
# Burgers' equation $u_t + u\,u_x = \nu\,u_{xx}$: a wave steepens and viscosity rounds its front off. Twelve sensors
# read $u$ at $t = 0.5$ and $t = 1$ with an error of 0.02. The truth, $\nu = 0.05$, is hidden from here on.

# %%
space = js.Fourier(js.Grid(js.Box((-1.0, 1.0)), (128,)))
u0 = space.field(lambda x: -jnp.sin(jnp.pi * x[0]))
sensors = jnp.linspace(-0.95, 0.9, 12)[:, None]


def readings(viscosity):
    law = js.equations.Burgers(viscosity=viscosity)
    solution = js.simulate(law, u0, t1=1.0, dt=0.01, save_at=2)
    return jnp.stack([solution.at(0)(sensors), solution.at(1)(sensors)])


noise = 0.02
data = readings(0.05) + noise * jax.random.normal(jax.random.key(1), (2, 12))

# %% [markdown]
# The misfit in units of the noise, $\chi^2(\nu)/2 = \sum (\text{reading} - \text{data})^2 / 2\sigma^2$, has a gradient.
# `jax.value_and_grad` gives both, `jax.jit` compiles them once, and any optimizer can use them; here SciPy's. The
# logarithm of $\nu$ is the unknown, so that it stays positive. The curvature at the minimum gives the error bar.


# %%
@jax.jit
@jax.value_and_grad
def misfit(log_viscosity):
    return jnp.sum((readings(jnp.exp(log_viscosity)) - data) ** 2) / (2 * noise**2)


found = minimize(lambda z: misfit(z[0]), x0=np.log([0.3]), jac=True, method="BFGS")
slopes = jax.jacfwd(lambda z: readings(jnp.exp(z)))(found.x[0]) / noise
spread = 1 / jnp.sqrt(jnp.sum(slopes**2))
estimate = float(jnp.exp(found.x[0]))
print(f"viscosity {estimate:.4f} +- {estimate * spread:.4f} after {found.nfev} gradients (truth: 0.05)")

# %%
figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.2), layout="constrained", sharey=True)
x = jnp.linspace(-1.0, 1.0, 201)[:, None]
for label, viscosity in (("first guess", 0.3), ("recovered", estimate)):
    fit = js.simulate(js.equations.Burgers(viscosity=viscosity), u0, t1=1.0, dt=0.01, save_at=2)
    for index, panel in enumerate(axes):
        panel.plot(x, fit.at(index)(x), label=label)
        panel.set(title=f"t = {fit.ts[index]:g}", xlabel="x")
for index, panel in enumerate(axes):
    panel.plot(sensors, data[index], "k.", label="data")
axes[0].legend(frameon=False)
plt.show()

# %% [markdown]
# Is the gradient right? The certificate says so, for this very function:

# %%
print(js.check_gradient(readings, 0.05))

# %% [markdown]
# ## An initial state from a later one
#
# Heat forgets. A profile diffused for some time and was then measured with noise: what was it at the beginning? The
# unknowns are now all 128 nodal values. Reverse mode gives all 128 derivatives at the price of a few simulations,
# whatever their number.
#
# The problem is ill-posed, since short waves have decayed below the noise: among the profiles that fit, we ask for a
# smooth one (the term with `gradient` below).

# %%
circle = js.Fourier(js.Grid(js.Box((0.0, 1.0)), (128,)))
heat = js.equations.Heat(conductivity=1e-3)


def later(values):
    return js.simulate(heat, circle.field(values), t1=1.0, dt=0.05).final


def profile(x):
    peak = jnp.exp(-(((x[0] - 0.3) / 0.06) ** 2))
    step = 0.6 * jax.nn.sigmoid((x[0] - 0.55) / 0.01) * jax.nn.sigmoid((0.8 - x[0]) / 0.01)
    return peak + step


truth = circle.field(profile)
measured = later(truth.values).values + 0.01 * jax.random.normal(jax.random.key(2), (128,))


@jax.jit
@jax.value_and_grad
def mismatch(values):
    roughness = js.norm(js.gradient(circle.field(values)), order=2) ** 2
    return jnp.sum((later(values).values - measured) ** 2) / (2 * 0.01**2) + 2e-1 * roughness


recovered = minimize(mismatch, np.array(measured), jac=True, method="L-BFGS-B", options={"maxiter": 500})
print(f"{recovered.nfev} gradients of {measured.size} unknowns each")
figure, axes = js.plots.compare(
    {"truth": truth, "recovered": circle.field(recovered.x), "measured later": circle.field(measured)}
)
plt.show()

# %% [markdown]
# What the data still knew is back: the narrow peak has its full height. What had decayed below the noise, the sharp
# flanks of the step, no method can return; the ripples are the smooth guess in its place.
#
# ## Aim a boundary value
#
# Boundary values are inputs like any other. A bar starts at 20 degrees and loses heat at its right end to the air (a
# Robin law); how hot must its left end be held so that its middle is at 60 degrees after one unit of time? Newton's
# method, with the exact derivative:

# %%
bar = js.Grid(js.Box((0.0, 1.0)), (32,))


def middle(hot):
    walls = {"x-": js.Dirichlet(hot), "x+": js.Robin(weight=2.0, flux_weight=1.0, value=2.0 * 20.0)}
    u = js.FiniteDifference(bar, boundary=walls, order=2).field(lambda x: 20.0 + 0.0 * x[0])
    return js.simulate(js.equations.Heat(conductivity=0.2), u, t1=1.0, dt=1 / 1024).final(jnp.array([0.5]))


hot = jnp.array(50.0)
for _ in range(3):
    temperature, slope = jax.value_and_grad(middle)(hot)
    print(f"left end {hot:9.5f}   middle {temperature:9.5f}   d middle / d left {slope:.5f}")
    hot = hot - (temperature - 60.0) / slope

# %% [markdown]
# One step suffices, since this law is linear; the same loop works where it is not.
#
# ## What a gradient costs
#
# Reverse mode walks back through the run and needs the states it passed. An *adjoint* decides where they come from:
#
# * `Direct` stores every intermediate value;
# * `Checkpointed`, the default, stores a state now and then and computes the rest again;
# * `Reversible` stores nothing and runs time backwards, for time-reversible methods only.
#
# Measured on a flow in the plane, 400 steps of the vorticity equation on 64 x 64 nodes. Memory is what the compiler
# reserves beyond inputs and outputs.

# %%
plane = js.Fourier(js.Grid(js.Box((0.0, 2 * jnp.pi), (0.0, 2 * jnp.pi)), (64, 64)))
vorticity = plane.field(lambda x: jnp.sin(x[0]) * jnp.cos(2 * x[1]) + jnp.cos(3 * x[0] + x[1]))


def measure(function, argument):
    compiled = jax.jit(function).lower(argument).compile()
    jax.block_until_ready(compiled(argument))
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        jax.block_until_ready(compiled(argument))
        seconds.append(time.perf_counter() - begin)
    return min(seconds), compiled.memory_analysis().temp_size_in_bytes / 1e6


def enstrophy(viscosity, adjoint=None):
    law = js.equations.NavierStokesVorticity(viscosity=viscosity)
    w = js.simulate(law, vorticity, t1=4.0, dt=0.01, adjoint=adjoint).final
    return js.mean(w * w)


viscosity = jnp.array(1e-2)
forward, memory = measure(enstrophy, viscosity)
print(f"forward run             time 1.0   memory {memory:6.1f} MB")
policies = {
    "Direct()": js.Direct(),
    "Checkpointed()": js.Checkpointed(),
    "Checkpointed(1 MB)": js.Checkpointed(memory=1_000_000),
}
for name, adjoint in policies.items():
    seconds, memory = measure(jax.grad(lambda v, adjoint=adjoint: enstrophy(v, adjoint)), viscosity)
    print(f"{name:22}  time {seconds / forward:.1f}   memory {memory:6.1f} MB")

# %% [markdown]
# The default keeps its stored states within 67 MB; `Checkpointed(memory=...)` sets another limit. For few unknowns and
# many outputs, forward mode (`jax.jacfwd`, as for the error bar above) stores nothing at all.
#
# Mechanics can run backwards. A planet for 20 000 leapfrog steps:


# %%
def reach(momentum, adjoint):
    orbit = js.equations.Phase(jnp.array([1.0, 0.0]), momentum)
    run = js.simulate(js.equations.Kepler(), orbit, t1=40.0, dt=0.002, method=js.Leapfrog(), adjoint=adjoint)
    return jnp.sum(run.final.q**2)


momentum = jnp.array([0.0, 1.1])
for name, adjoint in {"Direct()": js.Direct(), "Reversible()": js.Reversible()}.items():
    gradient = jax.grad(lambda p, adjoint=adjoint: reach(p, adjoint))
    print(f"{name:13} memory {measure(gradient, momentum)[1]:7.3f} MB   gradient {gradient(momentum)}")

# %% [markdown]
# ## What goes wrong
#
# **A method that cannot run backwards.** Diffusion backwards in time amplifies rounding errors without bound; the
# combination is refused.

# %%
try:
    enstrophy(viscosity, js.Reversible())
except NotImplementedError as error:
    print(error)

# %% [markdown]
# **A wrong gradient.** A `stop_gradient` was left behind somewhere in a program. Nothing crashes, an optimizer even
# makes progress; the certificate notices.

# %%
print(js.check_gradient(lambda v: readings(v) * jax.lax.stop_gradient(1 + v), 0.05))

# %% [markdown]
# **A right gradient that is useless.** In a chaotic system neighbours part exponentially, so the derivative grows
# without bound: exact, and valid only for changes smaller than its inverse. Lorenz's equations, $d x(t) / d \rho$:


# %%
def lorenz(rho):
    return js.simulate(js.equations.Lorenz63(rho=rho), jnp.array([1.0, 1.0, 20.0]), t1=30.0, dt=0.01, save_at=60)


figure, axes = plt.subplots()
axes.semilogy(lorenz(28.0).ts, jnp.abs(jax.jacfwd(lambda rho: lorenz(rho).states[:, 0])(28.0)))
axes.set(xlabel="time", ylabel="|dx / d rho|")
plt.show()

# %% [markdown]
# Fit chaotic systems over short windows, or fit averages; no adjoint changes that.
#
# Next: [write your own equation](03_write_your_own_equation.ipynb).

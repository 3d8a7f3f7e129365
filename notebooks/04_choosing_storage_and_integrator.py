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
# # Choosing storage and integrator
#
# A law does not know how its unknown is stored or what moves it through time, so both can be exchanged and compared:
# same law, same start, different error and cost. This page measures. The short answers stand in *How to choose* of the
# documentation.

# %%
import time

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import jaxsci as js

jax.config.update("jax_enable_x64", True)
plt.rcParams.update({"figure.dpi": 60, "figure.figsize": (6.4, 3.6)})


def timed(function, *arguments):
    """Result and best time in milliseconds of a compiled function, compilation left out."""
    compiled = eqx.filter_jit(function)
    result = jax.block_until_ready(compiled(*arguments))
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        seconds.append(time.perf_counter() - begin)
    return result, 1000 * min(seconds)


# %% [markdown]
# ## Storage: how fast does the error fall?
#
# Burgers' equation, a wave that steepens and decays, with a known solution; periodic, so that Fourier modes can take
# part. Time steps are so small that only the error of the storage is seen.

# %%
case = js.equations.Burgers.example()


def run(space):
    u = js.simulate(case.equation, space.field(lambda x: case.solution(0.0, x)), t1=1.0, dt=2e-3, method=js.RK4()).final
    return js.norm(u - space.field(lambda x: case.solution(1.0, x))) / js.norm(u)


sizes = (16, 32, 64)
figure, axes = plt.subplots()
print("relative error, and time of 500 steps of RK4\n")
print(f"{'':22}" + "".join(f"{n:>10} nodes    " for n in sizes))
for order in (2, 4, 6, "Fourier"):
    errors, row = [], ""
    for n in sizes:
        grid = js.Grid(case.box, (n,))
        space = js.Fourier(grid) if order == "Fourier" else js.FiniteDifference(grid, order=order)
        error, milliseconds = timed(run, space)
        errors.append(float(error))
        row += f"   {error:.1e} {milliseconds:6.2f} ms"
    label = "Fourier modes" if order == "Fourier" else f"differences, order {order}"
    print(f"{label:22}{row}")
    axes.loglog(sizes, errors, "o-", label=label)
axes.set(xlabel="nodes", ylabel="relative error")
axes.set_xticks(sizes, sizes)
axes.minorticks_off()
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# For a smooth periodic function Fourier modes win: their error falls faster than any power of the number of nodes.
# Differences of order $p$ gain a factor $2^p$ per doubling. They are what you take when there are walls.
#
# ## Walls
#
# What happens if you store a function that is not periodic in Fourier modes? It is continued periodically, jumps at the
# ends, and its derivative rings everywhere (Gibbs).

# %%
interval = js.Grid(js.Box((0.0, 1.0)), (48,))
periodic = js.Fourier(interval).field(lambda x: jnp.exp(x[0]))
walls = {"x-": js.Dirichlet(1.0), "x+": js.Neumann(jnp.e)}
between_walls = js.FiniteDifference(interval, boundary=walls, order=4).field(lambda x: jnp.exp(x[0]))
x = jnp.linspace(0.01, 0.99, 300)[:, None]
figure, axes = plt.subplots()
axes.plot(x, js.derivative(periodic)(x), lw=0.8, label="Fourier modes")
axes.plot(x, js.derivative(between_walls)(x), label="differences with laws at the walls")
axes.plot(x, jnp.exp(x), "k:", label="exact")
axes.set(xlabel="x", ylabel="derivative of exp(x)", ylim=(-10, 16))
axes.legend(frameon=False)
plt.show()
print("error between walls:", jnp.max(jnp.abs(js.derivative(between_walls)(x) - jnp.exp(x[:, 0]))))

# %% [markdown]
# ## Integrator: error against time
#
# The same problem in 64 Fourier modes, or by sixth-order differences, and several methods. `dt` with a number gives
# equal steps; without it, methods with an error estimate choose their own.

# %%
waves = js.Fourier(js.Grid(case.box, (64,)))
nodes = js.FiniteDifference(js.Grid(case.box, (128,)), order=6)
ways = [
    ("Euler, 1000 steps", waves, {"dt": 1e-3, "method": js.Euler()}),
    ("RK4, 100 steps", waves, {"dt": 1e-2, "method": js.RK4()}),
    ("ETDRK2, 100 steps", waves, {"dt": 1e-2, "method": js.ETDRK2()}),
    ("ETDRK4, 10 steps", waves, {"dt": 1e-1, "method": js.ETDRK4()}),
    ("ETDRK4, 100 steps", waves, {"dt": 1e-2, "method": js.ETDRK4()}),
    ("IMEX ARS443, 100 steps", waves, {"dt": 1e-2, "method": js.ARS443()}),
    ("Tsit5, rtol 1e-4", waves, {"rtol": 1e-4, "atol": 1e-7}),
    ("Tsit5, rtol 1e-8", waves, {"rtol": 1e-8, "atol": 1e-11}),
    ("RK4, 200 steps", nodes, {"dt": 5e-3, "method": js.RK4()}),
    ("Kvaerno5, rtol 1e-6", nodes, {"rtol": 1e-6, "method": diffrax.Kvaerno5()}),
]


def error_and_steps(space, options):
    solution = js.simulate(case.equation, space.field(lambda x: case.solution(0.0, x)), t1=1.0, **options)
    difference = solution.final - space.field(lambda x: case.solution(1.0, x))
    return js.norm(difference) / js.norm(solution.final), solution.stats["steps"]


for name, space, options in ways:
    (error, steps), milliseconds = timed(lambda where, options=options: error_and_steps(where, options), space)
    storage = "modes" if space is waves else "nodes"
    print(f"{name:24} {storage}  {int(steps):5} steps   error {error:.1e}   {milliseconds:7.2f} ms")

# %% [markdown]
# High order pays as soon as accuracy is wanted: ten steps of ETDRK4 beat a thousand of Euler. An implicit step costs a
# linear solve, so on a problem this mild it is wasted.
#
# ## Stiffness
#
# A law is stiff when its fastest rate is much faster than what you want to see. For diffusion the fastest rate is about
# $4 K / h^2$: twice the nodes, four times the steps, although the solution is smooth. An explicit method without a
# given step finds its limit by itself; a semilinear law in Fourier modes has no limit at all.

# %%
heat = js.equations.Heat(conductivity=0.1)
for n in (32, 64, 128, 256):
    grid = js.Grid(js.Box((0.0, 1.0)), (n,))
    u = js.FiniteDifference(grid).field(lambda x: jnp.sin(2 * jnp.pi * x[0]))
    v = js.Fourier(grid).field(lambda x: jnp.sin(2 * jnp.pi * x[0]))
    explicit, exponential = js.simulate(heat, u, t1=1.0), js.simulate(heat, v, t1=1.0, dt=0.1)
    error = js.norm(exponential.final - np.exp(-0.4 * np.pi**2) * v)
    print(f"{n:4} nodes   Tsit5 {int(explicit.stats['steps']):5} steps   ETDRK4 10 steps, error {error:.0e}")

# %% [markdown]
# Some laws say that they are stiff; `simulate` then takes an implicit method by itself. Van der Pol's oscillator,
# $\epsilon\,\ddot x = (1 - x^2)\,\dot x - x$ with $\epsilon = 10^{-6}$, creeps for a while and jumps within a millionth
# of it. An explicit method gives up, and says what to use instead:

# %%
oscillator, start = js.equations.VanDerPol(epsilon=1e-6), jnp.array([2.0, 0.0])
try:
    js.simulate(oscillator, start, t1=5.0, method=js.Tsit5())
except RuntimeError as error:
    print(error)

jumps = js.simulate(oscillator, start, t1=5.0, save_at=500)
print(jumps)
figure, axes = plt.subplots()
axes.plot(jumps.ts, jumps.states[:, 0])
axes.set(xlabel="time", ylabel="x")
plt.show()

# %% [markdown]
# ## Dealiasing
#
# A product of waves makes shorter waves. Those too short for the grid come back as long ones, in the wrong place:
# aliasing. By default the upper third of the modes takes no part in products (`dealias=2/3`), which removes that error
# for quadratic laws; use `1/2` for cubic ones. `None` keeps all modes: right for functions that are not smooth across
# the ends of the box, such as a trap, and dangerous in a flow. Two eddies without viscosity merge; the energy of the
# flow must stay what it is.

# %%
flow = js.equations.NavierStokesVorticity(viscosity=0.0)
square = js.Grid(js.Box((0.0, 2 * jnp.pi), (0.0, 2 * jnp.pi)), (64, 64))


def eddies(x):
    left, right = (jnp.exp(-((x[0] - c) ** 2 + (x[1] - 3.1) ** 2) / 0.3) for c in (2.5, 3.8))
    return 20 * (left + right)


ends = {}
for name, dealias in {"dealias=2/3": 2 / 3, "dealias=None": None}.items():
    w = js.Fourier(square, dealias=dealias).field(eddies)
    ends[name] = js.simulate(flow, w - js.mean(w), t1=10.0, dt=0.01).final
    change = flow.energy(ends[name]) / flow.energy(w) - 1
    print(f"{name:12}  change of energy {change:+.1e}")
js.plots.compare(ends, name="vorticity", limits=(-20, 20))
plt.show()

# %% [markdown]
# Left, one merged eddy among filaments too fine for the grid. Right, waves of the length of the grid, which the law
# does not contain, growing; soon after, the run ends with an error that says when. Dealiasing does not replace
# resolution: the remedy for filaments is viscosity or more nodes.
#
# ## Single or double precision
#
# JAX's default is single precision: half the memory, and often twice the speed. What it costs: a derivative divides
# differences of rounded numbers by powers of $h$, so refining the grid makes it worse again from some point on. The
# second derivative of a sine:

# %%
counts = [2**i for i in range(4, 13)]
figure, axes = plt.subplots()
for dtype in (jnp.float32, jnp.float64):
    for order in (2, 6):
        errors = []
        for n in counts:
            space = js.FiniteDifference(js.Grid(js.Box((0.0, 2 * jnp.pi)), (n,)), order=order)
            u = space.field(lambda x: jnp.sin(x[0])).astype(dtype)
            errors.append(float(js.norm(js.laplacian(u) + u)))
        axes.loglog(counts, errors, "o-", ms=3, label=f"{dtype.__name__}, order {order}")
axes.set(xlabel="nodes", ylabel="error of the second derivative")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# Precisions never mix silently; and a gradient can be certified in either, to what each can give.

# %%
single = js.FiniteDifference(square).field(eddies).astype(jnp.float32)
try:
    single + js.FiniteDifference(square).field(eddies)
except TypeError as error:
    print("TypeError:", error, "\n")


def decayed(conductivity):
    u = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (32,)), order=4).field(lambda x: jnp.sin(2 * jnp.pi * x[0]))
    u = u.astype(conductivity.dtype)
    return js.norm(js.simulate(js.equations.Heat(conductivity=conductivity), u, t1=0.1, dt=1e-3).final)


for dtype in (jnp.float32, jnp.float64):
    print(dtype.__name__, js.check_gradient(decayed, jnp.asarray(0.3, dtype)))

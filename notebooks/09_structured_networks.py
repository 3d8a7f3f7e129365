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
# # Networks with structure
#
# A network that learns a law of motion from data knows nothing of energy. One that *is* an energy keeps it.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

import jaxsci as js
from jaxsci.equations import Phase

jax.config.update("jax_enable_x64", True)
plt.rcParams.update({"figure.dpi": 60, "figure.figsize": (6.4, 3.6)})

# %% [markdown]
# ## Data
#
# Two hundred states of a pendulum, and their rates $\dot q = p$, $\dot p = -\sin q$.

# %%
states = jax.random.uniform(jax.random.key(0), (200, 2), minval=-2.0, maxval=2.0)
rates = jnp.stack([states[:, 1], -jnp.sin(states[:, 0])], axis=1)

# %% [markdown]
# ## Three networks
#
# A plain one; an energy $H = T(p) + V(q)$ whose derivatives are the rates, `SeparableHamiltonian`; and, for velocities
# in place of momenta, a `Lagrangian`. All are functions of one state, made of ordinary networks, and are trained by any
# optimiser of optax.

# %%
keys = jax.random.split(jax.random.key(1), 4)


def mlp(in_size, out_size, width, key):
    return js.networks.MLP(in_size, out_size, width, 2, key=key)


networks = {
    "plain": mlp(2, 2, 22, keys[0]),
    "Hamiltonian": js.networks.SeparableHamiltonian(mlp(1, "scalar", 16, keys[1]), mlp(1, "scalar", 16, keys[2])),
    "Lagrangian": js.networks.Lagrangian(mlp(2, "scalar", 22, keys[3]), mass=1.0),
}


def rate(network, x):
    return network(x) if isinstance(network, js.networks.MLP) else jnp.concatenate(network(Phase(x[:1], x[1:])))


def fitted(network, num_steps=2000):
    weights, rest = js.networks.split(network)
    optimiser = optax.adam(optax.cosine_decay_schedule(1e-2, num_steps))

    def loss(weights):
        return jnp.mean((jax.vmap(lambda x: rate(eqx.combine(weights, rest), x))(states) - rates) ** 2)

    @jax.jit
    def train(weights):
        def step(carry, _):
            updates, memory = optimiser.update(jax.grad(loss)(carry[0]), carry[1])
            return (optax.apply_updates(carry[0], updates), memory), None

        return jax.lax.scan(step, (weights, optimiser.init(weights)), length=num_steps)[0][0]

    weights = train(weights)
    return eqx.combine(weights, rest), float(jnp.sqrt(loss(weights)))


for name, network in networks.items():
    networks[name], misfit = fitted(network)
    print(f"{name:12} {js.networks.num_weights(network):5} weights   misfit of the rates {misfit:.1e}")

# %% [markdown]
# All fit the rates to one percent or better. The derivative of a network with structure is exact:

# %%
print(js.check_gradient(jax.jit(lambda x: rate(networks["Hamiltonian"], x)), states[0]))

# %% [markdown]
# ## A long run
#
# Twenty thousand steps of 0.1. The energies $T$ and $V$ make a law of the library, so `simulate` and `stepper` take
# leapfrog steps of it; these keep an energy close to $H$ for as long as they run. The plain network has no energy to
# keep: here its motion happens to settle nearby, ten times further off; in the gallery it spirals away.


# %%
class Learned(js.equations.HamiltonianSystem):
    network: js.networks.SeparableHamiltonian

    def kinetic(self, p):
        return self.network.kinetic(p)

    def potential(self, q):
        return self.network.potential(q)


start = Phase(jnp.array([1.0]), jnp.array([0.0]))


def energy(path):
    return path.p[:, 0] ** 2 / 2 - jnp.cos(path.q[:, 0])


def run(law, method):
    step = js.stepper(law, start, dt=0.1, method=method)
    return jax.jit(lambda state: js.rollout(step, state, 20_000, save_every=20))(start)


def as_pair(t, state, args):
    return Phase(*jnp.split(networks["plain"](jnp.concatenate(state)), 2))


paths = {
    "plain": run(as_pair, js.RK4()),
    "Hamiltonian": run(Learned(networks["Hamiltonian"]), js.Leapfrog()),
    "Lagrangian": run(lambda t, state, args: networks["Lagrangian"](state), js.RK4()),
}
figure, axes = plt.subplots()
for name, path in paths.items():
    axes.semilogy(2 * np.arange(1, 1001), jnp.maximum(jnp.abs(energy(path) + jnp.cos(1.0)), 1e-6), lw=0.7, label=name)
axes.set(xlabel="time", ylabel="energy off by")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# `python -m jaxsci run hamiltonian-network --output out` does the same over $10^5$ steps. Other structure in
# `js.networks`: `Antisymmetric` for stable recurrent steps, `SpectralNormalised` for a bounded slope,
# `PeriodicEmbedding` for exact periods, `Separable` for grids of points, `MultiScale` for short waves.
#
# Structure is worth nothing where it is wrong. Friction has no Hamiltonian; a plain network learns it as well as
# anything else.

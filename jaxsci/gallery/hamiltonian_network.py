"""Hamiltonian network: a learned energy stays where it is, a learned vector field drifts.

A pendulum is observed at 200 states: position, momentum, and their rates. Two networks of equal size learn the rates.
The plain one is a function from state to rates. The other gives two energies, T(p) and V(q), and the rates are

    q' = T'(p),    p' = -V'(q),

so that whatever its weights are, its motion keeps an energy, and a symplectic step keeps that energy bounded. Both
fit the data about equally well. Then both run for 1e5 steps of 0.1, some 1500 swings: the energy of one swings within
the error of the fit, that of the other walks away: the pendulum spirals into a limit cycle that the law does not have.

Structure is worth nothing where it is wrong: a pendulum with friction would be learned by the plain network only.

References:
    Greydanus, Dzamba & Yosinski, Hamiltonian neural networks, NeurIPS 2019; Chen et al., Symplectic recurrent neural
    networks, ICLR 2020.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float
from tqdm.auto import tqdm

from ..equations import HamiltonianSystem, Phase
from ..networks import MLP, SeparableHamiltonian, num_weights
from ..simulation import RK4, Leapfrog, rollout, stepper

START = (1.0, 0.0)


class Case(NamedTuple):
    """What is observed, how long the networks learn, and how long they run."""

    num_states: int = 200
    num_updates: int = 4000
    step: float = 0.1
    num_steps: int = 100_000
    save_every: int = 50
    seed: int = 0


class Learned(HamiltonianSystem):
    """A learned energy as a law, so that `simulate` and `stepper` take symplectic steps."""

    network: SeparableHamiltonian

    def kinetic(self, p):
        return self.network.kinetic(p)

    def potential(self, q):
        return self.network.potential(q)


class Plain(eqx.Module):
    """A learned vector field as a law."""

    network: MLP

    def __call__(self, t, state: Float[Array, "2"], args: Any = None) -> Float[Array, "2"]:
        return self.network(state)


class Run(NamedTuple):
    """One network: its size, the misfit of its rates, its path, and how far the true energy strays along it."""

    weights: int
    misfit: float
    path: np.ndarray
    stray: np.ndarray


def energy(states: Float[Array, "*n 2"]) -> Float[Array, "*n"]:
    """The energy of the pendulum, `p^2/2 - cos q`."""
    return states[..., 1] ** 2 / 2 - jnp.cos(states[..., 0])


def observed(case: Case, key: Array) -> tuple[Array, Array]:
    """States, and their rates."""
    states = jax.random.uniform(key, (case.num_states, 2), minval=-2.0, maxval=2.0)
    return states, jnp.stack([states[:, 1], -jnp.sin(states[:, 0])], axis=1)


def fitted(rates_of: Callable, network: Any, states: Array, rates: Array, num_updates: int) -> tuple[Any, float]:
    """The network after Adam on the squares of the misfit, and the root of their mean."""
    optimiser = optax.adam(optax.cosine_decay_schedule(1e-2, num_updates))

    def loss(network):
        return jnp.mean((jax.vmap(lambda x: rates_of(network, x))(states) - rates) ** 2)

    @jax.jit
    def train(network):
        def update(carry, _):
            network, memory = carry
            gradient = jax.grad(loss)(network)
            updates, memory = optimiser.update(gradient, memory)
            return (optax.apply_updates(network, updates), memory), None

        (network, _), _ = jax.lax.scan(update, (network, optimiser.init(network)), length=num_updates)
        return network, jnp.sqrt(loss(network))

    with jax.numpy_dtype_promotion("standard"):  # optax mixes integers and real numbers
        network, misfit = train(network)
    return network, float(misfit)


def both(case: Case, progress: bool = False) -> dict[str, Run]:
    """Teach both networks the same data, then let them run."""
    keys = jax.random.split(jax.random.key(case.seed), 4)
    states, rates = observed(case, keys[0])
    energies = SeparableHamiltonian(MLP(1, "scalar", 24, 2, key=keys[1]), MLP(1, "scalar", 24, 2, key=keys[2]))
    plain = MLP(2, 2, 35, 2, key=keys[3])
    start = jnp.asarray(START)
    runs = {}
    with tqdm(total=4, desc="learn and run", disable=not progress) as bar:
        energies, misfit = fitted(
            lambda network, x: jnp.concatenate(network(Phase(x[:1], x[1:]))), energies, states, rates, case.num_updates
        )
        bar.update()
        path = run(Learned(energies), Phase(start[:1], start[1:]), Leapfrog(), case)
        runs["Hamiltonian"] = strayed(num_weights(energies), misfit, jnp.concatenate([path.q, path.p], axis=1))
        bar.update()
        plain, misfit = fitted(lambda network, x: network(x), plain, states, rates, case.num_updates)
        bar.update()
        runs["plain"] = strayed(num_weights(plain), misfit, run(Plain(plain), start, RK4(), case))
        bar.update()
    return runs


def run(law: Any, start: Any, method: Any, case: Case) -> Any:
    """States after every so many steps."""
    step = stepper(law, start, dt=case.step, method=method)
    return jax.jit(lambda state: rollout(step, state, case.num_steps, save_every=case.save_every))(start)


def strayed(weights: int, misfit: float, path: Array) -> Run:
    return Run(weights, misfit, np.asarray(path), np.asarray(jnp.abs(energy(path) - energy(jnp.asarray(START)))))


def windows(found: Run) -> tuple[float, float]:
    """Largest stray in the first hundredth of the run, and in the last."""
    part = len(found.stray) // 100
    return float(np.max(found.stray[:part])), float(np.max(found.stray[-part:]))


def table(runs: dict[str, Run], case: Case) -> str:
    """A row per network."""
    lines = [f"{'network':14}{'weights':>9}{'misfit of rates':>17}{'energy off, first 1 %':>24}{'last 1 %':>11}"]
    for name, found in runs.items():
        first, last = windows(found)
        lines.append(f"{name:14}{found.weights:9}{found.misfit:17.1e}{first:24.1e}{last:11.1e}")
    return "\n".join(
        [*lines, "", f"{case.num_steps} steps of {case.step}; energy at the start {energy(jnp.asarray(START)):.3f}", ""]
    )


def figure(path: Path, runs: dict[str, Run], case: Case) -> None:
    """How far the energy strays over time, and the paths in the plane of states."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(12.5, 4.4), layout="constrained")
    FigureCanvasAgg(picture)
    drift, *planes = picture.subplots(1, 3, width_ratios=(1.6, 1, 1))
    t = case.step * case.save_every * np.arange(1, 1 + case.num_steps // case.save_every)
    q, p = np.meshgrid(np.linspace(-2.2, 2.2, 120), np.linspace(-2.2, 2.2, 120))
    for number, ((name, found), panel) in enumerate(zip(runs.items(), planes, strict=True)):
        drift.semilogy(t, np.maximum(found.stray, 1e-9), color=f"C{number}", lw=0.6, label=name)
        panel.contour(q, p, p**2 / 2 - np.cos(q), 12, colors="0.85", linewidths=0.7)
        panel.scatter(*found.path.T, c=t, s=2, cmap="viridis")
        panel.set(xlabel="q", ylabel="p", title=f"{name}: dark early, light late", aspect="equal")
    drift.set(xlabel="time", ylabel="energy off by", title="true energy along the learned motion", xlim=(0, t[-1]))
    drift.legend(frameon=False)
    picture.savefig(path, dpi=150)


def main(output: Path, progress: bool = False, case: Case = Case()) -> None:  # noqa: B008
    """Learn, run, print the drifts, and write `hamiltonian_network.png`, `table.txt` and `results.json`.

    Raises:
        RuntimeError: If the energy of the Hamiltonian network grows, or that of the plain one does not.
    """
    runs = both(case, progress)
    text = table(runs, case)
    print(text, end="")
    figure(output / "hamiltonian_network.png", runs, case)
    (output / "table.txt").write_text(text)
    results = {
        name: {"weights": found.weights, "misfit": found.misfit, "first_hundredth": windows(found)[0],
               "last_hundredth": windows(found)[1], "stray": found.stray[::10].tolist()}
        for name, found in runs.items()
    } | {"case": case._asdict()}  # fmt: skip
    (output / "results.json").write_text(json.dumps(results, indent=1))
    (first, last), (early, late) = windows(runs["Hamiltonian"]), windows(runs["plain"])
    if not (last < 1.5 * first < 0.015 and late > 3 * early and late > 20 * last):
        raise RuntimeError(
            f"the Hamiltonian network strays by {first:.1e} early and {last:.1e} late, the plain one by {early:.1e} "
            f"and {late:.1e}: the first was promised to stay, the second to drift."
        )

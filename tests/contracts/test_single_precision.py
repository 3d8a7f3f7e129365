"""Every law runs at JAX's own default precision, which the rest of the suite, in double precision, never sees.

A second process, without x64, moves the example of every law on every storage that takes it, with `dt` and with the
steps that the library chooses, and prints what came out.
"""

import functools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import jaxsci as js
from jaxsci import equations
from jaxsci.geometry import Periodic

MOST_STEPS = 150
"""Twice what the hardest of these runs take."""

# name: (example, nodes per axis, end, dt of explicit steps on nodes); the grids suffice for the tolerances below
FIELDS = {
    "advection": (equations.Advection.example, 32, 0.3, 0.03),
    "heat": (equations.Heat.example, 24, 0.2, 0.002),
    "wave": (equations.Wave.example, 48, 0.2, 0.005),
    "klein-gordon": (equations.KleinGordon.example, 32, 0.3, 0.03),
    "burgers": (equations.Burgers.example, 32, 0.3, 0.03),
    "korteweg-de-vries": (equations.KortewegDeVries.example, 96, 0.05, 0.0025),
    "kuramoto-sivashinsky": (equations.KuramotoSivashinsky.example, 64, 0.3, 0.03),
    "fisher-kpp": (equations.FisherKPP.example, 128, 0.3, 0.03),
    "allen-cahn": (equations.AllenCahn.example, 128, 0.3, 0.03),
    "cahn-hilliard": (equations.CahnHilliard.example, 32, 0.03, 0.0003),
    "swift-hohenberg": (equations.SwiftHohenberg.example, 32, 0.05, 0.0005),
    "gray-scott": (equations.GrayScott.example, 32, 0.3, 0.03),
    "coherent-state": (equations.Schrodinger.example, 64, 0.1, 0.01),
    "bright-soliton": (equations.Schrodinger.soliton_example, 128, 0.1, 0.01),
    "poisson": (equations.Poisson.example, 16, 0.05, 0.0005),
    "navier-stokes": (equations.NavierStokes.example, 16, 0.3, 0.03),
    "beltrami": (equations.NavierStokes.beltrami_example, 12, 0.3, 0.03),
    "vorticity": (equations.NavierStokesVorticity.example, 16, 0.3, 0.03),
}
TOLERANCE = {"Fourier": 2e-4, "FiniteDifference": 5e-3}
"""Of the largest value: what single precision and, on nodes, the coarse grids lose."""

# name: (law, start, end, dt); laws with an exact solution start on it
ORDINARY = {
    "decay": (equations.ExponentialDecay, None, 1.0, None),
    "lorenz96": (equations.Lorenz96, None, 1.0, None),
    "pendulum": (equations.Pendulum, None, 1.0, None),
    "kepler": (equations.Kepler, None, 1.0, None),
    "kepler-leapfrog": (equations.Kepler, None, 1.0, 0.002),
    "n-body": (lambda: equations.NBody([1.0, 1.0, 1.0]), None, 1.0, None),
    "lotka-volterra": (equations.LotkaVolterra, (30.0, 4.0), 2.0, None),
    "sir": (equations.SIR, (762.0, 1.0, 0.0), 5.0, None),
    "lorenz63": (equations.Lorenz63, (1.0, 2.0, 20.0), 0.5, None),
    "double-pendulum": (equations.DoublePendulum, (1.1, -0.4, 0.7, 2.0), 0.5, None),
    "cart-pole": (equations.CartPole, (0.0, 1.0, 0.1, 0.0), 0.5, None),
    "van-der-pol": (equations.VanDerPol, (2.0, -0.66), 0.5, None),
    "robertson": (equations.Robertson, (1.0, 0.0, 0.0), 10.0, None),
}
STIFF = ("van-der-pol", "robertson")
NOISY = {"ornstein-uhlenbeck": equations.OrnsteinUhlenbeck, "geometric-brownian": equations.GeometricBrownian}


def field_case(name: str, storage: str, fixed: bool) -> dict:
    """The example of a law on a storage, moved to its end."""
    make, n, t1, dt = FIELDS[name]
    example = make()
    grid = js.Grid(example.box, (n,) * example.box.dim)
    dealias = None if name == "coherent-state" else 2 / 3
    space = js.Fourier(grid, dealias) if storage == "Fourier" else js.FiniteDifference(grid, example.boundary, order=4)
    like = jax.eval_shape(example.solution, 0.0, jnp.zeros(example.box.dim))
    indices = jax.tree.structure(like).unflatten(range(len(jax.tree.leaves(like))))

    def at(t):
        return jax.tree.map(lambda i: space.field(lambda x: jax.tree.leaves(example.solution(t, x))[i]), indices)

    law = equations.manufactured(example)
    return outcome(js.simulate(law, at(0.0), t1, dt if fixed else None), at(t1))


def ordinary_case(name: str) -> dict:
    """An ordinary law with its defaults."""
    make, start, t1, dt = ORDINARY[name]
    law = make()
    solution = None if start else type(law).example().solution
    found = js.simulate(law, jnp.array(start) if start else solution(0.0), t1, dt)
    return outcome(found, None if start else solution(t1))


def noisy_case(name: str) -> dict:
    """A stochastic law with its defaults."""
    return outcome(js.simulate(NOISY[name](), jnp.ones(3), 1.0, 0.01, key=jax.random.key(0)), None)


def arrays_of(state) -> list[np.ndarray]:
    return [np.asarray(getattr(u, "values", u)) for u in jax.tree.leaves(state, is_leaf=js.fields.is_field)]


def outcome(solution, exact) -> dict:
    """What a run gave: its end, or the largest error in it as a share of the largest value."""
    parts = arrays_of(solution.final)
    told = {
        "ok": bool(solution.ok),
        "steps": int(solution.stats["steps"]),
        "single": all(part.dtype in (np.float32, np.complex64) for part in parts),
    }
    if exact is None:
        return told | {"final": [part.tolist() for part in parts]}
    exact = arrays_of(exact)
    largest = max(float(np.abs(part).max()) for part in exact)
    return told | {"error": max(float(np.abs(a - b).max()) for a, b in zip(parts, exact, strict=True)) / largest}


def storages(name: str) -> tuple[str, ...]:
    example = FIELDS[name][0]()
    return ("Fourier", "FiniteDifference") if isinstance(example.boundary, Periodic) else ("FiniteDifference",)


FIELD_CASES = [
    f"{name}, {storage}, {steps}" for name in FIELDS for storage in storages(name) for steps in ("dt", "chosen steps")
]
CASES = [*FIELD_CASES, *ORDINARY, *NOISY]
QUICK_FIELDS = ("heat", "wave", "klein-gordon", "burgers", "bright-soliton", "vorticity")
SLOW = [case for case in FIELD_CASES if case.split(",")[0] not in QUICK_FIELDS]


def run_case(case: str) -> dict:
    if case in ORDINARY:
        return ordinary_case(case)
    if case in NOISY:
        return noisy_case(case)
    name, storage, steps = case.split(", ")
    return field_case(name, storage, steps == "dt")


def main() -> None:
    """The cases named by the arguments, one line of JSON each."""
    for case in sys.argv[1:]:
        begin = time.perf_counter()
        try:
            told = run_case(case)
        except Exception as error:
            told = {"failure": f"{type(error).__name__}: {error}"}
        print(json.dumps({"case": case, "seconds": time.perf_counter() - begin} | told), flush=True)


@functools.cache
def told_by_one_process(slow: bool) -> dict[str, dict]:
    """What became of all quick or all slow cases, by name."""
    cases = [case for case in CASES if (case in SLOW) == slow]
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.contracts.test_single_precision", *cases],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"JAX_ENABLE_X64": "0", "JAX_PLATFORMS": "cpu"},
    )
    assert finished.returncode == 0, finished.stderr
    return {told["case"]: told for told in map(json.loads, finished.stdout.splitlines())}


def by_scipy(name: str) -> np.ndarray:
    """The end of an ordinary run, in double precision."""
    make, start, t1, _ = ORDINARY[name]
    law = make()
    slope = jax.jit(lambda t, y: law(t, y))
    run = solve_ivp(lambda t, y: np.asarray(slope(t, y)), (0, t1), start, method="DOP853", rtol=1e-8, atol=1e-10)
    return run.y[:, -1]


@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.slow) if c in SLOW else c for c in CASES])
def test_laws_run_at_the_default_precision(case):
    told = told_by_one_process(case in SLOW)[case]
    if case in STIFF:  # no step is small enough, and the error says what to do
        assert "SimulationError" in told["failure"] and "jax_enable_x64" in told["failure"]
        return
    assert "failure" not in told, told["failure"]
    assert told["ok"] and told["single"]
    if case in NOISY:
        return
    if case.endswith("chosen steps") or case in ORDINARY and ORDINARY[case][3] is None:
        assert told["steps"] <= MOST_STEPS
    if "error" in told:
        assert told["error"] < TOLERANCE.get(case.split(", ")[1] if "," in case else "", 1e-4)
    else:
        expected = by_scipy(case)
        np.testing.assert_allclose(told["final"][0], expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


if __name__ == "__main__":
    main()

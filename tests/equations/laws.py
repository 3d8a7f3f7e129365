"""Every law for fields, with a smooth periodic state of three waves on which all storages can evaluate it."""

import jax
import jax.numpy as jnp

import jaxsci as js
from jaxsci.equations import (
    Advection,
    AllenCahn,
    Burgers,
    CahnHilliard,
    Concentrations,
    FisherKPP,
    GrayScott,
    HarmonicTrap,
    Heat,
    KleinGordon,
    KolmogorovForcing,
    KortewegDeVries,
    KuramotoSivashinsky,
    NavierStokes,
    NavierStokesVorticity,
    Poisson,
    Schrodinger,
    SwiftHohenberg,
    Wave,
    WaveState,
)

PERIOD = 2 * jnp.pi


def scalar(x):
    return 0.4 + 0.3 * jnp.sin(x[0]) + 0.2 * jnp.cos(2 * x[0] + 0.3) * (jnp.cos(x[1]) if x.shape == (2,) else 1.0)


def other(x):
    return 0.2 - 0.3 * jnp.cos(x[0] - 0.4) + 0.1 * jnp.sin(2 * x[-1])


def positive(x):
    return 1.5 + 0.5 * jnp.sin(x[0]) * jnp.cos(x[-1])


def vector(x):
    return jnp.stack([scalar(x), other(x)])


def matrix(x):
    a = positive(x)
    return jnp.stack([jnp.stack([a, 0.2 * a]), jnp.stack([0.1 * a, 1.0 + a])])


def wave(x):
    return jax.lax.complex(scalar(x), other(x))


def ripple(x):
    return 0.3 * jnp.cos(x[0])


CASES = {
    "advection": (Advection(1.5), scalar, 1),
    "advection-plane": (Advection([0.7, -0.4]), scalar, 2),
    "advection-variable": (Advection(vector), scalar, 2),
    "heat": (Heat(0.3, source=ripple), scalar, 1),
    "heat-plane": (Heat(0.3), scalar, 2),
    "heat-matrix": (Heat([[1.0, 0.2], [0.2, 0.5]]), scalar, 2),
    "heat-variable": (Heat(positive, background=1.0), scalar, 2),
    "heat-variable-matrix": (Heat(matrix), scalar, 2),
    "wave": (Wave(1.3), WaveState(scalar, other), 1),
    "wave-variable": (Wave(positive), WaveState(scalar, other), 2),
    "klein-gordon": (KleinGordon(1.3, coupling=0.7), WaveState(scalar, other), 1),
    "burgers": (Burgers(0.1), scalar, 1),
    "burgers-plane": (Burgers(0.1), vector, 2),
    "korteweg-de-vries": (KortewegDeVries(), scalar, 1),
    "kuramoto-sivashinsky": (KuramotoSivashinsky(), scalar, 1),
    "kuramoto-sivashinsky-plane": (KuramotoSivashinsky(), scalar, 2),
    "fisher-kpp": (FisherKPP(0.5, 2.0), scalar, 1),
    "allen-cahn": (AllenCahn(0.1, 2.0), scalar, 2),
    "cahn-hilliard": (CahnHilliard(0.1), scalar, 2),
    "swift-hohenberg": (SwiftHohenberg(quadratic=0.6), scalar, 2),
    "gray-scott": (GrayScott(), Concentrations(scalar, other), 1),
    "schrodinger": (Schrodinger(), wave, 1),
    "schrodinger-nonlinear": (Schrodinger(ripple, interaction=-0.7), wave, 2),
    "poisson": (Poisson(ripple), scalar, 2),
}
GLOBAL_CASES = {
    "vorticity": (NavierStokesVorticity(0.1, 0.2, KolmogorovForcing(2.0)), lambda x: scalar(x) - 0.4, 2),
    "navier-stokes": (
        NavierStokes(0.1, forcing=lambda x: jnp.stack([jnp.sin(2 * x[1]), 0.0 * x[0]])),
        js.equations.taylor_green,
        2,
    ),
}
EXACT = {
    "advection": Advection.example(),
    "heat": Heat.example(),
    "wave": Wave.example(),
    "klein-gordon": KleinGordon.example(),
    "burgers": Burgers.example(),
    "korteweg-de-vries": KortewegDeVries.example(),
    "fisher-kpp": FisherKPP.example(),
    "allen-cahn": AllenCahn.example(),
    "coherent-state": Schrodinger.example(),
    "bright-soliton": Schrodinger.soliton_example(),
    "poisson": Poisson.example(),
}
TRAP = HarmonicTrap(1.3)


def box(dim):
    return js.Box(*((0.0, PERIOD),) * dim)


def fourier(dim, n=32):
    return js.Fourier(js.Grid(box(dim), (n,) * dim), dealias=None)


def is_callable_leaf(node):
    return callable(node)


def state_of(space, functions):
    """The state with the given functions of one point, in a space."""
    return jax.tree.map(space.field, functions, is_leaf=is_callable_leaf)


def fields_of(state):
    return jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, js.Field))

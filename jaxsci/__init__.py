"""Differentiable simulation in JAX: a law of nature is written once, and one gradient runs through everything."""

from importlib import import_module
from typing import TYPE_CHECKING

from ._core.installation import warn_of_broken_jax

if TYPE_CHECKING:
    from . import (
        data as data,
        equations as equations,
        fields as fields,
        gallery as gallery,
        geometry as geometry,
        inference as inference,
        learning as learning,
        networks as networks,
        operators as operators,
        plots as plots,
        simulation as simulation,
    )
    from ._core.errors import (
        PrecisionError as PrecisionError,
        ShapeError as ShapeError,
        SimulationError as SimulationError,
        SpaceMismatchError as SpaceMismatchError,
        StabilityError as StabilityError,
        UnsupportedError as UnsupportedError,
    )
    from .fields import Field as Field, FiniteDifference as FiniteDifference, Fourier as Fourier, Neural as Neural
    from .geometry import (
        Box as Box,
        Dirichlet as Dirichlet,
        Grid as Grid,
        InTime as InTime,
        Neumann as Neumann,
        Periodic as Periodic,
        Robin as Robin,
    )
    from .operators import (
        advection as advection,
        biharmonic as biharmonic,
        curl as curl,
        derivative as derivative,
        diffusion as diffusion,
        divergence as divergence,
        divergence_free as divergence_free,
        dot as dot,
        energy_spectrum as energy_spectrum,
        gradient as gradient,
        inner as inner,
        integral as integral,
        interpolate as interpolate,
        laplacian as laplacian,
        mean as mean,
        norm as norm,
        solve_poisson as solve_poisson,
        stack as stack,
    )
    from .simulation import (
        ARK4 as ARK4,
        ARS222 as ARS222,
        ARS443 as ARS443,
        ETDRK2 as ETDRK2,
        ETDRK4 as ETDRK4,
        RK4 as RK4,
        Checkpointed as Checkpointed,
        Direct as Direct,
        Dopri5 as Dopri5,
        Dopri8 as Dopri8,
        Euler as Euler,
        Forward as Forward,
        IMEXEuler as IMEXEuler,
        Implicit as Implicit,
        Leapfrog as Leapfrog,
        Reversible as Reversible,
        Solution as Solution,
        Strang as Strang,
        SymplecticEuler as SymplecticEuler,
        Tsit5 as Tsit5,
        Yoshida4 as Yoshida4,
        check_gradient as check_gradient,
        ensemble as ensemble,
        lyapunov_exponents as lyapunov_exponents,
        rollout as rollout,
        simulate as simulate,
        steady_state as steady_state,
        stepper as stepper,
    )

__version__ = "0.1.0"

_ROOMS = (
    "geometry",
    "fields",
    "operators",
    "equations",
    "simulation",
    "networks",
    "inference",
    "learning",
    "data",
    "plots",
    "gallery",
)

_NAMES = {
    "geometry": "Box Grid Periodic Dirichlet Neumann Robin InTime",
    "fields": "Field FiniteDifference Fourier Neural",
    "operators": "derivative gradient divergence curl laplacian biharmonic advection diffusion dot divergence_free "
    "solve_poisson inner norm integral mean energy_spectrum interpolate stack",
    "simulation": "simulate stepper rollout ensemble steady_state Solution check_gradient lyapunov_exponents "
    "Euler RK4 Tsit5 Dopri5 Dopri8 ETDRK2 ETDRK4 IMEXEuler ARS222 ARS443 ARK4 Strang SymplecticEuler Leapfrog Yoshida4 "
    "Direct Checkpointed Reversible Implicit Forward",
    "_core.errors": "SimulationError StabilityError UnsupportedError ShapeError SpaceMismatchError PrecisionError",
}

_ROOM_OF = {name: room for room, names in _NAMES.items() for name in names.split()}

warn_of_broken_jax()


def __getattr__(name: str):
    if name in _ROOM_OF:
        value = getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
    elif name in _ROOMS:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}: `dir(jaxsci)` lists the public names.")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(["__version__", *_ROOMS, *_ROOM_OF])

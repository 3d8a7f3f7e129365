"""Field -> field: what a law is written with."""

from . import neural as _neural, nodal as _nodal, nodal_solve as _nodal_solve, spectral as _spectral  # noqa: F401
from .calculus import (
    advection as advection,
    biharmonic as biharmonic,
    curl as curl,
    derivative as derivative,
    diffusion as diffusion,
    divergence as divergence,
    dot as dot,
    gradient as gradient,
    laplacian as laplacian,
    stack as stack,
)
from .dispatch import Operator as Operator, operator as operator
from .measure import (
    energy_spectrum as energy_spectrum,
    inner as inner,
    integral as integral,
    interpolate as interpolate,
    mean as mean,
    norm as norm,
)
from .solve import divergence_free as divergence_free, solve_poisson as solve_poisson

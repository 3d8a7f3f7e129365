"""What the fast engine does not do goes through `diffrax.diffeqsolve`: implicit solvers, noise, events, dense
output.
"""

from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import lineax
import optimistix
from jaxtyping import PyTree

from .._core.errors import UnsupportedError
from ..equations.base import StochasticEquation
from ..fields import pack, unpack
from .adaptive import first_step
from .adjoints import Adjoint, Checkpointed, Direct, Forward
from .methods.base import vector_field
from .methods.runge_kutta import Dopri5, Dopri8, RungeKutta, TableauMethod, Tsit5


class _Law(eqx.Module):
    """A law as a function of time, arrays and arguments."""

    equation: Callable
    template: PyTree

    def __call__(self, t, arrays, args):
        return vector_field(self.equation, self.template, args)(t, arrays)


class _Noise(eqx.Module):
    """The noise amplitude of a stochastic law, as a diagonal operator on Brownian increments."""

    equation: StochasticEquation
    template: PyTree

    def __call__(self, t, arrays, args):
        return lineax.DiagonalLinearOperator(unpack(self.equation.diffusion(t, pack(self.template, arrays, t), args)))


def as_diffrax(method: RungeKutta | diffrax.AbstractSolver) -> diffrax.AbstractSolver:
    """The diffrax solver of the same numbers."""
    if isinstance(method, diffrax.AbstractSolver):
        return method
    for kind in (Tsit5, Dopri5, Dopri8):
        if isinstance(method, kind):
            return getattr(diffrax, kind.__name__)()
    if isinstance(method, TableauMethod) and hasattr(diffrax, method.name):
        return getattr(diffrax, method.name)()
    raise UnsupportedError(
        f"{type(method).__name__} has no events, dense output or noise here: use a diffrax solver such as "
        "method=diffrax.Tsit5()."
    )


def adjoint_for(adjoint: Adjoint) -> diffrax.AbstractAdjoint:
    """The diffrax adjoint of the same policy."""
    if isinstance(adjoint, Checkpointed):
        return diffrax.RecursiveCheckpointAdjoint()
    if isinstance(adjoint, Direct):
        return diffrax.DirectAdjoint()
    if isinstance(adjoint, Forward):
        return diffrax.ForwardMode()
    raise UnsupportedError(
        f"{type(adjoint).__name__} does not fit a run through diffrax: use adjoint=js.Checkpointed(), js.Direct() or "
        "js.Forward()."
    )


def terms_for(equation: Callable, state: PyTree, t0, t1, dt, key) -> PyTree:
    """The terms that diffrax integrates."""
    if not isinstance(equation, StochasticEquation):
        return diffrax.ODETerm(_Law(equation, state))
    shape = jax.tree.map(lambda y: jax.ShapeDtypeStruct(y.shape, y.real.dtype), unpack(state))
    brownian = diffrax.VirtualBrownianTree(t0, t1, tol=dt / 2, shape=shape, key=key)
    return diffrax.MultiTerm(
        diffrax.ODETerm(_Law(_Drift(equation), state)), diffrax.ControlTerm(_Noise(equation, state), brownian)
    )


class _Drift(eqx.Module):
    equation: StochasticEquation

    def __call__(self, t, u, args):
        return self.equation.drift(t, u, args)


def event_for(event: Callable | diffrax.Event | None, template: PyTree, tolerances) -> diffrax.Event | None:
    """A crossing of zero by `event(t, state, args)`, as diffrax takes it."""
    if event is None or isinstance(event, diffrax.Event):
        return event

    def crossing(t, y, args, **_):
        return event(t, pack(template, y, t), args)

    return diffrax.Event(crossing, optimistix.Newton(1e-10, 1e-10))


def integrate_by_diffrax(
    solver: diffrax.AbstractSolver, system: tuple, clocks: tuple, tolerances: tuple, options: dict[str, Any]
):
    """Run `diffeqsolve` on the arrays of a state; gives its solution, what was to be saved, and the end, each with its
    times.
    """
    equation, state, args = system
    rtol, atol = tolerances
    t0, t1, dt = clocks
    arrays = unpack(state)
    terms = terms_for(equation, state, t0, t1, dt, options["key"])
    if dt is None:
        controller = diffrax.PIDController(rtol=rtol, atol=atol, pcoeff=0.4, icoeff=0.3, dtmin=None)
        f = vector_field(equation, state, args)
        dt = jax.lax.stop_gradient(first_step(f, t0, arrays, f(t0, arrays), 1, t1 - t0, tolerances, state))
    else:
        controller = diffrax.ConstantStepSize()
        if isinstance(solver, diffrax.AbstractImplicitSolver):
            solver = eqx.tree_at(lambda s: s.root_finder, solver, optimistix.Newton(rtol, atol))
    both = (options["save_at"].subs, diffrax.SubSaveAt(t1=True))
    save_at = eqx.tree_at(lambda s: s.subs, options["save_at"], both, is_leaf=lambda node: node is None)
    with jax.numpy_dtype_promotion("standard"):
        result = diffrax.diffeqsolve(
            terms,
            solver,
            t0,
            t1,
            dt,
            arrays,
            args,
            saveat=save_at,
            stepsize_controller=controller,
            adjoint=adjoint_for(options["adjoint"]),
            event=event_for(options["event"], state, tolerances),
            max_steps=options["max_steps"],
            throw=False,
            progress_meter=diffrax.TqdmProgressMeter() if options["progress"] else diffrax.NoProgressMeter(),
        )
    saved, end = zip(result.ts, result.ys, strict=True)
    return result, saved, (end[0][0], jax.tree.map(lambda a: a[0], end[1]))

"""What a simulation gives back."""

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, PyTree

from ..fields import is_field
from ..geometry import at_time


class Solution(eqx.Module):
    """Saved times and states of a simulation.

    Args:
        ts: the saved times.
        states: the saved states: a state whose arrays have a leading time axis.
        final: the state at the end.
        stats: counters: steps taken and rejected.
        ok: whether the run reached its end with finite numbers.
        method: name of the method that ran.
        dense: the interpolant of diffrax, where it was asked for by `save_at=diffrax.SaveAt(dense=True)`.
    """

    ts: Float[Array, " times"] | None
    states: PyTree
    final: PyTree
    stats: dict
    ok: Bool[Array, ""]
    method: str = eqx.field(static=True, default="")
    dense: PyTree = None

    def at(self, index: int) -> PyTree:
        """The saved state of this index."""
        return slice_states(self.states, index)

    def __len__(self) -> int:
        return 0 if self.ts is None else len(self.ts)

    def __repr__(self):
        lines = [f"Solution by {self.method or 'a method without name'}"]
        if self.ts is not None and not isinstance(self.ts, jax.core.Tracer) and self.ts.ndim == 1:
            span = f"t = {self.ts[-1]:.6g}" if len(self.ts) == 1 else f"t = {self.ts[0]:.6g} ... {self.ts[-1]:.6g}"
            lines.append(f"  states  {len(self.ts)} saved, {span}")
        lines += [
            f"  {name:<7} {value}" for name, value in self.stats.items() if not isinstance(value, jax.core.Tracer)
        ]
        if not isinstance(self.ok, jax.core.Tracer) and self.ok.ndim == 0:
            lines.append(f"  ok      {bool(self.ok)}")
        return "\n".join(lines)


def slice_states(states: PyTree, index) -> PyTree:
    """One state, or a range of states, of states with a leading time axis."""

    def take(u):
        if is_field(u):
            u = u.replace(jax.tree.map(lambda leaf: leaf[index], u.data))
            return at_time(u, lambda t: t[index] if t.ndim else t)
        return u[index]

    return jax.tree.map(take, states, is_leaf=is_field)

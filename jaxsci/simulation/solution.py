"""What a simulation gives back."""

import equinox as eqx
import jax
from jaxtyping import Array, Bool, Float, PyTree

from .._core.errors import ShapeError
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

    @property
    def members(self) -> tuple[int, ...]:
        """Sizes of the leading axes over runs, before the time axis, of `js.ensemble` and `jax.vmap`; () of one run."""
        return self.ok.shape

    def at(self, index: int) -> PyTree:
        """The saved state of this index in time, of all members."""
        return slice_states(self.states, (*(slice(None),) * len(self.members), index))

    def member(self, index: int) -> "Solution":
        """The run of one member of an ensemble."""
        if not self.members:
            raise ShapeError("this is one run, not an ensemble: it is its only member.")
        ts = self.ts if self.ts is None or self.ts.ndim <= len(self.members) else self.ts[index]
        states, final = (None if tree is None else slice_states(tree, index) for tree in (self.states, self.final))
        stats, dense = jax.tree.map(lambda a: a[index] if eqx.is_array(a) and a.ndim else a, (self.stats, self.dense))
        return Solution(ts, states, final, stats, self.ok[index], self.method, dense)

    def __len__(self) -> int:
        return 0 if self.ts is None else self.ts.shape[-1]

    def __repr__(self):
        lines = [f"Solution by {self.method or 'a method without name'}"]
        if self.ts is not None and not isinstance(self.ts, jax.core.Tracer) and self.ts.ndim == 1:
            ends = dict.fromkeys(f"{t:.6g}" for t in (*self.ts[:1], *self.ts[-1:]))
            lines.append(f"  states  {len(self.ts)} saved" + f", t = {' ... '.join(ends)}" * bool(ends))
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

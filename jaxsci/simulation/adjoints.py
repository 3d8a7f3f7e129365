"""How derivatives travel back through time: what is stored, what is computed again."""

import abc
import math
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .._core.loops import scan
from .._core.memory import apart_after, takes_margins
from .._core.rings import Rings, reach, with_margin

WITHIN_A_STEP = 8  # arrays of the size of a state that the derivative of a step reads
MOST_WITH_MARGIN = 8  # steps; more would take longer to compile and save little


class Adjoint(eqx.Module):
    """A policy for reverse-mode derivatives of a simulation; values and forward-mode derivatives never depend on it."""


class Loop(Adjoint):
    """A policy that derivatives of a plain `lax.scan` can follow."""

    @abc.abstractmethod
    def trajectory(
        self, body: Callable, carry: PyTree, num_saves: int, every: int, rings: Sequence[Rings] | None = None
    ) -> tuple[PyTree, PyTree]:
        """The last carry and the carries after each `every` steps of `body(carry, n)`, `num_saves` of them.

        With stencils `rings` says of which axes of the arrays the ends are neighbours.
        """


class Direct(Loop):
    """Store every intermediate value: the fastest gradient (2.2 to 2.7 times the forward run), the most memory."""

    def trajectory(self, body, carry, num_saves, every, rings=None):
        return _trajectory(_steps(body, rings), carry, num_saves, every, lambda run: run, 1)


class Forward(Loop):
    """Forward mode: one tangent beside the run, no stored states. Use it with `jax.jvp` or `jax.jacfwd`.

    Needed only by error-controlled runs, whose default cannot be differentiated forwards; for few unknowns.
    """

    def trajectory(self, body, carry, num_saves, every, rings=None):
        return _trajectory(_steps(body, rings), carry, num_saves, every, lambda run: run, 1)


class Checkpointed(Loop):
    """Store a state now and then and compute the rest again: the default.

    The block between two stored states is the smallest one with which these and what its derivative reads fit into
    `memory` bytes, and at most about the square root of the number of steps.

    Args:
        memory: bytes for stored states.
    """

    memory: int = eqx.field(static=True, default=2**26)

    def trajectory(self, body, carry, num_saves, every, rings=None):
        if takes_margins():  # nobody asks for derivatives
            return _trajectory(_steps(body, rings), carry, num_saves, every, lambda run: run, every)
        total = num_saves * every
        size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(carry))
        block, a_step = _block(total, self.memory // max(1, size))
        block += block % 2 if rings else 0
        inner = jax.checkpoint(body, prevent_cse=False) if a_step == 1 else body

        def guard(run):
            return jax.checkpoint(run, prevent_cse=False)

        return _trajectory(_steps(inner, rings), carry, num_saves, every, guard, block)


def _block(steps: int, room: int) -> tuple[int, int]:
    """The fewest steps of a block for which the states between blocks and what the derivative of a block reads fit into
    so much `room`, and the states that each of its steps takes of it: one where the steps are checkpointed, too.
    """
    longest = math.ceil(math.sqrt(steps))
    for a_step in (WITHIN_A_STEP, 1):
        for block in range(1, longest + 1):
            if math.ceil(steps / block) + a_step * (block - 1) <= room:
                return block, a_step
    return longest, 1


class Reversible(Adjoint):
    """Store the end only, and run time backwards to find the rest: memory independent of the number of steps.

    Only time-reversible methods (leapfrog, Yoshida, a splitting of such) do this stably; others are refused.
    """


class Implicit(Adjoint):
    """Differentiate the equation that a steady state satisfies, instead of the iterations that found it."""


def _steps(body: Callable, rings: Sequence[Rings] | None) -> Callable:
    """`steps(carry, first, number)`: `body` applied for `n = first ... first + number - 1`.

    Values of stencils go through memory two steps a pass; where all axes are rings and nobody asks for derivatives,
    up to `MOST_WITH_MARGIN` steps share a copy of the neighbours.
    """

    def plain(body, carry, first, number, unroll=1):
        return scan(lambda c, n: (body(c, n), None), carry, first + jnp.arange(number), unroll=unroll)[0]

    def steps(carry, first, number):
        if number == 1:
            return body(carry, jnp.asarray(first))
        if rings is None:
            return plain(body, carry, first, number)
        together, width = _together(body, carry, rings, number)
        if together:
            full, number = divmod(number, together)
            carry = plain(
                lambda c, k: with_margin(body, c, rings, together, width, first + k * together), carry, 0, full
            )
            first = first + full * together
        return plain(lambda c, n: apart_after(body, c, n), carry, first, number, unroll=2) if number else carry

    return steps


def _together(body: Callable, carry: PyTree, rings: Sequence[Rings], number: int) -> tuple[int, int]:
    """How many steps share a margin, and how many nodes of it each of them uses up; none where it does not pay."""
    if not takes_margins():
        return 0, 0
    width = reach(body, carry, rings, jnp.asarray(0))
    if not width:
        return 0, 0
    # a margin of k steps adds k / room of the nodes, averaged over the steps: a sixteenth, an eighth for one step
    room = min(min(size for size in leaf if size) // (width * sum(map(bool, leaf))) for leaf in rings)
    return min(MOST_WITH_MARGIN, number, room // 16 or min(1, room // 8)), width


def _trajectory(steps, carry, num_saves, every, guard, block):
    """Two nested levels: within a save interval where it is longer than a block, else over groups of saves."""
    if every >= block or num_saves == 1:

        def interval(c, k):
            c = _blocks(steps, c, k * every, every, guard, block)
            return c, c

        if num_saves == 1:
            carry, _ = interval(carry, 0)
            return carry, jax.tree.map(lambda leaf: leaf[None], carry)
        return scan(interval, carry, jnp.arange(num_saves))

    group = block // every

    def save(c, k):
        c = steps(c, k * every, every)
        return c, c

    def run(c, first, number):
        return scan(save, c, first + jnp.arange(number))

    full, rest = divmod(num_saves, group)
    carry, saved = scan(lambda c, g: guard(lambda c, g: run(c, g * group, group))(c, g), carry, jnp.arange(full))
    saved = jax.tree.map(lambda leaf: leaf.reshape((full * group, *leaf.shape[2:])), saved)
    if rest:
        carry, tail = guard(lambda c: run(c, full * group, rest))(carry)
        saved = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), saved, tail)
    return carry, saved


def _blocks(steps, carry, first, number, guard, block):
    full, rest = divmod(number, block)
    if full:
        carry, _ = scan(
            lambda c, j: (guard(lambda c, j: steps(c, first + j * block, block))(c, j), None),
            carry,
            jnp.arange(full),
        )
    return guard(lambda c: steps(c, first + full * block, rest))(carry) if rest else carry


def pullback(function: Callable, inputs: PyTree, cotangents: PyTree) -> PyTree:
    """Cotangents of the inexact leaves of `inputs`, None elsewhere."""
    moving, fixed = eqx.partition(inputs, eqx.is_inexact_array)
    return jax.vjp(lambda x: function(eqx.combine(x, fixed)), moving)[1](cotangents)[0]


def zeros_like_inexact(tree: PyTree) -> PyTree:
    """A zero cotangent for each inexact leaf, None elsewhere."""
    return jax.tree.map(jnp.zeros_like, eqx.filter(tree, eqx.is_inexact_array))


def add(a: PyTree, b: PyTree) -> PyTree:
    """Sum of two trees of cotangents."""
    return jax.tree.map(jnp.add, a, b)

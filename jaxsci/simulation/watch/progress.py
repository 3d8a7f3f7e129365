"""Progress bars for long runs, and runs that save as they go.

A store is any object with two methods:

* `append(ts, states, engine)`: keep saved times, saved states (leading time axis) and the engine's own state, a PyTree
of
  arrays and None, all or nothing;
* `resume()`: the last engine state that was appended, or None at the very beginning; its leaves count, in their order,
and
  containers below its keys may come back as lists.

A run with `store=` goes in segments of about a hundredth of its saves. When it is killed, the same call with the same
store goes on from the last segment and gives the same numbers, bit for bit.
"""

import itertools
import weakref

import jax
import jax.numpy as jnp
from jaxtyping import Array

UPDATES = 100

_tokens = itertools.count(1)
_bars: "weakref.WeakValueDictionary[int, Bar]" = weakref.WeakValueDictionary()


class Bar:
    """A progress bar over the fraction of a run that is done, with at most about a hundred updates."""

    def __init__(self, description: str):
        from tqdm.auto import tqdm

        self.token = next(_tokens)
        self._bar = tqdm(total=UPDATES, desc=description, unit="%", bar_format="{l_bar}{bar}| {elapsed}<{remaining}")
        _bars[self.token] = self

    def update(self, fraction: float) -> None:
        """Move the bar forwards to a fraction between 0 and 1."""
        self._bar.update(max(0, min(UPDATES, int(UPDATES * fraction + 1e-6)) - self._bar.n))

    def close(self, done: bool = True) -> None:
        """End the bar, full where the run came to its end."""
        if done:
            self.update(1.0)
        self._bar.close()


def report(token: Array, before: Array, after: Array) -> None:
    """Inside a trace: tell the host when a run passes the next hundredth."""

    def show(token, fraction):
        bar = _bars.get(int(token))
        if bar is not None:
            bar.update(float(fraction))

    passed = jnp.floor(UPDATES * after + 1e-6) > jnp.floor(UPDATES * before + 1e-6)
    jax.lax.cond(passed, lambda: jax.debug.callback(show, token, after), lambda: None)

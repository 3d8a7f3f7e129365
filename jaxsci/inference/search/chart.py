"""The coordinates that a search moves in."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ..coordinates import Coordinates
from ..transforms import Identity, Transform


class Chart(eqx.Module):
    """Physical values where bounds can be reached, and are kept by projection; the real line where they cannot.

    Args:
        coordinates: the unknowns.
        projects: whether the search can keep to bounds; else every unknown with bounds moves on the real line.
    """

    coordinates: Coordinates
    projects: bool = eqx.field(static=True)

    @property
    def transforms(self) -> list[Transform]:
        """What leads from the coordinate of each unknown to its value."""
        physical = [prior.closed and self.projects for prior in self.coordinates.priors]
        return [
            Identity() if p else prior.transform for p, prior in zip(physical, self.coordinates.priors, strict=True)
        ]

    @property
    def bounds(self) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """Least and largest coordinate."""
        lower, upper = self.coordinates.lower, self.coordinates.upper
        return (lower, upper) if self.projects else (jnp.full_like(lower, -jnp.inf), jnp.full_like(upper, jnp.inf))

    def encode(self, unknowns: PyTree) -> Float[Array, " n"]:
        """Coordinates of physical values."""
        leaves = self.coordinates.split(self.coordinates.vector(unknowns))
        return self.coordinates.join([t.inverse(x) for t, x in zip(self.transforms, leaves, strict=True)])

    def decode(self, y: Float[Array, " n"]) -> PyTree:
        """The unknowns of coordinates."""
        leaves = self.coordinates.split(y)
        return self.coordinates.rebuild([t.forward(x) for t, x in zip(self.transforms, leaves, strict=True)])

    def slopes(self, y: Float[Array, " n"]) -> Float[Array, " n"]:
        """Derivative of each physical value by its coordinate."""
        return jax.jvp(lambda y: self.coordinates.vector(self.decode(y)), (y,), (jnp.ones_like(y),))[1]

    def starts(self, number: int, key) -> Float[Array, "starts n"]:
        """The guess, then draws from the prior; where that is improper, the guess times exp(normal), or normal if the
        guess is zero.
        """
        first = self.encode(self.coordinates.template)

        def draw(key):
            keys = jax.random.split(key, len(self.coordinates.priors))
            leaves = []
            for k, prior, (_, leaf) in zip(keys, self.coordinates.priors, self.coordinates.leaves, strict=True):
                if prior.proper:
                    leaves.append(prior.sample(k, leaf.shape, leaf.dtype))
                else:
                    white = jax.random.normal(k, leaf.shape, leaf.dtype)
                    moved = jnp.where(leaf == 0, white, leaf * jnp.exp(white))
                    low, high = (jnp.asarray(end).astype(leaf.dtype) for end in prior.support)
                    leaves.append(jnp.where((moved > low) & (moved < high), moved, leaf))
            return self.encode(self.coordinates.rebuild(leaves))

        if number == 1:
            return first[None]
        return jnp.concatenate([first[None], jax.vmap(draw)(jax.random.split(key, number - 1))])

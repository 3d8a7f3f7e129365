"""Maps of the real line onto the values that an unknown may take. Searches and chains move on the line."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._core.precision import as_floating, in_type_of


class Transform(eqx.Module):
    r"""An increasing map x = f(z) of the real line, element by element, onto a set of allowed values."""

    @abc.abstractmethod
    def forward(self, z: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The allowed value x of a number z."""

    @abc.abstractmethod
    def inverse(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The number z of an allowed value x; not finite where x is not allowed."""

    @abc.abstractmethod
    def log_jacobian(self, z: Float[Array, "*shape"]) -> Float[Array, ""]:
        r"""The sum of :math:`\log |dx/dz|` over all elements."""


class Identity(Transform):
    """x = z: every number is allowed."""

    def forward(self, z):
        return z

    def inverse(self, x):
        return x

    def log_jacobian(self, z):
        return jnp.zeros((), z.dtype)


class Positive(Transform):
    """x = exp(z): positive numbers.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> float(js.inference.Positive().forward(jnp.array(0.0)))
        1.0
    """

    def forward(self, z):
        return jnp.exp(z)

    def inverse(self, x):
        return jnp.log(x)

    def log_jacobian(self, z):
        return jnp.sum(z)


class Above(Transform):
    """x = lower + exp(z): numbers above `lower`."""

    lower: Array = eqx.field(converter=as_floating)

    def forward(self, z):
        (lower,) = in_type_of(z, self.lower)
        return lower + jnp.exp(z)

    def inverse(self, x):
        (lower,) = in_type_of(x, self.lower)
        return jnp.log(x - lower)

    def log_jacobian(self, z):
        return jnp.sum(z)


class Below(Transform):
    """x = upper - exp(-z): numbers below `upper`."""

    upper: Array = eqx.field(converter=as_floating)

    def forward(self, z):
        (upper,) = in_type_of(z, self.upper)
        return upper - jnp.exp(-z)

    def inverse(self, x):
        (upper,) = in_type_of(x, self.upper)
        return -jnp.log(upper - x)

    def log_jacobian(self, z):
        return -jnp.sum(z)


class Between(Transform):
    """x = lower + (upper - lower) / (1 + exp(-z)): numbers between two bounds.

    Element by element, an infinite bound is no bound: the map is then that of `Above`, `Below` or `Identity`.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> float(js.inference.Between(2.0, 4.0).forward(jnp.array(0.0)))
        3.0
    """

    lower: Array = eqx.field(converter=as_floating)
    upper: Array = eqx.field(converter=as_floating)

    def forward(self, z):
        below, above, lower, upper = self._bounds(z)
        grow, shrink = _exp_where(below & ~above, z), _exp_where(above & ~below, -z)
        one_sided = jnp.where(below, lower + grow, jnp.where(above, upper - shrink, z))
        return jnp.where(below & above, lower + (upper - lower) * jax.nn.sigmoid(z), one_sided)

    def inverse(self, x):
        below, above, lower, upper = self._bounds(x)
        from_lower, to_upper = jnp.where(below, x - lower, 1.0), jnp.where(above, upper - x, 1.0)
        return jnp.where(below | above, jnp.log(from_lower) - jnp.log(to_upper), x)

    def log_jacobian(self, z):
        below, above, lower, upper = self._bounds(z)
        both = below & above
        width = jnp.where(both, upper - lower, 1.0)
        logistic = jnp.log(width) + jax.nn.log_sigmoid(z) + jax.nn.log_sigmoid(-z)
        return jnp.sum(jnp.where(both, logistic, jnp.where(below, z, jnp.where(above, -z, 0.0))))

    def _bounds(self, like: Array) -> tuple[Array, Array, Array, Array]:
        """Which bounds are finite, and the bounds with harmless numbers for those that are not."""
        lower, upper = (jnp.broadcast_to(bound, like.shape) for bound in in_type_of(like, self.lower, self.upper))
        below, above = jnp.isfinite(lower), jnp.isfinite(upper)
        return below, above, jnp.where(below, lower, 0.0), jnp.where(above, upper, 1.0)


def _exp_where(chosen: Array, z: Array) -> Array:
    """exp(z) at the chosen elements and 1 elsewhere, without overflow in what is not chosen."""
    return jnp.exp(jnp.where(chosen, z, 0.0))

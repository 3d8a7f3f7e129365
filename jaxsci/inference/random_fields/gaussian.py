"""Gaussian random fields: what is known of a function before it is measured, by its size, smoothness and length."""

import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._core.errors import ShapeError, UnsupportedError
from ..._core.precision import as_floating, in_type_of
from ..._core.shown import shown
from ...fields import Field, FiniteDifference, Fourier, Space, is_field
from ..distributions.base import Distribution
from ..distributions.normal import LOG_ROOT_TWO_PI
from .basis import Basis, PrincipalComponents, Waves, has_free_walls
from .matern import spectrum


class GaussianRandomField(Distribution):
    r"""A function of which every set of values is normal, with Matern's covariance.

    .. math:: \mathrm{cov}(u(x), u(y)) = \sigma^2 \frac{2^{1-\nu}}{\Gamma(\nu)} s^\nu K_\nu(s), \quad
              s = \sqrt{2 \nu}\, |x - y| / \ell

    Written in a basis of functions with independent coefficients, :math:`u = \mu + \sum_i \sqrt{\lambda_i}\, z_i
    \phi_i` with :math:`z \sim N(0, 1)`. The space decides on the basis. Walls without a law (`space.derived`):
    principal components of the covariance, which then holds exactly between any two nodes; up to 4096 nodes. Periodic
    axes: waves, whose covariance is the sum over all periods. Walls with Dirichlet or Neumann laws: sines or cosines,
    so that every draw obeys the homogeneous law; the variance then falls to zero at the former walls and doubles at
    the latter ones. Waves finer than the grid are left out, and the others scaled so that the variance away from walls
    is `standard_deviation**2`.

    Take the unknown as nodal values (or a Field) with this object as its prior; or, better conditioned, the
    coefficients z with prior `Normal(0, 1)` and `prior.field(z)` inside the simulator: `num_modes` of them are often
    enough. What is left out is held to be exactly zero: where its size, the root of the eigenvalues left out, is not
    well below the error bars, these are too narrow.

    Args:
        space: where the function lives; Fourier or FiniteDifference.
        standard_deviation: the size sigma; differentiable.
        length: the correlation length; differentiable where the basis is one of waves.
        smoothness: Matern's nu: 0.5 is rough, 1.5 and 2.5 are once and twice differentiable, infinity is analytic.
        mean: a number, or nodal values.
        num_modes: how many basis functions to keep, the smoothest first; all where None.

    Raises:
        UnsupportedError: If no basis is known for the space.
        ValueError: If a length, size or smoothness is not positive.

    References:
        Lindgren, Rue & Lindstrom, J. R. Stat. Soc. B 73 (2011) 423, for the waves and the walls.

    Example:
        >>> import jax, jaxsci as js
        >>> space = js.Fourier(js.Grid(js.Box((0.0, 1.0)), (32,)))
        >>> prior = js.inference.GaussianRandomField(space, standard_deviation=0.5, length=0.2)
        >>> round(float(prior.covariance[0, 0]), 6)
        0.25
    """

    least_squares: ClassVar[bool] = True
    normal: ClassVar[bool] = True

    space: Space
    standard_deviation: Array = eqx.field(converter=as_floating)
    length: Array = eqx.field(converter=as_floating)
    mean: Any = eqx.field(converter=as_floating)
    basis: Basis
    smoothness: float = eqx.field(static=True)

    def __repr__(self):
        return (
            f"GaussianRandomField(standard_deviation={shown(self.standard_deviation)}, length={shown(self.length)}, "
            f"smoothness={self.smoothness:g}; {self.num_modes} modes on {self.space!r})"
        )

    def __init__(
        self,
        space: Space,
        standard_deviation: float | Array = 1.0,
        length: float | Array = 0.1,
        smoothness: float = 1.5,
        mean: float | Array = 0.0,
        num_modes: int | None = None,
    ):
        if not isinstance(space, (Fourier, FiniteDifference)):
            raise UnsupportedError(
                f"a random field on {space!r}: take a Fourier or a FiniteDifference space, and evaluate its draws "
                "anywhere."
            )
        numbers = {"standard_deviation": standard_deviation, "length": length, "smoothness": smoothness}
        for name, value in numbers.items():
            if not isinstance(value, jax.core.Tracer) and not float(value) > 0:
                raise ValueError(f"{name}={value} of a random field must be positive.")
        num_nodes = math.prod(space.grid.shape)
        if num_modes is not None and not 1 <= num_modes <= num_nodes:
            raise ValueError(f"num_modes={num_modes} of {num_nodes} nodes: keep between 1 and {num_nodes} of them.")
        self.space = space
        self.standard_deviation, self.length, self.mean = standard_deviation, length, _nodal(mean)
        self.smoothness = float(smoothness)
        if not has_free_walls(space):
            self.basis = Waves(space, num_modes)
        elif isinstance(length, jax.core.Tracer):
            raise UnsupportedError(
                "the principal components of a random field are found when the program is traced, so their length must "
                "be a plain number there; walls with Neumann or Dirichlet laws and periodic axes take a traced one."
            )
        else:
            self.basis = PrincipalComponents(space, float(length), self.smoothness, num_modes)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.space.grid.shape

    @property
    def num_modes(self) -> int:
        """Number of coefficients z."""
        return self.basis.num_modes

    @property
    def eigenvalues(self) -> Float[Array, " modes"]:
        """Variances of the coefficients of the basis functions, which are orthonormal over the nodes."""
        sd, length = in_type_of(jnp.zeros(()), self.standard_deviation, self.length)
        if isinstance(self.basis, PrincipalComponents):
            return sd**2 * in_type_of(sd, self.basis.eigenvalues)[0]
        squared, everywhere, weights = in_type_of(sd, self.basis.squared_wavenumbers, *self.basis.unreflected)
        variance = jnp.sum(weights * spectrum(everywhere * length**2, self.smoothness, self.space.dim))
        density = spectrum(squared[: self.num_modes] * length**2, self.smoothness, self.space.dim)
        return sd**2 / variance * density

    def values(self, white: Float[Array, " modes"]) -> Float[Array, "*grid"]:
        """Nodal values for coefficients z."""
        white = jnp.asarray(white)
        if white.shape != (self.num_modes,):
            raise ShapeError(
                f"coefficients of shape {white.shape} for a random field of {self.num_modes} modes: pass shape "
                f"({self.num_modes},), for example jax.random.normal(key, ({self.num_modes},))."
            )
        mean, scales = in_type_of(white, self.mean, jnp.sqrt(self.eigenvalues))
        return mean + self.basis.synthesis(scales * white)

    def field(self, white: Float[Array, " modes"]) -> Field:
        """The function for coefficients z: differentiable, and normal with this covariance where z is white."""
        return self.space.field(self.values(white))

    def white(self, field: Field | Array) -> Float[Array, " modes"]:
        """The coefficients z of a function, or of its nodal values."""
        values = self._checked(field)
        mean, scales = in_type_of(values, self.mean, jnp.sqrt(self.eigenvalues))
        return self.basis.analysis(values - mean) / scales

    def residual(self, x):
        self._check_complete()
        return self.white(x)

    def log_density(self, x):
        z = self.residual(x)
        (variances,) = in_type_of(z, self.eigenvalues)
        return -0.5 * jnp.sum(z**2) - 0.5 * jnp.sum(jnp.log(variances)) - z.size * LOG_ROOT_TWO_PI

    def sample(self, key, shape=None, dtype=float):
        """One draw of the nodal values."""
        if shape is not None and tuple(shape) != self.shape:
            raise ShapeError(f"a random field on a grid of {self.shape} nodes was asked for a draw of shape {shape}.")
        return self.values(jax.random.normal(key, (self.num_modes,), dtype))

    @property
    def covariance(self) -> Float[Array, "nodes nodes"]:
        """The matrix of covariances of the nodal values: for small grids."""
        modes = jax.vmap(lambda c: self.basis.synthesis(c).ravel())(jnp.diag(jnp.sqrt(self.eigenvalues)))
        return modes.T @ modes

    def _checked(self, field: Field | Array) -> Array:
        if is_field(field):
            return field.values
        values = as_floating(field)
        if values.shape != self.shape:
            raise ShapeError(
                f"nodal values of shape {values.shape} meet a random field on a grid of {self.shape} nodes: pass a "
                "Field, or its nodal values. A vector field has one prior per component."
            )
        return values

    def _check_complete(self) -> None:
        if not self.basis.complete or math.isinf(self.smoothness):
            raise UnsupportedError(
                f"a random field of {self.num_modes} modes and smoothness {self.smoothness:g} has no density over "
                f"{math.prod(self.shape)} nodal values: some of their combinations do not vary, to working precision. "
                "Take the coefficients as unknowns: prior Normal(0.0, 1.0) over jnp.zeros(prior.num_modes), and "
                "prior.field(z) inside the simulator; or leave num_modes out and lower the smoothness."
            )


def _nodal(mean):
    return mean.values if is_field(mean) else mean

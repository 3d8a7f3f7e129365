"""Operators on Fourier series: multiplication of each coefficient by a function of its wavenumber."""

import math

import jax.numpy as jnp
import numpy as np

from .._core.errors import ShapeError
from .._core.precision import multiply, one_kind, real_dtype, total
from ..fields import Field, Fourier
from .calculus import biharmonic, derivative, laplacian
from .measure import energy_spectrum, inner, integral
from .solve import divergence_free, solve_poisson


def multiplied(field: Field, factor: np.ndarray) -> Field:
    """The field whose coefficients are those of `field` times a real or imaginary factor per mode."""
    data = field.to("coef").data
    real = real_dtype(data.dtype)
    kind = real if np.isrealobj(factor) else np.result_type(real, np.complex64)
    return Field(multiply(jnp.asarray(factor, kind), data), field.space, "coef")


@derivative.register(Fourier)
def _(field: Field, axis: int = 0, order: int = 1) -> Field:
    field, axis, order = field.to("coef"), int(axis), int(order)
    space, half = field.space, field.space.is_half(field.data)
    k = space.wavenumbers(axis, half)
    n = space.grid.shape[axis]
    if order % 2 and n % 2 == 0:
        k = np.where(np.abs(space.modes(axis, half)) == n // 2, 0.0, k)
    factor = (1j * k) ** order
    return multiplied(field, factor.real if order % 2 == 0 else 1j * factor.imag)


def squared_wavenumber(space: Fourier, half: bool) -> np.ndarray:
    """`|k|^2` of every mode."""
    return sum(space.wavenumbers(axis, half) ** 2 for axis in range(space.dim))


@laplacian.register(Fourier)
def _(field: Field) -> Field:
    field = field.to("coef")
    return multiplied(field, -squared_wavenumber(field.space, field.space.is_half(field.data)))


@biharmonic.register(Fourier)
def _(field: Field) -> Field:
    field = field.to("coef")
    return multiplied(field, squared_wavenumber(field.space, field.space.is_half(field.data)) ** 2)


@solve_poisson.register(Fourier)
def _(field: Field, boundary=None) -> Field:
    if boundary is not None:
        raise ShapeError("a Fourier field is periodic: solve_poisson takes no boundary here.")
    field = field.to("coef")
    k2 = squared_wavenumber(field.space, field.space.is_half(field.data))
    return multiplied(field, -np.divide(1.0, k2, out=np.zeros_like(k2), where=k2 > 0))


@divergence_free.register(Fourier)
def _(field: Field) -> Field:
    field = field.to("coef")
    space, half = field.space, field.space.is_half(field.data)
    wave = [
        np.where(np.abs(space.modes(i, half)) * 2 == n, 0.0, space.wavenumbers(i, half))
        for i, n in enumerate(space.grid.shape)
    ]
    return field.replace(leray(field.data, wave))


def leray(v, wave):
    """`v - k (k . v) / |k|^2`, mode by mode."""
    real = real_dtype(v.dtype)
    k2 = sum(k**2 for k in wave)
    inverse = np.divide(1.0, k2, out=np.zeros_like(k2), where=k2 > 0)
    along = sum(multiply(jnp.asarray(k * inverse, real), v[i]) for i, k in enumerate(wave))
    return jnp.stack([v[i] - multiply(jnp.asarray(k, real), along) for i, k in enumerate(wave)])


@integral.register(Fourier)
def _(field: Field):
    cell = _cell(field.space)
    if field.layout == "grid":
        return total(field.data, field.space.dim) * cell
    mean = field.data[(..., *(0,) * field.space.dim)] * cell
    return mean.real if field.space.is_half(field.data) else mean


@inner.register(Fourier)
def _(left: Field, right: Field):
    a, b = one_kind(left.values, right.values)
    return total(jnp.conj(a) * b if jnp.iscomplexobj(a) else a * b, a.ndim) * _cell(left.space)


def _cell(space: Fourier) -> float:
    return space.grid.box.volume / math.prod(space.grid.shape)


@energy_spectrum.register(Fourier)
def _(field: Field):
    field = field.to("coef")
    space, half = field.space, field.space.is_half(field.data)
    power = (field.data.real**2 + field.data.imag**2) / (2 * math.prod(space.grid.shape) ** 2)
    power = jnp.sum(power.reshape(-1, *power.shape[power.ndim - space.dim :]), axis=0)
    fundamental = min(2 * np.pi / length for length in space.grid.box.lengths)
    shell = np.rint(np.sqrt(squared_wavenumber(space, half)) / fundamental).astype(int)
    weight = np.ones(power.shape)
    if half:
        weight[..., 1 : (space.grid.shape[-1] + 1) // 2] = 2.0
    k = fundamental * jnp.arange(int(shell.max()) + 1, dtype=power.dtype)
    return k, jnp.zeros(k.shape, power.dtype).at[shell].add(power * jnp.asarray(weight, power.dtype))

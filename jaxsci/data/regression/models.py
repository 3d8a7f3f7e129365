"""The 27 laws of NIST's nonlinear regression problems, as JAX functions of the parameters b and the predictor x."""

from collections.abc import Callable
from types import MappingProxyType

import jax.numpy as jnp
from jaxtyping import Array

PI = 3.141592653589793


def saturation(b: Array, x: Array) -> Array:
    return -b[0] * jnp.expm1(-b[1] * x)


def decay_over_line(b: Array, x: Array) -> Array:
    return jnp.exp(-b[0] * x) / (b[1] + b[2] * x)


def two_peaks(b: Array, x: Array) -> Array:
    first, second = (x - b[3]) / b[4], (x - b[6]) / b[7]
    return b[0] * jnp.exp(-b[1] * x) + b[2] * jnp.exp(-(first**2)) + b[5] * jnp.exp(-(second**2))


def three_decays(b: Array, x: Array) -> Array:
    return b[0] * jnp.exp(-b[1] * x) + b[2] * jnp.exp(-b[3] * x) + b[4] * jnp.exp(-b[5] * x)


def cubic_over_cubic(b: Array, x: Array) -> Array:
    return (b[0] + x * (b[1] + x * (b[2] + x * b[3]))) / (1 + x * (b[4] + x * (b[5] + x * b[6])))


def quadratic_over_quadratic(b: Array, x: Array) -> Array:
    return (b[0] + x * (b[1] + x * b[2])) / (1 + x * (b[3] + x * b[4]))


def three_cycles(b: Array, x: Array) -> Array:
    def cycle(period, cosine, sine):
        return cosine * jnp.cos(2 * PI * x / period) + sine * jnp.sin(2 * PI * x / period)

    return b[0] + cycle(12.0, b[1], b[2]) + cycle(b[3], b[4], b[5]) + cycle(b[6], b[7], b[8])


def power(b: Array, x: Array) -> Array:
    return b[0] * (b[1] + x) ** (-1 / b[2])


def peak(b: Array, x: Array) -> Array:
    return b[0] / b[1] * jnp.exp(-0.5 * ((x - b[2]) / b[1]) ** 2)


def two_relaxations(b: Array, x: Array) -> Array:
    return b[0] + b[1] * jnp.exp(-x * b[3]) + b[2] * jnp.exp(-x * b[4])


def breakdown(b: Array, x: Array) -> Array:
    return b[0] - b[1] * x[:, 0] * jnp.exp(-b[2] * x[:, 1])


def resonance(b: Array, x: Array) -> Array:
    return b[0] - b[1] * x - jnp.arctan(b[2] / (x - b[3])) / PI


MODELS: MappingProxyType[str, Callable[[Array, Array], Array]] = MappingProxyType(
    {
        "Bennett5": power,
        "BoxBOD": saturation,
        "Chwirut1": decay_over_line,
        "Chwirut2": decay_over_line,
        "DanWood": lambda b, x: b[0] * x ** b[1],
        "ENSO": three_cycles,
        "Eckerle4": peak,
        "Gauss1": two_peaks,
        "Gauss2": two_peaks,
        "Gauss3": two_peaks,
        "Hahn1": cubic_over_cubic,
        "Kirby2": quadratic_over_quadratic,
        "Lanczos1": three_decays,
        "Lanczos2": three_decays,
        "Lanczos3": three_decays,
        "MGH09": lambda b, x: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
        "MGH10": lambda b, x: b[0] * jnp.exp(b[1] / (x + b[2])),
        "MGH17": two_relaxations,
        "Misra1a": saturation,
        "Misra1b": lambda b, x: b[0] * (1 - (1 + b[1] * x / 2) ** -2),
        "Misra1c": lambda b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
        "Misra1d": lambda b, x: b[0] * b[1] * x / (1 + b[1] * x),
        "Nelson": breakdown,
        "Rat42": lambda b, x: b[0] / (1 + jnp.exp(b[1] - b[2] * x)),
        "Rat43": lambda b, x: b[0] / (1 + jnp.exp(b[1] - b[2] * x)) ** (1 / b[3]),
        "Roszman1": resonance,
        "Thurber": cubic_over_cubic,
    }
)

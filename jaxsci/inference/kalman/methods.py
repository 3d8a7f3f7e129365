"""How an ensemble moves: perturbed inversion, its deterministic form, the transform, and sigma points."""

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..._core.precision import as_floating


class KalmanMethod(eqx.Module):
    """A way to move an ensemble towards the posterior."""


class Tempered(KalmanMethod):
    r"""A method whose members raise the likelihood from the power 0 to 1 in steps; `move` makes one of length h.

    The step is that of Iglesias and Yang's data misfit controller, :math:`h = \max(m / 2 \bar\Phi, \sqrt{m / 2
    \mathrm{var} \Phi})` with :math:`\Phi` half the squared misfit, at most what is left.

    References:
        Iglesias, Yang, Adaptive regularisation for ensemble Kalman inversion, Inverse Problems 37 (2021).
    """

    @abc.abstractmethod
    def move(
        self, z: Float[Array, "members n"], misfits: Float[Array, "members data"], h: Float[Array, ""], key
    ) -> Float[Array, "members n"]:
        """The members after a step of length h, for misfits d - G(z) in units of the noise."""


class Inversion(Tempered):
    r"""Ensemble Kalman inversion: every member follows data with noise of its own,
    :math:`z_j \mathrel{+}= C_{zg} (C_{gg} + I/h)^{-1} (d_j + \xi_j / \sqrt h)`.

    Exact in the limit of many members for linear laws; its noise makes it the roughest of the four for few, and the
    most robust for laws that bend.

    References:
        Iglesias, Law, Stuart, Ensemble Kalman methods for inverse problems, Inverse Problems 29 (2013).
    """

    def move(self, z, misfits, h, key):
        noise = jax.random.normal(key, misfits.shape, misfits.dtype) / jnp.sqrt(h)
        return z + _gain(z, misfits, h)(misfits + noise)


class DeterministicInversion(Tempered):
    r"""Ensemble Kalman inversion without perturbed data: means take the whole gain, deviations half of it.

    Its covariance is too large by :math:`K C_{gg} K^T / 4`, which small steps make small.

    References:
        Sakov, Oke, A deterministic formulation of the ensemble Kalman filter, Tellus A 60 (2008).
    """

    def move(self, z, misfits, h, key):
        gain, middle = _gain(z, misfits, h), jnp.mean(misfits, axis=0)
        return z + gain(middle[None]) + 0.5 * gain(misfits - middle)


class EnsembleTransform(Tempered):
    r"""Ensemble transform Kalman inversion: the members are recombined so that their mean and covariance are Kalman's.

    With deviations Z and misfits D, in rows, the new deviations are :math:`(I + h D D^T / (J-1))^{-1/2} Z`. Exact
    for linear laws, whatever the number of members above the number of unknowns; members stay in the span of the first.

    References:
        Bishop, Etherton, Majumdar, Adaptive sampling with the ensemble transform Kalman filter, MWR 129 (2001);
        Huang et al., Efficient derivative-free Bayesian inference for large-scale inverse problems (2022), section 3.
    """

    def move(self, z, misfits, h, key):
        Z, D = _deviations(z), _deviations(misfits)
        V, s = _left_factors(D, h)
        shrunk = (1 / (1 + s) - 1)[:, None]
        root = (1 / jnp.sqrt(1 + s) - 1)[:, None]
        middle, away = jnp.mean(misfits, axis=0), Z
        # weights of the mean: -(I + h D D^T)^{-1} h D d, since the predictions fall where misfits rise
        pull = -h * (D @ middle) / math.sqrt(len(z) - 1)
        pull = pull + V @ (shrunk[:, 0] * (V.T @ pull))
        shift = pull @ Z / math.sqrt(len(z) - 1)
        return jnp.mean(z, axis=0) + shift + away + V @ (root * (V.T @ away))


class Unscented(KalmanMethod):
    r"""Unscented Kalman inversion: 2n + 1 sigma points carry mean and covariance, without any chance.

    The noise is that of an artificial filter whose steady state is the posterior, reached by a factor `1 - rate` a
    step, in the mean and in the inverse covariance; the prior is a part of the data. Exact for linear laws. The number
    of steps is fixed: 1e-10 takes 35 at rate 1/2. Each step costs 2n + 1 predictions.

    Args:
        rate: between 0 and 1; 1/2 is the choice of the reference.

    References:
        Huang, Huang, Reich, Stuart, Efficient derivative-free Bayesian inference for large-scale inverse problems,
        Inverse Problems 38 (2022), equations (21)-(24).
    """

    rate: Array = eqx.field(converter=as_floating, default=0.5)


def _deviations(rows: Array) -> Array:
    return rows - jnp.mean(rows, axis=0)


def _left_factors(D: Float[Array, "members data"], h: Array) -> tuple[Array, Array]:
    """Left singular vectors of D and the eigenvalues of h D D^T / (J - 1), by the smaller of its two squares."""
    count = len(D)
    if count <= D.shape[1]:
        values, V = jnp.linalg.eigh(D @ D.T / (count - 1))
        return V, h * jnp.maximum(values, 0.0)
    values, U = jnp.linalg.eigh(D.T @ D / (count - 1))
    safe = jnp.where(values > jnp.max(values) * jnp.finfo(D.dtype).eps, values, jnp.inf)
    return (D @ U) / jnp.sqrt(safe * (count - 1)), h * jnp.maximum(values, 0.0)


def _gain(z: Array, misfits: Array, h: Array):
    """`rows -> rows K^T` with K = C_zg (C_gg + I/h)^{-1}, in data or in ensemble space, whichever is smaller."""
    Z, D, count = _deviations(z), _deviations(misfits), len(z)
    if D.shape[1] <= count:
        covariance = D.T @ D / (count - 1) + jnp.eye(D.shape[1], dtype=D.dtype) / h
        factor = jax.scipy.linalg.cho_factor(covariance)
        cross = -Z.T @ D / (count - 1)
        return lambda rows: jax.scipy.linalg.cho_solve(factor, rows.T).T @ cross.T
    factor = jax.scipy.linalg.cho_factor(D @ D.T / (count - 1) + jnp.eye(count, dtype=D.dtype) / h)
    return lambda rows: jax.scipy.linalg.cho_solve(factor, D @ rows.T).T @ (-Z) / (count - 1)

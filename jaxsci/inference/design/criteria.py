"""What is good about an experiment: one number from the precision that it gives to the unknowns."""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .information import log_volume_ratio


class Criterion(eqx.Module):
    r"""A number to make large, from rows A of the data and rows P of the prior.

    The precision of the unknowns after the experiment is :math:`M = A^T A + P^T P`; flat priors add nothing to it. It
    is about numbers on the real line: physical values, except under priors with bounds.
    """

    needs_prior: ClassVar[bool] = False

    @abc.abstractmethod
    def score(self, rows: Float[Array, "m n"], prior: Float[Array, "p n"]) -> Float[Array, ""]:
        """The number to make large."""


class MostInformative(Criterion):
    r"""The expected information gain in nats, :math:`\tfrac12 \log\det(I + S_0 F)`; needs priors that are normal."""

    needs_prior: ClassVar[bool] = True

    def score(self, rows, prior):
        return log_volume_ratio(rows, prior)


class DOptimal(Criterion):
    r"""The smallest volume of the confidence region: :math:`\log\det M`."""

    def score(self, rows, prior):
        return jnp.linalg.slogdet(_precision(rows, prior))[1]


class AOptimal(Criterion):
    r"""The smallest mean variance of the unknowns: :math:`-\operatorname{tr} M^{-1}`."""

    def score(self, rows, prior):
        return -jnp.trace(jnp.linalg.inv(_precision(rows, prior)))


class EOptimal(Criterion):
    r"""The smallest variance of the worst known combination of unknowns: the least eigenvalue of M."""

    def score(self, rows, prior):
        return jnp.linalg.eigvalsh(_precision(rows, prior))[0]


def _precision(rows: Array, prior: Array) -> Array:
    return rows.T @ rows + prior.T @ prior

"""First-order methods, for networks too large for curvature."""

from typing import Any

import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from ..problems.problem import Problem
from .base import Optimiser, Progress, begun
from .rotated import rotated_adam


class Adam(Optimiser):
    """Adam with a learning rate that falls as a cosine: any number of weights, and the least accurate.

    Args:
        max_steps: How many steps; the learning rate reaches a hundredth at the last.
        learning_rate: The first learning rate.

    References:
        Kingma & Ba, arXiv:1412.6980.
    """

    max_steps: int = 20_000
    learning_rate: float = 2e-3
    per_call = 100

    @property
    def num_steps(self) -> int:
        return self.max_steps

    def transformation(self) -> optax.GradientTransformation:
        """The update rule, of optax."""
        return optax.chain(rotated_adam(1, 0.9, 0.999), optax.scale_by_learning_rate(self.rate))

    def rate(self, count: Array) -> Array:
        """The learning rate after so many steps."""
        done = jnp.minimum(count.astype(float) / self.max_steps, 1.0)
        return self.learning_rate * (0.01 + 0.495 * (1 + jnp.cos(jnp.pi * done)))

    def init(self, problem: Problem, w: Array) -> Progress:
        return begun(w, problem.loss(w), self.transformation().init(self.seen(problem, w)))

    def seen(self, problem: Problem, w: Array) -> Any:
        """The weights as the update rule takes them."""
        return w

    def step(self, problem: Problem, state: Progress) -> Progress:
        loss, gradient = problem.loss_and_gradient(state.w)
        updates, memory = self.transformation().update(
            self.seen(problem, gradient), state.memory, self.seen(problem, state.w)
        )
        w = state.w + ravel_pytree(updates)[0]
        return Progress(w, loss, state.steps + 1, ~jnp.isfinite(loss), memory)


class SOAP(Adam):
    """Adam in a slowly turning basis of each weight matrix, for networks beyond quasi-Newton methods.

    Steps cost about twice those of Adam and lower the loss of physics several times faster.

    Args:
        max_steps: How many steps; the learning rate reaches a hundredth at the last.
        learning_rate: The first learning rate.
        every: After how many steps the basis is turned.

    References:
        Vyas et al., arXiv:2409.11321; Wang et al., arXiv:2502.00604.
    """

    learning_rate: float = 3e-3
    every: int = 2

    def transformation(self) -> optax.GradientTransformation:
        return optax.chain(rotated_adam(self.every, 0.95, 0.95), optax.scale_by_learning_rate(self.rate))

    def seen(self, problem: Problem, w: Array) -> Any:
        return ravel_pytree(problem.template)[1](w)

"""The linear-Gaussian case in closed form: y = A u + noise, prior N(0, diag(1, 4))."""

import jax.numpy as jnp
import numpy as np

import jaxsci as js

A = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
Y = np.array([1.0, 2.0, 3.5])
PRECISION = A.T @ A / 0.25 + np.diag([1.0, 0.25])
COVARIANCE = np.linalg.inv(PRECISION)
MEAN = COVARIANCE @ A.T @ Y / 0.25
MARGINAL = A @ np.diag([1.0, 4.0]) @ A.T + 0.25 * np.eye(3)
LOG_EVIDENCE = -0.5 * (Y @ np.linalg.solve(MARGINAL, Y) + np.linalg.slogdet(2 * np.pi * MARGINAL)[1])


def posterior(dtype="float64"):
    matrix = jnp.asarray(A, dtype)
    prior = js.inference.Normal(jnp.zeros(2, dtype), jnp.array([1.0, 2.0], dtype))
    return js.inference.Posterior(lambda u: matrix @ u, jnp.asarray(Y, dtype), noise=0.5, prior=prior)

"""Ensemble Kalman inversion with ten thousand members, in one program, against a loop that runs member by member."""

import numpy as np

from .comparison import OURS, Contender, Target, Work

TITLE = "Ensemble Kalman inversion of the predator-prey law, 10^4 members"
VARIANTS = ("float32", "float64")
LOOP = "loop over members"
CENTER, WIDTH, NOISE = np.log([0.6, 0.03, 0.7, 0.025]), 0.2, 0.1
START, YEARS, DT = (30.0, 4.0), 20, 0.1


def predict(logarithms):
    """Logarithms of both populations, each year; unknowns are logarithms of the coefficients."""
    import jax.numpy as jnp

    import jaxsci as js

    law = js.equations.LotkaVolterra(*jnp.exp(logarithms))
    start = jnp.asarray(START, logarithms.dtype)
    return jnp.log(js.simulate(law, start, t1=float(YEARS), dt=DT, save_at=YEARS).states)


def data() -> np.ndarray:
    import jax
    import jax.numpy as jnp

    clean = np.asarray(jax.jit(predict)(jnp.log(jnp.array([0.55, 0.028, 0.80, 0.024]))))
    return clean + NOISE * np.random.default_rng(0).standard_normal(clean.shape).astype(clean.dtype)


def ours(count: int):
    import jax
    import jax.numpy as jnp

    import jaxsci as js

    prior = js.inference.Normal(jnp.asarray(CENTER), WIDTH)
    posterior = js.inference.Posterior(predict, data(), NOISE, prior)
    key = jax.random.key(0)
    return lambda: np.asarray(js.inference.ensemble_kalman(posterior, num_members=count, key=key).mean)


def loop(count: int):
    """The same steps by the same rule: each member is a call of a compiled run, the rest is NumPy."""
    import jax
    import jax.numpy as jnp

    run, measured = jax.jit(predict), data().ravel()

    def solve():
        rng = np.random.default_rng(1)
        z = CENTER + WIDTH * rng.standard_normal((count, len(CENTER)))
        power = 0.0
        while power < 1:
            predictions = np.stack([np.asarray(run(jnp.asarray(member))).ravel() for member in z])
            misfits = (measured - predictions) / NOISE
            phi, half = np.sum(misfits**2, axis=1) / 2, misfits.shape[1] / 2
            h = min(max(half / phi.mean(), np.sqrt(half / phi.var())), 1 - power)
            away, spread = z - z.mean(axis=0), misfits - misfits.mean(axis=0)
            covariance = spread.T @ spread / (count - 1) + np.eye(misfits.shape[1]) / h
            noisy = misfits + rng.standard_normal(misfits.shape) / np.sqrt(h)
            z = z - np.linalg.solve(covariance, noisy.T).T @ (spread.T @ away) / (count - 1)
            power = 1.0 if h >= 1 - power else power + h
        return z.mean(axis=0)

    return solve


def work(precision: str, quick: bool) -> Work:
    count = 500 if quick else 10_000
    return Work(
        [Contender(OURS, lambda: ours(count)), Contender(LOOP, lambda: loop(count))],
        count,
        "member",
        targets=[Target(LOOP, 1.0)],
    )

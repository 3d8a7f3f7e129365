"""The phi-functions against 50-digit arithmetic, in both precisions, for scalars and small matrices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxsci.simulation.methods.phi import matrix_phis, scalar_phis

mpmath = pytest.importorskip("mpmath")
MAGNITUDES = np.unique([*np.logspace(-8, 6, 43), 0.0, 0.5, 0.99, 0.999999, 1.0, 1.000001, 1.01, 1.5, 3.0, np.pi])
PHASES = {"decay": -1.0, "oscillation": 1j, "both": np.exp(2.0j)}
TOLERANCE = {jnp.float32: 1e-6, jnp.float64: 1e-14}


def phi(k, z):
    z = mpmath.mpc(z)
    if abs(z) < 2:
        return sum(z**j / mpmath.factorial(j + k) for j in range(60))
    return mpmath.exp(z) if k == 0 else (phi(k - 1, z) - 1 / mpmath.factorial(k - 1)) / z


@functools.cache
def phi_of_matrix(rows, k):
    """The oracle's own way: one exponential of a block matrix, in 80 digits."""
    n = len(rows)
    with mpmath.workdps(80):
        blocks = mpmath.zeros(n * (k + 1))
        for i in range(n):
            for j in range(n):
                blocks[i, j] = rows[i][j]
            for b in range(k):
                blocks[b * n + i, (b + 1) * n + i] = 1
        result = mpmath.expm(blocks)
        return np.array([[complex(result[i, k * n + j]) for j in range(n)] for i in range(n)])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("phase", PHASES)
def test_scalars(phase, dtype):
    z = np.asarray(PHASES[phase] * MAGNITUDES).astype(
        np.result_type(dtype, np.complex64 if phase != "decay" else dtype)
    )
    values = jax.jit(scalar_phis, static_argnums=1)(jnp.asarray(z), 3)
    with mpmath.workdps(50):
        for k, got in enumerate(values):
            assert got.dtype == z.dtype
            wanted = [phi(k, complex(x)) for x in z]
            for x, a, b in zip(z, np.asarray(got), wanted, strict=True):
                assert abs(mpmath.mpc(complex(a)) - b) <= TOLERANCE[dtype] * abs(b) + 1e-37, (k, x)


def test_slopes_of_scalars():
    """`phi_k' = phi_k - k phi_(k+1)`, at zero and on both sides of the switch."""
    z = jnp.array([0.0, -1e-9, -0.3, -0.999999, -1.000001, -40.0, -1e6, 0.7])
    values = scalar_phis(z, 4)
    for k in range(4):
        slope = jax.vmap(jax.grad(lambda x, k=k: scalar_phis(x, 3)[k]))(z)
        wanted = values[k] - k * values[k + 1]
        np.testing.assert_allclose(slope, wanted, rtol=1e-9, atol=1e-12)
    assert np.all(np.isfinite(jax.vmap(jax.grad(lambda x: scalar_phis(x, 3)[3]))(z.astype(jnp.float32))))


MATRICES = {
    "zero": [[0.0, 0.0], [0.0, 0.0]],
    "wave": [[0.0, 0.125], [-0.125e4, 0.0]],
    "fast wave": [[0.0, 0.125], [-0.125e6, 0.0]],
    "double eigenvalue": [[-2.0, 1.0], [0.0, -2.0]],
    "one stiff unknown": [[-1e5, -1.0], [0.125, -0.125]],
    "stiff and slow": [[-1e6, 1.0], [1.0, -1e-3]],
    "stiff": [[-1e6, 2e5], [1e5, -3e5]],
    "growth": [[1.0, 2.0], [0.5, -1.0]],
    "three": [[0.0, 1.0, 0.5], [-1.0, 0.0, 2.0], [0.25, -2.0, -30.0]],
}


def in_energy_norm(z, f):
    """The matrix in coordinates where the two unknowns of a wave count alike."""
    if len(z) != 2 or z[0][1] * z[1][0] == 0:
        return f
    d = np.array([1.0, np.sqrt(abs(z[1][0] / z[0][1]))])
    return f * d[None, :] / d[:, None]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_matrices(dtype):
    """Norm by norm to 1e-5 in single precision, up to the digits that oscillations of the given phase can have."""
    compiled = jax.jit(matrix_phis, static_argnums=1)
    for name, rows in MATRICES.items():
        z = jnp.asarray(rows, dtype)
        exact = tuple(tuple(float(x) for x in row) for row in np.asarray(z))
        phase = np.abs(np.linalg.eigvals(np.asarray(exact)).imag).max()
        for k, got in enumerate(compiled(z, 3)):
            wanted = in_energy_norm(exact, phi_of_matrix(exact, k).real)
            bound = np.finfo(dtype).eps * (20 + 4 * phase)
            assert dtype != jnp.float32 or bound < 1e-5 or phase > 20
            error = np.abs(in_energy_norm(exact, np.asarray(got)) - wanted).max()
            assert error <= bound * max(np.abs(wanted).max(), 1 / (1 + phase) ** k if k < 2 else 0.0), (name, k, error)


def test_complex_matrices_and_batches():
    draw = np.random.default_rng(0)
    z = draw.normal(size=(5, 3, 3)) + 1j * draw.normal(size=(5, 3, 3))
    batch = matrix_phis(jnp.asarray(z), 2)
    for i in range(5):
        for k in range(3):
            wanted = phi_of_matrix(tuple(tuple(complex(x) for x in row) for row in z[i]), k)
            np.testing.assert_allclose(batch[k][i], wanted, rtol=1e-13, atol=1e-14)


def test_matrices_agree_with_scalars_on_the_diagonal():
    z = jnp.array([-1e4, -3.0, -1e-5])
    for scalar, matrix in zip(scalar_phis(z, 3), matrix_phis(jnp.diag(z), 3), strict=True):
        np.testing.assert_allclose(jnp.diag(matrix), scalar, rtol=1e-13, atol=1e-15)


@jax.jit
def loss(z):
    return sum(jnp.sum(jnp.sin(f)) for f in matrix_phis(z, 3))


@jax.jit
def slopes(z, direction):
    return jnp.vdot(jax.grad(loss)(z), direction), jax.jvp(loss, (z,), (direction,))[1]


@pytest.mark.parametrize("name", ["zero", "wave", "double eigenvalue", "one stiff unknown", "three"])
def test_slopes_of_matrices(name):
    z = jnp.asarray(MATRICES[name])
    direction = jnp.asarray(np.random.default_rng(1).normal(size=z.shape))
    reverse, forward = slopes(z, direction)
    h = 3e-6
    near, far = (loss(z + s * h * direction) - loss(z - s * h * direction) for s in (1, 2))
    np.testing.assert_allclose(forward, reverse, rtol=1e-11)
    np.testing.assert_allclose(forward, (8 * near - far) / (12 * h), rtol=1e-6, atol=1e-8)

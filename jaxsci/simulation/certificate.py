"""A certificate that a derivative is right: three independent tests, and a verdict in words."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree


class GradientReport(eqx.Module):
    """What `check_gradient` found.

    Args:
        slope: observed order of the Taylor remainder, 2 for a right derivative; None where the function is linear along
            the tried direction.
        remainder: largest relative remainder seen; at rounding level for a linear function.
        identity: relative error of `<J v, w> = <v, J^T w>`; None where forward mode is not defined.
        difference: relative disagreement with central differences, along the random direction or, where that is worse,
            of one array of the point by itself, there beyond what rounding leaves in doubt.
        tolerance: the agreement that was asked for.
        passed: the verdict.
        reasons: what failed, in words.
    """

    slope: float | None
    remainder: float
    identity: float | None
    difference: float
    tolerance: float
    passed: bool
    reasons: tuple[str, ...] = ()

    def __repr__(self):
        slope = "linear along the direction" if self.slope is None else f"{self.slope:.3f} (2 is right)"
        identity = "forward mode is not defined here" if self.identity is None else f"{self.identity:.1e}"
        verdict = "PASSED" if self.passed else "FAILED: " + "; ".join(self.reasons)
        return (
            f"Gradient certificate: {verdict}\n  Taylor remainder slope     {slope}\n"
            f"  dot-product identity       {identity}\n  best central difference    {self.difference:.1e}"
        )


def _dot(a: PyTree, b: PyTree):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return sum(np.sum(np.real(np.asarray(x, complex) * np.asarray(y, complex))) for x, y in pairs)


def _random_like(tree: PyTree, key) -> PyTree:
    leaves, structure = jax.tree.flatten(tree)
    keys = jax.random.split(key, max(1, len(leaves)))

    def draw(leaf, key):
        size = jnp.sqrt(jnp.mean(jnp.square(jnp.abs(leaf)))) if leaf.size else 1.0
        return jax.random.normal(key, leaf.shape, leaf.dtype) * jnp.where(size > 0, size, 1.0).astype(leaf.real.dtype)

    return structure.unflatten([draw(leaf, k) for leaf, k in zip(leaves, keys, strict=True)])


def check_gradient(
    function: Callable,
    x: PyTree,
    *,
    forward: Callable | None = None,
    tolerance: float | None = None,
    parts: bool = True,
    key=None,
) -> GradientReport:
    r"""Certify the derivative of a function: of a loss, or of a whole simulation.

    Along a random direction v, and for a random weight w of the output with :math:`\phi = \langle w, f\rangle`:
    the remainder :math:`|\phi(x + h v) - \phi(x) - h \langle J^T w, v\rangle|` must shrink like :math:`h^2`; reverse
    and forward mode must be transposes, :math:`\langle J v, w\rangle = \langle v, J^T w\rangle`; and central
    differences must agree, along v and along the part of it in each array of x, so that a large derivative hides no
    small one. Their step is the one at which they depend least on it, whatever derivative is on trial. A run with error
    control is only as smooth as its tolerances: give it tight ones, or a fixed step.

    Args:
        function: `function(x)`, with values in numbers, arrays, fields or containers of them.
        x: the point: any PyTree with real or complex arrays.
        forward: the same function in a form that forward mode can follow, for instance with `adjoint=js.Forward()`.
        tolerance: relative agreement asked of central differences; 1e-6 in float64, 1e-2 in float32.
        parts: whether each array of x is tried alone, too, at sixteen evaluations of the function each.
        key: random key of the direction and the weight.

    Returns:
        The report; print it, or look at `report.passed`.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> js.check_gradient(lambda x: jnp.sum(jnp.sin(x) * x), jnp.array([0.3, 1.7])).passed
        True
    """
    key = jax.random.key(0) if key is None else key
    key_v, key_w = jax.random.split(key)
    x = jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, (float, complex, np.ndarray)) else leaf, x)
    moving, fixed = eqx.partition(x, eqx.is_inexact_array)
    if not jax.tree.leaves(moving):
        raise TypeError(
            "x holds no real or complex array, so there is nothing to differentiate by: write floats, not integers."
        )

    def of(f):
        return lambda m: eqx.filter(f(eqx.combine(m, fixed)), eqx.is_inexact_array)

    reverse, along = of(function), of(function if forward is None else forward)
    value = reverse(moving)
    v, w = _random_like(moving, key_v), _random_like(value, key_w)
    transposed = eqx.filter_jit(lambda m: jax.vjp(reverse, m)[1](w)[0])(moving)
    slope_here = _dot(transposed, v)
    identity = _identity(along, moving, v, w, slope_here)

    @eqx.filter_jit
    def moved(h, v):
        return reverse(jax.tree.map(lambda a, d: a + h.astype(a.dtype) * d, moving, v))

    def along_direction(v):
        return lambda h: _dot(moved(jnp.asarray(h, float), v), w)

    eps = max(float(jnp.finfo(leaf.dtype).eps) for leaf in jax.tree.leaves(moving))
    noise = 30 * eps * max(_dot_abs(value, w), 1e-300)
    slope, remainder, difference = _taylor(along_direction(v), slope_here, noise, eps)
    differences = {"": difference}
    for name, part in _parts(v).items() if parts else ():
        differences[name] = _beyond_doubt(along_direction(part), _dot(transposed, part), noise, eps)
    return _verdict(slope, remainder, identity, differences, eps, tolerance)


def _parts(v: PyTree) -> dict[str, PyTree]:
    """The part of a direction in each array, the others zero, by name of the array; none where there is but one."""
    leaves, structure = jax.tree.flatten(v)
    names = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(v)]
    if len(leaves) == 1:
        return {}
    return {
        name: structure.unflatten([leaf if i == j else jnp.zeros_like(leaf) for j, leaf in enumerate(leaves)])
        for i, name in enumerate(names)
    }


def _identity(function, moving, v, w, expected):
    try:
        image = eqx.filter_jit(lambda m: jax.jvp(function, (m,), (v,))[1])(moving)
    except TypeError as error:
        if "custom_vjp" in str(error) or "forward-mode" in str(error):
            return None
        raise
    scale = np.sqrt(_dot_abs(image, image) * _dot_abs(w, w))
    return float(abs(_dot(image, w) - expected) / max(scale, 1e-300))


def _dot_abs(a, b):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return sum(np.sum(np.abs(np.asarray(x)) * np.abs(np.asarray(y))) for x, y in pairs)


def _taylor(phi, slope_here, noise, eps):
    """Observed order of the remainder, its largest relative size, and what central differences say."""
    start = phi(0.0)
    hs = 0.05 * 2.0 ** -np.arange(0, 34 if eps < 1e-10 else 14)
    ahead, behind = (np.array([phi(sign * h) for h in hs]) for sign in (1, -1))
    remainders = np.abs(ahead - start - hs * slope_here)
    clear = np.isfinite(remainders) & (remainders > 100 * noise)
    orders = [np.log2(remainders[i] / remainders[i + 1]) for i in range(len(hs) - 1) if clear[i] and clear[i + 1]]
    slope = None if len(orders) < 2 else float(np.median(orders[-5:]))
    largest = float(np.nanmax(remainders[:6]) * 30 * eps / noise)
    return slope, largest, _disagreement(hs, (ahead - behind) / (2 * hs), slope_here, noise)[0]


def _beyond_doubt(phi, slope_here, noise, eps):
    """What central differences say, from fewer of them, of a derivative that may be lost in the noise of others."""
    hs = 0.05 * (4.0 if eps < 1e-10 else 2.0) ** -np.arange(0, 8)
    centred = np.array([(phi(h) - phi(-h)) / (2 * h) for h in hs])
    difference, doubt = _disagreement(hs, centred, slope_here, noise)
    return max(difference - doubt, 0.0)


def _disagreement(hs, centred, slope_here, noise):
    """Relative distance of a slope from the central difference, extrapolated to no step, that changes least with the
    step and holds least noise, and how much of it these leave in doubt.

    Which one that is must not depend on the slope: among many differences some agree with a wrong one by chance.
    """
    finer = (hs[0] / hs[1]) ** 2
    limits = (finer * centred[1:] - centred[:-1]) / (finer - 1)
    change = np.abs(np.diff(limits))
    doubt = np.concatenate([change, change[-1:]]) + np.concatenate([change[:1], change]) + noise / hs[1:]
    best = int(np.argmin(np.where(np.isfinite(doubt), doubt, np.inf)))
    scale = max(abs(slope_here), abs(limits[best]), noise / hs[0])
    return float(abs(limits[best] - slope_here) / scale), float(doubt[best] / scale)


def _verdict(slope, remainder, identity, differences, eps, tolerance):
    double = eps < 1e-10
    tolerance = (1e-6 if double else 1e-2) if tolerance is None else tolerance
    reasons = []
    if slope is not None and slope < (1.9 if double else 1.7):
        reasons.append(
            f"the Taylor remainder shrinks with order {slope:.2f} instead of 2, so the derivative is wrong or the "
            "function rough (a run with error control is: tighten rtol or give dt)"
        )
    if identity is not None and not identity <= (1e-11 if double else 1e-4):
        reasons.append(f"forward and reverse mode are not transposes of each other (relative error {identity:.1e})")
    for name, difference in differences.items():
        if not difference <= tolerance:
            place = f" in x{name}" if name else ""
            reasons.append(f"central differences disagree by {difference:.1e}{place}")
    difference = max(differences.values())
    return GradientReport(slope, remainder, identity, difference, tolerance, not reasons, tuple(reasons))

"""The most likely unknowns, with error bars."""

from collections.abc import Callable
from contextlib import contextmanager

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from .coordinates import Coordinates, unknown_leaves
from .posterior import Posterior
from .search.chart import Chart
from .search.estimate import Estimate as Estimate
from .search.found import Found, Reason, usual_tolerance
from .search.identifiability import of_hessian, of_jacobian
from .search.implicit import is_moving, moving_top, without_derivative
from .search.large import matrix_free_levenberg_marquardt, matrix_free_newton
from .search.least_squares import levenberg_marquardt
from .search.newton import newton

DENSE_JACOBIAN, DENSE_UNKNOWNS, DENSE_HESSIAN = 2e7, 1500, 200


def maximize(
    posterior: Posterior,
    guess: PyTree,
    *,
    starts: int = 1,
    key=None,
    max_steps: int = 1000,
    rtol: float | None = None,
    progress: bool = False,
) -> Estimate:
    r"""Find the top of the posterior density of physical values, and the error bars of the unknowns there.

    Least squares (`posterior.is_least_squares`) by Levenberg and Marquardt's method with geodesic acceleration, bounds
    kept by projection; other densities by damped Newton steps, with bounds kept by transformation. Beyond 1500
    unknowns (200 for other densities) no matrix is stored: then conjugate gradients take each step, and there are no
    error bars.

    The covariance is :math:`s^2 (J^T J)^{-1}` for least squares, with :math:`s = 1` if the noise is known and the
    estimate from n - p degrees of freedom if not; else the inverse of minus the second derivative of the log density.
    It is infinite for what the data do not tell. Several starts run at once; the best one is returned.

    It can be jitted and mapped over data sets: then look at `ok`, since nothing is raised. Derivatives of the simulator
    are taken forwards or backwards, whichever it allows; `js.check_gradient(posterior.log_density, guess)` certifies
    them. Error-controlled runs are followed fastest with `adjoint=js.Forward()` in `predict`.

    `value` can be differentiated by data, noise, prior and arrays inside `predict`, by the implicit function theorem.

    Args:
        posterior: the density.
        guess: unknowns to start from, in the containers that `predict` takes.
        starts: how many starts; those beside the guess are drawn from the prior, or around the guess where it is flat.
        key: random key of the starts.
        max_steps: at most so many trials a start.
        rtol: converged when no more than this fraction of the residual can still be explained (least squares), or when
            a full step is shorter than this many standard deviations; 1e-10 in float64 and 1e-5 in float32, without
            matrices 1e-6 and 1e-4.
        progress: show a bar.

    Returns:
        The estimate. `ok` is False, and `reasons` says why, if the search did not converge or the data do not tell all
        unknowns.

    Raises:
        ValueError: If the density is not finite at the guess; the message names the part that is not.

    Example:
        >>> import jaxsci as js, jax.numpy as jnp
        >>> x = jnp.array([0.0, 1.0, 2.0, 3.0])
        >>> posterior = js.inference.Posterior(lambda u: u["a"] * jnp.exp(u["b"] * x), 2 * jnp.exp(0.5 * x), noise=0.1)
        >>> best = js.inference.maximize(posterior, {"a": 1.0, "b": 1.0})
        >>> round(float(best.value["a"]), 4), round(float(best.value["b"]), 4), bool(best.ok)
        (2.0, 0.5, True)
    """
    key = jax.random.key(0) if key is None else key
    moves = is_moving(posterior)
    with _bar(progress, max_steps) as show:
        best = _maximize(posterior, posterior.flatten(guess), starts, key, max_steps, rtol, show, moves)
        best = jax.block_until_ready(best) if show else best
    reason = best.stats["reason"]
    if not isinstance(reason, jax.core.Tracer) and int(reason) == Reason.NOT_FINITE:
        _raise_not_finite(posterior, guess)
    return best


@eqx.filter_jit
def _maximize(posterior: Posterior, flat: Coordinates, starts: int, key, max_steps: int, rtol, show, moves: bool):
    fixed = without_derivative(posterior)
    chart = Chart(without_derivative(flat), posterior.is_least_squares)
    search = _search(fixed, chart, max_steps, rtol, show)
    points = chart.starts(starts, key)
    found = jax.vmap(search)(points) if starts > 1 else jax.tree.map(lambda a: a[None], search(points[0]))
    cost = jnp.where(jnp.isfinite(found.cost) & (found.reason != Reason.NOT_FINITE), found.cost, jnp.inf)
    winner = jnp.argmin(cost)
    found = jax.tree.map(lambda a: a[winner], found)
    if moves and found.sensitivity is not None:
        lower, upper = chart.bounds
        free = (found.x > lower) & (found.x < upper)
        found = found._replace(x=moving_top(_cost(posterior, chart), found.x, free))
    return _estimate(posterior, chart, found, winner)


def _cost(posterior: Posterior, chart: Chart) -> Callable[[Array], Array]:
    """What the search makes least."""
    if posterior.is_least_squares:
        return lambda y: 0.5 * jnp.sum(posterior.residuals(chart.decode(y)).astype(y.dtype) ** 2)
    return lambda y: -posterior.log_density(chart.decode(y)).astype(y.dtype)


def _search(posterior: Posterior, chart: Chart, max_steps: int, rtol: float | None, show) -> Callable[[Array], Found]:
    """The search from one start: dense where matrices fit."""
    n, cost = chart.coordinates.size, _cost(posterior, chart)
    options = {"max_steps": max_steps, "show": show}
    if not posterior.is_least_squares:
        dense = n <= DENSE_HESSIAN
        options["rtol"] = usual_tolerance(chart.coordinates.dtype, dense) if rtol is None else rtol
        return lambda y: (newton if dense else matrix_free_newton)(cost, y, **options)

    def residual(y: Array) -> Array:
        return posterior.residuals(chart.decode(y)).astype(y.dtype)

    m = jax.eval_shape(residual, jax.ShapeDtypeStruct((n,), chart.coordinates.dtype)).shape[0]
    dense = n <= DENSE_UNKNOWNS and n * m <= DENSE_JACOBIAN
    method = levenberg_marquardt if dense else matrix_free_levenberg_marquardt
    options["rtol"] = usual_tolerance(chart.coordinates.dtype, dense) if rtol is None else rtol
    lower, upper = chart.bounds

    def search(y: Array) -> Found:
        found = method(residual, y, lower, upper, **options)
        inside = jnp.all((y >= lower) & (y <= upper))
        return found._replace(reason=jnp.where(inside, found.reason, Reason.NOT_FINITE))

    return search


def _estimate(posterior: Posterior, chart: Chart, found: Found, winner: Array) -> Estimate:
    flat = chart.coordinates
    value, names = chart.decode(found.x), tuple(flat.names)
    v, variance, scale = flat.vector(value), jnp.ones((), found.x.dtype), None
    if posterior.noise is None:
        scale = posterior.noise_scale(value).astype(v.dtype)
        variance = scale**2 if posterior.is_least_squares else variance
    identifiability = covariance = deviation = None
    if found.sensitivity is not None:
        slopes = chart.slopes(found.x)
        if posterior.is_least_squares:
            identifiability = of_jacobian(found.sensitivity / slopes, names)
        else:
            identifiability = of_hessian(found.sensitivity / slopes / slopes[:, None], names)
        covariance = identifiability.covariance(variance)
        deviation = flat.tree(jnp.sqrt(jnp.diagonal(covariance)))
    return Estimate(
        value=value,
        standard_deviation=deviation,
        covariance=covariance,
        log_density=posterior.log_density(value),
        identifiability=identifiability,
        noise_scale=scale,
        at_bound=(v <= flat.lower) | (v >= flat.upper),
        stats={"steps": found.steps, "offset": found.offset, "reason": found.reason, "start": winner},
        vector=v,
        names=names,
    )


@contextmanager
def _bar(progress: bool, max_steps: int):
    """A function that shows a step and its cost, or None."""
    if not progress:
        yield None
        return
    from tqdm.auto import tqdm

    with tqdm(desc="climbing to the top", unit="step", total=max_steps) as bar:

        def show(steps, cost):
            bar.set_postfix_str(f"misfit {float(cost):.6g}", refresh=False)
            bar.update(max(int(steps) - bar.n, 0))

        yield show


def _raise_not_finite(posterior: Posterior, guess: PyTree) -> None:
    """Say which part of the density is not finite at the guess."""
    wrong = []
    flat = posterior.flatten(guess)
    for (name, leaf), prior in zip(unknown_leaves(guess), flat.priors, strict=True):
        if not np.isfinite(prior.log_density(leaf)):
            wrong.append(f"the prior density of {name!r} is zero at {leaf} ({prior})")
    for name, data, prediction, mask, likelihood in posterior.seen(guess):
        bad = ~np.isfinite(prediction) & np.asarray(mask)
        values = np.asarray(likelihood.log_density(data, prediction))
        bad_density = ~np.isfinite(values) & np.asarray(mask)
        if bad.any():
            wrong.append(f"the prediction of {name} is not finite at {bad.sum()} of {bad.size} places")
        elif bad_density.any():
            wrong.append(
                f"the likelihood of {name} is not finite at {bad_density.sum()} of {bad_density.size} places (a "
                "prediction that is zero or negative where the noise asks for positive ones?)"
            )
    what = "; ".join(wrong) or "a derivative is not finite"
    raise ValueError(
        f"the density cannot be climbed from this guess: {what}. Guess unknowns inside their priors for which the "
        "prediction is finite; a simulation that blows up there needs a smaller step."
    )

"""How strongly to hold an unknown function to its penalty: let the data say."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from ..._core.errors import UnsupportedError
from ..posterior import Posterior
from .pencil import Pencil
from .smoothness import TotalVariation


class StrengthRule(eqx.Module):
    """What is best about a strength."""

    name: eqx.AbstractClassVar[str]

    @abc.abstractmethod
    def cost(self, pencil: Pencil, strength: Float[Array, ""]) -> Float[Array, ""]:
        """A number that is smallest at the best strength."""

    def attained(self, pencil: Pencil, strength: Float[Array, ""]) -> Bool[Array, ""]:
        """Whether the strength does what the rule asks for."""
        return jnp.asarray(True)


class DiscrepancyPrinciple(StrengthRule):
    """The fit misses the data by as much as the noise does: the misfit equals `factor` times the number of data.

    Args:
        factor: 1, or a little more for safety.

    References:
        Morozov, Soviet Math. Dokl. 7 (1966) 414.
    """

    name: ClassVar[str] = "discrepancy principle"
    factor: float = eqx.field(static=True, default=1.0)

    def cost(self, pencil, strength):
        return jnp.abs(jnp.log(pencil.misfit(strength)) - jnp.log(self.factor * pencil.num_data))

    def attained(self, pencil, strength):
        return self.cost(pencil, strength) < 1e-3


class CrossValidation(StrengthRule):
    r"""Each datum is predicted best from all others (generalised cross-validation): the noise may be unknown.

    .. math:: V(s) = \frac{m\, |A x_s - b|^2}{(m - \operatorname{tr} H_s)^2}

    References:
        Golub, Heath & Wahba, Technometrics 21 (1979) 215.
    """

    name: ClassVar[str] = "generalised cross-validation"

    def cost(self, pencil, strength):
        left = pencil.num_data - pencil.degrees_of_freedom(strength)
        return jnp.log(pencil.misfit(strength)) - 2 * jnp.log(jnp.maximum(left, 1e-12 * pencil.num_data))


class LargestEvidence(StrengthRule):
    """The data are likeliest before they are seen: the marginal likelihood of the strength is largest.

    References:
        MacKay, Neural Computation 4 (1992) 415.
    """

    name: ClassVar[str] = "evidence"

    def cost(self, pencil, strength):
        return -pencil.log_evidence(strength)


class StrengthPath(eqx.Module):
    """Solutions of an inverse problem for many strengths of its prior, and the best of them.

    Strengths are factors of the penalty (minus twice the log density of the prior) that the posterior was made with.

    Args:
        strengths: the strengths tried, in increasing order.
        misfits: squared residuals of the data, in units of their noise, for each strength.
        roughness: the penalty at factor 1, for each strength.
        costs: what the rule makes smallest.
        log_evidence: log evidence for each strength, up to a constant where the prior is improper; not a number for
            total variation, whose constant depends on the strength in a way that has no closed form.
        best: the best strength.
        best_misfit: the misfit there.
        value: the unknowns there.
        num_data: how many data there are; the misfit that noise alone has.
        in_range: whether the best strength is not at an end of those tried.
        attained: whether it does what the rule asks for.
        rule: the name of the rule.
    """

    strengths: Float[Array, " strengths"]
    misfits: Float[Array, " strengths"]
    roughness: Float[Array, " strengths"]
    costs: Float[Array, " strengths"]
    log_evidence: Float[Array, " strengths"]
    best: Float[Array, ""]
    best_misfit: Float[Array, ""]
    value: PyTree
    num_data: Float[Array, ""]
    in_range: Bool[Array, ""]
    attained: Bool[Array, ""]
    rule: str = eqx.field(static=True)

    @property
    def ok(self) -> Bool[Array, ""]:
        """Whether the best strength is one to rely on."""
        return self.in_range & self.attained

    def __repr__(self):
        if isinstance(self.best, jax.core.Tracer):
            return f"StrengthPath(traced, by {self.rule})"
        verdict = "" if bool(self.ok) else f"\n  NOT RELIABLE: {self._reason()}"
        return (
            f"StrengthPath: strength {float(self.best):.4g} by {self.rule}; misfit {float(self.best_misfit):.4g} of "
            f"{float(self.num_data):.0f} data; {len(self.strengths)} strengths from {float(self.strengths[0]):.3g} to "
            f"{float(self.strengths[-1]):.3g}{verdict}"
        )

    def _reason(self) -> str:
        if not bool(self.in_range):
            return "the best strength is the end of those tried; pass strengths=... that go further"
        return "no strength gives the misfit that the noise should leave: the noise is misjudged, or the law is wrong"


def choose_strength(
    posterior: Posterior,
    guess: PyTree,
    *,
    rule: StrengthRule | None = None,
    strengths: Float[Array, " strengths"] | None = None,
    num_linearisations: int = 1,
) -> StrengthPath:
    r"""Find the factor by which the penalty of a prior should be multiplied.

    The problem is linearised at the guess, :math:`\min_x |A x - b|^2 + s |L x|^2` with A in units of the noise, and
    solved for all s at once by a generalised singular value decomposition of (A, L): exact where prediction and
    penalty are linear in the unknowns. For others ask for several linearisations, each at the solution of the last, or
    pass the result of `maximize`.

    Args:
        posterior: data of known noise (any noise for `CrossValidation`), and a prior that is a sum of squares.
        guess: where to linearise.
        rule: `LargestEvidence()` (the default), `DiscrepancyPrinciple()` or `CrossValidation()`.
        strengths: which to try, in increasing order; a range over which the data cease to matter where None.
        num_linearisations: how often to linearise.

    Returns:
        The path; `path.best` is the strength, `path.value` the solution, `path.ok` whether to rely on them.

    Raises:
        UnsupportedError: If the posterior is not a sum of squares, or has no prior.

    References:
        Hansen, *Rank-Deficient and Discrete Ill-Posed Problems* (1998), sections 2.1 and 7.

    Example:
        >>> import jax, jax.numpy as jnp, jaxsci as js
        >>> space = js.FiniteDifference(js.Grid(js.Box((0.0, 1.0)), (50,)), boundary=js.Neumann(0.0))
        >>> noise = 0.1 * jax.random.normal(jax.random.key(0), (50,))
        >>> data = jnp.sin(3 * space.points[:, 0]) + noise
        >>> posterior = js.inference.Posterior(lambda u: u, data, noise=0.1, prior=js.inference.Smoothness(space))
        >>> path = js.inference.choose_strength(posterior, jnp.zeros(50), rule=js.inference.DiscrepancyPrinciple())
        >>> bool(path.ok), bool(jnp.abs(path.value - jnp.sin(3 * space.points[:, 0])).max() < 0.2)
        (True, True)
    """
    if not posterior.is_least_squares or posterior.noise is None:
        raise UnsupportedError(
            "choose_strength needs a sum of squares with noise of known scale: give `noise` as a standard deviation "
            "(with CrossValidation any will do) and a prior such as Smoothness, TotalVariation or GaussianRandomField."
        )
    if num_linearisations < 1:
        raise ValueError(f"num_linearisations={num_linearisations}: linearise at least once.")
    rule = LargestEvidence() if rule is None else rule
    rounded = any(isinstance(prior, TotalVariation) for prior in posterior.flatten(guess).priors)
    if rounded and isinstance(rule, LargestEvidence):
        raise UnsupportedError(
            "the evidence of a total-variation prior has no closed form: pass rule=DiscrepancyPrinciple() or "
            "CrossValidation()."
        )
    flat = posterior.flatten(guess)
    vector = flat.vector(guess)
    for _ in range(num_linearisations):
        pencil = Pencil.of(posterior, flat, vector)
        tried = pencil.default_strengths() if strengths is None else jnp.asarray(strengths, vector.dtype)
        path = _follow(pencil, rule, tried)
        vector = path.pop("vector")
    log_evidence = path.pop("log_evidence")
    log_evidence = jnp.full_like(log_evidence, jnp.nan) if rounded else log_evidence
    return StrengthPath(**path, log_evidence=log_evidence, value=flat.tree(vector), rule=rule.name)


@eqx.filter_jit
def _follow(pencil: Pencil, rule: StrengthRule, strengths: Array) -> dict[str, Array]:
    costs = jax.vmap(lambda s: rule.cost(pencil, s))(strengths)
    best = _refined(lambda s: rule.cost(pencil, s), strengths, costs)
    index = jnp.argmin(costs)
    return {
        "strengths": strengths,
        "misfits": jax.vmap(pencil.misfit)(strengths),
        "roughness": jax.vmap(pencil.roughness)(strengths),
        "costs": costs,
        "log_evidence": jax.vmap(pencil.log_evidence)(strengths),
        "best": best,
        "best_misfit": pencil.misfit(best),
        "num_data": pencil.num_data,
        "in_range": (index > 0) & (index < len(strengths) - 1),
        "attained": rule.attained(pencil, best),
        "vector": pencil.solution(best),
    }


def _refined(cost, strengths: Array, costs: Array, num_rounds: int = 8, num_points: int = 17) -> Array:
    """The minimum between the neighbours of the smallest cost, by narrowing the interval eightfold a round."""
    index = jnp.argmin(costs)
    low = jnp.log(strengths[jnp.maximum(index - 1, 0)])
    high = jnp.log(strengths[jnp.minimum(index + 1, len(strengths) - 1)])

    def narrow(_, ends):
        points = jnp.linspace(*ends, num_points)
        best = jnp.argmin(jax.vmap(lambda x: cost(jnp.exp(x)))(points))
        return points[jnp.maximum(best - 1, 0)], points[jnp.minimum(best + 1, num_points - 1)]

    low, high = jax.lax.fori_loop(0, num_rounds, narrow, (low, high))
    return jnp.exp((low + high) / 2)

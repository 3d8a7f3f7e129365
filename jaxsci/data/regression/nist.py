"""NIST's nonlinear regression problems, whose answers are certified to eleven digits."""

import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...inference import Posterior
from .models import MODELS

RESPONSES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"Nelson": np.log}


class RegressionProblem(eqx.Module):
    """Data, a law with parameters b, two starting points, and the certified answer.

    Args:
        name: what NIST calls it.
        model: `model(b, x)`, the law.
        x: the predictor, one row per observation.
        y: the response (of Nelson, its logarithm, which is what the law is for).
        starts: two starting points; the first is far from the answer, the second near.
        values: certified parameters.
        standard_deviations: certified standard deviations of the parameters.
        sum_of_squares: certified residual sum of squares.
        level: `"Lower"`, `"Average"` or `"Higher"` difficulty.
    """

    name: str = eqx.field(static=True)
    model: Callable[[Array, Array], Array] = eqx.field(static=True)
    x: Float[Array, " n"] | Float[Array, "n predictors"]
    y: Float[Array, " n"]
    starts: Float[Array, "2 p"]
    values: Float[Array, " p"]
    standard_deviations: Float[Array, " p"]
    sum_of_squares: Float[Array, ""]
    level: str = eqx.field(static=True)

    def predict(self, b: Float[Array, " p"]) -> Float[Array, " n"]:
        """The law at the observed predictors."""
        return self.model(b, self.x)

    @property
    def posterior(self) -> Posterior:
        """The problem for `js.inference`: noise of unknown scale, nothing known of the parameters."""
        return Posterior(self.predict, self.y)

    def digits(self, found: Any, certified: Any = None) -> float:
        """How many digits of every number agree with the certified ones (of the parameters by default); at most 11."""
        certified = np.asarray(self.values if certified is None else certified, float)
        error = np.abs(np.asarray(found, float) - certified) / np.abs(certified)
        worst = np.max(np.where(np.isfinite(error), error, 1.0))
        return float(np.clip(-np.log10(max(worst, 1e-11)), 0.0, 11.0))


def nist() -> dict[str, RegressionProblem]:
    """The 27 nonlinear regression problems of NIST's Statistical Reference Datasets, by name.

    Their certified values, found in 128-bit arithmetic, are right to the 11 digits given. From the first start many
    programs fail on some of them.

    References:
        NIST/ITL, *StRD: Nonlinear Regression*, https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml (public domain).

    Example:
        >>> import jaxsci as js
        >>> problem = js.data.nist()["Misra1a"]
        >>> round(float(jnp.sum((problem.y - problem.predict(problem.values)) ** 2)), 9)
        0.124551389
    """
    folder = files(__package__)
    return {name: _parsed(name, (folder / f"{name}.dat").read_text()) for name in MODELS}


def _parsed(name: str, text: str) -> RegressionProblem:
    parameters = np.array(
        [line.split("=")[1].split() for line in text.splitlines() if re.match(r"\s*b\d+\s*=(\s+\S+){4}\s*$", line)],
        float,
    )
    table = np.array([line.split() for line in text[text.rindex("Data:") :].splitlines()[1:] if line.strip()], float)
    squares = re.search(r"Residual Sum of Squares:\s+(\S+)", text)
    level = re.search(r"(\w+) Level of Difficulty", text)
    if squares is None or level is None or not parameters.size:
        raise ValueError(f"the bundled file {name}.dat is damaged: install jaxsci again.")
    response = RESPONSES.get(name, np.asarray)(table[:, 0])
    predictors = table[:, 1] if table.shape[1] == 2 else table[:, 1:]
    start_1, start_2, values, deviations = (jnp.asarray(column) for column in parameters.T)
    return RegressionProblem(
        name=name,
        model=MODELS[name],
        x=jnp.asarray(predictors),
        y=jnp.asarray(response),
        starts=jnp.stack([start_1, start_2]),
        values=values,
        standard_deviations=deviations,
        sum_of_squares=jnp.asarray(float(squares[1])),
        level=level[1],
    )

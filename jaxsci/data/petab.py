"""Parameter estimation problems in the PEtab format: read, and turned into a posterior."""

import warnings
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..inference import Posterior
from ..simulation import Forward
from .extra import needs
from .petab_model import translate
from .petab_statistics import likelihood, prior_of, scaled, unscaled
from .petab_tables import Measured, Simulator, refuse

Unknowns = dict[str, Array]


class PetabProblem(eqx.Module):
    """A PEtab problem, ready for `js.inference`.

    An unknown is a parameter on its own scale, as the problem states it, and is named after both: `"log10(k)"`. The
    data are a dict of arrays, one per observable, with one entry per row of the measurement table.

    Args:
        posterior: Log likelihood and log prior of the unknowns.
        guess: The nominal values where the problem gives them, else the middle of the bounds.
        times: Times of the measurements, by observable.
        names: The identifiers of the estimated parameters.
        scales: The scale of each: "lin", "log" or "log10".
    """

    posterior: Posterior
    guess: Unknowns
    times: dict[str, np.ndarray]
    names: tuple[str, ...] = eqx.field(static=True)
    scales: tuple[str, ...] = eqx.field(static=True)

    def physical(self, unknowns: Unknowns) -> dict[str, Array]:
        """Values of the parameters themselves, by identifier, for values of the unknowns."""
        return {
            name: unscaled(unknowns[label(name, scale)], scale)
            for name, scale in zip(self.names, self.scales, strict=True)
        }

    def unknowns(self, values: dict[str, Any]) -> Unknowns:
        """The unknowns for values of the parameters themselves: the inverse of `physical`."""
        return {
            label(name, scale): scaled(jnp.asarray(values[name], float), scale)
            for name, scale in zip(self.names, self.scales, strict=True)
        }


def read_petab(
    path: str | Path, *, method: Any = None, rtol: float = 1e-8, atol: float = 1e-10, adjoint: Any = None
) -> PetabProblem:
    """Read a problem of parameter estimation in the PEtab format, version 1.

    Scales, bounds, priors, conditions, transformations of observables, and normal or Laplace noise are understood.
    Refused by name: preequilibration, measurements at steady state, several models, and models with events.

    A prior on a parameter is a density of the parameter; on its scale it is that density times the derivative of the
    parameter. Where none is given, the unknown is uniform between its bounds, on its scale.

    Args:
        path: The YAML file that names the tables and the SBML model.
        method: How `js.simulate` integrates, such as `diffrax.Kvaerno5()` for stiff models; None: Tsit5.
        rtol: Relative error of a step.
        atol: Absolute error of a step, in the units of the model.
        adjoint: How derivatives pass through the solver; None: `js.Forward()`, right for up to some fifty parameters.

    Returns:
        The problem: `problem.posterior`, `problem.guess`, `problem.names`.

    Raises:
        ImportError: If the extra `petab` is not installed.
        UnsupportedError: If the problem uses a part of the format that is not understood.

    Example:
        >>> problem = js.data.read_petab("boehm/problem.yaml")  # doctest: +SKIP
        >>> best = js.inference.maximize(problem.posterior, problem.guess)  # doctest: +SKIP
        >>> problem.physical(best.value)  # doctest: +SKIP

    References:
        Schmiester et al., *PEtab - Interoperable specification of parameter estimation problems in systems biology*,
        PLOS Comput. Biol. 17 (2021) e1008646.
    """
    petab = needs("petab.v1", "read_petab", extra="petab")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="petab")
        problem = petab.Problem.from_yaml(str(path))
    refuse(problem)
    network = translate(problem.model.sbml_model)
    options = {"method": method, "rtol": rtol, "atol": atol, "adjoint": adjoint or Forward()}
    model = Measured(problem, network, Simulator(network, problem, options))
    parameters = problem.parameter_df
    estimated = parameters[parameters["estimate"] == 1]
    scales = tuple(map(str, estimated["parameterScale"]))
    labels = tuple(map(label, estimated.index, scales))
    prior = {key: prior_of(row) for key, (_, row) in zip(labels, estimated.iterrows(), strict=True)}
    guess = {key: _guess(row) for key, (_, row) in zip(labels, estimated.iterrows(), strict=True)}

    def known(unknowns: Unknowns) -> dict[str, Array]:
        fixed = {name: jnp.asarray(float(row["nominalValue"])) for name, row in parameters.iterrows()}
        free = {n: unscaled(unknowns[k], s) for n, k, s in zip(estimated.index, labels, scales, strict=True)}
        return fixed | free

    def noise(unknowns: Unknowns) -> dict[str, Any]:
        values = model("noise", known(unknowns))
        return {name: likelihood(problem.observable_df.loc[name], scale) for name, scale in values.items()}

    measurements = {name: jnp.asarray(row.measurements) for name, row in model.rows.items()}
    constant = model.symbols("noise").isdisjoint((*estimated.index, *model.simulated))
    predict = jax.jit(lambda unknowns: model("observable", known(unknowns)))
    posterior = Posterior(predict, measurements, noise(guess) if constant else noise, prior)
    times = {name: row.times for name, row in model.rows.items()}
    return PetabProblem(posterior, guess, times, tuple(estimated.index), scales)


def label(name: str, scale: str) -> str:
    """What an unknown is called: the parameter, and its scale where that is not linear."""
    return name if scale == "lin" else f"{scale}({name})"


def _guess(row: Any) -> Array:
    """The nominal value of a parameter on its scale, or the middle of its bounds."""
    scale = str(row["parameterScale"])
    nominal = float(row.get("nominalValue", "nan"))
    lower, upper = (scaled(jnp.asarray(float(row[end])), scale) for end in ("lowerBound", "upperBound"))
    middle = (lower + upper) / 2
    return jnp.clip(scaled(jnp.asarray(nominal), scale), lower, upper) if nominal == nominal else middle

"""The tables of a PEtab problem: which conditions are simulated, and what is computed for each measurement."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._core.errors import UnsupportedError
from ..simulation import simulate
from .petab_model import Network, compile_formulas, parse, resolve, symbols_of

Values = dict[str, Array]


class Trajectories(NamedTuple):
    """Every condition, simulated.

    Args:
        states: What moves, (conditions, times, states).
        constants: What does not, (conditions, constants).
    """

    states: Array
    constants: Array


class Rows:
    """The measurements of one observable.

    Args:
        problem: The PEtab problem.
        name: Identifier of the observable.
    """

    def __init__(self, problem: Any, name: str):
        table = problem.measurement_df
        found = table[table["observableId"] == name]
        conditions, times = grid(problem)
        self.measurements = found["measurement"].to_numpy(float)
        self.times = found["time"].to_numpy(float)
        self.condition = np.array([conditions.index(c) for c in found["simulationConditionId"]])
        self.moment = np.searchsorted(times, self.times)
        self.placeholders = {
            f"{kind}Parameter{i + 1}_{name}": column
            for kind in ("observable", "noise")
            for i, column in enumerate(_overrides(found.get(f"{kind}Parameters")))
        }


def _overrides(column: Any) -> Iterable[list[Any]]:
    """For each placeholder, what stands for it in each row: an identifier or a number."""
    if column is None:
        return []
    rows = [[] if _empty(entry) else [_number(part.strip()) for part in str(entry).split(";")] for entry in column]
    return zip(*rows, strict=True) if any(rows) else []


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _empty(entry: Any) -> bool:
    return entry is None or entry == "" or (isinstance(entry, float) and math.isnan(entry))


def grid(problem: Any) -> tuple[list[str], np.ndarray]:
    """The conditions that are measured, in order, and all times, the start first."""
    table = problem.measurement_df
    conditions = list(dict.fromkeys(table["simulationConditionId"]))
    return conditions, np.unique(np.concatenate([[0.0], table["time"].to_numpy(float)]))


def refuse(problem: Any) -> None:
    """Raise if the problem uses a part of the format that is not understood."""
    table = problem.measurement_df
    before = table.get("preequilibrationConditionId")
    found = {
        "preequilibration": before is not None and not all(map(_empty, before)),
        "measurements at steady state (time inf)": not np.all(np.isfinite(table["time"].to_numpy(float))),
        "measurements before time zero": bool(np.any(table["time"].to_numpy(float) < 0)),
        "a mapping table": problem.mapping_df is not None,
        "a model that is not SBML": not hasattr(problem.model, "sbml_model"),
    }
    if wrong := [what for what, there in found.items() if there]:
        raise UnsupportedError(
            f"the PEtab problem uses {', '.join(wrong)}, which read_petab does not understand: write the prediction as "
            "a function (js.simulate or js.steady_state inside) and give it to js.inference.Posterior."
        )


class Simulator:
    """All conditions of a problem in one vectorised simulation, as a function of the parameters.

    Args:
        network: The model.
        problem: The PEtab problem.
        options: Passed on to `js.simulate`.
    """

    def __init__(self, network: Network, problem: Any, options: dict[str, Any]):
        conditions, self.times = grid(problem)
        known = set(problem.parameter_df.index)
        table = problem.condition_df
        starts = [_start(network, table.loc[name], known) for name in conditions]
        self.options, self.states, self.constants = options, tuple(network.rates), network.constants
        self.shape = (len(conditions), len(self.states) + len(self.constants))
        self.start = compile_formulas(start[name] for start in starts for name in (*self.states, *self.constants))
        rules = resolve(network.rules)
        rates = [resolve(rules | {"": network.rates[name]})[""] for name in self.states]
        self.rates = compile_formulas(rates)
        strangers = set(symbols_of(rates)) - {*self.states, *self.constants, "time"}
        if strangers:
            raise ValueError(f"the rates of the model use {', '.join(sorted(strangers))}, which nothing gives a value.")

    def __call__(self, parameters: Values) -> Trajectories:
        start = jnp.stack(self.start(parameters)).reshape(self.shape)
        y0, constants = jnp.split(start, [len(self.states)], axis=1)
        if len(self.times) == 1:
            return Trajectories(y0[:, None], constants)
        return Trajectories(jax.vmap(self._one)(y0, constants), constants)

    def _one(self, y0: Array, constants: Array) -> Array:
        times = jnp.asarray(self.times, y0.dtype)
        solution = simulate(self._law, y0, times[-1], save_at=times[1:], args=constants, **self.options)
        return jnp.concatenate([y0[None], jnp.where(solution.ok, solution.states, jnp.nan)])

    def _law(self, t: Array, y: Array, constants: Array) -> Array:
        values = dict(zip(self.states, y, strict=True)) | dict(zip(self.constants, constants, strict=True))
        return jnp.stack(self.rates(values | {"time": t}))


def _start(network: Network, condition: Any, known: set[str]) -> dict[str, Any]:
    """What everything is at the start of a condition, as formulas of the parameters."""
    values = network.initial | network.rules | {"time": parse(0.0)}
    values |= {name: parse(name) for name in known}
    overrides = condition.drop("conditionName", errors="ignore")
    values |= {name: parse(entry) for name, entry in overrides.items() if not _empty(entry)}
    start = resolve(values, known)
    unknown = set(symbols_of(start[name] for name in (*network.rates, *network.constants))) - known
    if unknown:
        raise ValueError(
            f"{', '.join(sorted(unknown))} have no value: give one in the model, or in the parameter table."
        )
    return start


class Measured:
    """The formulas of the observable table, `model(kind, parameters)`, evaluated for every measurement.

    Args:
        problem: The PEtab problem.
        network: The model.
        simulator: Its simulation.
    """

    def __init__(self, problem: Any, network: Network, simulator: Simulator):
        table, rules = problem.observable_df, resolve(network.rules)
        measured = set(problem.measurement_df["observableId"])
        self.simulator, self.simulated = simulator, (*simulator.states, *simulator.constants, "time")
        self.rows = {name: Rows(problem, name) for name in table.index if name in measured}
        self.formulas = {}
        for name in self.rows:
            observable = resolve(rules | {"": parse(table.loc[name, "observableFormula"])})[""]
            noise = resolve(rules | {name: observable, "": parse(table.loc[name, "noiseFormula"])})[""]
            self.formulas |= {("observable", name): observable, ("noise", name): noise}
        self.functions = {key: compile_formulas([formula]) for key, formula in self.formulas.items()}

    def symbols(self, kind: str) -> set[str]:
        """Everything that the formulas of a kind use, placeholders replaced by what stands for them."""
        found = set()
        for name, row in self.rows.items():
            for symbol in symbols_of([self.formulas[kind, name]]):
                found |= {entry for entry in row.placeholders.get(symbol, [symbol]) if isinstance(entry, str)}
        return found

    def __call__(self, kind: str, parameters: Values) -> dict[str, Array]:
        run = None if self.symbols(kind).isdisjoint(self.simulated) else self.simulator(parameters)
        found = {}
        for name, row in self.rows.items():
            symbols = symbols_of([self.formulas[kind, name]])
            values = {symbol: self._value(symbol, row, parameters, run) for symbol in symbols}
            found[name] = jnp.broadcast_to(self.functions[kind, name](values)[0], row.measurements.shape)
        return found

    def _value(self, symbol: str, row: Rows, parameters: Values, run: Trajectories | None) -> Array:
        if symbol in row.placeholders:
            entries = row.placeholders[symbol]
            different = list(dict.fromkeys(entries))
            values = [self._value(e, row, parameters, run) if isinstance(e, str) else e for e in different]
            table = jnp.stack([jnp.broadcast_to(jnp.asarray(value, float), len(entries)) for value in values])
            return table[np.array([different.index(e) for e in entries]), np.arange(len(entries))]
        if symbol == "time":
            return jnp.asarray(row.times)
        if run is not None and symbol in self.simulator.states:
            return run.states[row.condition, row.moment, self.simulator.states.index(symbol)]
        if run is not None and symbol in self.simulator.constants:
            return run.constants[row.condition, self.simulator.constants.index(symbol)]
        if symbol in parameters:
            return parameters[symbol]
        raise ValueError(f"a formula of the observable table uses {symbol!r}, which nothing gives a value.")

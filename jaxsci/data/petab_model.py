"""Reaction networks of SBML as right-hand sides that JAX can differentiate.

The mathematics of a model is read by libsbml, kept as sympy expressions, and becomes one JAX function through
`sympy.lambdify`. A species moves by `d[X]/dt = (1/V) sum_r nu_r v_r`, with `V` the size of its compartment, or by the
plain sum where the model counts it in amounts.

Reference: Hucka et al., *The Systems Biology Markup Language (SBML), Level 3 Version 2 Core* (2019), sections 4.6-4.11.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax.numpy as jnp

from .._core.errors import UnsupportedError
from .extra import needs

Expressions = dict[str, Any]


class Network(NamedTuple):
    """A reaction network in symbols.

    Args:
        rates: Time derivative of everything that moves, by name.
        initial: Value of everything at the start, by name: numbers, or expressions in the names of others.
        rules: What is given by a formula at all times, by name.
    """

    rates: Expressions
    initial: Expressions
    rules: Expressions

    @property
    def constants(self) -> tuple[str, ...]:
        """Names whose values stay through a simulation."""
        return tuple(name for name in self.initial if name not in self.rates and name not in self.rules)


def parse(formula: Any) -> Any:
    """A formula of PEtab, or a number, as a sympy expression; all its symbols are real."""
    math_of_petab = needs("petab.v1.math", "read_petab", extra="petab")
    if isinstance(formula, float | int):
        formula = repr(float(formula))
    return math_of_petab.sympify_petab(str(formula))


def resolve(expressions: Expressions, known: Iterable[str] = ()) -> Expressions:
    """The expressions with each other put in, until only names of none of them, or `known` ones, are left.

    Raises:
        ValueError: If they depend on each other in a circle.
    """
    done, known = {}, set(known)

    def value(name: str, chain: tuple[str, ...]) -> Any:
        if name in chain:
            raise ValueError(f"the formulas of {' -> '.join((*chain, name))} go round in a circle: give one a value.")
        if name not in done:
            expression = expressions[name]
            inner = {
                s: value(str(s), (*chain, name)) for s in expression.free_symbols if _inside(s, expressions, known)
            }
            done[name] = expression.xreplace(inner)
        return done[name]

    return {name: value(name, ()) for name in expressions}


def _inside(symbol: Any, expressions: Expressions, known: set[str]) -> bool:
    return str(symbol) in expressions and str(symbol) not in known


def symbols_of(expressions: Iterable[Any]) -> tuple[str, ...]:
    """Names of the symbols in some expressions, sorted."""
    return tuple(sorted({str(symbol) for expression in expressions for symbol in expression.free_symbols}))


def compile_formulas(expressions: Iterable[Any]) -> Callable[[dict[str, Any]], list]:
    """The expressions as one function of a dict from symbol to array."""
    sympy = needs("sympy", "read_petab", extra="petab")
    expressions = list(expressions)
    names = symbols_of(expressions)
    arguments = [sympy.Symbol(name, real=True) for name in names]
    function = sympy.lambdify(arguments, expressions, modules="jax", cse=True, dummify=True)

    def evaluate(values: dict[str, Any]) -> list:
        return [jnp.asarray(part, float) for part in function(*(values[name] for name in names))]

    return evaluate


def translate(model: Any) -> Network:
    """The network of a libsbml model.

    Raises:
        UnsupportedError: If the model has events, algebraic rules, or compartments or stoichiometries that change.
    """
    _refuse(model)
    libsbml = needs("libsbml", "read_petab", extra="petab")
    rules, speeds = {}, {}
    for rule in model.getListOfRules():
        (rules if rule.isAssignment() else speeds)[rule.getVariable()] = _mathematics(libsbml, rule)
    initial = {c.getId(): parse(c.getSize() if c.isSetSize() else 1.0) for c in model.getListOfCompartments()}
    initial |= {p.getId(): parse(p.getValue()) for p in model.getListOfParameters() if p.isSetValue()}
    initial |= {s.getId(): _start(s, initial) for s in model.getListOfSpecies()}
    initial |= {a.getSymbol(): _mathematics(libsbml, a) for a in model.getListOfInitialAssignments()}
    flows = {r.getId(): _mathematics(libsbml, r.getKineticLaw()) for r in model.getListOfReactions()}
    rates = dict(speeds)
    for species in model.getListOfSpecies():
        name = species.getId()
        if name in rules or name in speeds or species.getBoundaryCondition() or species.getConstant():
            continue
        gain = sum(
            (
                sign * reference.getStoichiometry() * flows[reaction.getId()]
                for reaction, reference, sign in _uses(model, name)
            ),
            parse(0.0),
        )
        rates[name] = gain if species.getHasOnlySubstanceUnits() else gain / _symbol(species.getCompartment())
    return Network(rates, initial, rules | {name: flow for name, flow in flows.items() if name not in initial})


def _refuse(model: Any) -> None:
    variable = {rule.getVariable() for rule in model.getListOfRules()}
    references = [
        reference
        for reaction in model.getListOfReactions()
        for reference in (*reaction.getListOfReactants(), *reaction.getListOfProducts())
    ]
    found = {
        "events": model.getNumEvents() > 0,
        "algebraic rules": any(rule.isAlgebraic() for rule in model.getListOfRules()),
        "constraints of type delay": any(
            "delay(" in (model.getRule(i).getFormula() or "") for i in range(model.getNumRules())
        ),
        "compartments whose size is given by a rule": any(c.getId() in variable for c in model.getListOfCompartments()),
        "stoichiometries that are not numbers": any(
            reference.isSetStoichiometryMath()
            or reference.getId() in variable
            or math.isnan(reference.getStoichiometry())
            for reference in references
        ),
        "conversion factors": model.isSetConversionFactor()
        or any(s.isSetConversionFactor() for s in model.getListOfSpecies()),
        "reactions without a kinetic law": any(not r.isSetKineticLaw() for r in model.getListOfReactions()),
    }
    if wrong := [what for what, there in found.items() if there]:
        raise UnsupportedError(
            f"the SBML model {model.getId()!r} has {', '.join(wrong)}, which read_petab does not translate: write the "
            "law as a function f(t, state, args) and give js.simulate's result to js.inference.Posterior."
        )


def _mathematics(libsbml: Any, element: Any) -> Any:
    settings = libsbml.L3ParserSettings()
    settings.setParseUnits(False)
    return parse(libsbml.formulaToL3StringWithSettings(element.getMath(), settings))


def _symbol(name: str) -> Any:
    return parse(name)


def _start(species: Any, sizes: Expressions) -> Any:
    """Initial value of what the symbol means: a concentration, or an amount where the model says so."""
    volume = _symbol(species.getCompartment()) if species.getCompartment() in sizes else parse(1.0)
    amounts = species.getHasOnlySubstanceUnits()
    if species.isSetInitialConcentration():
        value = parse(species.getInitialConcentration())
        return value * volume if amounts else value
    value = parse(species.getInitialAmount() if species.isSetInitialAmount() else 0.0)
    return value if amounts else value / volume


def _uses(model: Any, name: str) -> Iterable[tuple[Any, Any, float]]:
    """The reactions a species takes part in, each with the reference to it and the sign of its change."""
    for reaction in model.getListOfReactions():
        for references, sign in ((reaction.getListOfReactants(), -1.0), (reaction.getListOfProducts(), 1.0)):
            for reference in references:
                if reference.getSpecies() == name:
                    yield reaction, reference, sign

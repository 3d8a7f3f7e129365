"""Least squares on NIST's 27 nonlinear regression problems: digits and time, against SciPy and optimistix."""

from functools import cache

import numpy as np

from .comparison import OURS, Contender, Target, Work

TITLE = "Least squares on the 27 NIST regression problems"
VARIANTS = ("float64",)
PEERS = ("scipy least_squares lm", "scipy least_squares trf", "scipy curve_fit", "optimistix")
MAX_STEPS = 1000


@cache
def fits(contender: str) -> list:
    """For each problem, `fit(start) -> parameters`, compiled already."""
    import jaxsci as js

    build = {OURS: ours, "optimistix": optimistix}.get(contender, lambda problem: scipy(problem, contender))
    return [(problem, build(problem)) for problem in js.data.nist().values()]


def ours(problem):
    import equinox as eqx

    import jaxsci as js

    posterior = problem.posterior
    run = eqx.filter_jit(lambda posterior, start: js.inference.maximize(posterior, start).value)
    return lambda start: run(posterior, start)


def optimistix(problem):
    import jax
    import optimistix as optx

    solver = optx.LevenbergMarquardt(rtol=1e-12, atol=1e-12)

    @jax.jit
    def run(start):
        return optx.least_squares(
            lambda b, _: problem.predict(b) - problem.y, solver, start, max_steps=MAX_STEPS, throw=False
        ).value

    return run


def scipy(problem, contender: str):
    """SciPy with exact Jacobians, compiled by JAX, and tolerances at rounding."""
    import jax
    from scipy.optimize import curve_fit, least_squares

    residual = jax.jit(lambda b: problem.predict(b) - problem.y)
    jacobian = jax.jit(jax.jacfwd(lambda b: problem.predict(b) - problem.y))
    tolerances = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}

    def by_least_squares(start):
        method = contender.split()[-1]
        return least_squares(
            lambda b: np.asarray(residual(b)),
            start,
            lambda b: np.asarray(jacobian(b)),
            method=method,
            x_scale="jac",
            max_nfev=MAX_STEPS,
            **tolerances,
        ).x

    def by_curve_fit(start):
        return curve_fit(
            lambda _, *b: np.asarray(residual(np.array(b))),
            problem.x,
            np.zeros(len(problem.y)),
            start,
            jac=lambda _, *b: np.asarray(jacobian(np.array(b))),
            maxfev=MAX_STEPS,
            **tolerances,
        )[0]

    return by_curve_fit if contender == "scipy curve_fit" else by_least_squares


def solved(contender: str):
    """All problems from both starts, parameters in units of the certified ones; zeros where a fit fails."""

    def run():
        return np.concatenate([b / problem.values for problem, b in attempts(contender)])

    return run


def attempts(contender: str) -> list:
    """Each problem with the parameters found from its first and its second start."""
    found = []
    for problem, fit in fits(contender):
        for start in np.asarray(problem.starts):
            try:
                with np.errstate(all="ignore"):
                    b = np.asarray(fit(start))
            except (RuntimeError, ValueError):
                b = np.zeros(len(start))
            found.append((problem, np.nan_to_num(b, nan=0.0, posinf=0.0, neginf=0.0)))
    return found


def digits() -> dict[str, float]:
    """How many problems each contender solves to four and to eight digits, from either start."""
    figures = {}
    for contender in (OURS, *PEERS):
        right = [problem.digits(b) for problem, b in attempts(contender)]
        for start in (0, 1):
            these = np.array(right[start::2])
            figures[f"{contender}: of 27, to 4 digits from start {start + 1}"] = float(np.sum(these >= 4))
            figures[f"{contender}: of 27, to 8 digits from start {start + 1}"] = float(np.sum(these >= 8))
            figures[f"{contender}: least digits from start {start + 1}"] = float(these.min())
    return figures


def work(precision: str, quick: bool) -> Work:
    return Work(
        [Contender(name, lambda name=name: solved(name)) for name in (OURS, *PEERS)],
        54,
        "fit",
        targets=[Target("scipy least_squares lm", 1.0), Target("optimistix", 1.0)],
        figures=digits,
    )

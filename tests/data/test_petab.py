"""PEtab problems: the likelihood is the one by hand and by petab itself, and known values are recovered."""

import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

import jaxsci as js
from jaxsci._core.errors import UnsupportedError
from jaxsci.data import petab_statistics

petab = pytest.importorskip("petab.v1")
SBML = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model id="{name}">
<listOfCompartments>{compartments}</listOfCompartments>
<listOfSpecies>{species}</listOfSpecies>
<listOfParameters>{parameters}</listOfParameters>
{more}
<listOfReactions>{reactions}</listOfReactions>
</model></sbml>
"""
MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">{}</math>'
FILES = {"sbml_files": "model.xml", "measurement_files": "measurements.tsv", "condition_files": "conditions.tsv",
         "observable_files": "observables.tsv"}  # fmt: skip


def species(name, start=0.0, compartment="cell", more=""):
    return (
        f'<species id="{name}" compartment="{compartment}" initialConcentration="{start}" '
        f'hasOnlySubstanceUnits="false" boundaryCondition="false" constant="false" {more}/>'
    )


def compartment(name, size):
    return f'<compartment id="{name}" size="{size}" spatialDimensions="3" constant="true"/>'


def parameter(name, value):
    return f'<parameter id="{name}" value="{value}" constant="true"/>'


def product(*names):
    return "<apply><times/>" + "".join(f"<ci>{name}</ci>" for name in names) + "</apply>"


def reaction(name, consumed, produced, rate):
    def references(entries, kind):
        inside = "".join(
            f'<speciesReference species="{s}" stoichiometry="{n}" constant="true"/>' for s, n in entries.items()
        )
        return f"<listOf{kind}>{inside}</listOf{kind}>" if entries else ""

    return (
        f'<reaction id="{name}" reversible="false" fast="false">{references(consumed, "Reactants")}'
        f"{references(produced, 'Products')}<kineticLaw>{MATH.format(rate)}</kineticLaw></reaction>"
    )


def write(folder, sbml, **tables):
    """A problem from rows of its tables; the first row names the columns."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.xml").write_text(sbml)
    for name, rows in tables.items():
        (folder / f"{name}.tsv").write_text("\n".join("\t".join(map(str, row)) for row in rows) + "\n")
    listed = "\n".join(f"    {kind}:\n    - {file}" for kind, file in FILES.items())
    text = f"format_version: 1\nparameter_file: parameters.tsv\nproblems:\n  -\n{listed}\n"
    (folder / "problem.yaml").write_text(text)
    return folder / "problem.yaml"


K1, K2, TS = 0.8, 0.3, np.linspace(0.0, 5.0, 11)
CONVERSION = SBML.format(
    name="conversion",
    compartments=compartment("cell", 2.0),
    species=species("A", 1.0) + species("B"),
    parameters=parameter("k1", 1.0) + parameter("k2", 1.0),
    more="",
    reactions=reaction("forth", {"A": 1}, {"B": 1}, product("cell", "k1", "A"))
    + reaction("back", {"B": 1}, {"A": 1}, product("cell", "k2", "B")),
)


def read_by_petab(path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="petab")
        return petab.Problem.from_yaml(str(path))


def conversion_b(t, k1=K1, k2=K2, a0=1.0):
    """[B] of the conversion reaction, in closed form."""
    return a0 * k1 / (k1 + k2) * (1 - np.exp(-(k1 + k2) * t))


def conversion(folder, noise=0.02, formula="noiseParameter1_obs_b", transformation="lin", law="normal", prior=("", "")):
    """Two conditions that start at other concentrations of A; deviations from the truth are known numbers."""
    rows = [["observableId", "simulationConditionId", "time", "measurement", "noiseParameters"]]
    off = noise * np.sin(7.0 * np.arange(2 * len(TS)))
    for i, (name, a0) in enumerate((("low", 1.0), ("high", 3.0))):
        rows += [
            ["obs_b", name, t, 2.0 * conversion_b(t, a0=a0) + 0.1 + off[i * len(TS) + j], "sigma"]
            for j, t in enumerate(TS)
        ]
    return write(
        folder,
        CONVERSION,
        measurements=rows,
        conditions=[["conditionId", "A"], ["low", 1.0], ["high", 3.0]],
        observables=[
            ["observableId", "observableFormula", "noiseFormula", "observableTransformation", "noiseDistribution"],
            ["obs_b", "gain * B + 0.1", formula, transformation, law],
        ],
        parameters=[
            ["parameterId", "parameterScale", "lowerBound", "upperBound", "nominalValue", "estimate",
             "objectivePriorType", "objectivePriorParameters"],
            ["k1", "log10", 1e-3, 1e3, 1.5, 1, *prior],
            ["k2", "log", 1e-3, 1e3, 0.1, 1, "", ""],
            ["gain", "lin", 0.1, 10, 2.0, 0, "", ""],
            ["sigma", "lin", 1e-3, 10, noise, 0, "", ""],
        ],
    )  # fmt: skip


def test_known_values_are_recovered_from_exact_data(tmp_path):
    problem = js.data.read_petab(conversion(tmp_path, noise=1e-9))
    assert problem.names == ("k1", "k2") and sorted(problem.guess) == ["log(k2)", "log10(k1)"]
    assert problem.posterior.is_least_squares
    best = js.inference.maximize(problem.posterior, problem.guess)
    found = problem.physical(best.value)
    np.testing.assert_allclose([found["k1"], found["k2"]], [K1, K2], rtol=1e-6)
    again = problem.unknowns(found)
    np.testing.assert_allclose(again["log10(k1)"], best.value["log10(k1)"], rtol=1e-12)


@pytest.mark.parametrize("transformation", ["lin", "log", "log10"])
@pytest.mark.parametrize("law", ["normal", "laplace"])
def test_likelihood_is_the_one_by_hand_and_by_petab(tmp_path, transformation, law):
    path = conversion(tmp_path, 0.05, "noiseParameter1_obs_b + 0.1", transformation, law)
    problem = js.data.read_petab(path)
    unknowns = problem.unknowns({"k1": 0.9, "k2": 0.25})
    ours = problem.posterior.log_likelihood(unknowns)

    b = np.concatenate([2.0 * conversion_b(TS, 0.9, 0.25, a0) + 0.1 for a0 in (1.0, 3.0)])
    model = read_by_petab(path)
    m, sigma = model.measurement_df["measurement"].to_numpy(), 0.15
    change = {"lin": lambda x: x, "log": np.log, "log10": np.log10}[transformation]
    slope = {"lin": np.ones_like(m), "log": 1 / m, "log10": 1 / (m * np.log(10))}[transformation]
    r = (change(m) - change(b)) / sigma
    kernel = -(r**2) / 2 - np.log(np.sqrt(2 * np.pi)) if law == "normal" else -np.abs(r) - np.log(2)
    np.testing.assert_allclose(ours, np.sum(kernel - np.log(sigma) + np.log(slope)), rtol=1e-6)

    simulated = model.measurement_df.rename(columns={"measurement": "simulation"}).assign(simulation=b)
    by_petab = petab.calculate.calculate_llh(model.measurement_df, simulated, model.observable_df, model.parameter_df)
    np.testing.assert_allclose(ours, by_petab, rtol=1e-6)


@pytest.mark.slow
def test_gradient_has_a_certificate(tmp_path):
    problem = js.data.read_petab(conversion(tmp_path))
    reverse = js.data.read_petab(conversion(tmp_path), adjoint=js.Checkpointed())
    log_density = jax.jit(lambda unknowns: reverse.posterior.log_density(unknowns))
    slope = jax.jit(jax.jacfwd(lambda unknowns: problem.posterior.log_density(unknowns)))(problem.guess)
    back = jax.grad(log_density)(problem.guess)
    for name in slope:
        np.testing.assert_allclose(slope[name], back[name], rtol=1e-6)
    assert js.check_gradient(log_density, problem.guess).passed


def test_noise_that_is_unknown_or_grows_with_the_observable(tmp_path):
    path = conversion(tmp_path, 0.05, "noiseParameter1_obs_b + share * obs_b")
    table = (
        (tmp_path / "parameters.tsv")
        .read_text()
        .replace("sigma\tlin\t0.001\t10\t0.05\t0", "sigma\tlog\t0.001\t10\t0.05\t1")
    )
    (tmp_path / "parameters.tsv").write_text(table + "share\tlin\t0\t1\t0.1\t0\t\t\n")
    problem = js.data.read_petab(path)
    assert problem.names == ("k1", "k2", "sigma") and not problem.posterior.is_least_squares
    unknowns = problem.unknowns({"k1": K1, "k2": K2, "sigma": 0.07})
    b = np.concatenate([2.0 * conversion_b(TS, a0=a0) + 0.1 for a0 in (1.0, 3.0)])
    sigma = 0.07 + 0.1 * b
    off = 0.05 * np.sin(7.0 * np.arange(2 * len(TS)))
    by_hand = np.sum(-((off / sigma) ** 2) / 2 - np.log(sigma * np.sqrt(2 * np.pi)))
    np.testing.assert_allclose(problem.posterior.log_likelihood(unknowns), by_hand, rtol=1e-7)


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [("", ""), ("uniform", "0.1;5"), ("normal", "1;0.3"), ("laplace", "1;0.3"), ("logNormal", "0;0.4"),
     ("logLaplace", "0;0.4"), ("parameterScaleUniform", "-1;1"), ("parameterScaleNormal", "0;0.3"),
     ("parameterScaleLaplace", "0;0.3")],
)  # fmt: skip
def test_every_prior_is_a_density_on_the_scale_and_is_drawn_from(tmp_path, kind, numbers):
    prior = js.data.read_petab(conversion(tmp_path, prior=(kind, numbers))).posterior.prior["log10(k1)"]
    density = jax.jit(lambda y: jnp.exp(prior.log_density(y)))
    low, high = map(float, prior.support)
    assert low >= -3.0 and high <= 3.0
    ends = [np.log10(0.1), 0.0, np.log10(5.0)]
    total, _ = quad(lambda y: float(density(y)), low, high, points=[p for p in ends if low < p < high], limit=200)
    mean, _ = quad(lambda y: y * float(density(y)), low, high, points=[p for p in ends if low < p < high], limit=200)
    np.testing.assert_allclose(total, 1.0, atol=1e-6)
    draws = prior.sample(jax.random.key(0), (20000,))
    assert np.all((draws >= low) & (draws <= high))
    assert abs(draws.mean() - mean) < 4 * draws.std() / np.sqrt(20000)


def test_prior_on_the_parameter_is_changed_to_its_scale(tmp_path):
    prior = js.data.read_petab(conversion(tmp_path, prior=("normal", "1;0.3"))).posterior.prior["log10(k1)"]
    y = 0.1
    x = 10**y
    by_hand = -(((x - 1) / 0.3) ** 2) / 2 - np.log(0.3 * np.sqrt(2 * np.pi)) + np.log(x * np.log(10))
    np.testing.assert_allclose(prior.log_density(jnp.array(y)), by_hand, atol=1e-3)


BOEHM = SBML.format(
    name="boehm",
    compartments=compartment("cyt", 1.4) + compartment("nuc", 0.45),
    species="".join(species(s, 0.0, "cyt") for s in ("STAT5A", "STAT5B", "pApB", "pApA", "pBpB"))
    + "".join(species(s, 0.0, "nuc") for s in ("nucpApA", "nucpApB", "nucpBpB")),
    parameters=parameter("ratio", 0.693)
    + parameter("Epo_degradation_BaF3", 0.0)
    + parameter("k_phos", 0.0)
    + "".join(parameter(k, 0.0) for k in ("k_imp_homo", "k_imp_hetero", "k_exp_homo", "k_exp_hetero"))
    + '<parameter id="BaF3_Epo" value="0" constant="false"/>',
    more="<listOfInitialAssignments>"
    + '<initialAssignment symbol="STAT5A">'
    + MATH.format("<apply><times/><cn>207.6</cn><ci>ratio</ci></apply>")
    + '</initialAssignment><initialAssignment symbol="STAT5B">'
    + MATH.format("<apply><minus/><cn>207.6</cn><apply><times/><cn>207.6</cn><ci>ratio</ci></apply></apply>")
    + '</initialAssignment></listOfInitialAssignments><listOfRules><assignmentRule variable="BaF3_Epo">'
    + MATH.format(
        "<apply><times/><cn>1.25e-7</cn><apply><exp/><apply><times/><cn>-1</cn><ci>Epo_degradation_BaF3</ci>"
        '<csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol></apply></apply></apply>'
    )
    + "</assignmentRule></listOfRules>",
    reactions="".join(
        [
            reaction("v1", {"STAT5A": 2}, {"pApA": 1}, product("cyt", "BaF3_Epo", "STAT5A", "STAT5A", "k_phos")),
            reaction(
                "v2", {"STAT5A": 1, "STAT5B": 1}, {"pApB": 1}, product("cyt", "BaF3_Epo", "STAT5A", "STAT5B", "k_phos")
            ),
            reaction("v3", {"STAT5B": 2}, {"pBpB": 1}, product("cyt", "BaF3_Epo", "STAT5B", "STAT5B", "k_phos")),
            reaction("v4", {"pApA": 1}, {"nucpApA": 1}, product("cyt", "k_imp_homo", "pApA")),
            reaction("v5", {"pApB": 1}, {"nucpApB": 1}, product("cyt", "k_imp_hetero", "pApB")),
            reaction("v6", {"pBpB": 1}, {"nucpBpB": 1}, product("cyt", "k_imp_homo", "pBpB")),
            reaction("v7", {"nucpApA": 1}, {"STAT5A": 2}, product("nuc", "k_exp_homo", "nucpApA")),
            reaction("v8", {"nucpApB": 1}, {"STAT5A": 1, "STAT5B": 1}, product("nuc", "k_exp_hetero", "nucpApB")),
            reaction("v9", {"nucpBpB": 1}, {"STAT5B": 2}, product("nuc", "k_exp_homo", "nucpBpB")),
        ]
    ),
)
TRUE = {"Epo_degradation_BaF3": 0.0269, "k_phos": 15766.0, "k_imp_homo": 0.5, "k_imp_hetero": 0.0164,
        "k_exp_homo": 0.006, "k_exp_hetero": 0.01}  # fmt: skip
BOEHM_OBSERVABLES = {
    "pSTAT5A_rel": "(100 * pApB + 200 * pApA * specC17) / (pApB + STAT5A * specC17 + 2 * pApA * specC17)",
    "pSTAT5B_rel": "-(100 * pApB - 200 * pBpB * (specC17 - 1)) / (STAT5B * (specC17 - 1) - pApB + "
    "2 * pBpB * (specC17 - 1))",
    "rSTAT5A_rel": "(100 * pApB + 100 * STAT5A * specC17 + 200 * pApA * specC17) / (2 * pApB + STAT5A * specC17 + "
    "2 * pApA * specC17 - STAT5B * (specC17 - 1) - 2 * pBpB * (specC17 - 1))",
}
BOEHM_TS = np.array([0, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 120, 160, 200, 240])


def boehm_by_scipy():
    """The observables of the STAT5 model, its equations written out."""
    p, c17, cyt, nuc = TRUE, 0.107, 1.4, 0.45

    def law(t, y):
        a, b, ab, aa, bb, naa, nab, nbb = y
        epo = 1.25e-7 * np.exp(-p["Epo_degradation_BaF3"] * t) * p["k_phos"]
        out = nuc / cyt * np.array([p["k_exp_homo"] * naa, p["k_exp_hetero"] * nab, p["k_exp_homo"] * nbb])
        into = np.array([p["k_imp_homo"] * aa, p["k_imp_hetero"] * ab, p["k_imp_homo"] * bb])
        return [
            -2 * epo * a * a - epo * a * b + 2 * out[0] + out[1],
            -2 * epo * b * b - epo * a * b + 2 * out[2] + out[1],
            epo * a * b - into[1],
            epo * a * a - into[0],
            epo * b * b - into[2],
            *(cyt / nuc * into - cyt / nuc * out),
        ]

    start = [207.6 * 0.693, 207.6 * (1 - 0.693), 0, 0, 0, 0, 0, 0]
    y = solve_ivp(law, (0, 240), start, t_eval=BOEHM_TS, method="LSODA", rtol=1e-10, atol=1e-10).y
    values = dict(zip(("STAT5A", "STAT5B", "pApB", "pApA", "pBpB"), y, strict=False)) | {"specC17": c17}
    return {name: eval(formula, {}, values) for name, formula in BOEHM_OBSERVABLES.items()}


def boehm(folder, data):
    rows = [["observableId", "simulationConditionId", "time", "measurement", "noiseParameters"]]
    rows += [[n, "epo", t, v, f"sd_{n}"] for n, values in data.items() for t, v in zip(BOEHM_TS, values, strict=True)]
    columns = ["parameterId", "parameterScale", "lowerBound", "upperBound", "nominalValue", "estimate"]
    return write(
        folder,
        BOEHM,
        measurements=rows,
        conditions=[["conditionId", "ratio"], ["epo", 0.693]],
        observables=[["observableId", "observableFormula", "noiseFormula"]]
        + [[name, formula, f"noiseParameter1_{name}"] for name, formula in BOEHM_OBSERVABLES.items()],
        parameters=[columns]
        + [[name, "log10", 1e-5, 1e5, 1.3 * value, 1] for name, value in TRUE.items()]
        + [[f"sd_{name}", "lin", 1e-3, 100, 1.0, 0] for name in data]
        + [["specC17", "lin", 0, 1, 0.107, 0]],
    )


@pytest.mark.slow
def test_stat5_model_is_simulated_and_its_rates_recovered(tmp_path):
    data = boehm_by_scipy()
    problem = js.data.read_petab(boehm(tmp_path, data))
    predicted = problem.posterior.predict(problem.unknowns(TRUE))
    for name, values in data.items():
        np.testing.assert_allclose(predicted[name], values, rtol=1e-6, atol=1e-7)
    best = js.inference.maximize(problem.posterior, problem.guess)
    found = problem.physical(best.value)
    for name, value in TRUE.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, err_msg=name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: _edit(d / "measurements.tsv", "\tlow\t5.0\t", "\tlow\tinf\t"), "steady state"),
        (lambda d: _column(d / "measurements.tsv", "preequilibrationConditionId", "low"), "preequilibration"),
        (lambda d: _edit(d / "observables.tsv", "normal", "cauchy"), "cauchy"),
        (lambda d: _edit(d / "model.xml", "<listOfReactions>", EVENT + "<listOfReactions>"), "events"),
    ],
    ids=["steady state", "preequilibration", "noise", "events"],
)
def test_what_is_not_understood_is_refused_by_name(tmp_path, change, message):
    path = conversion(tmp_path)
    change(tmp_path)
    with pytest.raises((UnsupportedError, ValueError), match=message):
        js.data.read_petab(path)


EVENT = (
    '<listOfEvents><event id="pulse" useValuesFromTriggerTime="true"><trigger initialValue="true" persistent="true">'
    + MATH.format(
        '<apply><gt/><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/time">t</csymbol>'
        "<cn>1</cn></apply>"
    )
    + "</trigger></event></listOfEvents>"
)


def _edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _column(path, name, value):
    head, *rows = path.read_text().splitlines()
    path.write_text("\n".join([f"{head}\t{name}", *(f"{row}\t{value}" for row in rows)]) + "\n")


def test_without_petab_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "petab.v1", None)
    with pytest.raises(ImportError, match=r"jaxsci\[petab\]"):
        js.data.read_petab("problem.yaml")


def test_laplace_noise_has_its_information_and_draws():
    noise = petab_statistics.LogLaplaceNoise(0.3)
    prediction = 2.0 * jnp.ones(200_000)
    data = noise.sample(jax.random.key(0), prediction)
    slopes = jax.vmap(jax.grad(noise.log_density, argnums=1))(data, prediction)
    np.testing.assert_allclose(jnp.mean(slopes**2), noise.information(prediction)[0], rtol=1e-6)
    assert abs(float(jnp.median(data)) - 2.0) < 0.01

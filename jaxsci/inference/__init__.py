"""Data -> unknowns of a known law, with error bars."""

from .chains.draws import Draws as Draws
from .choose import choose as choose
from .coordinates import Coordinates as Coordinates
from .design import (
    AOptimal as AOptimal,
    Choice as Choice,
    Criterion as Criterion,
    DOptimal as DOptimal,
    EOptimal as EOptimal,
    Experiment as Experiment,
    IdentityReport as IdentityReport,
    InformationGain as InformationGain,
    LaplaceAverage as LaplaceAverage,
    LocalSensitivities as LocalSensitivities,
    MostInformative as MostInformative,
    NestedMonteCarlo as NestedMonteCarlo,
    SobolIndices as SobolIndices,
    best_experiment as best_experiment,
    check_identities as check_identities,
    choose_measurements as choose_measurements,
    expected_information_gain as expected_information_gain,
    fisher_information as fisher_information,
    local_sensitivities as local_sensitivities,
    sobol_indices as sobol_indices,
)
from .distributions import (
    Beta as Beta,
    Distribution as Distribution,
    Exponential as Exponential,
    Flat as Flat,
    Gamma as Gamma,
    HalfNormal as HalfNormal,
    Laplace as Laplace,
    LogNormal as LogNormal,
    MultivariateNormal as MultivariateNormal,
    Normal as Normal,
    StudentT as StudentT,
    TruncatedNormal as TruncatedNormal,
    Uniform as Uniform,
)
from .ensemble_kalman import Ensemble as Ensemble, ensemble_kalman as ensemble_kalman
from .evidence import (
    Evidence as Evidence,
    EvidenceMethod as EvidenceMethod,
    ImportanceSampling as ImportanceSampling,
    TemperedSampling as TemperedSampling,
    evidence as evidence,
)
from .kalman.methods import (
    DeterministicInversion as DeterministicInversion,
    EnsembleTransform as EnsembleTransform,
    Inversion as Inversion,
    KalmanMethod as KalmanMethod,
    Unscented as Unscented,
)
from .laplace import LaplaceApproximation as LaplaceApproximation, laplace as laplace
from .likelihoods import (
    CorrelatedGaussian as CorrelatedGaussian,
    Gaussian as Gaussian,
    Likelihood as Likelihood,
    LogNormalNoise as LogNormalNoise,
    PoissonNoise as PoissonNoise,
    StudentNoise as StudentNoise,
    UserNoise as UserNoise,
)
from .maximize import Estimate as Estimate, maximize as maximize
from .posterior import Posterior as Posterior
from .random_fields import (
    CrossValidation as CrossValidation,
    DiscrepancyPrinciple as DiscrepancyPrinciple,
    GaussianRandomField as GaussianRandomField,
    LargestEvidence as LargestEvidence,
    LowRankLaplace as LowRankLaplace,
    Smoothness as Smoothness,
    StrengthPath as StrengthPath,
    TotalVariation as TotalVariation,
    choose_strength as choose_strength,
    low_rank_laplace as low_rank_laplace,
)
from .sample import Dense as Dense, Diagonal as Diagonal, Metric as Metric, sample as sample
from .search.identifiability import Identifiability as Identifiability
from .transforms import (
    Above as Above,
    Below as Below,
    Between as Between,
    Identity as Identity,
    Positive as Positive,
    Transform as Transform,
)

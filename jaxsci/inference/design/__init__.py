"""What an experiment tells, and where to make it."""

from .criteria import (
    AOptimal as AOptimal,
    Criterion as Criterion,
    DOptimal as DOptimal,
    EOptimal as EOptimal,
    MostInformative as MostInformative,
)
from .experiment import (
    Choice as Choice,
    Experiment as Experiment,
    best_experiment as best_experiment,
    choose_measurements as choose_measurements,
)
from .identities import IdentityReport as IdentityReport, check_identities as check_identities
from .information import (
    InformationGain as InformationGain,
    LaplaceAverage as LaplaceAverage,
    NestedMonteCarlo as NestedMonteCarlo,
    expected_information_gain as expected_information_gain,
    fisher_information as fisher_information,
)
from .sensitivity import (
    LocalSensitivities as LocalSensitivities,
    SobolIndices as SobolIndices,
    local_sensitivities as local_sensitivities,
    sobol_indices as sobol_indices,
)

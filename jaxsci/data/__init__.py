"""The outside world: labelled arrays, files, stores for long runs, and problems of parameter estimation.

Arrays, files and stores need the extra `pip install "jaxsci[data]"`; PEtab problems `pip install "jaxsci[petab]"`.
"""

from .files import load as load, save as save
from .labelled import from_xarray as from_xarray, to_xarray as to_xarray
from .petab import PetabProblem as PetabProblem, read_petab as read_petab
from .regression import RegressionProblem as RegressionProblem, nist as nist
from .store import ZarrStore as ZarrStore

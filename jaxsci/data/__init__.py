"""The outside world: labelled arrays, files, and stores for long runs. Needs the extra `pip install "jaxsci[data]"`."""

from .files import load as load, save as save
from .labelled import from_xarray as from_xarray, to_xarray as to_xarray
from .store import ZarrStore as ZarrStore

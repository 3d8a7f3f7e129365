"""The packages of the optional extra `data`, imported when they are first needed."""

from importlib import import_module
from types import ModuleType


def needs(package: str, purpose: str) -> ModuleType:
    """Import a package of the extra `data`.

    Raises:
        ImportError: If it is not installed; the message holds the command that installs it.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise ImportError(f'{purpose} needs the package {package}: pip install "jaxsci[data]"', name=package) from error

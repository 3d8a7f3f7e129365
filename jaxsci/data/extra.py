"""The packages of the optional extras `data` and `petab`, imported when they are first needed."""

from importlib import import_module
from types import ModuleType


def needs(package: str, purpose: str, extra: str = "data") -> ModuleType:
    """Import a package of an extra.

    Raises:
        ImportError: If it is not installed; the message holds the command that installs it.
    """
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        remedy = f'pip install "jaxsci[{extra}]"'
        raise ImportError(f"{purpose} needs the package {package}: {remedy}", name=package) from error

"""Unknowns picked out of a law by the path that leads to them."""

from .._core.paths import Put as Put, choose as choose

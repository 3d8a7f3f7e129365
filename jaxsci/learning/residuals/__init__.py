"""What is left of a law when a function is put in for its unknown, read at one point at a time."""

from .residual import residual as residual

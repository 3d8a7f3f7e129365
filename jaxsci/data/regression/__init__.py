"""Regression problems with certified answers."""

from .nist import RegressionProblem as RegressionProblem, nist as nist

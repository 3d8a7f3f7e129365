"""What a trained network is worth: its true error, its cost beside a solver's, and what limits it."""

from .report import Report as Report

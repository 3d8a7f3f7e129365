"""Runs that take a while: their progress, their segments on disk, and why they stopped."""

"""The way to the top of a density."""

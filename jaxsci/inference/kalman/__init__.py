"""Ensembles that learn without gradients: how members are judged, and how they move."""

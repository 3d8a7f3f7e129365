"""Plumbing without physics: errors, precision, typing. Private: nothing here is public API."""

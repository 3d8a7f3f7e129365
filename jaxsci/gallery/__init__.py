"""Worked examples that a user runs by name: `jaxsci run NAME --output DIR`, or `js.gallery.run(NAME, DIR)`."""

from .registry import Entry as Entry, entries as entries, run as run

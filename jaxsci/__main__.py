"""`python -m jaxsci` is the command `jaxsci`."""

from .gallery.cli import main

raise SystemExit(main())

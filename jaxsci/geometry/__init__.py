"""Where? Boxes, grids and the laws that hold at their walls."""

from .boundary import (
    BoundaryLaw as BoundaryLaw,
    Dirichlet as Dirichlet,
    Free as Free,
    InTime as InTime,
    Neumann as Neumann,
    Periodic as Periodic,
    Robin as Robin,
    at_time as at_time,
    per_side as per_side,
)
from .box import Box as Box
from .grid import Grid as Grid
from .primitives import Ball as Ball, Block as Block, HalfSpace as HalfSpace, Polygon as Polygon
from .regions import Region as Region

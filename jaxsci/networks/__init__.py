"""Functions with weights that know no physics: one point in, one value out; map them over points with `jax.vmap`."""

from .adapt import Adapted as Adapted, adapt as adapt
from .antisymmetric import Antisymmetric as Antisymmetric
from .base import Fixed as Fixed, Network as Network, num_weights as num_weights, split as split
from .embeddings import FourierFeatures as FourierFeatures, PeriodicEmbedding as PeriodicEmbedding
from .finite_basis import FiniteBasis as FiniteBasis
from .layers import Factorised as Factorised, Linear as Linear
from .mechanics import (
    Hamiltonian as Hamiltonian,
    Lagrangian as Lagrangian,
    SeparableHamiltonian as SeparableHamiltonian,
)
from .mlp import MLP as MLP, SIREN as SIREN
from .pirate import PirateNet as PirateNet
from .random_features import RandomFeatures as RandomFeatures
from .separable import Separable as Separable
from .wrappers import (
    Chain as Chain,
    MultiScale as MultiScale,
    Residual as Residual,
    SpectralNormalised as SpectralNormalised,
)

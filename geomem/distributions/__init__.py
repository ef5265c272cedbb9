"""Laws of the data: what can be sampled (``Sampler``) and what has an exact score (``Score``)."""

from geomem.distributions.base import Sampler, Score, add_noise
from geomem.distributions.empirical import Empirical
from geomem.distributions.gaussian import LinearManifold
from geomem.distributions.hidden_manifold import HiddenManifold
from geomem.distributions.mixture import GaussianMixture
from geomem.distributions.random_linear import RandomLinearManifold
from geomem.distributions.sphere import OnSphere

__all__ = [
    "Empirical",
    "GaussianMixture",
    "HiddenManifold",
    "LinearManifold",
    "OnSphere",
    "RandomLinearManifold",
    "Sampler",
    "Score",
    "add_noise",
]

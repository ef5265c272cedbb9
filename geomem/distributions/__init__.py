"""Laws of the data: what can be sampled (``Sampler``) and what has an exact score (``Score``)."""

from geomem.distributions.base import Sampler, Score, add_noise

__all__ = ["Sampler", "Score", "add_noise"]

r"""Freezing: what the empirical score still sees of the data's directions, and which it loses first.

- :mod:`~geomem.theory.freezing.loss` measures what a block of directions has lost, in three ways;
- :mod:`~geomem.theory.freezing.order` holds the rule that says which of two blocks is lost first.
"""

from geomem.theory.freezing.loss import absolute_loss, live_fraction, relative_response
from geomem.theory.freezing.order import HalfNoise, Verdict, half_noise, verdict

__all__ = [
    "HalfNoise",
    "Verdict",
    "absolute_loss",
    "half_noise",
    "live_fraction",
    "relative_response",
    "verdict",
]

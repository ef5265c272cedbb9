r"""How many data points share the weight: Gaussian data seen from a state, exactly at any N, and in the limit.

The weights :math:`w_\mu \propto z_\mu = e^{-\|x-y^\mu\|^2/2t}` of the empirical score have the inverse participation
ratio :math:`\sum_\mu w_\mu^2`, and :math:`\tilde N = 1/\sum_\mu w_\mu^2` is the effective sample size. Averages are
over the data set, at a given state :math:`x`, and it matters which kind of state that is:

- :mod:`~geomem.theory.effective_sample_size.fresh` is for states that are independent of the data: participation,
  partition function, and three means of :math:`\tilde N`;
- :mod:`~geomem.theory.effective_sample_size.own_point` is for noisy training points, of which one data point is the
  own one: participation, own weight, and the information threshold where it appears;
- :mod:`~geomem.theory.effective_sample_size.limit` holds the frozen values and the rates above condensation to
  leading order in :math:`d`, at fresh states.

Each is an average of :mod:`geomem.theory.random_energy_model`, which holds for any energies, with the cumulant of
:mod:`geomem.theory.positional`. States, noise variances, and numbers of points broadcast.
"""

from geomem.theory.effective_sample_size.fresh import (
    expected_log_partition,
    expected_log_sample_size,
    inverse_participation_ratio,
    sample_size_arithmetic,
    sample_size_geometric,
    sample_size_harmonic,
)
from geomem.theory.effective_sample_size.limit import annealed_rate, ipr_frozen, ipr_frozen_variance, typical_rate
from geomem.theory.effective_sample_size.own_point import (
    inverse_participation_ratio_own_point,
    own_weight,
    own_weight_gaussian,
)

__all__ = [
    "annealed_rate",
    "expected_log_partition",
    "expected_log_sample_size",
    "inverse_participation_ratio",
    "inverse_participation_ratio_own_point",
    "ipr_frozen",
    "ipr_frozen_variance",
    "own_weight",
    "own_weight_gaussian",
    "sample_size_arithmetic",
    "sample_size_geometric",
    "sample_size_harmonic",
    "typical_rate",
]

r"""Random energy models: any law of independent energies, in the limit and exactly at any size.

:mod:`~geomem.theory.random_energy_model.cumulants` holds what such a model is made of,
:mod:`~geomem.theory.random_energy_model.limit` its entropy, condensation, frozen weights, and rates;
:mod:`~geomem.theory.random_energy_model.finite_size` has the averages over :math:`N` energies without a limit, and
:mod:`~geomem.theory.random_energy_model.sample_size` those of the effective sample size, both built on the
Laplace transform of :mod:`~geomem.theory.random_energy_model.mellin_barnes`.
"""

from geomem.theory.random_energy_model.cumulants import Cumulant, derivative, empirical_cumulant, gaussian_cumulant
from geomem.theory.random_energy_model.finite_size import (
    Evaluation,
    expected_log_partition,
    own_participation,
    own_weight,
    participation,
    planted_participation,
)
from geomem.theory.random_energy_model.limit import (
    annealed_rate,
    condensation_point,
    entropy,
    free_entropy,
    frozen_participation,
    frozen_participation_variance,
    poisson_dirichlet,
    typical_rate,
)
from geomem.theory.random_energy_model.mellin_barnes import laplace
from geomem.theory.random_energy_model.sample_size import (
    arithmetic_sample_size,
    expected_log_sample_size,
    geometric_sample_size,
    harmonic_sample_size,
)

__all__ = [
    "Cumulant",
    "Evaluation",
    "annealed_rate",
    "arithmetic_sample_size",
    "condensation_point",
    "derivative",
    "empirical_cumulant",
    "entropy",
    "expected_log_partition",
    "expected_log_sample_size",
    "free_entropy",
    "frozen_participation",
    "frozen_participation_variance",
    "gaussian_cumulant",
    "geometric_sample_size",
    "harmonic_sample_size",
    "laplace",
    "own_participation",
    "own_weight",
    "participation",
    "planted_participation",
    "poisson_dirichlet",
    "typical_rate",
]

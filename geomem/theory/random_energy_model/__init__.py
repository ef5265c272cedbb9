r"""Random energy models: any law of independent energies, in the limit and exactly at any size.

:mod:`~geomem.theory.random_energy_model.cumulants` holds what such a model is made of,
:mod:`~geomem.theory.random_energy_model.limit` its entropy, condensation, and frozen weights, and
:mod:`~geomem.theory.random_energy_model.finite_size` the averages over :math:`N` energies without a limit, built on the
Laplace transform of :mod:`~geomem.theory.random_energy_model.mellin_barnes`.
"""

from geomem.theory.random_energy_model.cumulants import Cumulant, derivative, empirical_cumulant, gaussian_cumulant
from geomem.theory.random_energy_model.finite_size import (
    Evaluation,
    expected_log_partition,
    expected_log_sample_size,
    own_participation,
    own_weight,
    participation,
)
from geomem.theory.random_energy_model.limit import (
    condensation_point,
    entropy,
    free_entropy,
    frozen_participation,
    frozen_participation_variance,
    poisson_dirichlet,
)
from geomem.theory.random_energy_model.mellin_barnes import laplace

__all__ = [
    "Cumulant",
    "Evaluation",
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
    "laplace",
    "own_participation",
    "own_weight",
    "participation",
    "poisson_dirichlet",
]

r"""Random matrices: the spectrum of the score's Jacobian for data on a random linear manifold.

Data :math:`x_0 = F z` with independent Gaussian columns make the score linear, and the spectrum of its Jacobian is that
of :math:`F F^{\mathsf T}`, which in large dimensions no longer depends on the draw of :math:`F`.

- :mod:`~geomem.theory.random_matrix.population` holds the variances of the columns: blocks, or a continuous law;
- :mod:`~geomem.theory.random_matrix.silverstein` is the spectrum for any of them: resolvent, density, moments;
- :mod:`~geomem.theory.random_matrix.bulks` has its edges, the masses between them, and the atom at zero;
- :mod:`~geomem.theory.random_matrix.marchenko_pastur` is its closed form for one variance;
- :mod:`~geomem.theory.random_matrix.jacobian_spectrum` carries it over to :math:`-tJ`;
- :mod:`~geomem.theory.random_matrix.gaps` has the gaps of that spectrum, from which noise to which they are open, and
  the phases they make;
- :mod:`~geomem.theory.random_matrix.two_blocks` holds two approximations for two blocks, to be compared with the exact
  edges.
"""

from geomem.theory.random_matrix import jacobian_spectrum, marchenko_pastur, two_blocks
from geomem.theory.random_matrix.bulks import atom_at_zero, bulk_masses, edges
from geomem.theory.random_matrix.gaps import (
    OpenGaps,
    closing_time,
    final_gap,
    final_opening_time,
    intermediate_gap,
    open_gaps,
    opening_time,
    widest_at,
    widest_gap,
)
from geomem.theory.random_matrix.population import PopulationSpectrum
from geomem.theory.random_matrix.silverstein import density, moments, resolvent

__all__ = [
    "OpenGaps",
    "PopulationSpectrum",
    "atom_at_zero",
    "bulk_masses",
    "closing_time",
    "density",
    "edges",
    "final_gap",
    "final_opening_time",
    "intermediate_gap",
    "jacobian_spectrum",
    "marchenko_pastur",
    "moments",
    "open_gaps",
    "opening_time",
    "resolvent",
    "two_blocks",
    "widest_at",
    "widest_gap",
]

r"""Two blocks of columns, :math:`F = [F_1\ F_2]`, :math:`\sigma_1^2 > \sigma_2^2`: two approximations in closed form.

Block :math:`k` alone is a matrix of :math:`D_k \times m_k` entries of variance :math:`\sigma_k^2/m`, so its nonzero
eigenvalues follow :mod:`~geomem.theory.random_matrix.marchenko_pastur` with the variance :math:`\sigma_k^2 m_k/m` and
the aspect :math:`D_k/m_k`:

.. math:: \gamma_\pm = \sigma_k^2\Big(\sqrt{\tfrac{D_k}{m}} \pm \sqrt{\tfrac{m_k}{m}}\Big)^2 .

- **Separate laws**: both blocks see all directions, :math:`D_1 = D_2 = d`. The union of two spectra is not the spectrum
  of the sum :math:`F_1F_1^{\mathsf T} + F_2F_2^{\mathsf T}`, however far apart the variances are.
- **Directions left**: the small block sees only the directions that the large one leaves, :math:`D_2 = d - m_1`. For
  :math:`\sigma_2 \ll \sigma_1` an eigenvector with :math:`\gamma \sim \sigma_2^2` is nearly orthogonal to the columns
  of :math:`F_1`, and :math:`F_2` projected on the :math:`d - m_1` directions orthogonal to them is again a matrix of
  independent entries.

The second follows from :mod:`~geomem.theory.random_matrix.silverstein` too. With :math:`\tau_1 \to \infty` at fixed
:math:`u`, :math:`u\int\frac{\tau\,dH}{u-\tau} \to u\,[-\tfrac{m_1}{m} + \tfrac{m_2}{m}\frac{\tau_2}{u-\tau_2}]`:
:math:`c` loses :math:`m_1/m`, and what is left out is of relative order :math:`\sigma_2^2/\sigma_1^2`. With
:math:`\tau_2 \to 0` at fixed :math:`u` the small block drops out of the law of the large one. At comparable variances
both are wrong, and only the Silverstein equation holds.

Derived here.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from geomem._typing import Float
from geomem.errors import InputError, RegimeError
from geomem.theory.random_matrix import marchenko_pastur
from geomem.theory.random_matrix._inputs import Numbers, as_dims, as_one, as_positive

__all__ = ["BlockLaw", "directions_left", "separate_laws"]


class BlockLaw(NamedTuple):
    r"""The eigenvalues that one block of columns adds, as a law of Marchenko and Pastur."""

    variance: float
    r""":math:`\sigma_k^2 m_k/m`."""
    aspect: float
    r""":math:`D_k/m_k`."""
    share: float
    r""":math:`D_k/d`, the share of the directions that the block sees."""

    @property
    def edges(self) -> Float[np.ndarray, "2"]:
        r""":math:`\gamma_\pm`, the lower one first."""
        return marchenko_pastur.edges(variance=self.variance, aspect=self.aspect)

    @property
    def mass(self) -> float:
        r""":math:`\min(D_k, m_k)/d`, the share of the :math:`d` eigenvalues."""
        return self.share * min(1.0, 1 / self.aspect)

    def density(self, gamma: ArrayLike) -> Numbers:
        r"""Return the density at eigenvalues ``gamma``, for each of the :math:`d`: its integral is :attr:`mass`.

        Examples
        --------
        >>> small, _ = directions_left((100.0, 1.0), (160, 80), ambient_dim=400)
        >>> print(f"{small.density(1.0):.4f}, {small.mass:.1f}")
        0.1056, 0.2
        """
        return self.share * marchenko_pastur.density(gamma, variance=self.variance, aspect=self.aspect)


def _blocks(variances: Sequence[float], dims: Sequence[int], ambient_dim: int) -> tuple[list, list, int]:
    """Return variances and sizes, the small variance first, and d, or raise."""
    sigma2, sizes = as_positive(variances, "variances"), as_dims(dims)
    if sigma2.shape != (2,) or sizes.shape != (2,) or sigma2[0] == sigma2[1]:
        raise InputError(
            f"got variances {variances!r:.80} and dims {dims!r:.80}, expected two different variances and two sizes; "
            "for anything else use geomem.theory.random_matrix.silverstein"
        )
    order = np.argsort(sigma2)
    d = as_one(as_dims(ambient_dim, "ambient_dim"), "ambient_dim")
    return sigma2[order].tolist(), sizes[order].astype(int).tolist(), int(d)


def _law(variance: float, size: int, directions: int, latent_dim: int, ambient_dim: int) -> BlockLaw:
    return BlockLaw(variance * size / latent_dim, directions / size, directions / ambient_dim)


def separate_laws(
    variances: Sequence[float], dims: Sequence[int], *, ambient_dim: int
) -> tuple[BlockLaw, BlockLaw]:
    r"""Return the laws of both blocks, each as if the other were not there: :math:`D_1 = D_2 = d`.

    Parameters
    ----------
    variances : sequence of float, shape (2,)
        :math:`\sigma_k^2 > 0`, different, in any order.
    dims : sequence of int, shape (2,)
        :math:`m_k`, the number of columns of each.
    ambient_dim : int
        :math:`d`.

    Returns
    -------
    tuple of BlockLaw
        That of the small variance first, as the bulks of :func:`~geomem.theory.random_matrix.bulks.edges`.

    Raises
    ------
    InputError
        Not two variances, equal ones, or numbers that are not positive.

    Notes
    -----
    Source: derived above. Wrong for the small block at any ratio of the variances: at
    :math:`\sigma_2 \ll \sigma_1` its edges are those of :func:`directions_left`. Right for the large block there.

    Examples
    --------
    >>> small, large = separate_laws((100.0, 1.0), (160, 80), ambient_dim=400)
    >>> small.edges.round(3)
    array([0.509, 3.491])
    """
    (small, large), (m2, m1), d = _blocks(variances, dims, ambient_dim)
    return _law(small, m2, d, m1 + m2, d), _law(large, m1, d, m1 + m2, d)


def directions_left(
    variances: Sequence[float], dims: Sequence[int], *, ambient_dim: int
) -> tuple[BlockLaw, BlockLaw]:
    r"""Return the laws of both blocks, the small one in the directions left: :math:`D_1 = d`, :math:`D_2 = d - m_1`.

    Parameters
    ----------
    variances, dims, ambient_dim
        As for :func:`separate_laws`.

    Returns
    -------
    tuple of BlockLaw
        That of the small variance first.

    Raises
    ------
    InputError
        As for :func:`separate_laws`.
    RegimeError
        :math:`m_1 \ge d`: the large block leaves no direction.

    Notes
    -----
    Source: derived above. Holds for :math:`\sigma_2 \ll \sigma_1`, with a relative error of its edges of order
    :math:`\sigma_2^2/\sigma_1^2`.

    Examples
    --------
    >>> small, large = directions_left((100.0, 1.0), (160, 80), ambient_dim=400)
    >>> small.edges.round(3)
    array([0.179, 2.488])
    """
    (small, large), (m2, m1), d = _blocks(variances, dims, ambient_dim)
    if m1 >= d:
        raise RegimeError(
            f"got a large block of {m1} columns in {d} dimensions, which leaves no direction to the small one; "
            "use geomem.theory.random_matrix.silverstein, or fewer columns"
        )
    return _law(small, m2, d - m1, m1 + m2, d), _law(large, m1, d, m1 + m2, d)

r"""One variance: the law of Marchenko and Pastur.

A matrix :math:`F` of :math:`d \times m` independent entries of variance :math:`\sigma^2/m` has, for :math:`d` and
:math:`m` large at fixed :math:`c = d/m`, a spectrum of :math:`F F^{\mathsf T}` between the edges

.. math:: \gamma_\pm = \sigma^2 (1 \pm \sqrt c)^2, \qquad
   \rho(\gamma) = \frac{\sqrt{(\gamma_+ - \gamma)(\gamma - \gamma_-)}}{2\pi c\,\sigma^2\,\gamma},

and, if :math:`c > 1`, an atom of mass :math:`1 - 1/c` at zero.

*Derivation.* With a single atom :math:`\tau = \sigma^2`, the equation of
:mod:`~geomem.theory.random_matrix.silverstein` is :math:`\gamma(u-\sigma^2) = u\,[c(u-\sigma^2) + \sigma^2]`, or

.. math:: c\,u^2 - (\gamma + c\sigma^2 - \sigma^2)\,u + \gamma\sigma^2 = 0 .

Its discriminant :math:`(\gamma + c\sigma^2 - \sigma^2)^2 - 4c\gamma\sigma^2` is
:math:`(\gamma-\gamma_-)(\gamma-\gamma_+)`. Between the edges the two roots are conjugate, with
:math:`|u|^2 = \gamma\sigma^2/c` and :math:`\mathrm{Im}\,u = \sqrt{(\gamma_+-\gamma)(\gamma-\gamma_-)}/2c`, and
:math:`\rho = \mathrm{Im}\,u/(\pi c|u|^2)`.
"""

import numpy as np
from numpy.typing import ArrayLike

from geomem._typing import Float
from geomem.theory._blocks import as_real
from geomem.theory.random_matrix._inputs import Numbers, as_aspect, as_one, as_positive

__all__ = ["density", "edges"]


def edges(*, variance: ArrayLike, aspect: float) -> Float[np.ndarray, "*batch 2"]:
    r"""Return :math:`\gamma_\pm = \sigma^2(1 \pm \sqrt c)^2`, the lower one first.

    Parameters
    ----------
    variance : float or array of float, shape (...)
        :math:`\sigma^2 > 0`; the entries of :math:`F` have variance :math:`\sigma^2/m`.
    aspect : float
        :math:`c = d/m`.

    Returns
    -------
    ndarray, float64, shape (..., 2)

    Raises
    ------
    InputError
        NaN, infinity, or a number that is not positive.

    Notes
    -----
    Source: Marchenko and Pastur (1967); derived above. The limit of large :math:`d` at fixed :math:`d/m`; at finite
    size the extreme eigenvalues are within :math:`O(d^{-2/3})` of it.

    Examples
    --------
    >>> edges(variance=1.0, aspect=2.25)
    array([0.25, 6.25])
    """
    c = as_aspect(aspect)
    far = (1 + np.sqrt(c)) ** 2
    return as_positive(variance, "variance")[..., None] * np.array([(1 - c) ** 2 / far, far])


def density(gamma: ArrayLike, *, variance: float, aspect: float) -> Numbers:
    r"""Return :math:`\rho(\gamma) = \sqrt{(\gamma_+-\gamma)(\gamma-\gamma_-)}/(2\pi c\,\sigma^2\gamma)`, for each of d.

    Parameters
    ----------
    gamma : float or array of float
        Eigenvalues; the density is zero outside the edges, and at them.
    variance, aspect
        As for :func:`edges`, numbers.

    Returns
    -------
    ndarray, float64, of the shape of ``gamma``; a float if that is ()

    Raises
    ------
    InputError
        As for :func:`edges`.

    Notes
    -----
    Source: Marchenko and Pastur (1967); derived above. The continuous part, of mass :math:`\min(1, 1/c)`.

    Examples
    --------
    >>> print(f"{density(2.5, variance=1.0, aspect=2.25):.6f}")
    0.082187
    """
    gamma = as_real(gamma, "gamma")
    c, sigma2 = as_aspect(aspect), as_one(as_positive(variance, "variance"), "variance")
    low, high = edges(variance=sigma2, aspect=c)
    inside = (gamma > low) & (gamma < high)
    gamma = np.where(inside, gamma, high)
    return (np.sqrt((high - gamma) * (gamma - low)) / (2 * np.pi * c * sigma2 * gamma))[()]

r"""The spectrum of :math:`-tJ` for data :math:`x_0 = F z`: the same at every state.

The score of :math:`x_t \sim \mathcal N(0, FF^{\mathsf T} + t I)` is linear, with the Jacobian
:math:`J = -(FF^{\mathsf T} + tI)^{-1}`. An eigenvalue :math:`\gamma` of :math:`FF^{\mathsf T}` becomes

.. math:: s = \frac{t}{t+\gamma} \in (0, 1]

of :math:`-tJ`: 1 along the directions normal to the manifold, small along those in which the data are spread by much
more than the noise. The order is reversed, and a gap of :math:`\gamma` between two bulks is one of :math:`s`.
(Elsewhere :math:`s` is the score; in this module it is an eigenvalue.)
"""

import numpy as np
from numpy.typing import ArrayLike

from geomem._typing import Float
from geomem.errors import InputError
from geomem.theory._blocks import as_real, as_times, broadcast_shape
from geomem.theory.random_matrix import bulks, silverstein
from geomem.theory.random_matrix._inputs import LARGEST_SCALE, Numbers, as_one
from geomem.theory.random_matrix.population import PopulationSpectrum

__all__ = ["density", "edges", "from_population"]


def from_population(gamma: ArrayLike, *, t: ArrayLike) -> Numbers:
    r"""Return :math:`s = t/(t+\gamma)`.

    Parameters
    ----------
    gamma : float or array of float
        Eigenvalues :math:`\gamma \ge 0` of the covariance of the data.
    t : float or array of float
        Noise variance, > 0; broadcasts against ``gamma``.

    Returns
    -------
    ndarray, float64, of the common shape; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, a negative eigenvalue, ``t`` not positive, or shapes that do not fit.

    Notes
    -----
    Source: derived above. Exact for Gaussian data of any covariance.

    Examples
    --------
    >>> from_population([0.0, 1.0, 3.0], t=1.0)
    array([1.  , 0.5 , 0.25])
    """
    gamma, t = as_real(gamma, "gamma"), as_times(t)
    if np.any((gamma < 0) | (gamma > LARGEST_SCALE)):
        raise InputError(f"got gamma from {gamma.min():.3g} to {gamma.max():.3g}, expected [0, {LARGEST_SCALE:g}]")
    broadcast_shape(gamma=gamma.shape, t=t.shape)
    return t / (t + gamma)


def edges(spectrum: PopulationSpectrum, *, aspect: float, t: float) -> Float[np.ndarray, "bulks 2"]:
    r"""Return the edges of the bulks of :math:`s`, ascending: those of the largest :math:`\gamma` first.

    Parameters
    ----------
    spectrum, aspect
        As for :func:`~geomem.theory.random_matrix.bulks.edges`.
    t : float
        Noise variance, > 0.

    Returns
    -------
    ndarray, float64, shape (bulks, 2)
        Lower and upper edge of each; their masses are those of
        :func:`~geomem.theory.random_matrix.bulks.bulk_masses` in the reverse order, and the mass at
        :math:`s = 1` is :func:`~geomem.theory.random_matrix.bulks.atom_at_zero`.

    Raises
    ------
    InputError, ConvergenceError
        As for :func:`~geomem.theory.random_matrix.bulks.edges`, or ``t`` not positive.

    Notes
    -----
    Source: :func:`~geomem.theory.random_matrix.bulks.edges` (Silverstein and Choi 1995, derived there), carried over by
    :func:`from_population`. The limit of large :math:`d` at fixed :math:`d/m`.

    Examples
    --------
    >>> edges(PopulationSpectrum.blocks((1.0,), (1,)), aspect=2.25, t=1.0)
    array([[0.13793103, 0.8       ]])
    """
    noise = as_one(as_times(t), "t")
    return np.asarray(from_population(bulks.edges(spectrum, aspect=aspect), t=noise))[::-1, ::-1]


def density(s: ArrayLike, spectrum: PopulationSpectrum, *, aspect: float, t: float) -> Numbers:
    r"""Return the density of the eigenvalues :math:`s` of :math:`-tJ`, for each of the :math:`d`.

    .. math:: \rho_s(s) = \rho(\gamma)\,\Big|\frac{d\gamma}{ds}\Big| = \rho(\gamma)\,\frac{t}{s^2}, \qquad
       \gamma = t\,\frac{1-s}{s} .

    Parameters
    ----------
    s : float or array of float
        Zero is returned outside the bulks. The atom at :math:`s = 1` has no density.
    spectrum, aspect
        As for :func:`~geomem.theory.random_matrix.silverstein.density`.
    t : float
        Noise variance, > 0.

    Returns
    -------
    ndarray, float64, of the shape of ``s``; a float if that is ()

    Raises
    ------
    InputError, ConvergenceError
        As for :func:`~geomem.theory.random_matrix.silverstein.density`, or ``t`` not positive.

    Notes
    -----
    Source: derived above. The limit of large :math:`d` at fixed :math:`d/m`.

    Examples
    --------
    >>> print(f"{density(0.5, PopulationSpectrum.blocks((1.0,), (1,)), aspect=2.25, t=1.0):.6f}")
    0.561446
    """
    s, t = as_real(s, "s"), as_one(as_times(t), "t")
    rho = np.zeros(s.shape)
    inside = (s > t / LARGEST_SCALE) & (s < 1)
    gamma = t * (1 - s[inside]) / s[inside]
    rho[inside] = silverstein.density(gamma, spectrum, aspect=aspect) * t / s[inside] ** 2
    return rho[()]

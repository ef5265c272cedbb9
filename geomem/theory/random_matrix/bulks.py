r"""The bulks of the spectrum of :math:`F F^{\mathsf T}`: their edges, the gaps between them, their masses.

With :math:`\psi(u) = u\,[c + \int\frac{\tau\,dH}{u-\tau}]` of :mod:`~geomem.theory.random_matrix.silverstein`, a real
point :math:`\gamma = \psi(u)` lies outside the spectrum if :math:`u` is real with

.. math:: \psi'(u) = c - \int\frac{\tau^2\,dH(\tau)}{(u-\tau)^2} > 0 ,

so each interval of :math:`u` in which :math:`\psi` rises holds a gap of :math:`\gamma`. The edges are the values of
:math:`\psi` at the roots of :math:`\psi' = 0`: one to the right of all :math:`\tau > 0`, one to the left of them, and,
as the integral is convex in between, two or none between neighbors. There the density vanishes as a square root.

**Masses.** The mass within a contour is :math:`-\oint g\,dz/2\pi i = \oint\psi'(u)\,du/(2\pi i\,c\,u)`. The residue at
each :math:`\tau` is :math:`H\{\tau\}/c`; at :math:`u = 0` it is :math:`1 - H(0,\infty)/c`, the atom at zero if
positive, else a part of the lowest bulk. So a gap at :math:`u` has :math:`m\,H(u,\infty)` of the :math:`d` eigenvalues
above it: the population splits there too, and a block that stands apart keeps its number of directions.

Derived here. Edges: Silverstein and Choi (1995). That no eigenvalue strays into a gap, and that the number above it is
exact, for all large :math:`d`: Bai and Silverstein (1999).
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize.elementwise import find_root

from geomem._typing import Float
from geomem.errors import ConvergenceError
from geomem.theory.random_matrix._equation import QUADRATURE, ROUNDING, atoms, check, psi
from geomem.theory.random_matrix.population import PopulationSpectrum

__all__ = ["atom_at_zero", "bulk_masses", "edges"]


def _root(function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> np.ndarray:
    found = find_root(function, (low, high))
    assert found.success.all(), "the bracket is a theorem"
    return found.x


def _edge_points(spectrum: PopulationSpectrum, c: float) -> np.ndarray:
    r"""Return the real :math:`u` of the edges, shape (n_bulks, 2): where :math:`\int\tau^2dH/(u-\tau)^2 = c`."""
    tau, weights = atoms(spectrum)
    reach = np.sqrt(weights / c) * (1 - 1e-9)  # as far as one atom alone brings the integral above c
    right, left = tau * (1 + reach), tau * (1 - reach)

    def slope(u: np.ndarray) -> np.ndarray:
        r = tau / (u[..., None] - tau)
        return -((r**3 / tau) @ weights) * u

    def integral(u: np.ndarray) -> np.ndarray:
        return (tau / (u[..., None] - tau)) ** 2 @ weights - c

    pull = np.cbrt(weights * tau**2)
    keep = (pull[:-1] + pull[1:]) ** 3 < c * np.diff(tau) ** 2  # else the two neighbors alone bring it above c
    low, high = right[:-1][keep], left[1:][keep]
    keep = (slope(low) < 0) & (slope(high) > 0)
    low, high = low[keep], high[keep]
    middle = _root(slope, low, high)
    keep = integral(middle) < 0
    low, middle, high = low[keep], middle[keep], high[keep]
    far = np.sqrt(spectrum.rank / c) * (1 + 1e-9)
    if c >= spectrum.rank:
        first, last = -1e-9 * tau[-1], left[0]
    else:
        first, last = tau[-1] * (1 - far), min(1e-9 * tau[0], left[0])
    starts = _root(integral, np.append(first, middle), np.append(last, high))
    ends = _root(integral, np.append(low, right[-1]), np.append(middle, tau[-1] * (1 + far)))
    return np.stack([starts, ends], axis=1)


def edges(spectrum: PopulationSpectrum, *, aspect: float) -> Float[np.ndarray, "bulks 2"]:
    r"""Return the edges of the bulks, ascending: :math:`\psi(u)` where :math:`\int\tau^2dH/(u-\tau)^2 = c`.

    Parameters
    ----------
    spectrum, aspect
        As for :func:`~geomem.theory.random_matrix.silverstein.resolvent`.

    Returns
    -------
    ndarray, float64, shape (bulks, 2)
        Lower and upper edge of each interval of positive density.

    Raises
    ------
    InputError
        ``aspect`` is no positive number, or out of range.
    ConvergenceError
        The edges of a continuous law are not those found with twice the nodes, to :math:`10^{-10}`: the nodes are too
        few, or the law has no density at an end, or it reaches variance zero at :math:`c > 1`.

    Notes
    -----
    Source: Silverstein and Choi (1995); derived above. The limit of large :math:`d` at fixed :math:`d/m`; at finite
    size the extreme eigenvalues are within :math:`O(d^{-2/3})` of it. Where :math:`c` equals the share of columns that
    are not zero, the lowest edge is zero and the density diverges there.

    Examples
    --------
    >>> edges(PopulationSpectrum.blocks((4.0, 0.04), (160, 80)), aspect=400 / 240).round(4)
    array([[7.10000e-03, 9.88000e-02],
           [9.14300e-01, 1.77795e+01]])
    """
    c = check(spectrum, aspect)
    found = _edges(spectrum, c)
    if spectrum.finer is not None:
        finer = _edges(spectrum.finer, c)
        if found.shape != finer.shape or not np.allclose(found, finer, rtol=QUADRATURE, atol=1e-14 * found.max()):
            raise ConvergenceError(
                f"got {len(found)} bulks from {found.min():.6g} to {found.max():.6g} of a continuous law, but "
                f"{len(finer)} from {finer.min():.6g} to {finer.max():.6g} with twice the nodes; raise n_nodes (in "
                "vain where the density vanishes at an end, or where it reaches variance zero at an aspect above one)"
            )
    return found


def _edges(spectrum: PopulationSpectrum, c: float) -> np.ndarray:
    return np.maximum(psi(_edge_points(spectrum, c), spectrum, c), 0)


def atom_at_zero(spectrum: PopulationSpectrum, *, aspect: float) -> float:
    r"""Return :math:`\max(0, 1 - H(0,\infty)/c)`, the share of zero eigenvalues of :math:`FF^{\mathsf T}`.

    Parameters
    ----------
    spectrum, aspect
        As for :func:`~geomem.theory.random_matrix.silverstein.resolvent`.

    Returns
    -------
    float
        In [0, 1); zero also where rounding alone would leave something.

    Raises
    ------
    InputError
        ``aspect`` is no positive number, or out of range.

    Notes
    -----
    Source: derived above. Exact at any size: the rank is the smaller of :math:`d` and the number of nonzero columns.

    Examples
    --------
    >>> atom_at_zero(PopulationSpectrum.blocks((4.0, 1.0), (10, 10)), aspect=4.0)
    0.75
    """
    c = check(spectrum, aspect)
    atom = 1 - spectrum.rank / c
    return atom if atom > ROUNDING else 0.0


def bulk_masses(spectrum: PopulationSpectrum, *, aspect: float) -> Float[np.ndarray, " bulks"]:
    r"""Return the share of the :math:`d` eigenvalues in each bulk, as ordered by :func:`edges`.

    .. math:: \frac1c\,H(u_-, u_+), \qquad \text{and in the lowest bulk what the others and the atom at zero leave.}

    Parameters
    ----------
    spectrum, aspect
        As for :func:`~geomem.theory.random_matrix.silverstein.resolvent`.

    Returns
    -------
    ndarray, float64, shape (bulks,)

    Raises
    ------
    InputError, ConvergenceError
        As for :func:`edges`.

    Notes
    -----
    Source: derived above. That the count of eigenvalues above a gap is exactly :math:`m\,H(u,\infty)` for all large
    :math:`d` is the exact separation of Bai and Silverstein (1999).

    Examples
    --------
    >>> (400 * bulk_masses(PopulationSpectrum.blocks((100.0, 1.0), (160, 80)), aspect=400 / 240)).round(10)
    array([ 80., 160.])
    """
    c = check(spectrum, aspect)
    edges(spectrum, aspect=c)  # verifies the nodes of a continuous law
    tau, weights = atoms(spectrum)
    u = _edge_points(spectrum, c)
    masses = ((tau > u[:, :1]) & (tau < u[:, 1:])) @ weights / c
    masses[0] = 1 - atom_at_zero(spectrum, aspect=c) - masses[1:].sum()
    return masses

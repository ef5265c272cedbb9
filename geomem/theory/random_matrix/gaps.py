r"""Gaps in the spectrum of :math:`-tJ`: how wide, from which noise to which, and the phases they make.

With the bulks of :math:`\gamma` between edges :math:`0 < \gamma_-^{(1)} < \gamma_+^{(1)} < \gamma_-^{(2)} < \dots`
and :math:`s = t/(t+\gamma)`, two kinds of gaps open as the noise falls.

**The final gap**, between the normal directions at :math:`s = 1` and all tangent ones, is

.. math:: 1 - \frac{t}{t+\gamma_-} = \frac{\gamma_-}{t+\gamma_-},

with the lowest edge :math:`\gamma_-`. It widens until the noise is gone. There are normal directions only if zero is an
eigenvalue of :math:`FF^{\mathsf T}`, that is :math:`d` above the number of nonzero columns.

**An intermediate gap**, between a bulk that ends at :math:`a` and the next that begins at :math:`b > a`, is

.. math:: \frac{t}{t+a} - \frac{t}{t+b} = \frac{t\,(b-a)}{(t+a)(t+b)} .

It is a function of :math:`|\ln t - \ln\sqrt{ab}|` alone: dividing by :math:`t`, the denominator is
:math:`t + ab/t + a + b`. So it is widest at :math:`t = \sqrt{ab}`, where it is
:math:`(\sqrt b-\sqrt a)/(\sqrt b+\sqrt a)`, and it vanishes at small noise as at large. At a resolution
:math:`\Delta` it is open between the roots of

.. math:: \Delta\,t^2 + [\Delta(a+b) - (b-a)]\,t + \Delta\,ab = 0,

whose product is :math:`ab`; noise falls, so the larger root is the opening and the smaller one the closing.

**Phases**, by the gaps that are open: none, *trivial*; an intermediate gap without the final one, *coverage*; the final
gap alone, *consolidation*. The final gap can open before an intermediate one closes: then there are both.

All derived here; exact for the edges that they are given.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from geomem.errors import InputError
from geomem.theory._blocks import as_real, as_times, broadcast_shape
from geomem.theory.random_matrix import bulks
from geomem.theory.random_matrix._inputs import Numbers, as_one, as_positive
from geomem.theory.random_matrix.population import PopulationSpectrum

__all__ = [
    "OpenGaps",
    "closing_time",
    "final_gap",
    "final_opening_time",
    "intermediate_gap",
    "open_gaps",
    "opening_time",
    "widest_at",
    "widest_gap",
]


def _as_edges(below: ArrayLike, above: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = as_positive(below, "below"), as_positive(above, "above")
    broadcast_shape(below=a.shape, above=b.shape)
    if np.any(a > b):
        raise InputError("got an edge below the gap that is larger than the one above, expected below <= above")
    return a, b


def _as_resolution(resolution: ArrayLike) -> np.ndarray:
    delta = as_real(resolution, "resolution")
    if np.any((delta <= 0) | (delta >= 1)):
        raise InputError(f"got resolution = {np.array2string(delta, threshold=6)}, expected 0 < resolution < 1")
    return delta


def final_gap(t: ArrayLike, *, smallest: ArrayLike) -> Numbers:
    r"""Return :math:`\gamma_-/(t+\gamma_-)`, the gap between the tangent directions and the normal ones.

    Parameters
    ----------
    t : float or array of float
        Noise variance, > 0.
    smallest : float or array of float
        :math:`\gamma_- > 0`, the smallest nonzero eigenvalue, or the lowest edge; broadcasts against ``t``. That there
        are normal directions is for the caller to know (:func:`open_gaps` does).

    Returns
    -------
    ndarray, float64, of the common shape; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, a number that is not positive, or shapes that do not fit.

    Notes
    -----
    Source: derived above. Exact for the smallest nonzero eigenvalue of a sample; with the lowest edge, the limit of
    large :math:`d` at fixed :math:`d/m`, which the smallest eigenvalue approaches as :math:`d^{-2/3}`.

    Examples
    --------
    >>> final_gap([1.0, 0.25], smallest=0.25)
    array([0.2, 0.5])
    """
    noise, smallest = as_times(t), as_positive(smallest, "smallest")
    broadcast_shape(t=noise.shape, smallest=smallest.shape)
    return smallest / (noise + smallest)


def intermediate_gap(t: ArrayLike, *, below: ArrayLike, above: ArrayLike) -> Numbers:
    r"""Return :math:`t(b-a)/((t+a)(t+b))`, the gap between two bulks of tangent directions.

    Parameters
    ----------
    t : float or array of float
        Noise variance, > 0.
    below, above : float or array of float
        :math:`0 < a \le b`, the edges of the bulks below and above the gap in :math:`\gamma`; broadcast against ``t``.

    Returns
    -------
    ndarray, float64, of the common shape; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, edges that are not positive or not in order, or shapes that do not fit.

    Notes
    -----
    Source: derived above. Exact for two neighboring eigenvalues of a sample; with the edges of two bulks, the limit of
    large :math:`d` at fixed :math:`d/m`.

    Examples
    --------
    >>> intermediate_gap([1.0, 2.0, 4.0], below=1.0, above=4.0).round(4)
    array([0.3   , 0.3333, 0.3   ])
    """
    (a, b), noise = _as_edges(below, above), as_times(t)
    broadcast_shape(t=noise.shape, below=a.shape, above=b.shape)
    return noise / (noise + a) * ((b - a) / (noise + b))


def widest_at(*, below: ArrayLike, above: ArrayLike) -> Numbers:
    r"""Return :math:`\sqrt{ab}`, the noise at which an intermediate gap is widest.

    Parameters and errors as for :func:`intermediate_gap`. Derived above.

    Examples
    --------
    >>> widest_at(below=1.0, above=[4.0, 9.0])
    array([2., 3.])
    """
    a, b = _as_edges(below, above)
    return np.sqrt(a) * np.sqrt(b)


def widest_gap(*, below: ArrayLike, above: ArrayLike) -> Numbers:
    r"""Return :math:`(\sqrt b-\sqrt a)/(\sqrt b+\sqrt a)`, the width of an intermediate gap where it is widest.

    Parameters and errors as for :func:`intermediate_gap`. Derived above.

    Examples
    --------
    >>> widest_gap(below=1.0, above=[4.0, 9.0]).round(4)
    array([0.3333, 0.5   ])
    """
    a, b = _as_edges(below, above)
    return (np.sqrt(b) - np.sqrt(a)) / (np.sqrt(b) + np.sqrt(a))


def opening_time(*, below: ArrayLike, above: ArrayLike, resolution: ArrayLike) -> Numbers:
    r"""Return the largest noise at which an intermediate gap is :math:`\Delta`; NaN if it is nowhere that wide.

    The larger root of :math:`\Delta t^2 + [\Delta(a+b)-(b-a)]t + \Delta ab = 0`.

    Parameters
    ----------
    below, above : float or array of float
        :math:`0 < a \le b`, the edges of the bulks below and above the gap in :math:`\gamma`.
    resolution : float or array of float
        :math:`0 < \Delta < 1`; broadcasts against the edges.

    Returns
    -------
    ndarray, float64, of the common shape; a float if that is ()

    Raises
    ------
    InputError
        As for :func:`intermediate_gap`, or a resolution out of range.

    Notes
    -----
    Source: derived above; exact for the edges given. As noise falls the gap opens here, and closes at
    :func:`closing_time`. The roots are taken from half their sum plus and minus the root of their product, each without
    cancellation.

    Examples
    --------
    >>> opening_time(below=1.0, above=4.0, resolution=[0.3, 0.4]).round(12)
    array([ 4., nan])
    """
    a, b = _as_edges(below, above)
    delta = _as_resolution(resolution)
    broadcast_shape(below=a.shape, above=b.shape, resolution=delta.shape)
    root_a, root_b = np.sqrt(a), np.sqrt(b)
    total, difference = root_b + root_a, root_b - root_a
    # Half the sum of the roots, less and plus the root of their product; the first is negative if there are none.
    less = total * (difference / delta - total) / 2
    plus = difference * (total / delta - difference) / 2
    exists = less >= 0
    return np.where(exists, (less + plus) / 2 + np.sqrt(np.where(exists, less * plus, 0)), np.nan)[()]


def closing_time(*, below: ArrayLike, above: ArrayLike, resolution: ArrayLike) -> Numbers:
    r"""Return the smallest noise at which an intermediate gap is :math:`\Delta`; NaN if it is nowhere that wide.

    :math:`ab` divided by the opening time. Parameters and errors as for :func:`opening_time`. Derived above; exact for
    the edges given.

    Examples
    --------
    >>> closing_time(below=1.0, above=4.0, resolution=[0.3, 0.4]).round(12)
    array([ 1., nan])
    """
    opening = opening_time(below=below, above=above, resolution=resolution)
    a, b = _as_edges(below, above)
    return a * (b / opening)


def final_opening_time(*, smallest: ArrayLike, resolution: ArrayLike) -> Numbers:
    r"""Return :math:`\gamma_-(1-\Delta)/\Delta`, the noise below which the final gap is wider than :math:`\Delta`.

    Parameters
    ----------
    smallest : float or array of float
        :math:`\gamma_- > 0`, the smallest nonzero eigenvalue, or the lowest edge.
    resolution : float or array of float
        :math:`0 < \Delta < 1`; broadcasts against ``smallest``.

    Returns
    -------
    ndarray, float64, of the common shape; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, a number that is not positive, a resolution out of range, or shapes that do not fit.

    Notes
    -----
    Source: derived above, the root of :math:`\gamma_-/(t+\gamma_-) = \Delta`; exact for the edge given. The final gap
    does not close again.

    Examples
    --------
    >>> final_opening_time(smallest=0.5, resolution=[0.25, 0.5])
    array([1.5, 0.5])
    """
    smallest, delta = as_positive(smallest, "smallest"), _as_resolution(resolution)
    broadcast_shape(smallest=smallest.shape, resolution=delta.shape)
    return smallest * ((1 - delta) / delta)


class OpenGaps(NamedTuple):
    """Which gaps are open at each noise, and the name of the phase."""

    intermediate: np.ndarray
    """bool, shape (..., bulks - 1): the gaps between bulks, in ascending order of their edges."""
    final: np.ndarray | np.bool_
    """bool, shape (...): the gap below the normal directions."""
    phase: np.ndarray | str
    """str, shape (...): "trivial", "coverage", "coverage and consolidation", or "consolidation"."""


def open_gaps(t: ArrayLike, spectrum: PopulationSpectrum, *, aspect: float, resolution: float) -> OpenGaps:
    r"""Return which gaps of :math:`-tJ` are :math:`\Delta` or wider, and the phase that they make.

    ========================== ================= ===========
    phase                      intermediate gaps final gap
    ========================== ================= ===========
    trivial                    closed            closed
    coverage                   one or more open  closed
    coverage and consolidation one or more open  open
    consolidation              closed            open
    ========================== ================= ===========

    Parameters
    ----------
    t : float or array of float, shape (...)
        Noise variance, > 0.
    spectrum, aspect
        As for :func:`~geomem.theory.random_matrix.bulks.edges`.
    resolution : float
        :math:`0 < \Delta < 1`.

    Returns
    -------
    OpenGaps
        ``intermediate`` (..., bulks - 1), ``final`` (...), and ``phase`` (...), with ... the shape of ``t``.

    Raises
    ------
    InputError, ConvergenceError
        As for :func:`~geomem.theory.random_matrix.bulks.edges`, ``t`` not positive, or a resolution out of range.

    Notes
    -----
    Source: derived above. The limit of large :math:`d` at fixed :math:`d/m`. Without normal directions there is no
    final gap, and ``final`` is false at every noise. The phases are named by what is open at this resolution; they need
    not follow one another, and with :math:`\Delta` their order and their ends move.

    Examples
    --------
    >>> two = PopulationSpectrum.blocks((100.0, 1.0), (160, 80))
    >>> open_gaps([1e4, 10.0, 0.7, 0.1], two, aspect=400 / 240, resolution=0.15).phase
    array(['trivial', 'coverage', 'coverage and consolidation',
           'consolidation'], dtype='<U26')
    """
    noise, delta = as_times(t), as_one(_as_resolution(resolution), "resolution")
    edges = bulks.edges(spectrum, aspect=aspect)
    between = np.asarray(intermediate_gap(noise[..., None], below=edges[:-1, 1], above=edges[1:, 0])) >= delta
    final = np.zeros(noise.shape, dtype=bool)
    if bulks.atom_at_zero(spectrum, aspect=aspect) > 0:
        final |= final_gap(noise, smallest=edges[0, 0]) >= delta
    names = np.array([["trivial", "consolidation"], ["coverage", "coverage and consolidation"]])
    return OpenGaps(between, final[()], names[between.any(-1).astype(int), final.astype(int)])

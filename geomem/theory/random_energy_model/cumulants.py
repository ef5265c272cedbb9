r"""Cumulants of one energy: all that a random energy model is made of.

An energy :math:`E` at noise variance :math:`t` enters through its extensive cumulant function

.. math:: d\,\zeta(\lambda) = \ln \mathbb E\, e^{-\lambda E / t} ,

convex in :math:`\lambda`, and zero at :math:`\lambda = 0`. In the package a *cumulant* is any function that returns
it for an array of real or complex :math:`\lambda`, written in analytic operations only. Its derivative is then taken
by a complex step, :math:`f'(\lambda) = \operatorname{Im} f(\lambda + ih) / h`, which loses no digit to subtraction.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geomem.errors import InputError

__all__ = ["Cumulant", "derivative", "empirical_cumulant", "gaussian_cumulant"]

Cumulant: TypeAlias = Callable[[NDArray], NDArray]
r"""A function that returns :math:`d\,\zeta(\lambda)` for an array of real or complex :math:`\lambda`."""

STEP = 1e-30
BLOCK = 2**20


def as_number(value: object, name: str) -> float:
    """Return one real number, NaN and infinity among them, or raise."""
    array = np.asarray(value)
    if array.ndim or array.dtype.kind not in "fiu":
        raise InputError(f"got {name} = {value!r:.80}, expected one real number")
    return float(array)


def gaussian_cumulant(*, variance: float) -> Cumulant:
    r"""Return the cumulant of centered Gaussian energies, :math:`d\,\zeta(\lambda) = \lambda^2 \mathrm{Var}[E/t] / 2`.

    Parameters
    ----------
    variance : float
        :math:`\mathrm{Var}[E / t] = d v^2 / t^2 > 0`, a pure number.

    Raises
    ------
    InputError
        ``variance`` is not a positive, finite number.

    Notes
    -----
    The energies of Derrida's random energy model (1981).

    Examples
    --------
    >>> float(gaussian_cumulant(variance=3.0)(np.array(2.0)))
    6.0
    """
    variance = as_number(variance, "variance")
    if not 0 < variance < np.inf:
        raise InputError(f"got variance = {variance}, expected the variance of E / t, positive and finite")
    return lambda lam: variance * lam**2 / 2


def empirical_cumulant(energies: ArrayLike) -> Cumulant:
    r"""Return the cumulant of the law of a finite list of energies.

    .. math:: d\,\zeta(\lambda) = \ln \frac1n \sum_{\mu=1}^n e^{-\lambda E_\mu / t}

    Parameters
    ----------
    energies : array, shape (n,)
        :math:`E_\mu / t`, pure numbers: for a data set, :math:`\lVert x - y^\mu \rVert^2 / 2t`.

    Raises
    ------
    InputError
        ``energies`` is empty, has more than one axis, or holds NaN or infinity.

    Notes
    -----
    Exact for the law that puts :math:`1/n` on every energy. As an estimate of another law it sees nothing below the
    lowest energy of the list: it may be trusted where the entropy of the list itself is positive. The limit laws cost
    nothing with it; the averages at finite size cost a pass over the list for each of 10^5 points of their paths, and
    a short list is a law of atoms, on which they may not settle.

    Examples
    --------
    >>> cumulant = empirical_cumulant([0.0, np.log(2.0)])
    >>> float(np.exp(cumulant(np.array(1.0))))
    0.75
    """
    try:
        e = np.asarray(energies, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"got energies that are no numbers: {error}; expected (n,), n >= 1, finite numbers") from error
    if e.ndim != 1 or e.size == 0 or not np.isfinite(e).all():
        raise InputError(f"got energies of shape {e.shape}, expected (n,), n >= 1, finite numbers")
    lowest = e.min()
    excess = e - lowest

    def cumulant(lam: ArrayLike) -> NDArray:
        lam = np.asarray(lam)
        rows = lam.reshape(-1, 1)
        per_block = max(1, BLOCK // e.size)
        starts = range(0, max(1, len(rows)), per_block)  # of no rows, one empty block
        blocks = [np.exp(-rows[i : i + per_block] * excess).mean(axis=1) for i in starts]
        with np.errstate(divide="ignore"):  # the transform of a law may vanish at a complex lambda
            return (np.log(np.concatenate(blocks)) - rows[:, 0] * lowest).reshape(lam.shape)

    return cumulant


def derivative(cumulant: Cumulant, lam: ArrayLike) -> NDArray | float:
    r"""Return :math:`d\,\zeta'(\lambda)`, minus the mean of :math:`E/t` under the weight :math:`e^{-\lambda E/t}`.

    Parameters
    ----------
    cumulant : Cumulant
        Analytic at ``lam``.
    lam : array of float
        Real :math:`\lambda`, any shape.

    Examples
    --------
    >>> float(derivative(gaussian_cumulant(variance=3.0), 2.0))
    6.0
    """
    lam = np.asarray(np.asarray(lam, dtype=np.float64) + 1j * STEP)  # a scalar plus a scalar is no array
    return np.imag(cumulant(lam)) / STEP

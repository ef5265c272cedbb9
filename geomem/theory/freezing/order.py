r"""Which of two blocks of directions is lost first: a rule fixed before anything is run.

A detector measures a block as the noise falls, in units of the population's value: near one at large noise, near zero
at small. It crosses one half at :math:`t_{1/2}`: **the largest** :math:`t` **below which it stays under half**, that
is the first up-crossing as the noise rises. The larger :math:`t_{1/2}`, the earlier is the loss as noise falls.

For one data set the two blocks are measured at the same states, so what counts is the paired difference

.. math:: D_k = t_{1/2}^{\mathrm{high}} - t_{1/2}^{\mathrm{low}}, \qquad k = 1 \dots n \text{ data sets},

and the verdict is read off Student's interval of its mean, :math:`\bar D \pm q\,s_D/\sqrt n`: "higher
first" if it is positive throughout, "lower first" if it is negative throughout, else "undecided at this size". A data
set is one draw however many states are measured on it: average over them first.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from geomem._typing import Float, Int
from geomem.errors import InputError
from geomem.theory._blocks import as_real, as_times

__all__ = ["HalfNoise", "Verdict", "half_noise", "verdict"]


class HalfNoise(NamedTuple):
    """Where a detector crosses half of the population's value, and whether it was seen to."""

    t_half: float | np.floating | Float[np.ndarray, "..."]
    """Noise variance; an end of the grid where it is censored."""
    censored: int | np.integer | Int[np.ndarray, "..."]
    """0 where the crossing was seen, -1 where it is below the grid, +1 where it is above."""


class Verdict(NamedTuple):
    """The mean paired difference, its interval, and what follows from it."""

    mean: float
    """Mean of high minus low, in units of variance."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    word: str
    """"higher first", "lower first", or "undecided at this size"."""


def half_noise(values: Float[np.ndarray, "*batch n"], t: Float[np.ndarray, " n"], *, half: float = 0.5) -> HalfNoise:
    r"""Return the largest noise below which each detector stays under half of the population's value.

    Parameters
    ----------
    values : ndarray, shape (..., n)
        The detector at each noise, in units of the population's value.
    t : ndarray, shape (n,)
        Noise variances, > 0, ascending, at least two.
    half : float
        What counts as half, > 0.

    Returns
    -------
    HalfNoise
        ``t_half`` (...), float64, and ``censored`` (...), int. Between the two noises where the values first reach
        half, :math:`\ln t` is linear in the value. Where already the first value does, ``t_half`` is ``t[0]`` and
        ``censored`` -1; where none does, ``t[-1]`` and +1.

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, noises that do not ascend, or ``half`` not positive.

    Notes
    -----
    Source: derived here, the rule of the module. A detector that is zero or one crosses in the middle (on the scale of
    :math:`\ln t`) of the step in which it changes: the grid is its resolution.

    Examples
    --------
    >>> found = half_noise(np.array([[0.0, 0.25, 0.75, 0.4], [0.7, 0.4, 0.8, 0.9]]), np.array([0.01, 0.1, 1.0, 10.0]))
    >>> found.t_half.round(4), found.censored
    (array([0.3162, 0.01  ]), array([ 0, -1]))
    """
    noise, measured = as_times(t), as_real(values, "values")
    if noise.ndim != 1 or len(noise) < 2 or np.any(np.diff(noise) <= 0):
        raise InputError(f"got t of shape {noise.shape}, expected (n,), n >= 2 noise variances that ascend")
    if measured.ndim < 1 or measured.shape[-1] != len(noise):
        raise InputError(f"got values of shape {measured.shape}, expected (..., {len(noise)}): one for each noise")
    if not 0 < half < np.inf:
        raise InputError(f"got half = {half}, expected a positive number in units of the population's value")
    reached = measured >= half
    never, always = ~reached.any(-1), reached[..., 0]
    after = np.clip(reached.argmax(-1), 1, None)
    below, above = (np.take_along_axis(measured, (after - k)[..., None], -1)[..., 0] for k in (1, 0))
    crossed = ~(never | always)
    share = np.where(crossed, half - below, 0) / np.where(crossed, above - below, 1)
    crossing = noise[after - 1] * (noise[after] / noise[after - 1]) ** share
    t_half = np.where(never, noise[-1], crossing)  # where the first value is half or more, the crossing is at t[0]
    return HalfNoise(t_half[()], (never.astype(np.int64) - always)[()])


def verdict(high: Float[np.ndarray, " n"], low: Float[np.ndarray, " n"], *, confidence: float = 0.95) -> Verdict:
    r"""Return which block is lost first, by Student's interval of the paired differences.

    Parameters
    ----------
    high, low : ndarray, shape (n,)
        :math:`t_{1/2}` of the block of higher and of lower variance, one for each data set, in the same order.
    confidence : float
        Of the interval, in (0, 1).

    Returns
    -------
    Verdict
        ``mean``, ``low``, ``high`` of :math:`t_{1/2}^{\mathrm{high}} - t_{1/2}^{\mathrm{low}}`, and ``word``.

    Raises
    ------
    InputError
        NaN, infinity, shapes that differ, fewer than two data sets, or ``confidence`` outside (0, 1).

    Notes
    -----
    Source: Student (1908), The probable error of a mean. The data sets must be independent; the coverage is exact for
    normal differences and holds in the limit of many data sets for any of finite variance. An end of the grid that
    stands for a censored crossing biases the mean: count those first. If all differences are equal the interval is a
    point.

    Examples
    --------
    >>> verdict(np.array([0.30, 0.50, 0.45, 0.35]), np.array([0.20, 0.35, 0.30, 0.30])).word
    'higher first'
    """
    first, second = as_real(high, "high"), as_real(low, "low")
    if first.ndim != 1 or first.shape != second.shape or len(first) < 2:
        raise InputError(
            f"got high of shape {first.shape} and low of shape {second.shape}, "
            "expected (n,) each: one for each of n >= 2 data sets, in the same order"
        )
    if not 0 < confidence < 1:
        raise InputError(f"got confidence = {confidence}, expected a probability in (0, 1)")
    n, difference = len(first), first - second
    mean = float(difference.mean())
    reach = float(stdtrit(n - 1, (1 + confidence) / 2) * difference.std(ddof=1) / np.sqrt(n))
    lowest, highest = mean - reach, mean + reach
    word = "higher first" if lowest > 0 else "lower first" if highest < 0 else "undecided at this size"
    return Verdict(mean, lowest, highest, word)

r"""The effective sample size at noisy training points: the own point, and the information threshold where it appears.

A noisy training point :math:`x = y^1 + \sqrt t\,\varepsilon` has one data point that is not independent of it. With
:math:`z_1` given, :math:`1/Z^2 = \int u\,e^{-uz_1}e^{-u(Z-z_1)}\mathrm du`, and the other :math:`N - 1` points
independent,

.. math:: \mathbb E\sum_\mu w_\mu^2 = \int_0^\infty u\,e^{-uz_1}\big[z_1^2L^{N-1}
   + (N-1)\,L''L^{N-2}\big]\,\mathrm du . \qquad (\mathrm{T3p})

If only :math:`x` is given, :math:`y^1` is a draw of the posterior :math:`p(x_0|x)`. Which of the data points it is
cannot be told but by the weights: given :math:`x` and the data set, the own point is :math:`\mu` with probability
:math:`w_\mu`. So the mean own weight equals the mean participation, the exchange identity of
:func:`~geomem.theory.random_energy_model.finite_size.planted_participation`, and both are
:math:`\int L''L^{N-1}\mathrm du/\mathbb E z`.

**Information threshold.** The odds of the own point are :math:`z_1/\sum_{\mu>1}z_\mu`. While many others share the
rest, their sum is :math:`N\,\mathbb E z`, and :math:`z_1/\mathbb E z = p(x|y^1)/p_t(x)`, a Gaussian density in
:math:`x` around :math:`y^1` over its mean. Hence

.. math:: \ln\frac{w_1}{1-w_1} \simeq i(y^1; x) - \ln N, \qquad i(y; x) = \ln\frac{p(x|y)}{p_t(x)} :

log-odds are information density less :math:`\ln N`. For Gaussian data and :math:`s_i = \sigma_i^2/t`, write
:math:`x_i - y_i = \sqrt t\,a_i` and :math:`x_i = \sqrt{t+\sigma_i^2}\,b_i` with :math:`a_i, b_i` standard normal of
correlation :math:`r_i = (1+s_i)^{-1/2}`. As :math:`\mathrm{Cov}(a_i^2, b_i^2) = 2r_i^2`,

.. math:: i(y; x) = \tfrac12\sum_i\big[\ln(1+s_i) + b_i^2 - a_i^2\big], \qquad
   \langle i\rangle = I = \tfrac12\sum_i\ln(1+s_i), \qquad
   \mathrm{Var}\,i = \tfrac14\sum_i(2 + 2 - 4r_i^2) = \sum_i\frac{s_i}{1+s_i} .

Where :math:`\mathrm{Var}\,i` is large the sum is Gaussian and the odds are all or nothing, so that
:math:`\mathbb E\,w_1` is the probability that :math:`i > \ln N`. In the limit it jumps from zero to one at the
collapse time, :math:`I = \ln N`. Derived here.
"""

import numpy as np
from scipy.special import ndtr

from geomem.theory import random_energy_model as rem
from geomem.theory._blocks import as_log_n_points, as_times, as_variances, broadcast_shape
from geomem.theory._by_state import (
    Numbers,
    OwnPoints,
    Points,
    States,
    Times,
    Variances,
    evaluate,
)
from geomem.theory.random_energy_model import Evaluation

__all__ = ["inverse_participation_ratio_own_point", "own_weight", "own_weight_gaussian"]


def inverse_participation_ratio_own_point(
    x: States, *, variances: Variances, t: Times, n_points: Points, own_point: OwnPoints = None
) -> Evaluation:
    r"""Return :math:`\mathbb E\sum_\mu w_\mu^2` at noisy training points, exactly (T3p).

    .. math:: \mathbb E\sum_\mu w_\mu^2 = \int_0^\infty u\,e^{-uz_1}\big[z_1^2L^{N-1}
       + (N-1)\,L''L^{N-2}\big]\,\mathrm du, \qquad z_1 = e^{-\|x-y^1\|^2/2t},

    over the :math:`N - 1` other points; without ``own_point`` also over :math:`y^1` given :math:`x`, which leaves
    :math:`\int L''L^{N-1}\mathrm du/\mathbb E z`.

    Parameters
    ----------
    x : ndarray, shape (..., d)
        Noisy training points, in the principal axes of the data.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero. Zeros contribute nothing.
    t : float or array of float
        Noise variance, > 0; broadcasts against the batch axes of ``x``.
    n_points : int, float, or array of either
        :math:`N \ge 2`, the own point among them; broadcasts against the batch axes of ``x``. Integers of any size.
    own_point : ndarray, shape (..., d), optional
        :math:`y^1`, of which ``x`` is a noisy copy; broadcasts against ``x``. If it is not given, the average is
        over own points drawn from the posterior :math:`p(x_0|x)`.

    Returns
    -------
    Evaluation
        As for :func:`~geomem.theory.effective_sample_size.fresh.inverse_participation_ratio`.

    Raises
    ------
    InputError
        As for :func:`~geomem.theory.effective_sample_size.fresh.inverse_participation_ratio`.
    ConvergenceError
        Likewise.

    Notes
    -----
    Source: derived here. Exact at any dimension and any number of points.

    Examples
    --------
    >>> x, state = np.full(20, 1.1), {"variances": np.ones(20), "t": 0.33, "n_points": 10_000}
    >>> print(f"{inverse_participation_ratio_own_point(x, **state).value:.4f}")
    0.9556
    """
    average = rem.planted_participation if own_point is None else rem.own_participation
    return evaluate(average, x, variances, t, n_points, own_point)


def own_weight(
    x: States, *, variances: Variances, t: Times, n_points: Points, own_point: OwnPoints = None
) -> Evaluation:
    r"""Return the mean weight :math:`\mathbb E\,w_1` of the own point at noisy training points, exactly.

    .. math:: \mathbb E\,w_1 = \int_0^\infty z_1\,e^{-uz_1}L(u)^{N-1}\,\mathrm du, \qquad z_1 = e^{-\|x-y^1\|^2/2t},

    over the :math:`N - 1` other points; without ``own_point`` also over :math:`y^1` given :math:`x`, where it equals
    :func:`inverse_participation_ratio_own_point` by the exchange identity.

    Parameters
    ----------
    x : ndarray, shape (..., d)
        Noisy training points, in the principal axes of the data.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero. Zeros contribute nothing.
    t : float or array of float
        Noise variance, > 0; broadcasts against the batch axes of ``x``.
    n_points : int, float, or array of either
        :math:`N \ge 2`, the own point among them; broadcasts against the batch axes of ``x``. Integers of any size.
    own_point : ndarray, shape (..., d), optional
        :math:`y^1`, of which ``x`` is a noisy copy; broadcasts against ``x``. If it is not given, the average is
        over own points drawn from the posterior :math:`p(x_0|x)`.

    Returns
    -------
    Evaluation
        As for :func:`~geomem.theory.effective_sample_size.fresh.inverse_participation_ratio`.

    Raises
    ------
    InputError
        As for :func:`~geomem.theory.effective_sample_size.fresh.inverse_participation_ratio`.
    ConvergenceError
        Likewise.

    Notes
    -----
    Source: derived here. Exact at any dimension and any number of points.

    Examples
    --------
    >>> x, state = np.full(20, 1.1), {"variances": np.ones(20), "t": 0.33, "n_points": 10_000}
    >>> near, far = (own_weight(x, own_point=np.full(20, y), **state).value for y in (0.4, 0.2))
    >>> print(f"{near:.4f} {far:.4f}")
    0.8048 0.0023
    """
    average = rem.planted_participation if own_point is None else rem.own_weight
    return evaluate(average, x, variances, t, n_points, own_point)


def own_weight_gaussian(*, variances: Variances, t: Times, n_points: Points) -> Numbers:
    r"""Return the mean own weight over noisy training points, approximately: an information threshold.

    .. math:: \mathbb E\,w_1 \simeq \Phi\!\left(\frac{I - \ln N}{\sqrt{\mathrm{Var}\,i}}\right), \qquad
       I = \tfrac12\sum_i\ln(1+s_i), \qquad \mathrm{Var}\,i = \sum_i\frac{s_i}{1+s_i}, \qquad
       s_i = \frac{\sigma_i^2}{t} .

    Parameters
    ----------
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero. Zeros contribute nothing.
    t : float or array of float
        Noise variance, > 0.
    n_points : int, float, or array of either
        :math:`N > 1`; broadcasts against ``t``. Integers of any size.

    Returns
    -------
    ndarray, float64, of the common shape of ``t`` and ``n_points``; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, a negative variance, no positive one, ``t`` not positive, or
        :math:`N \le 1`.

    Notes
    -----
    Source: derived here. An approximation for many directions, :math:`\mathrm{Var}\,i \gg 1`: it takes the information
    density for Gaussian, odds for all or nothing, and the sum of the other weights for its mean. One half at
    the collapse time :func:`~geomem.theory.condensation.collapse_time`. Near it the value is too low by
    :math:`O(d^{-1/2})`, as that sum is then typically below its mean.

    Examples
    --------
    >>> own_weight_gaussian(variances=np.ones(20), t=[0.33, 0.66], n_points=10_000).round(3)
    array([0.889, 0.501])
    """
    sigma2, noise, log_n = as_variances(variances), as_times(t), as_log_n_points(n_points)
    broadcast_shape(t=noise.shape, n_points=log_n.shape)
    s = sigma2 / noise[..., None]
    information = 0.5 * np.log1p(s).sum(-1)
    return ndtr((information - log_n) / np.sqrt((s / (1 + s)).sum(-1)))

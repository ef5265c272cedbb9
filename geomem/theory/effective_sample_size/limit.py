r"""The effective sample size at fresh states in the limit of large dimension: frozen values, and rates.

At a fixed state the frozen parameter of :mod:`~geomem.theory.random_energy_model.limit` is
:math:`\rho = t/t_c(x)`, because :math:`\lambda` enters the cumulant only through :math:`t/\lambda`. Below
condensation the weights follow the Poisson-Dirichlet law of that parameter, which gives

.. math:: \mathbb E\sum_\mu w_\mu^2 \to 1 - \frac{t}{t_c(x)}, \qquad
   \mathrm{Var}\sum_\mu w_\mu^2 \to \tfrac13\rho\,(1-\rho) .

The variance does not vanish: the participation of a data set is not near its mean, and
:math:`1/\mathbb E\sum_\mu w_\mu^2`, which grows as :math:`1/(1 - t/t_c)`, is not a typical sample size. Above
condensation :math:`\tilde N` grows exponentially with :math:`d`, at two rates: the typical one and, for the mean of
:math:`\sum_\mu w_\mu^2`, the annealed one, which is lower where rare data sets with one near point carry the mean.
"""

import numpy as np
from numpy.typing import ArrayLike

from geomem.theory import random_energy_model as rem
from geomem.theory._blocks import as_times, broadcast_shape
from geomem.theory._by_state import Numbers, Points, States, Times, Variances, limit_of

__all__ = ["annealed_rate", "ipr_frozen", "ipr_frozen_variance", "typical_rate"]


def typical_rate(x: States, *, variances: Variances, t: Times, n_points: Points) -> Numbers:
    r"""Return the limit of :math:`\mathbb E\ln\tilde N` at fresh states, in nats.

    Parameters
    ----------
    x, variances, t
        As for :func:`~geomem.theory.effective_sample_size.fresh.inverse_participation_ratio`.
    n_points : int, float, or array of either
        :math:`N > 1`; broadcasts against the batch axes of ``x``. Integers of any size.

    Returns
    -------
    ndarray, float64, of the common shape of ``t``, ``n_points``, and ``x.shape[:-1]``; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, a negative variance, no positive one, ``t`` not positive, or
        :math:`N \le 1`.

    Notes
    -----
    Source: derived here, in :mod:`~geomem.theory.random_energy_model.limit`. To leading order in :math:`d` at fixed
    :math:`\ln N/d`; zero below condensation. At any size see
    :func:`~geomem.theory.effective_sample_size.fresh.expected_log_sample_size`.

    Examples
    --------
    >>> d = 512
    >>> t = 1.5 / np.expm1(1.0)  # above collapse, at N = e^(d/2)
    >>> x = np.full(d, np.sqrt(1 + t))
    >>> print(f"{typical_rate(x, variances=np.ones(d), t=t, n_points=np.exp(d / 2)) / d:.6f}")
    0.030936
    """
    return limit_of(rem.typical_rate, x, variances, t, n_points)


def annealed_rate(x: States, *, variances: Variances, t: Times, n_points: Points) -> Numbers:
    r"""Return the limit of :math:`-\ln\mathbb E\sum_\mu w_\mu^2` at fresh states, in nats: at most the typical rate.

    Parameters
    ----------
    x, variances, t
        As for :func:`~geomem.theory.effective_sample_size.fresh.inverse_participation_ratio`.
    n_points : int, float, or array of either
        :math:`N > 1`; broadcasts against the batch axes of ``x``. Integers of any size.

    Returns
    -------
    ndarray, float64, of the common shape of ``t``, ``n_points``, and ``x.shape[:-1]``; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, a negative variance, no positive one, ``t`` not positive, or
        :math:`N \le 1`.

    Notes
    -----
    Source: derived here, in :mod:`~geomem.theory.random_energy_model.limit`. To leading order in :math:`d` at fixed
    :math:`\ln N/d`; zero below condensation. At any size see
    :func:`~geomem.theory.effective_sample_size.fresh.inverse_participation_ratio`.

    Examples
    --------
    >>> d = 512
    >>> t = 1.5 / np.expm1(1.0)  # above collapse, at N = e^(d/2)
    >>> x = np.full(d, np.sqrt(1 + t))
    >>> print(f"{annealed_rate(x, variances=np.ones(d), t=t, n_points=np.exp(d / 2)) / d:.6f}")
    0.020943
    """
    return limit_of(rem.annealed_rate, x, variances, t, n_points)


def _frozen_parameter(t: ArrayLike, t_c: ArrayLike) -> Numbers:
    r"""Return :math:`\rho = \min(1, t/t_c)`."""
    noise, critical = as_times(t), as_times(t_c)
    broadcast_shape(t=noise.shape, t_c=critical.shape)
    return np.minimum(noise, critical) / critical


def ipr_frozen(t: ArrayLike, *, t_c: ArrayLike) -> Numbers:
    r"""Return the limit of :math:`\mathbb E\sum_\mu w_\mu^2`, zero above condensation.

    .. math:: \lim\,\mathbb E\sum_\mu w_\mu^2 = \max\big(0,\, 1 - t/t_c(x)\big)

    Parameters
    ----------
    t : float or array of float
        Noise variance, > 0.
    t_c : float or array of float
        Condensation time of the state, :func:`~geomem.theory.condensation.condensation_time`, > 0; broadcasts
        against ``t``.

    Returns
    -------
    ndarray, float64, of the common shape of ``t`` and ``t_c``; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, or a time that is not positive.

    Notes
    -----
    Source: the Poisson-Dirichlet law of the frozen weights, Mézard, Parisi, Sourlas, Toulouse, and Virasoro (1984), at
    the frozen parameter :math:`\rho = t/t_c(x)`, derived here. In the limit of large :math:`d` at fixed
    :math:`\ln N/d`, at fresh states.

    Examples
    --------
    >>> ipr_frozen([0.1, 0.3, 0.5], t_c=0.4)
    array([0.75, 0.25, 0.  ])
    """
    return rem.frozen_participation(_frozen_parameter(t, t_c))


def ipr_frozen_variance(t: ArrayLike, *, t_c: ArrayLike) -> Numbers:
    r"""Return the limit of the variance of :math:`\sum_\mu w_\mu^2` over data sets, zero above condensation.

    .. math:: \lim\,\mathrm{Var}\sum_\mu w_\mu^2 = \tfrac13\rho\,(1-\rho), \qquad \rho = \min\big(1,\, t/t_c(x)\big)

    Parameters
    ----------
    t : float or array of float
        Noise variance, > 0.
    t_c : float or array of float
        Condensation time of the state, :func:`~geomem.theory.condensation.condensation_time`, > 0; broadcasts
        against ``t``.

    Returns
    -------
    ndarray, float64, of the common shape of ``t`` and ``t_c``; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, or a time that is not positive.

    Notes
    -----
    Source: the Poisson-Dirichlet law of the frozen weights, Mézard, Parisi, Sourlas, Toulouse, and Virasoro (1984), at
    the frozen parameter :math:`\rho = t/t_c(x)`, derived here. In the limit of large :math:`d` at fixed
    :math:`\ln N/d`, at fresh states.

    Examples
    --------
    >>> ipr_frozen_variance([0.1, 0.3, 0.5], t_c=0.4)
    array([0.0625, 0.0625, 0.    ])
    """
    return rem.frozen_participation_variance(_frozen_parameter(t, t_c))

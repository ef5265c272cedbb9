r"""The frozen posterior covariance and effective dimension at fresh states, in the limit of large dimension.

Below condensation a few data points share the weight. They are those whose distance from the state is that of the
posterior at the noise :math:`t_c(x)`, where the number of such points comes down to one, and as draws of that
posterior they are independent of the weights, which follow the Poisson-Dirichlet law of parameter
:math:`\rho = t/t_c(x)`. For independent draws :math:`y^\mu` of a law with covariance :math:`C` the mean of
:math:`C_w = \tfrac12\sum_{\mu\nu} w_\mu w_\nu (y^\mu - y^\nu)(y^\mu - y^\nu)^{\mathsf T}` is
:math:`(1 - \sum_\mu w_\mu^2)\,C`, and :math:`\mathbb E[1 - \sum_\mu w_\mu^2] \to \rho`, so that

.. math:: \mathbb E\,C_w \to \frac{t}{t_c}\,\mathrm{diag}\frac{t_c\,\sigma_i^2}{t_c + \sigma_i^2}
   = \mathrm{diag}\frac{t\,\sigma_i^2}{t_c + \sigma_i^2}, \qquad
   \mathbb E\,\frac{\mathrm{tr}\,C_w}t \to \sum_i\frac{\sigma_i^2}{\max(t, t_c) + \sigma_i^2}. \qquad (\mathrm{T4})

The *mean* effective dimension stops growing. It is carried by rare data sets: to leading order the effective
dimension of one data set is :math:`(1 - \sum_\mu w_\mu^2)/\rho` times this mean, and as
:math:`\mathrm{Var}\sum_\mu w_\mu^2 \to \rho(1-\rho)/3` its relative standard deviation is
:math:`\sqrt{(1-\rho)/3\rho}`, while its median vanishes with :math:`\rho`.

Every function takes the condensation time :math:`t_c(x)` of the state, (T1) or (T1') of
:mod:`~geomem.theory.condensation`; in the limit they are the same. Derived here.
"""

import numpy as np

from geomem._typing import Float
from geomem.errors import InputError
from geomem.theory._blocks import as_real, as_states, as_times, as_variances, broadcast_shape
from geomem.theory._by_state import Numbers, States, Times, Variances

__all__ = [
    "frozen_covariance",
    "frozen_effective_dimension",
    "frozen_spread",
    "frozen_squared_distance",
    "loss_crossing",
]


def _times(t: Times, t_c: Times) -> tuple[np.ndarray, np.ndarray]:
    """Return both noise variances, checked, in the shape they broadcast to."""
    noise, critical = as_times(t), as_times(t_c)
    shape = broadcast_shape(t=noise.shape, t_c=critical.shape)
    return np.broadcast_to(noise, shape), np.broadcast_to(critical, shape)


def frozen_covariance(t: Times, *, variances: Variances, t_c: Times) -> Float[np.ndarray, "*batch d"]:
    r"""Return the limit of the diagonal of :math:`\mathbb E\,C_w` at fresh states, in the principal axes.

    .. math:: \mathbb E\,(C_w)_{ii} \to \frac{t\,\sigma_i^2}{\max(t, t_c) + \sigma_i^2}

    Parameters
    ----------
    t : float or array of float
        Noise variance, > 0.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero.
    t_c : float or array of float
        Condensation time of the state, :func:`~geomem.theory.condensation.condensation_time` or
        :func:`~geomem.theory.condensation.condensation_time_corrected`, > 0; broadcasts against ``t``.

    Returns
    -------
    ndarray, float64, of the common shape of ``t`` and ``t_c``, with an axis (d,) added at the end

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, a negative variance, no positive one, or a time that is not positive.

    Notes
    -----
    Source: derived here. In the limit of large :math:`d` at fixed :math:`\ln N/d`; above condensation it is the
    covariance of the population. At any size see :func:`~geomem.theory.freezing.exact.posterior_covariance`.

    Examples
    --------
    >>> frozen_covariance([0.1, 0.5], variances=[1.0, 0.09], t_c=0.3).round(4)
    array([[0.0769, 0.0231],
           [0.3333, 0.0763]])
    """
    sigma2 = as_variances(variances)
    noise, critical = _times(t, t_c)
    return noise[..., None] * sigma2 / (np.maximum(noise, critical)[..., None] + sigma2)


def frozen_effective_dimension(t: Times, *, variances: Variances, t_c: Times) -> Numbers:
    r"""Return the limit of the mean effective dimension :math:`\mathbb E\,\mathrm{tr}\,C_w/t` at fresh states (T4).

    .. math:: \mathbb E\,[d + t\,\mathrm{tr}\,J_N] \to \sum_i\frac{\sigma_i^2}{\max(t, t_c) + \sigma_i^2}

    Parameters
    ----------
    t, variances, t_c
        As for :func:`frozen_covariance`.

    Returns
    -------
    ndarray, float64, of the common shape of ``t`` and ``t_c``; a float if that is ()

    Raises
    ------
    InputError
        As for :func:`frozen_covariance`.

    Notes
    -----
    Source: derived here. In the limit of large :math:`d` at fixed :math:`\ln N/d`. Of the mean only, see
    :func:`frozen_spread`.

    Examples
    --------
    >>> frozen_effective_dimension([0.1, 0.3, 1.0], variances=[1.0] * 5 + [0.09] * 10, t_c=0.3).round(4)
    array([6.1538, 6.1538, 3.3257])
    """
    sigma2 = as_variances(variances)
    return (sigma2 / (np.maximum(*_times(t, t_c))[..., None] + sigma2)).sum(-1)


def frozen_spread(t: Times, *, t_c: Times) -> Numbers:
    r"""Return the relative standard deviation over data sets of the effective dimension at a fresh state, in the limit.

    .. math:: \frac{\mathrm{sd}\,(\mathrm{tr}\,C_w)}{\mathbb E\,\mathrm{tr}\,C_w} \to \sqrt{\frac{1-\rho}{3\rho}},
       \qquad \rho = \frac{t}{t_c}, \qquad \text{zero above } t_c

    Parameters
    ----------
    t : float or array of float
        Noise variance, > 0.
    t_c : float or array of float
        Condensation time of the state, > 0; broadcasts against ``t``.

    Returns
    -------
    ndarray, float64, of the common shape of ``t`` and ``t_c``; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, or a time that is not positive.

    Notes
    -----
    Source: derived here, from the variance of :math:`\sum_\mu w_\mu^2` of
    :func:`~geomem.theory.random_energy_model.limit.frozen_participation_variance`. To leading order in :math:`d` at
    fixed :math:`\ln N/d`, where the draws of one data set are many directions and their own scatter averages out.
    As :math:`\rho \to 0` the mean says nothing of a typical data set.

    Examples
    --------
    >>> frozen_spread([0.003, 0.15, 0.3], t_c=0.3).round(4)
    array([5.7446, 0.5774, 0.    ])
    """
    noise, critical = _times(t, t_c)
    rho = np.minimum(noise, critical) / critical
    return np.sqrt((1 - rho) / (3 * rho))


def loss_crossing(t_c: Times, *, high: Times, low: Times) -> Numbers:
    r"""Return the noise above which the direction of higher variance has lost more trace than that of lower variance.

    .. math:: t_\times = \frac{\sigma_1^2\,\sigma_2^2}{t_c}

    Direction :math:`i` has lost :math:`t\sigma_i^2/(t+\sigma_i^2) - t\sigma_i^2/(t_c+\sigma_i^2) =
    t\,(t_c-t)\,f(\sigma_i^2)` with :math:`f(s) = s/[(t+s)(t_c+s)]`, and
    :math:`f(\sigma_1^2) - f(\sigma_2^2)` has the sign of
    :math:`(\sigma_1^2-\sigma_2^2)(t\,t_c - \sigma_1^2\sigma_2^2)`.

    Parameters
    ----------
    t_c : float or array of float
        Condensation time of the state, > 0.
    high, low : float or array of float
        The two variances :math:`\sigma_1^2 \ge \sigma_2^2 > 0`; broadcast against ``t_c``.

    Returns
    -------
    ndarray, float64, of the common shape; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, a time or variance that is not positive, or ``high`` below ``low``.

    Notes
    -----
    Source: derived here. In the limit of large :math:`d` at fixed :math:`\ln N/d`, at fresh states. Only between
    :math:`t_\times` and :math:`t_c` does the higher variance lead; where :math:`t_\times \ge t_c`, that is
    :math:`t_c \le \sigma_1\sigma_2`, it never does. Relative to what they had, the lower variance always leads.

    Examples
    --------
    >>> print(f"{loss_crossing(0.5, high=1.0, low=0.09):.2f}")
    0.18
    """
    critical, high, low = as_times(t_c), as_real(high, "high"), as_real(low, "low")
    broadcast_shape(t_c=critical.shape, high=high.shape, low=low.shape)
    if not (np.all(low > 0) and np.all(high >= low)):
        raise InputError(f"got variances high = {high}, low = {low}, expected high >= low > 0")
    return high / critical * low


def frozen_squared_distance(x: States, *, variances: Variances, t_c: Times) -> Numbers:
    r"""Return the limit of :math:`\mathbb E\sum_\mu w_\mu\|x-y^\mu\|^2` at fresh states below condensation.

    .. math:: \mathbb E\sum_\mu w_\mu\|x - y^\mu\|^2 \to \sum_i\Big[\frac{t_c\,\sigma_i^2}{t_c+\sigma_i^2}
       + \frac{x_i^2\,t_c^2}{(t_c+\sigma_i^2)^2}\Big] = d\,t_g .

    **FLIPD.** Of the empirical score the estimate :math:`d + t\,(\mathrm{tr}\,J + \|s\|^2)` of the dimension is

    .. math:: \mathrm{FLIPD}_N = \frac{\mathrm{tr}\,C_w}t + \frac{\|\bar y - x\|^2}t
       = \frac1t\sum_\mu w_\mu\|x-y^\mu\|^2

    exactly, at any noise and for any data, because :math:`d + t\,\mathrm{tr}\,J = \mathrm{tr}\,C_w/t`,
    :math:`s = (\bar y - x)/t`, and mean square is variance plus squared mean. In the frozen phase it is
    :math:`d\,t_g/t`: it grows as the noise falls, and where :math:`t_g \le t_c`, as at clean states, it is the ambient
    dimension at :math:`t_g`.

    Parameters
    ----------
    x : ndarray, shape (..., d)
        Fresh states (independent of the data), in the principal axes of the data.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero.
    t_c : float or array of float
        Condensation time of the state, > 0; broadcasts against the batch axes of ``x``.

    Returns
    -------
    ndarray, float64, of the common shape of ``t_c`` and ``x.shape[:-1]``; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, a negative variance, no positive one, or a time that is not positive.

    Notes
    -----
    Source: derived here. In the limit of large :math:`d` at fixed :math:`\ln N/d`: the condensed points are draws of
    the posterior at noise :math:`t_c(x)`, of mean :math:`x_i\sigma_i^2/(t_c+\sigma_i^2)`. Does not depend on
    :math:`t`. At clean states, :math:`x_i^2 = \sigma_i^2` on average, :math:`t_g` is the noise of best
    generalization.

    Examples
    --------
    >>> print(f"{frozen_squared_distance(np.ones(16), variances=np.ones(16), t_c=0.35278) / 16:.4f}")
    0.3288
    """
    sigma2, critical = as_variances(variances), as_times(t_c)
    states = as_states(x, len(sigma2))
    broadcast_shape(x=states.shape[:-1], t_c=critical.shape)
    share = critical[..., None] / (critical[..., None] + sigma2)
    return (share * sigma2 + (states * share) ** 2).sum(-1)

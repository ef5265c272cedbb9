r"""The effective sample size at fresh states: independent of the data, as noised held-out data are.

With :math:`z = e^{-\|x-y\|^2/2t}` of one data point and :math:`L(u) = \mathbb E\,e^{-uz}`, the identity
:math:`1/Z^2 = \int_0^\infty u\,e^{-uZ}\mathrm du` makes every average over :math:`N` points one integral,

.. math:: \mathbb E\sum_\mu w_\mu^2 = N\int_0^\infty u\,L''(u)\,L(u)^{N-1}\,\mathrm du . \qquad (\mathrm{T3})

:mod:`~geomem.theory.random_energy_model.finite_size` derives it and its relatives, and takes :math:`L` from the
cumulant of :mod:`~geomem.theory.positional`. Below condensation :math:`\sum_\mu w_\mu^2` differs from one data set to
the next however many points there are, and above it one deep level may carry the mean, so a mean of
:math:`\tilde N = 1/\sum_\mu w_\mu^2` must be named:
:mod:`~geomem.theory.random_energy_model.sample_size` tells three apart.
"""

from geomem.theory import random_energy_model as rem
from geomem.theory._by_state import Points, States, Times, Variances, evaluate
from geomem.theory.random_energy_model import Evaluation

__all__ = [
    "expected_log_partition",
    "expected_log_sample_size",
    "inverse_participation_ratio",
    "sample_size_arithmetic",
    "sample_size_geometric",
    "sample_size_harmonic",
]


def inverse_participation_ratio(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    r"""Return :math:`\mathbb E\sum_\mu w_\mu^2` at fresh states, exactly (T3).

    .. math:: \mathbb E\sum_\mu w_\mu^2 = N\int_0^\infty u\,L''(u)\,L(u)^{N-1}\,\mathrm du, \qquad
       L(u) = \mathbb E_y\exp\!\big(-u\,e^{-\|x-y\|^2/2t}\big) .

    Parameters
    ----------
    x : ndarray, shape (..., d)
        Fresh states (independent of the data), in the principal axes of the data.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero. Zeros contribute nothing.
    t : float or array of float
        Noise variance, > 0; broadcasts against the batch axes of ``x``.
    n_points : int, float, or array of either
        :math:`N \ge 2`; broadcasts against the batch axes of ``x``. Integers of any size.

    Returns
    -------
    Evaluation
        ``value`` and ``error``, float64, of the common shape of ``t``, ``n_points``, and ``x.shape[:-1]``; floats
        if that is ().

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, a negative variance, no positive one, ``t`` not positive, or
        :math:`N < 2`.
    ConvergenceError
        The energies are too far apart for the quadrature: :math:`t` below :math:`10^{-8}\,t_c(x)` or so, where
        :func:`~geomem.theory.effective_sample_size.limit.ipr_frozen` holds.

    Notes
    -----
    Source: derived here. Exact at any dimension and any number of points. Each state takes a twentieth of a second
    and more, in proportion to the number of distinct variances up to a few hundred; more are merged.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.array([0.2, 0.5])
    >>> x = np.sqrt(1 + t)[:, None] * np.ones(10)  # of the squared length that is typical of each noise
    >>> inverse_participation_ratio(x, variances=np.ones(10), t=t, n_points=1000).value.round(5)
    array([0.59697, 0.25885])
    """
    return evaluate(rem.participation, x, variances, t, n_points)


def expected_log_partition(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    r"""Return :math:`\mathbb E\ln Z` at fresh states, :math:`Z = \sum_\mu e^{-\|x-y^\mu\|^2/2t}`, exactly.

    .. math:: \mathbb E\ln Z = \int_0^\infty\big(e^{-u} - L(u)^N\big)\,\frac{\mathrm du}{u} .

    Parameters
    ----------
    x, variances, t, n_points
        As for :func:`inverse_participation_ratio`.

    Returns
    -------
    Evaluation
        As for :func:`inverse_participation_ratio`; the error is absolute, in nats.

    Raises
    ------
    InputError
        As for :func:`inverse_participation_ratio`.
    ConvergenceError
        Likewise.

    Notes
    -----
    Source: derived here. Exact at any dimension and any number of points. The empirical density is
    :math:`p_{N,t}(x) = Z/[N(2\pi t)^{d/2}]`, so this is its mean logarithm up to constants.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.full(10, np.sqrt(1.5))
    >>> print(f"{expected_log_partition(x, variances=np.ones(10), t=0.5, n_points=1000).value:.6f}")
    -3.894262
    """
    return evaluate(rem.expected_log_partition, x, variances, t, n_points)


def expected_log_sample_size(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    r"""Return :math:`\mathbb E\ln\tilde N` at fresh states, :math:`\tilde N = 1/\sum_\mu w_\mu^2`, exactly.

    .. math:: \mathbb E\ln\tilde N = 2\,\mathbb E\ln Z(t) - \mathbb E\ln Z(t/2) .

    Parameters
    ----------
    x, variances, t, n_points
        As for :func:`inverse_participation_ratio`.

    Returns
    -------
    Evaluation
        As for :func:`inverse_participation_ratio`; the error is absolute, in nats.

    Raises
    ------
    InputError
        As for :func:`inverse_participation_ratio`.
    ConvergenceError
        Likewise.

    Notes
    -----
    Source: derived here. Exact at any dimension and any number of points.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.full(10, np.sqrt(1.5))
    >>> print(f"{expected_log_sample_size(x, variances=np.ones(10), t=0.5, n_points=1000).value:.6f}")
    1.531311
    """
    return evaluate(rem.expected_log_sample_size, x, variances, t, n_points)


def sample_size_arithmetic(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    r"""Return the arithmetic mean :math:`\mathbb E\,\tilde N` of :math:`\tilde N` at fresh states, exactly.

    Parameters
    ----------
    x, variances, t, n_points
        As for :func:`inverse_participation_ratio`.

    Returns
    -------
    Evaluation
        As for :func:`inverse_participation_ratio`.

    Raises
    ------
    InputError
        As for :func:`inverse_participation_ratio`.
    ConvergenceError
        Likewise.
    RegimeError
        The value is above :math:`e^{700}`; :func:`expected_log_sample_size` is not.

    Notes
    -----
    Source: derived here, in :mod:`~geomem.theory.random_energy_model.sample_size`. Exact at any dimension and any
    number of points. The largest of the three means.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.full(10, np.sqrt(1.5))
    >>> print(f"{sample_size_arithmetic(x, variances=np.ones(10), t=0.5, n_points=1000).value:.4f}")
    5.4637
    """
    return evaluate(rem.arithmetic_sample_size, x, variances, t, n_points)


def sample_size_geometric(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    r"""Return the geometric mean :math:`e^{\mathbb E\ln\tilde N}` of :math:`\tilde N` at fresh states, exactly.

    Parameters
    ----------
    x, variances, t, n_points
        As for :func:`inverse_participation_ratio`.

    Returns
    -------
    Evaluation
        As for :func:`inverse_participation_ratio`.

    Raises
    ------
    InputError
        As for :func:`inverse_participation_ratio`.
    ConvergenceError
        Likewise.
    RegimeError
        The value is above :math:`e^{700}`; :func:`expected_log_sample_size` is not.

    Notes
    -----
    Source: derived here, in :mod:`~geomem.theory.random_energy_model.sample_size`. Exact at any dimension and any
    number of points. The mean of its logarithm is that of a typical data set.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.full(10, np.sqrt(1.5))
    >>> print(f"{sample_size_geometric(x, variances=np.ones(10), t=0.5, n_points=1000).value:.4f}")
    4.6242
    """
    return evaluate(rem.geometric_sample_size, x, variances, t, n_points)


def sample_size_harmonic(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    r"""Return the harmonic mean :math:`1/\mathbb E\sum_\mu w_\mu^2` of :math:`\tilde N` at fresh states, exactly.

    Parameters
    ----------
    x, variances, t, n_points
        As for :func:`inverse_participation_ratio`.

    Returns
    -------
    Evaluation
        As for :func:`inverse_participation_ratio`.

    Raises
    ------
    InputError
        As for :func:`inverse_participation_ratio`.
    ConvergenceError
        Likewise.
    RegimeError
        The value is above :math:`e^{700}`; :func:`expected_log_sample_size` is not.

    Notes
    -----
    Source: derived here, in :mod:`~geomem.theory.random_energy_model.sample_size`. Exact at any dimension and any
    number of points. The smallest of the three means.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.full(10, np.sqrt(1.5))
    >>> print(f"{sample_size_harmonic(x, variances=np.ones(10), t=0.5, n_points=1000).value:.4f}")
    3.8633
    """
    return evaluate(rem.harmonic_sample_size, x, variances, t, n_points)

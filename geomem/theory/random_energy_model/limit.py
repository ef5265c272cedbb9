r"""The random energy model in the limit of many levels: entropy, condensation, free entropy, frozen weights, rates.

:math:`N` independent energies with cumulant :math:`d\,\zeta(\lambda) = \ln \mathbb E e^{-\lambda E/t}` make the
partition function :math:`Z(\lambda) = \sum_\mu e^{-\lambda E_\mu/t}`. The levels that carry the weight at
:math:`\lambda` number :math:`e^{d\,S(\lambda)}`,

.. math:: d\,S(\lambda) = \ln N + d\,\zeta(\lambda) - \lambda\, d\,\zeta'(\lambda) ,

which falls with :math:`\lambda`, since :math:`S' = -\lambda\,\zeta''`. Where it reaches zero, at
:math:`\lambda^*`, there are no deeper levels to go to: beyond, the lowest few keep the weight, the free entropy
:math:`\ln Z` grows linearly, and the weights follow the Poisson-Dirichlet law with :math:`\rho = \lambda^*/\lambda`
(for energies that have a density; on a lattice, levels tie).

**Typical rate.** Above condensation the effective sample size :math:`\tilde N = 1/\sum_\mu w_\mu^2` grows
exponentially. It is :math:`Z(1)^2 / Z(2)`, and :math:`\ln Z` self-averages, so
:math:`\mathbb E \ln \tilde N \simeq 2 \ln Z(1) - \ln Z(2)`. While :math:`\lambda^* \ge 2` many levels carry both
sums; for :math:`1 < \lambda^* < 2` the lowest few carry :math:`Z(2)`, though many share :math:`Z(1)`; for
:math:`\lambda^* \le 1` both sums are frozen, and the rate vanishes.

**Annealed rate.** The mean of :math:`\sum_\mu w_\mu^2` may come from rare draws with one deep level. The mean number
of levels at :math:`\ln z = \epsilon` is :math:`e^{\ln N - I(\epsilon)}`, where
:math:`I(\epsilon) = \max_\lambda [\lambda \epsilon - d\,\zeta(\lambda)]`. The others share
:math:`\ln Z(1) = A = \ln N + d\,\zeta(1)`: exponentially many do, so that a smaller sum is doubly exponentially rare
and a larger one only lowers the weights. The level adds :math:`w^2 = e^{2 \min(0, \epsilon - A)}`, and

.. math:: \ln \mathbb E \sum_\mu w_\mu^2 \simeq \max_\epsilon \big[\ln N - I(\epsilon) + 2 \min(0, \epsilon - A)\big] .

Below :math:`A` the maximum is at :math:`\epsilon = d\,\zeta'(2)`, with the value
:math:`\ln N + d\,\zeta(2) - 2A`, the same for rare and for typical levels. If :math:`d\,\zeta'(2) > A` it is at the
end, :math:`\epsilon = A`: one level as heavy as all the others, at the cost
:math:`\ln N - I(A) = d\,S(\lambda_1)` with :math:`d\,\zeta'(\lambda_1) = A`. As :math:`d\,\zeta` is convex,
:math:`d\,\zeta'(2) \le A` wherever :math:`\lambda^* \ge 2`, so there both rates are the same; elsewhere Jensen's
inequality puts the annealed rate below. Both are derived here.

Everything here is extensive, in nats: divide by :math:`d` to compare with rates. Statements hold to leading order in
:math:`d` at fixed :math:`\ln N / d`; :mod:`~geomem.theory.random_energy_model.finite_size` is exact at any size.
Derrida (1981) for the model; Mézard, Parisi, Sourlas, Toulouse, and Virasoro (1984) for the frozen weights.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from geomem.errors import InputError
from geomem.theory.random_energy_model.cumulants import Cumulant, as_number, derivative

__all__ = [
    "annealed_rate",
    "condensation_point",
    "entropy",
    "free_entropy",
    "frozen_participation",
    "frozen_participation_variance",
    "poisson_dirichlet",
    "typical_rate",
]

LAMBDA_MAX = 1e6


def _check_lam(lam: ArrayLike) -> NDArray:
    lam = np.asarray(lam, dtype=np.float64)
    if not ((lam >= 0) & (lam < np.inf)).all():
        raise InputError(f"got lam = {lam}, expected inverse temperatures, finite and not below zero")
    return lam


def entropy(cumulant: Cumulant, lam: ArrayLike, *, log_n_points: float) -> NDArray | float:
    r"""Return the entropy of the levels that carry the weight, in nats.

    .. math:: d\,S(\lambda) = \ln N + d\,\zeta(\lambda) - \lambda\, d\,\zeta'(\lambda)

    Negative beyond condensation, where no such level exists.

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`.
    lam : array of float
        Inverse temperature :math:`\lambda \ge 0` in units of :math:`1/t`.
    log_n_points : float
        :math:`\ln N`.

    Raises
    ------
    InputError
        ``lam`` is negative or not finite.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> float(entropy(gaussian_cumulant(variance=8.0), 1.0, log_n_points=9.0))
    5.0
    """
    lam = _check_lam(lam)
    return log_n_points + cumulant(lam) - lam * derivative(cumulant, lam)


def condensation_point(cumulant: Cumulant, *, log_n_points: float) -> float:
    r"""Return :math:`\lambda^*`, the root of :math:`S(\lambda^*) = 0`; infinity if the entropy stays positive.

    The frozen parameter of the weights at :math:`\lambda` is :math:`\rho = \lambda^*/\lambda` where this is below one.

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`, not constant.
    log_n_points : float
        :math:`\ln N > 0`.

    Raises
    ------
    InputError
        ``log_n_points`` is not positive and finite.

    Notes
    -----
    A law with an atom of probability :math:`p` at its lowest energy keeps :math:`d\,S(\lambda) > \ln(Np)`, so for
    :math:`Np \ge 1` it never condenses. The search ends at :math:`\lambda = 10^6`.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> round(condensation_point(gaussian_cumulant(variance=8.0), log_n_points=9.0), 12)
    1.5
    """
    log_n_points = as_number(log_n_points, "log_n_points")
    if not 0 < log_n_points < np.inf:
        raise InputError(f"got log_n_points = {log_n_points}, expected ln N, positive and finite")

    def s(lam: float) -> float:
        return float(entropy(cumulant, lam, log_n_points=log_n_points))

    above = 1.0
    while s(above) > 0:
        above *= 2
        if above > LAMBDA_MAX:
            return np.inf
    below = above / 2
    while s(below) < 0:
        below /= 2
    return brentq(s, below, above, xtol=1e-300, rtol=4 * np.finfo(float).eps)


def free_entropy(cumulant: Cumulant, lam: ArrayLike, *, log_n_points: float) -> NDArray | float:
    r"""Return the limit of :math:`\ln Z(\lambda)` for :math:`Z = \sum_\mu e^{-\lambda E_\mu/t}`, in nats.

    .. math::

       \ln Z \simeq \ln N + d\,\zeta(\lambda) \quad (\lambda \le \lambda^*), \qquad
       \lambda\, d\,\zeta'(\lambda^*) \quad (\lambda > \lambda^*) .

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`.
    lam : array of float
        Inverse temperature :math:`\lambda \ge 0` in units of :math:`1/t`.
    log_n_points : float
        :math:`\ln N > 0`.

    Raises
    ------
    InputError
        ``lam`` is negative or not finite, or ``log_n_points`` is not positive and finite.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> free_entropy(gaussian_cumulant(variance=8.0), [1.0, 2.0], log_n_points=9.0)
    array([13., 24.])
    """
    lam = _check_lam(lam)
    critical = condensation_point(cumulant, log_n_points=log_n_points)
    liquid = log_n_points + cumulant(lam)
    if np.isinf(critical):
        return liquid
    return np.where(lam <= critical, liquid, lam * derivative(cumulant, critical))


def typical_rate(cumulant: Cumulant, *, log_n_points: float) -> float:
    r"""Return the limit of :math:`\mathbb E \ln \tilde N`, the logarithm of a typical effective sample size, in nats.

    .. math::

       \mathbb E \ln \tilde N \simeq 2\,\ln Z(1) - \ln Z(2) = \begin{cases}
       \ln N + 2\,d\,\zeta(1) - d\,\zeta(2) & \lambda^* \ge 2 , \\
       2\,[\ln N + d\,\zeta(1)] - 2\,d\,\zeta'(\lambda^*) & 1 \le \lambda^* \le 2 , \\
       0 & \lambda^* \le 1 .
       \end{cases}

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`, not constant.
    log_n_points : float
        :math:`\ln N > 0`.

    Raises
    ------
    InputError
        ``log_n_points`` is not positive and finite.

    Notes
    -----
    Source: derived here. To leading order in :math:`d` at fixed :math:`\ln N / d`; at any size see
    :func:`~geomem.theory.random_energy_model.sample_size.expected_log_sample_size`.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> round(typical_rate(gaussian_cumulant(variance=8.0), log_n_points=9.0), 12)
    2.0
    """
    once, twice = np.asarray(free_entropy(cumulant, [1.0, 2.0], log_n_points=log_n_points))
    return float(2 * once - twice)


def annealed_rate(cumulant: Cumulant, *, log_n_points: float) -> float:
    r"""Return the limit of :math:`-\ln \mathbb E \sum_\mu w_\mu^2`, in nats: at most the typical rate.

    .. math::

       -\ln \mathbb E \sum_\mu w_\mu^2 \simeq \begin{cases}
       \ln N + 2\,d\,\zeta(1) - d\,\zeta(2) & d\,\zeta'(2) \le \ln N + d\,\zeta(1) , \\
       -d\,S(\lambda_1), \quad d\,\zeta'(\lambda_1) = \ln N + d\,\zeta(1) & \text{otherwise} , \\
       0 & \lambda^* \le 1 .
       \end{cases}

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`, not constant.
    log_n_points : float
        :math:`\ln N > 0`.

    Raises
    ------
    InputError
        ``log_n_points`` is not positive and finite.

    Notes
    -----
    Source: derived here. To leading order in :math:`d` at fixed :math:`\ln N / d`; at any size see
    :func:`~geomem.theory.random_energy_model.finite_size.participation`.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> round(annealed_rate(gaussian_cumulant(variance=8.0), log_n_points=9.0), 12)
    1.5625
    """
    if condensation_point(cumulant, log_n_points=log_n_points) <= 1:
        return 0.0
    log_z = log_n_points + float(cumulant(np.array(1.0)))
    if derivative(cumulant, 2.0) <= log_z:
        return log_z - (float(cumulant(np.array(2.0))) - float(cumulant(np.array(1.0))))
    lam = brentq(lambda lam: derivative(cumulant, lam) - log_z, 1.0, 2.0)
    return -float(entropy(cumulant, lam, log_n_points=log_n_points))


def _check_rho(rho: ArrayLike) -> NDArray:
    rho = np.asarray(rho, dtype=np.float64)
    if not ((rho >= 0) & (rho <= 1)).all():
        raise InputError(f"got rho = {rho}, expected 0 <= rho <= 1; above condensation the frozen laws do not hold")
    return rho


def frozen_participation(rho: ArrayLike) -> NDArray | float:
    r"""Return the limit of :math:`\mathbb E \sum_\mu w_\mu^2 = 1 - \rho` in the frozen phase.

    Parameters
    ----------
    rho : array of float
        Frozen parameter :math:`0 \le \rho \le 1`; at :math:`\lambda = 1`, :math:`\rho = \lambda^*`.

    Raises
    ------
    InputError
        ``rho`` is not in [0, 1].

    Examples
    --------
    >>> float(frozen_participation(0.25))
    0.75
    """
    return 1 - _check_rho(rho)


def frozen_participation_variance(rho: ArrayLike) -> NDArray | float:
    r"""Return the limit of the variance of :math:`\sum_\mu w_\mu^2` over draws of the energies.

    .. math:: \mathrm{Var} \sum_\mu w_\mu^2 = \tfrac13 \rho (1 - \rho)

    It does not vanish with :math:`N`: the participation does not self-average.

    Parameters
    ----------
    rho : array of float
        Frozen parameter :math:`0 \le \rho \le 1`.

    Raises
    ------
    InputError
        ``rho`` is not in [0, 1].

    Examples
    --------
    >>> float(frozen_participation_variance(0.25))
    0.0625
    """
    rho = _check_rho(rho)
    return rho * (1 - rho) / 3


def poisson_dirichlet(rho: float, n_samples: int, generator: np.random.Generator, *, n_weights: int) -> NDArray:
    r"""Return the largest frozen weights of independent samples, in falling order, shape (n_samples, n_weights).

    The levels near the lowest form a Poisson process; with arrival times :math:`\Gamma_k` of a unit process,

    .. math:: w_k = \Gamma_k^{-1/\rho} \Big/ \sum_{j \ge 1} \Gamma_j^{-1/\rho} .

    The sum is drawn up to ``n_weights``; its remainder is replaced by its mean given the last arrival,
    :math:`\Gamma^{1 - 1/\rho} / (1/\rho - 1)`, so the weights that are returned add up to less than one:
    by little if :math:`\rho` is small, by a tenth at :math:`\rho = 3/4` and 200 weights.

    Parameters
    ----------
    rho : float
        Frozen parameter, :math:`0 < \rho < 1`.
    n_samples : int
        Number of samples, at least 1.
    generator : numpy.random.Generator
        Source of the exponential gaps.
    n_weights : int
        Weights drawn per sample, at least 1; the error of the remainder falls as ``n_weights`` to the
        :math:`\tfrac12 - 1/\rho`.

    Raises
    ------
    InputError
        ``rho`` is not inside (0, 1), or a number is below 1.

    Examples
    --------
    >>> w = poisson_dirichlet(0.5, 20_000, np.random.default_rng(0), n_weights=100)
    >>> round(float((w**2).sum(axis=1).mean()), 2)
    0.5
    """
    if not 0 < rho < 1:
        raise InputError(f"got rho = {rho}, expected 0 < rho < 1")
    if n_samples < 1 or n_weights < 1:
        raise InputError(f"got n_samples = {n_samples}, n_weights = {n_weights}, expected at least 1 of each")
    arrivals = generator.exponential(size=(n_samples, n_weights)).cumsum(axis=1)
    z = (arrivals / arrivals[:, :1]) ** (-1 / rho)
    remainder = z[:, -1:] * arrivals[:, -1:] / (1 / rho - 1)
    return z / (z.sum(axis=1, keepdims=True) + remainder)

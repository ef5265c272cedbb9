r"""The posterior covariance of the empirical score at any number of points, exactly, direction by direction.

The covariance of the data points under the weights is a sum over pairs,

.. math:: (C_w)_{ii} = \tfrac12\sum_{\mu\nu} w_\mu w_\nu\,(y_i^\mu - y_i^\nu)^2 ,

in which nothing cancels. With :math:`z = e^{-\|x-y\|^2/2t}`, :math:`1/Z^2 = \int_0^\infty u\,e^{-uZ}\mathrm du`,
and :math:`A_k(u) = \mathbb E[uz\,e^{-uz}\,y_i^k]`, its mean over :math:`N` independent points at a fresh state is

.. math:: \mathbb E\,(C_w)_{ii} = N(N-1)\int\big(A_2A_0 - A_1^2\big)\,L^{N-2}\,\mathrm d\ln u . \qquad (\mathrm{T5})

At a noisy training point the own point :math:`y^1` is given, with :math:`z_1`, and :math:`N' = N - 1` others are
independent: pairs of them, and pairs with the own point,

.. math:: \mathbb E\,(C_w)_{ii} = N'(N'-1)\int e^{-uz_1}\big(A_2A_0 - A_1^2\big)L^{N'-2}\,\mathrm d\ln u
   + N'\int uz_1e^{-uz_1}\,\mathbb E\big[uz\,e^{-uz}(y_i-y_i^1)^2\big]L^{N'-1}\,\mathrm d\ln u ;

or, if only :math:`x` is given, it is a draw of the posterior, and the exchange identity of
:func:`~geomem.theory.random_energy_model.finite_size.planted_participation`, by which a mean of :math:`f` is
:math:`\mathbb E[fZ]/(N\,\mathbb E z)` over independent points, leaves

.. math:: \mathbb E\,(C_w)_{ii} = \frac{N-1}{\mathbb E z}\int u^{-1}\big(A_2A_0 - A_1^2\big)\,L^{N-2}\,\mathrm d\ln u .

**One path for all directions.** As :math:`x e^{-x} = \frac1{2\pi i}\int\Gamma(1-\lambda)\,x^\lambda\mathrm d\lambda`,

.. math:: A_k(u) = \frac1{2\pi i}\int_{\mathrm{Re}\lambda<1}\Gamma(1-\lambda)\,u^\lambda e^{d\,\zeta(\lambda)}
   \langle y_i^k\rangle_\lambda\,\mathrm d\lambda ,

where the tilted law is Gaussian, of mean :math:`x_i(1-r_i)` and variance :math:`\sigma_i^2r_i`, with
:math:`r_i(\lambda) = t/(t+\lambda\sigma_i^2)`. :math:`A_2A_0 - A_1^2` does not change if :math:`y_i` is measured from
another point; from the tilted mean at the saddle :math:`c(u)` of :math:`A_0`, the mean is :math:`x_i\,\delta_i` with
:math:`\delta_i = r_i(c) - r_i(\lambda)`. So three insertions for each distinct variance, :math:`\sigma^2r`,
:math:`\delta`, and :math:`\delta^2` in the integral of :math:`A_0`, give every direction. Exact at any dimension;
derived here.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import loggamma

from geomem.errors import InputError
from geomem.theory._blocks import as_log_n_points, as_variances
from geomem.theory._by_state import OwnPoints, Points, State, States, Times, Variances, evaluate_states
from geomem.theory.random_energy_model import Evaluation
from geomem.theory.random_energy_model.finite_size import Levels, Numbers, halve_until_settled, integrate, own_average
from geomem.theory.random_energy_model.mellin_barnes import MellinBarnes

__all__ = ["posterior_covariance", "posterior_covariance_own_point"]


def switch(state: State) -> MellinBarnes:
    r"""Return the integral :math:`A_0(u) = \mathbb E[uz\,e^{-uz}]`, which falls with large :math:`u`."""
    start = max(0.9 * state.pole, -1.0)
    return MellinBarnes(lambda lam: state.cumulant(lam) + loggamma(1 - lam), width=1.0, start=start)


class Moments(NamedTuple):
    r"""Insertions in the integral of :math:`A_0`, in units of :math:`e^{\mathrm{scale}}`, at each :math:`u`."""

    log_scale: NDArray
    total: NDArray
    r"""Of one: :math:`A_0`."""
    saddle_share: NDArray
    r""":math:`r_i(c)`, one row for each direction, as of all that follow."""
    variance: NDArray
    drift: NDArray
    square: NDArray
    r"""Of :math:`\sigma^2r`, :math:`\delta`, and :math:`\delta^2`."""


class Directions:
    r"""One state, and what :math:`A_k` is made of in each direction."""

    def __init__(self, state: State, sigma2: NDArray) -> None:
        self.x = state.x[:, None]
        self.s, self.block = np.unique(sigma2 / state.t, return_inverse=True)
        self.sigma2 = sigma2[:, None]
        self.switch = switch(state)

    def moments(self, log_u: NDArray, step: float) -> Moments:
        """Return the insertions at each ``log_u``."""
        path = self.switch.path(log_u, step)
        at_saddle = 1 / (1 + self.s[:, None] * path.saddle)
        insertions = np.empty((3, *at_saddle.shape))
        from_saddle = path.lam - path.saddle[:, None]
        for k, (s, share) in enumerate(zip(self.s, at_saddle, strict=True)):
            r = 1 / (1 + s * path.lam)
            delta = s * share[:, None] * from_saddle * r  # the difference of both shares, without a subtraction
            once = path.weight * delta
            insertions[:, k] = [part.real.sum(axis=1) for part in (path.weight * r, once, once * delta)]
        share, drift, square = insertions[:, self.block]
        total = path.weight.real.sum(axis=1)
        return Moments(path.log_scale, total, at_saddle[self.block], self.sigma2 * share, drift, square)

    def pairs(self, m: Moments) -> NDArray:
        r"""Return :math:`A_2A_0 - A_1^2`, in units of the square of :math:`e^{\mathrm{scale}}`, (d, n)."""
        return m.total * m.variance + self.x**2 * (m.total * m.square - m.drift**2)

    def around(self, own_point: NDArray, m: Moments) -> NDArray:
        r"""Return :math:`\mathbb E[uz\,e^{-uz}(y_i - y_i^1)^2]` in units of :math:`e^{\mathrm{scale}}`, (d, n)."""
        offset = (self.x - own_point[:, None]) - self.x * m.saddle_share
        return m.variance + offset**2 * m.total + 2 * offset * self.x * m.drift + self.x**2 * m.square


def _fresh(state: State, sigma2: NDArray) -> Evaluation:
    """Return the mean covariance over independent points."""
    levels, directions = Levels(state.cumulant, state.log_n_points), Directions(state, sigma2)
    log_pairs = levels.log_count(0) + levels.log_count(1)
    right = levels.end(power=2, removed=2)

    def integral(theta: float, width: float) -> Numbers:
        def integrand(v: NDArray) -> NDArray:
            m = directions.moments(v, theta)
            return np.exp(log_pairs + 2 * m.log_scale + levels.log_survival(v, theta, removed=2)) * directions.pairs(m)

        return integrate(integrand, levels.panels(levels.left, right, width))

    return halve_until_settled(integral, relative=True)


def _planted(state: State, sigma2: NDArray) -> Evaluation:
    """Return the mean covariance where one of the points is a draw of the posterior."""
    levels, directions = Levels(state.cumulant, state.log_n_points), Directions(state, sigma2)
    log_others = levels.log_count(1) - float(state.cumulant(np.array(1.0)))
    right = levels.end(power=1, removed=2)

    def log_rest(v: NDArray, theta: float) -> NDArray:
        return log_others - v + levels.log_survival(v, theta, removed=2)

    left = levels.start(lambda v, theta: log_rest(v, theta) + 2 * directions.switch.log_integral(v, theta), right)

    def integral(theta: float, width: float) -> Numbers:
        def integrand(v: NDArray) -> NDArray:
            m = directions.moments(v, theta)
            return np.exp(log_rest(v, theta) + 2 * m.log_scale) * directions.pairs(m)

        return integrate(integrand, levels.panels(left, right, width))

    return halve_until_settled(integral, relative=True)


def _own(state: State, sigma2: NDArray) -> Evaluation:
    """Return the mean covariance where one of the points is given."""
    own_point, log_own = state.own_point, state.log_own
    assert own_point is not None
    assert log_own is not None
    levels, directions = Levels(state.cumulant, state.log_n_points), Directions(state, sigma2)
    log_others = levels.log_count(1)
    log_pairs = log_others + levels.log_count(2)

    def integrand(v: NDArray, log_uz: NDArray, theta: float) -> NDArray:
        m = directions.moments(v, theta)
        among_others = np.exp(log_pairs + 2 * m.log_scale + levels.log_survival(v, theta, removed=3))
        with_own = np.exp(log_others + log_uz + m.log_scale + levels.log_survival(v, theta, removed=2))
        return among_others * directions.pairs(m) + with_own * directions.around(own_point, m)

    unit = sigma2 + (state.x - own_point) ** 2
    return own_average(levels, log_own, integrand, removed=3, unit=unit)


def posterior_covariance(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    r"""Return the diagonal of :math:`\mathbb E\,C_w` at fresh states, in the principal axes, exactly (T5).

    .. math:: \mathbb E\,(C_w)_{ii} = N(N-1)\int\big(A_2A_0 - A_1^2\big)\,L^{N-2}\,\mathrm d\ln u, \qquad
       A_k(u) = \mathbb E\big[uz\,e^{-uz}\,y_i^k\big], \quad z = e^{-\|x-y\|^2/2t} .

    Parameters
    ----------
    x : ndarray, shape (..., d)
        Fresh states (independent of the data), in the principal axes of the data.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero. Where it is zero so is the covariance.
    t : float or array of float
        Noise variance, > 0; broadcasts against the batch axes of ``x``.
    n_points : int, float, or array of either
        :math:`N \ge 2`; broadcasts against the batch axes of ``x``. Integers of any size.

    Returns
    -------
    Evaluation
        ``value`` and ``error``, float64, of the common shape of ``t``, ``n_points``, and ``x.shape[:-1]``, with an axis
        (d,) added at the end.

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, a negative variance, no positive one, ``t`` not positive, or
        :math:`N < 2`.
    ConvergenceError
        The energies are too far apart for the quadrature: :math:`t` below :math:`10^{-8}\,t_c(x)` or so, where
        :func:`~geomem.theory.freezing.limit.frozen_covariance` says how it falls.

    Notes
    -----
    Source: derived here. Exact at any dimension and any number of points. The mean effective dimension is the sum over
    directions divided by :math:`t`. Each state takes a tenth of a second and more, in proportion to the number of
    distinct variances.

    Examples
    --------
    >>> import numpy as np
    >>> exact = posterior_covariance(np.ones(16), variances=np.ones(16), t=0.05, n_points=10_000)
    >>> print(f"{exact.value.sum() / 0.05:.4f}")  # the frozen value: 11.83 with (T1), 10.89 with (T1')
    10.7872
    """
    sigma2 = as_variances(variances)
    return evaluate_states(lambda state: _fresh(state, sigma2), x, variances, t, n_points, of_each=sigma2.shape)


def posterior_covariance_own_point(
    x: States, *, variances: Variances, t: Times, n_points: Points, own_point: OwnPoints = None
) -> Evaluation:
    r"""Return the diagonal of :math:`\mathbb E\,C_w` at noisy training points, in the principal axes, exactly.

    .. math:: \mathbb E\,(C_w)_{ii} = N'(N'-1)\int e^{-uz_1}\big(A_2A_0 - A_1^2\big)L^{N'-2}\,\mathrm d\ln u
       + N'\int uz_1e^{-uz_1}\,\mathbb E\big[uz\,e^{-uz}(y_i-y_i^1)^2\big]L^{N'-1}\,\mathrm d\ln u, \quad N' = N - 1,

    over the :math:`N'` other points; without ``own_point`` also over :math:`y^1` given :math:`x`, which leaves
    :math:`(N-1)\int u^{-1}(A_2A_0-A_1^2)\,L^{N-2}\,\mathrm d\ln u/\mathbb E z`.

    Parameters
    ----------
    x : ndarray, shape (..., d)
        Noisy training points, in the principal axes of the data.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero.
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
        As for :func:`posterior_covariance`.

    Raises
    ------
    InputError
        As for :func:`posterior_covariance`; with ``own_point``, also a number :math:`2 < N < 3`.
    ConvergenceError
        Likewise.

    Notes
    -----
    Source: derived here. Exact at any dimension and any number of points. The mean over :math:`x \sim p_t` of the value
    without ``own_point`` is that over noisy training points; summed over directions it is :math:`-2t^2` times the
    derivative of the information.

    Examples
    --------
    >>> import numpy as np
    >>> x, state = np.full(20, 1.1), {"variances": np.ones(20), "t": 0.33, "n_points": 10_000}
    >>> own, fresh = posterior_covariance_own_point(x, **state), posterior_covariance(x, **state)
    >>> print(f"{own.value[0]:.5f} {fresh.value[0]:.5f}")
    0.01553 0.19154
    """
    sigma2 = as_variances(variances)
    log_n = as_log_n_points(n_points)
    if own_point is not None and np.any((log_n > np.log(2)) & (log_n < np.log(3))):
        raise InputError(f"got n_points = {n_points!r:.80}, expected whole numbers where they are as low as this")
    average = _planted if own_point is None else _own
    return evaluate_states(
        lambda state: average(state, sigma2), x, variances, t, n_points, own_point, of_each=sigma2.shape
    )

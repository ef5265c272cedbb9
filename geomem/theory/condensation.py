r"""Condensation and collapse times: the noise at which :math:`\ln N` nats are used up.

In the random energy model of :mod:`geomem.theory.positional` the entropy at :math:`\lambda = 1` is
:math:`d\,S = \ln N - \mathrm{KL}(x, t)`, to leading order the logarithm of the number of data points that share the
weight. Noise that falls makes the posterior sharper, until no point is left to share it: :math:`S = 0` at the
condensation time

.. math:: \ln N = \mathrm{KL}(x, t_c). \qquad (\mathrm{T1})

Since :math:`\partial\,\mathrm{KL}/\partial\ln t = -V < 0`, falling from :math:`\infty` to 0, the root exists and is
unique for every :math:`N > 1`. Because :math:`\lambda` enters only through :math:`t/\lambda`, the frozen parameter at
a fixed state is :math:`\rho = t/t_c(x)`.

**Prefactor.** The weight of :math:`Z` lies where :math:`-E/t` is typical of the posterior, and there the
:math:`N` points have :math:`N e^{-\mathrm{KL}}/\sqrt{2\pi V}` values of :math:`E/t` for each unit: a Gaussian
saddle point. One point for each nat of log-weight is the condition

.. math:: \ln N = \mathrm{KL}(x, t) + \tfrac12\ln\big(2\pi V(x, t)\big). \qquad (\mathrm{T1'})

Its right side falls strictly, from :math:`\infty` to :math:`-\infty`, so this root exists and is unique too. Write
:math:`u_i = \sigma_i^2/(t+\sigma_i^2)`, :math:`q_i = x_i^2/\sigma_i^2`, and :math:`V = A + B` with
:math:`A = \tfrac12\sum u_i^2`, :math:`B = \sum q_iu_i^2(1-u_i)`. Then

.. math:: \dot V = \frac{\partial V}{\partial\ln t} = \sum_i u_i^2(1-u_i)\,[q_i(3u_i-2)-1]

is positive only if some :math:`u_i > 2/3`, hence :math:`A > 2/9`, while :math:`\dot V \le B`; so
:math:`V^2 \ge 4AB \ge \tfrac89 B > \tfrac12\dot V`, which is
:math:`\partial(\mathrm{KL} + \tfrac12\ln 2\pi V)/\partial\ln t = -V + \dot V/2V < 0`. A density for each nat has a
meaning only if the log-weights of the posterior spread over a nat or more: :math:`V \ge 1`. As
:math:`\mathrm{KL} \ge V/2`, that takes :math:`N \ge e^{1/2}\sqrt{2\pi} = 4.1` points at least.

**Typical states.** The mean of KL over :math:`x \sim p_t` is the mutual information; the collapse time is where
it reaches :math:`\ln N`,

.. math:: \ln N = I(x_0; x_t) = \tfrac12\sum_i\ln(1+\sigma_i^2/t). \qquad (\mathrm{T2})

**Second cumulant.** With :math:`\ln(1+s) - s/(1+s) \le s^2/2`, KL is at most
:math:`[\sum\sigma_i^4/2 + \sum x_i^2\sigma_i^2]/2t^2`, with equality as :math:`\sigma_i^2/t \to 0`. Putting that
for KL in (T1) gives the published time, which is therefore an upper bound of :math:`t_c` at every state.

All derived here, except the published form. (T1), (T2): the root is exact, the transition is one in the limit of
large dimension at fixed :math:`\ln N/d`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize.elementwise import find_root

from geomem._typing import Float, Int
from geomem.errors import RegimeError
from geomem.theory._blocks import SMALLEST_TIME, Blocks, as_blocks, as_log_n_points, as_variances, broadcast_shape

__all__ = [
    "AxisOrder",
    "axis_order",
    "collapse_time",
    "condensation_time",
    "condensation_time_corrected",
    "condensation_time_second_cumulant",
]

Variances = Float[np.ndarray, " d"] | Sequence[float]
"""One variance for each principal direction."""
Points = int | float | np.ndarray | Sequence[int] | Sequence[float]
"""Numbers of data points; Python integers of any size."""
Times = Float[np.ndarray, "..."] | float
"""float64; a float for one state and one number of points."""


def _root(
    nats: Callable[[np.ndarray, np.ndarray], np.ndarray], log_n: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    r"""Return the :math:`t` of every row ``k`` at which ``nats(t, k)``, falling in ``t``, equals ``log_n[k]``.

    ``low`` and ``high`` bracket the roots up to a factor of two, which rounding cannot spoil.
    """
    rows = np.arange(len(log_n))
    if not len(rows):
        return np.empty(0)
    low, high = np.maximum(low / 2, SMALLEST_TIME), np.maximum(high * 2, 2 * SMALLEST_TIME)
    if np.any(nats(low, rows) <= log_n):
        raise RegimeError(
            f"got ln N up to {log_n.max():.6g}: the root lies at t < {SMALLEST_TIME:g}, beyond float64; "
            "use fewer points, or more directions of positive variance"
        )
    result = find_root(
        lambda log_t, k: nats(np.exp(log_t), k) - log_n[k],
        (np.log(low), np.log(high)),
        args=(rows,),
        tolerances={"xatol": 1e-15},
    )
    assert result.success.all(), "the bracket is a theorem"
    return np.exp(result.x)


def _lower_bound(blocks: Blocks, log_n: np.ndarray) -> np.ndarray:
    r"""Return :math:`\max_k \sigma_k^2/(e^{1+2\ln N/k}-1)` over the :math:`k` largest variances, shape of ``log_n``.

    From :math:`2\,\mathrm{KL} \ge k[\ln(1+\sigma_k^2/t) - 1]`.
    """
    k = np.cumsum(blocks.sizes[::-1])[::-1]
    with np.errstate(over="ignore"):  # 1/inf = 0 is a lower bound
        return (blocks.variances / np.expm1(1 + 2 * log_n[..., None] / k)).max(-1)


def _second_cumulant(blocks: Blocks) -> np.ndarray:
    r"""Return :math:`\tfrac12\sum\sigma_i^4 + \sum x_i^2\sigma_i^2`, the limit of :math:`t^2 V = 2t^2\,\mathrm{KL}`."""
    return 0.5 * np.sum(blocks.sizes * blocks.variances**2) + blocks.squares @ blocks.variances


def _states_and_points(x: object, variances: object, n_points: object) -> tuple[Blocks, np.ndarray, tuple[int, ...]]:
    """Return the blocks, squares (rows, g), and ln N, shape (rows,), after broadcasting; and the common shape."""
    blocks, log_n = as_blocks(x, variances), as_log_n_points(n_points)
    shape = broadcast_shape(x=blocks.squares.shape[:-1], n_points=log_n.shape)
    g = len(blocks.variances)
    rows = blocks.at(np.broadcast_to(blocks.squares, (*shape, g)).reshape(-1, g))
    return rows, np.broadcast_to(log_n, shape).ravel(), shape


def condensation_time(x: Float[np.ndarray, "*batch d"], *, variances: Variances, n_points: Points) -> Times:
    r"""Return :math:`t_c(x)`, the root of :math:`\ln N = \mathrm{KL}(x, t)` (T1).

    .. math:: \ln N = \tfrac12\sum_i\Big[\ln\!\Big(1+\frac{\sigma_i^2}{t}\Big) - \frac{\sigma_i^2}{t+\sigma_i^2}
       + \frac{x_i^2\sigma_i^2}{(t+\sigma_i^2)^2}\Big].

    Parameters
    ----------
    x : ndarray, shape (..., d)
        Fresh states (independent of the data), in the principal axes of the data.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero. Zeros contribute nothing.
    n_points : int, float, or array of either
        :math:`N > 1`; broadcasts against the batch axes of ``x``. Integers of any size.

    Returns
    -------
    ndarray, float64, of the common shape of ``n_points`` and ``x.shape[:-1]``; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, a negative variance, no positive one, or :math:`N \le 1`.
    RegimeError
        The root is too small for float64: :math:`\ln N` is hundreds of times the number of directions.

    Notes
    -----
    Source: derived here. The root is unique and exact; that the weights condense there is true in the limit of
    large :math:`d` at fixed :math:`\ln N/d`. At finite size see :func:`condensation_time_corrected`.

    Examples
    --------
    >>> print(f"{condensation_time(np.ones(16), variances=np.ones(16), n_points=10_000):.5f}")
    0.35278
    """
    blocks, log_n, shape = _states_and_points(x, variances, n_points)
    high = np.sqrt(_second_cumulant(blocks) / (2 * log_n))

    def nats(t, k):
        return blocks.at(blocks.squares[k]).information_gain(t)

    return _root(nats, log_n, _lower_bound(blocks, log_n), high).reshape(shape)[()]


def condensation_time_corrected(x: Float[np.ndarray, "*batch d"], *, variances: Variances, n_points: Points) -> Times:
    r"""Return the root of :math:`\ln N = \mathrm{KL}(x, t) + \tfrac12\ln(2\pi V(x, t))` (T1').

    Parameters
    ----------
    x : ndarray, shape (..., d)
        Fresh states (independent of the data), in the principal axes of the data.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero. Zeros contribute nothing.
    n_points : int, float, or array of either
        :math:`N > 1`; broadcasts against the batch axes of ``x``. Integers of any size.

    Returns
    -------
    ndarray, float64, of the common shape of ``n_points`` and ``x.shape[:-1]``; a float if that is ()

    Raises
    ------
    InputError
        As for :func:`condensation_time`.
    RegimeError
        :math:`V < 1` at the root of some state: few points, or one or two directions. Also as for
        :func:`condensation_time`.

    Notes
    -----
    Source: derived here. The root is unique and exact; as a condensation time its relative error is
    :math:`O(1/d)` at fixed :math:`\ln N/d`, against :math:`O(\ln d/d)` for (T1). The noise at which the exact
    :math:`\mathbb E\sum w^2` is 1/2, half the condensation time in the limit, was compared with half of this root
    for 1 to 1000 equal variances, :math:`N` from 5 to 1000, and :math:`x_i^2/\sigma^2` from 0 to 25: at most 16 % above
    it where :math:`V \ge 4`, 30 % where :math:`V \ge 2`, 80 % where :math:`V \ge 1`, and more than a factor of
    four beyond; half of (T1) was further off in every case. At any size, exact:
    :func:`~geomem.theory.random_energy_model.finite_size.participation`.

    Examples
    --------
    >>> print(f"{condensation_time_corrected(np.ones(16), variances=np.ones(16), n_points=10_000):.5f}")
    0.46944
    """
    blocks, log_n, shape = _states_and_points(x, variances, n_points)
    # With c the second cumulant, KL <= c/2t^2 and V <= c/t^2; at this t both terms together are at most ln N.
    high = np.sqrt(_second_cumulant(blocks) / np.minimum(2 * log_n, 1 / (2 * np.pi)))

    def nats(t, k):
        states = blocks.at(blocks.squares[k])
        return states.information_gain(t) + 0.5 * np.log(2 * np.pi * states.energy_variance(t))

    t = _root(nats, log_n, _lower_bound(blocks, log_n), high)
    narrow = blocks.energy_variance(t) < 1
    if narrow.any():
        raise RegimeError(
            f"got an energy variance V below 1 at {narrow.sum()} of {len(t)} roots (smallest ln N there: "
            f"{log_n[narrow].min():.4g}), expected log-weights that spread over a nat or more; leave these states or "
            "numbers of points out, or use condensation_time (no correction), or the exact curve at finite N of "
            "geomem.theory.random_energy_model.participation"
        )
    return t.reshape(shape)[()]


def condensation_time_second_cumulant(
    x: Float[np.ndarray, "*batch d"], *, variances: Variances, n_points: Points
) -> Times:
    r"""Return the published :math:`t_c = \tfrac12\sqrt{(r_4 + 2\omega^2)/\alpha}`, (T1) to the second cumulant.

    .. math:: r_4 = \frac1d\sum_i\sigma_i^4, \qquad \omega^2 = \frac1d\sum_i x_i^2\sigma_i^2, \qquad
       \alpha = \frac{\ln N}{d} \qquad (d\ \text{cancels}).

    Parameters
    ----------
    x : ndarray, shape (..., d)
        Fresh states (independent of the data), in the principal axes of the data.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero.
    n_points : int, float, or array of either
        :math:`N > 1`; broadcasts against the batch axes of ``x``. Integers of any size.

    Returns
    -------
    ndarray, float64, of the common shape of ``n_points`` and ``x.shape[:-1]``; a float if that is ()

    Raises
    ------
    InputError
        As for :func:`condensation_time`.

    Notes
    -----
    Source: Achilli, Ventura, Silvestri, Pham, Raya, Krotov, Lucibello, and Ambrogioni (2024), arXiv:2410.08727.
    Holds where :math:`\sigma_i^2 \ll t` for every direction, that is for :math:`\ln N` far below the number of
    directions; (T1) then has the same value up to a relative :math:`O(\sigma^2/t)`. Elsewhere it is an upper bound of
    (T1), by a factor that can be any size. It is returned for every input, as printed, so that it can be compared.

    Examples
    --------
    >>> print(f"{condensation_time_second_cumulant(np.ones(16), variances=np.ones(16), n_points=10_000):.4f}")
    1.1414
    """
    blocks, log_n, shape = _states_and_points(x, variances, n_points)
    return np.sqrt(_second_cumulant(blocks) / (2 * log_n)).reshape(shape)[()]


def collapse_time(*, variances: Variances, n_points: Points) -> Times:
    r"""Return the root of :math:`\ln N = I(x_0; x_t) = \tfrac12\sum_i\ln(1+\sigma_i^2/t)` (T2).

    For :math:`m` equal variances, :math:`t = \sigma^2/(N^{2/m}-1)`.

    Parameters
    ----------
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero. Zeros contribute nothing.
    n_points : int, float, or array of either
        :math:`N > 1`. Integers of any size.

    Returns
    -------
    ndarray, float64, of the shape of ``n_points``; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, a negative variance, no positive one, or :math:`N \le 1`.
    RegimeError
        As for :func:`condensation_time`.

    Notes
    -----
    Source: derived here. The root is unique and exact. In the limit of large dimension it is the condensation time of
    states typical of :math:`p_t`, and the noise at which noisy training points fall back to their own point.

    Examples
    --------
    >>> print(f"{collapse_time(variances=np.ones(20), n_points=10_000):.6f}")
    0.661425
    """
    blocks, log_n = as_blocks(np.zeros(len(as_variances(variances))), variances), as_log_n_points(n_points)
    flat = log_n.ravel()
    high = np.sum(blocks.sizes * blocks.variances) / (2 * flat)  # from ln(1 + s) <= s

    def nats(t, k):
        return 0.5 * np.log1p(blocks.variances / t[..., None]) @ blocks.sizes

    return _root(nats, flat, _lower_bound(blocks, flat), high).reshape(log_n.shape)[()]


class AxisOrder(NamedTuple):
    r"""Condensation times at :math:`x = \sqrt t\,e_i`, and the axes in the order in which they condense."""

    times: Float[np.ndarray, "*points d"]
    r""":math:`t_c` of each axis."""
    order: Int[np.ndarray, "*points d"]
    """Indices of the axes, the first to condense (the largest time) first; equal ones by index."""


def axis_order(*, variances: Variances, n_points: Points) -> AxisOrder:
    r"""Return the times at which the states :math:`x = \sqrt t\,e_i` condense, self-consistently, and their order.

    .. math:: \ln N = \mathrm{KL}(\sqrt t\,e_i, t) = \tfrac12\sum_j\Big[\ln\!\Big(1+\frac{\sigma_j^2}{t}\Big)
       - \frac{\sigma_j^2}{t+\sigma_j^2}\Big] + \frac{t\,\sigma_i^2}{2(t+\sigma_i^2)^2}.

    The state moves with :math:`t`, yet the root is unique: with :math:`u_j = \sigma_j^2/(t+\sigma_j^2)` the right side
    changes with :math:`\ln t` at the rate :math:`-\tfrac12[\sum_{j\ne i}u_j^2 + u_i((1-u_i)^2+u_i^2)] < 0`. The last
    term is at most 1/8 nat, at :math:`t = \sigma_i^2`. Of two axes with
    :math:`\sigma_A > \sigma_B`, A condenses first if and only if :math:`t_c > \sigma_A\sigma_B` (either of the two
    times: they lie on the same side); the second cumulant always says A. The order is decided by this criterion, so it
    is right also where the times agree to all digits, at :math:`t_c \ll \sigma^2`.

    Parameters
    ----------
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero. An axis without variance has the time of :math:`x = 0`.
    n_points : int, float, or array of either
        :math:`N > 1`. Integers of any size.

    Returns
    -------
    AxisOrder
        ``times`` (float64) and ``order`` (integers), both of shape ``n_points.shape + (d,)``.

    Raises
    ------
    InputError
        NaN, infinity, a negative variance, no positive one, or :math:`N \le 1`.
    RegimeError
        As for :func:`condensation_time`.

    Notes
    -----
    Source: derived here. Exact roots; transitions in the limit of large dimension at fixed :math:`\ln N/d`.

    Examples
    --------
    >>> times, order = axis_order(variances=[1.0, 1.0, 0.09, 0.09, 0.09, 0.09, 0.09], n_points=1000)
    >>> print(order[0], times.round(6)[[0, 2]])
    2 [0.010796 0.010954]
    """
    sigma2, log_n = as_variances(variances), as_log_n_points(n_points)
    blocks = as_blocks(np.zeros(len(sigma2)), sigma2)
    g = len(blocks.variances)
    rows, axis = np.repeat(log_n.ravel(), g), np.tile(np.arange(g), log_n.size)
    along = np.eye(g)[axis]
    # KL <= a/t^2 + b/t
    a, b = 0.25 * np.sum(blocks.sizes * blocks.variances**2), 0.5 * blocks.variances[axis]
    high = (b + np.sqrt(b**2 + 4 * a * rows)) / (2 * rows)

    def nats(t, k):
        return blocks.at(t[..., None] * along[k]).information_gain(t)

    times = _root(nats, rows, _lower_bound(blocks, rows), high).reshape(*log_n.shape, g)
    sigma = np.sqrt(blocks.variances)
    above = times[..., None] > sigma[:, None] * sigma  # t_c of the row against the geometric mean
    beaten = np.where(sigma[:, None] > sigma, above, ~above & (sigma[:, None] < sigma)).sum(-1)
    block = np.searchsorted(blocks.variances, sigma2)
    return AxisOrder(times[..., block], np.argsort(-beaten[..., block], axis=-1, kind="stable"))

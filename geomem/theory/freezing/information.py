r"""What a noisy training point says about its own point, exactly at any number of points.

Given the data set, the own point of :math:`x = y^1 + \sqrt t\,\varepsilon` is uniform over :math:`N` points before
:math:`x` is seen and has the weights :math:`w_\mu(x, t)` after. The mutual information of the two,

.. math:: I_N(t) = \ln N + \mathbb E\ln w_1 ,

is a mean over data sets and noisy training points, whose density, averaged over data sets, is :math:`p_t`. At low
noise :math:`I_N \to \ln N`; above collapse it follows the population's :math:`I(x_0; x_t)`. Its slope is the mean
trace of the covariance,

.. math:: \mathbb E_{x\sim p_{N,t}}\,\mathrm{tr}\,C_w = -2t^2\,\frac{\mathrm dI_N}{\mathrm dt},

because :math:`I_N` is the entropy of :math:`p_{N,t}` less :math:`\tfrac d2\ln 2\pi e t`, the entropy grows at the rate
:math:`\tfrac12\mathbb E\|s\|^2` by the heat equation, and :math:`\mathbb E\|s\|^2 = -\mathbb E\,\mathrm{tr}\,J =
d/t - \mathbb E\,\mathrm{tr}\,C_w/t^2`: the relation of information and mean-square error (I-MMSE) of a Gaussian
channel. At noisy training points all directions go together in the limit, as the information saturates.

**At one state.** With :math:`R = \sum_{\mu>1} z_\mu`, :math:`-\ln w_1 = \ln(1 + R/z_1)`, and
:math:`\ln(1+q) = \int_0^\infty e^{-v}(1 - e^{-qv})\,\mathrm dv/v`. With :math:`v = uz_1` and the own factor of
density :math:`z\,p(z)/\mathbb E z`, as for
:func:`~geomem.theory.random_energy_model.finite_size.planted_participation`,

.. math:: -\mathbb E\ln w_1 = \frac1{\mathbb E z}\int u^{-1}A_0(u)\,\big(1 - L(u)^{N-1}\big)\,\mathrm d\ln u,
   \qquad A_0(u) = \mathbb E[uz\,e^{-uz}] .

Nothing cancels, however close the own weight is to one. It equals :math:`\mathbb E[E_1]/t + \mathbb E\ln Z`, with
the mean of :math:`E_1/t` under the posterior. Derived here.
"""

import numpy as np
from numpy.typing import NDArray

from geomem.theory._by_state import Points, State, States, Times, Variances, evaluate_states
from geomem.theory.freezing.exact import switch
from geomem.theory.random_energy_model import Evaluation
from geomem.theory.random_energy_model.finite_size import (
    NEGLIGIBLE,
    THETA,
    Levels,
    Numbers,
    halve_until_settled,
    integrate,
)

__all__ = ["log_own_weight"]

SWITCHED = 1e-12  # the own factor matters where E exp(-u z_1) is this far below one


def _log_own_weight(state: State) -> Evaluation:
    """Return the mean at one state, over the own point as well."""
    levels, own = Levels(state.cumulant, state.log_n_points), switch(state)
    log_mean = float(state.cumulant(np.array(1.0)))

    def log_own(v: NDArray, theta: float) -> NDArray:
        return own.log_integral(v, theta) - v - log_mean

    def log_others(v: NDArray, theta: float) -> NDArray:
        with np.errstate(divide="ignore"):  # far to the left the others have no weight in float64
            return np.log(-np.expm1(levels.log_survival(v, theta, removed=1)))

    scan = levels.scan[levels.scan < own.log_u[0] + NEGLIGIBLE]  # the own factor falls as 1/u at least
    fall = log_own(scan, THETA)
    height = fall + log_others(scan, THETA)
    counts = np.flatnonzero(height > height.max() - NEGLIGIBLE)
    left, right = scan[max(counts[0] - 1, 0)], scan[min(counts[-1] + 1, len(scan) - 1)]
    first = max(left, scan[max(np.argmax(fall < -SWITCHED) - 1, 0)])

    def integral(theta: float, width: float) -> Numbers:
        # Panels for the scale of the others, and for that of the own factor, which falls over nats.
        ends = np.union1d(levels.panels(left, right, width), np.arange(right, first, -width))
        return integrate(lambda v: np.exp(log_own(v, theta) + log_others(v, theta)), ends)

    lost = halve_until_settled(integral, relative=True)
    return Evaluation(-lost.value, lost.error)


def log_own_weight(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    r"""Return :math:`\mathbb E\ln w_1` at noisy training points of which :math:`x` is known, exactly.

    .. math:: \mathbb E\ln w_1 = -\frac1{\mathbb E z}\int u^{-1}\,\mathbb E[uz\,e^{-uz}]\,
       \big(1 - L(u)^{N-1}\big)\,\mathrm d\ln u, \qquad z = e^{-\|x-y\|^2/2t}

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

    Returns
    -------
    Evaluation
        ``value`` in nats, negative, and ``error``, float64, of the common shape of ``t``, ``n_points``, and
        ``x.shape[:-1]``; floats if that is ().

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, a negative variance, no positive one, ``t`` not positive, or
        :math:`N < 2`.
    ConvergenceError
        As for :func:`~geomem.theory.freezing.exact.posterior_covariance`.

    Notes
    -----
    Source: derived here; exact at any dimension and any number of points. The average is over the own point, a draw of
    the posterior given ``x``, and over the other points. Its mean over :math:`x \sim p_t`, plus :math:`\ln N`, is the
    information :math:`I_N(t)`, and :math:`-2t^2\,\mathrm dI_N/\mathrm dt` the mean trace of :math:`C_w` over noisy
    training points.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.array([0.2, 0.6, 5.0])
    >>> x = np.sqrt(1 + t)[:, None] * np.ones(20)  # of the squared length that is typical of each noise
    >>> print(*log_own_weight(x, variances=np.ones(20), t=t, n_points=10_000).value.round(4))
    -0.0017 -0.8204 -7.3882
    """
    return evaluate_states(_log_own_weight, x, variances, t, n_points)

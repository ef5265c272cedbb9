r"""How many data points share the weight: Gaussian data seen from a state, exactly at any N, and in the limit.

The weights :math:`w_\mu \propto z_\mu = e^{-\|x-y^\mu\|^2/2t}` of the empirical score have the inverse participation
ratio :math:`\sum_\mu w_\mu^2`, and :math:`\tilde N = 1/\sum_\mu w_\mu^2` is the effective sample size. Averages are
over the data set, at a given state. With :math:`L(u) = \mathbb E\,e^{-uz}` over one data point,

.. math:: \mathbb E\sum_\mu w_\mu^2 = N\int_0^\infty u\,L''(u)\,L(u)^{N-1}\,\mathrm du \qquad (\mathrm{T3})

at a fresh state; :mod:`~geomem.theory.random_energy_model.finite_size` derives it, and takes :math:`L` from the
cumulant of :mod:`~geomem.theory.positional`. In the limit of large :math:`d` at fixed :math:`\ln N/d` it is
:math:`1 - t/t_c(x)` below condensation, by the Poisson-Dirichlet law of the frozen weights, and zero above.

**Own point.** A noisy training point :math:`x = y^1 + \sqrt t\,\varepsilon` has one data point that is not
independent of it. With :math:`z_1` given, :math:`1/Z^2 = \int u\,e^{-uz_1}e^{-u(Z-z_1)}\mathrm du` and the
other :math:`N - 1` points independent,

.. math:: \mathbb E\sum_\mu w_\mu^2 = \int_0^\infty u\,e^{-uz_1}\big[z_1^2L^{N-1}
   + (N-1)\,L''L^{N-2}\big]\,\mathrm du . \qquad (\mathrm{T3p})

If only :math:`x` is given, :math:`y^1` is a draw of the posterior :math:`p(x_0|x)`, and which of the points it is
cannot be told but by the weights: given the data set and :math:`x`, the own point is :math:`\mu` with probability
:math:`w_\mu`. So the mean own weight equals the mean participation (the exchange identity of
:func:`~geomem.theory.random_energy_model.finite_size.planted_participation`), and both are
:math:`\int L''L^{N-1}\mathrm du/\mathbb E z`.

**Information threshold.** The odds of the own point are :math:`z_1/\sum_{\mu>1}z_\mu`. While many others share the
rest, their sum is :math:`N\,\mathbb E z`, and :math:`z_1/\mathbb E z = p(x|y^1)/p_t(x)`, a Gaussian density in
:math:`x` around :math:`y^1` over its mean. Hence

.. math:: \ln\frac{w_1}{1-w_1} \simeq i(y^1; x) - \ln N, \qquad i(y; x) = \ln\frac{p(x|y)}{p_t(x)} :

log-odds are information density less :math:`\ln N`. For Gaussian data and :math:`s_i = \sigma_i^2/t`, write
:math:`x_i - y_i = \sqrt t\,a_i` and :math:`x_i = \sqrt{t+\sigma_i^2}\,b_i` with :math:`a_i, b_i` standard normal of
correlation :math:`r_i = (1+s_i)^{-1/2}`:

.. math:: i(y; x) = \tfrac12\sum_i\big[\ln(1+s_i) + b_i^2 - a_i^2\big], \qquad
   \langle i\rangle = I = \tfrac12\sum_i\ln(1+s_i), \qquad
   \mathrm{Var}\,i = \tfrac14\sum_i(2 + 2 - 4r_i^2) = \sum_i\frac{s_i}{1+s_i} .

As :math:`\mathrm{Var}\,i` grows with :math:`d` the odds become all or nothing, the sum over directions Gaussian, and
:math:`\mathbb E\,w_1` the probability that :math:`i > \ln N`.

**Frozen and typical.** :math:`\tilde N` does not self-average: its three means differ
(:mod:`~geomem.theory.random_energy_model.sample_size`), and so do the rates at which its logarithm grows above
condensation, typical and annealed (:mod:`~geomem.theory.random_energy_model.limit`). Derived here.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from geomem._typing import Float
from geomem.errors import InputError
from geomem.theory import random_energy_model as rem
from geomem.theory._blocks import as_blocks, as_log_n_points, as_real, as_times, as_variances, broadcast_shape
from geomem.theory.random_energy_model import Evaluation

__all__ = [
    "annealed_rate",
    "expected_log_partition",
    "expected_log_sample_size",
    "inverse_participation_ratio",
    "inverse_participation_ratio_own_point",
    "ipr_frozen",
    "ipr_frozen_variance",
    "own_weight",
    "own_weight_gaussian",
    "sample_size_arithmetic",
    "sample_size_geometric",
    "sample_size_harmonic",
    "typical_rate",
]

States = Float[np.ndarray, "*batch d"]
"""States, in the principal axes of the data."""
Variances = Float[np.ndarray, " d"] | Sequence[float]
"""One variance for each principal direction."""
Times = float | np.ndarray | Sequence[float]
"""Noise variances."""
Points = int | float | np.ndarray | Sequence[int] | Sequence[float]
"""Numbers of data points; Python integers of any size."""
Numbers = float | Float[np.ndarray, "..."]
"""float64; a float for one state, one time, and one number of points."""


def _at_each_state(
    function: Callable, x: States, variances: Variances, t: Times, n_points: Points, own_point: np.ndarray | None = None
) -> tuple[list, tuple[int, ...]]:
    """Return ``function(cumulant, log_n_points=...)`` at every state, in a list, and the shape they broadcast to.

    With an own point, the function also takes ``log_own``.
    """
    blocks, noise, log_n = as_blocks(x, variances), as_times(t), as_log_n_points(n_points)
    shapes = {"x": blocks.squares.shape[:-1], "t": noise.shape, "n_points": log_n.shape}
    given = {}
    if own_point is not None:
        own = as_real(own_point, "own_point")
        broadcast_shape(x=np.shape(x), own_point=own.shape)
        square = ((np.asarray(x) - own) ** 2).sum(-1)
        shapes["own_point"] = square.shape
    shape = broadcast_shape(**shapes)
    if own_point is not None:
        given["log_own"] = np.broadcast_to(-square / (2 * noise), shape)
    noise, given["log_n_points"] = np.broadcast_to(noise, shape), np.broadcast_to(log_n, shape)
    squares = np.broadcast_to(blocks.squares, (*shape, len(blocks.variances)))
    results = []
    for k in np.ndindex(shape):
        cumulant = blocks.at(squares[k]).cumulant(float(noise[k]))
        results.append(function(cumulant, **{name: float(values[k]) for name, values in given.items()}))
    return results, shape


def _evaluate(
    average: Callable[..., Evaluation],
    x: States,
    variances: Variances,
    t: Times,
    n_points: Points,
    own_point: np.ndarray | None = None,
) -> Evaluation:
    """Return an average over data sets at every state, with its numerical error."""
    if np.any(as_log_n_points(n_points) < np.log(2)):
        raise InputError(f"got n_points = {n_points!r:.80}, expected N >= 2; one data point has all the weight")
    results, shape = _at_each_state(average, x, variances, t, n_points, own_point)
    value, error = np.array(results).reshape(-1, 2).T
    return Evaluation(value.reshape(shape)[()], error.reshape(shape)[()])


def _rate(rate: Callable[..., float], x: States, variances: Variances, t: Times, n_points: Points) -> Numbers:
    """Return the limit of an average at every state."""
    results, shape = _at_each_state(rate, x, variances, t, n_points)
    return np.array(results).reshape(shape)[()]


def inverse_participation_ratio(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    """Return E Σw² (T3)."""
    return _evaluate(rem.participation, x, variances, t, n_points)


def inverse_participation_ratio_own_point(
    x: States, *, variances: Variances, t: Times, n_points: Points, own_point: np.ndarray | None = None
) -> Evaluation:
    """Return E Σw² at noisy training points (T3p)."""
    average = rem.planted_participation if own_point is None else rem.own_participation
    return _evaluate(average, x, variances, t, n_points, own_point)


def own_weight(
    x: States, *, variances: Variances, t: Times, n_points: Points, own_point: np.ndarray | None = None
) -> Evaluation:
    """Return E w_own at noisy training points."""
    average = rem.planted_participation if own_point is None else rem.own_weight
    return _evaluate(average, x, variances, t, n_points, own_point)


def own_weight_gaussian(*, variances: Variances, t: Times, n_points: Points) -> Numbers:
    """Return the Gaussian approximation of the mean own weight."""
    sigma2, noise, log_n = as_variances(variances), as_times(t), as_log_n_points(n_points)
    broadcast_shape(t=noise.shape, n_points=log_n.shape)
    s = sigma2 / noise[..., None]
    information = 0.5 * np.log1p(s).sum(-1)
    return ndtr((information - log_n) / np.sqrt((s / (1 + s)).sum(-1)))


def expected_log_partition(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    """Return E ln Z."""
    return _evaluate(rem.expected_log_partition, x, variances, t, n_points)


def expected_log_sample_size(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    """Return E ln Ñ."""
    return _evaluate(rem.expected_log_sample_size, x, variances, t, n_points)


def sample_size_arithmetic(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    """Return E Ñ."""
    return _evaluate(rem.arithmetic_sample_size, x, variances, t, n_points)


def sample_size_geometric(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    """Return exp E ln Ñ."""
    return _evaluate(rem.geometric_sample_size, x, variances, t, n_points)


def sample_size_harmonic(x: States, *, variances: Variances, t: Times, n_points: Points) -> Evaluation:
    """Return 1/E Σw²."""
    return _evaluate(rem.harmonic_sample_size, x, variances, t, n_points)


def typical_rate(x: States, *, variances: Variances, t: Times, n_points: Points) -> Numbers:
    """Return the limit of E ln Ñ."""
    return _rate(rem.typical_rate, x, variances, t, n_points)


def annealed_rate(x: States, *, variances: Variances, t: Times, n_points: Points) -> Numbers:
    """Return the limit of -ln E Σw²."""
    return _rate(rem.annealed_rate, x, variances, t, n_points)


def ipr_frozen(t: ArrayLike, *, t_c: ArrayLike) -> Numbers:
    """Return max(0, 1 - t/t_c)."""
    return rem.frozen_participation(_frozen_parameter(t, t_c))


def ipr_frozen_variance(t: ArrayLike, *, t_c: ArrayLike) -> Numbers:
    """Return rho (1 - rho) / 3."""
    return rem.frozen_participation_variance(_frozen_parameter(t, t_c))


def _frozen_parameter(t: ArrayLike, t_c: ArrayLike) -> Numbers:
    r"""Return :math:`\rho = \min(1, t/t_c)`."""
    noise, critical = as_times(t), as_times(t_c)
    broadcast_shape(t=noise.shape, t_c=critical.shape)
    return np.minimum(noise, critical) / critical

r"""The random energy model at any size, exactly: averages over the energies as integrals of one Laplace transform.

With :math:`z_\mu = e^{-E_\mu/t}` independent, :math:`Z = \sum_\mu z_\mu`, and :math:`L(u) = \mathbb E e^{-u z}`,
the identities :math:`Z^{-2} = \int_0^\infty u\, e^{-uZ} \mathrm du` and
:math:`\ln Z = \int_0^\infty (e^{-u} - e^{-uZ})\, \mathrm du / u` give

.. math::

   \mathbb E \sum_\mu w_\mu^2 = N \int_0^\infty u\, L''(u)\, L(u)^{N-1} \mathrm du, \qquad
   \mathbb E \ln Z = \int_0^\infty \big(e^{-u} - L(u)^N\big) \frac{\mathrm du}{u} .

:math:`L` comes from :mod:`~geomem.theory.random_energy_model.mellin_barnes`, with the step :math:`\theta` of its path.
The outer integral in :math:`\ln u` takes Gauss-Legendre panels of width :math:`\propto 1/c`, where :math:`u^c` is the
local power of :math:`1 - L`, and narrower where :math:`L^N` falls. Step and width are halved together until the
result stays; the last change is returned as the error. :math:`N` enters through :math:`\ln N` only. Exact at any
size, for any law with a cumulant; derived here.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from geomem._typing import Float
from geomem.errors import ConvergenceError, InputError
from geomem.theory.random_energy_model.cumulants import Cumulant, as_number
from geomem.theory.random_energy_model.mellin_barnes import THETA, Transform

__all__ = [
    "Evaluation",
    "expected_log_partition",
    "own_participation",
    "own_weight",
    "participation",
    "planted_participation",
]

SCAN = 10  # every tenth tabulated saddle is enough to find the window of an outer integral
NEGLIGIBLE = 34.0  # e^-34 is below the rounding of a float64 sum
ROUNDED = 30.0  # below e^-30, L = 1 - (1 - L) is rounding
WIDTH = 2.0  # first width of a panel in ln u, times the local power of 1 - L
FALLEN = 300.0  # beyond a rate of e^300, L^N is zero
RATE = 8.0  # a fall of L^N by e^-8 counts as a rise of 1 - L by e
NODES = np.polynomial.legendre.leggauss(12)
TOLERANCE = 1e-9  # change at which halving stops, relative (of a logarithm: absolute)
HALVINGS = 5
EPSILON = np.finfo(float).eps

Numbers: TypeAlias = float | NDArray


class Evaluation(NamedTuple):
    """A number and the change that halving every step last made to it; or arrays of both, one for each state."""

    value: float | Float[np.ndarray, "..."]
    """The number, at the smallest step."""
    error: float | Float[np.ndarray, "..."]
    """Absolute change by the last halving, an upper estimate of the numerical error, and the rounding of the number."""


class Levels:
    """N independent levels: powers of L, and the panels of ln u that an average over them needs."""

    def __init__(self, cumulant: Cumulant, log_n_points: float) -> None:
        log_n_points = as_number(log_n_points, "log_n_points")
        if not np.log(2) * (1 - 1e-12) <= log_n_points < np.inf:
            raise InputError(f"got log_n_points = {log_n_points}, expected ln N of at least two points, finite")
        self.transform = Transform(cumulant)
        self.log_n = log_n_points
        log_u = self.transform.one_minus.log_u[::-SCAN]
        step = THETA / 2 if log_n_points < 3 else THETA  # a few levels ask for L itself, down to e^-30
        log_one_minus = np.maximum.accumulate(self.transform.log_one_minus(log_u, step))
        log_rate = self.log_count(1) + _log_rate(log_one_minus)  # of L^(N-1)
        rounded = self.log_count(1) + np.log(ROUNDED)
        ceiling = min(np.log(NEGLIGIBLE), rounded)
        if log_rate[-1] < ceiling:
            raise ConvergenceError(
                f"got levels so far apart that ln u = {log_u[-1]:.3g} does not reach the highest of them, expected "
                "t / t_c above 1e-8; below, use the limit: frozen_participation and free_entropy"
            )
        self.left, self.center = np.interp([-NEGLIGIBLE - self.log_n, -self.log_n], log_one_minus, log_u)
        self.right, self.rounded = np.interp([ceiling, rounded], log_rate, log_u)
        self.scan, self.rate = log_u, np.exp(np.minimum(log_rate, FALLEN))
        self.progress = log_one_minus + np.minimum(self.rate, NEGLIGIBLE) / RATE

    def panels(self, left: float, right: float, width: float) -> NDArray:
        r"""Return the ends of panels, each of which takes ``width`` from :math:`\ln(1-L)` or its share of the decay."""
        first, last = np.interp([left, right], self.scan, self.progress)
        inner = np.linspace(first, last, int(np.ceil((last - first) / width)) + 1)[1:-1]
        return np.concatenate([[left], np.interp(inner, self.progress, self.scan), [right]])

    def end(self, power: float, *, removed: int = 1) -> float:
        r"""Return the :math:`\ln u` beyond which :math:`u^{\mathrm{power}} L^{N-\mathrm{removed}}` is negligible."""
        gain = power * np.maximum(self.scan - self.center, 0)
        fall = self.rate * np.exp(self.log_count(removed) - self.log_count(1))
        slow = (fall - gain < NEGLIGIBLE) & (self.scan < self.rounded)
        return float(min(self.scan[np.flatnonzero(slow)[-1] + 1], self.rounded))

    def start(self, log_integrand: Callable[[NDArray, float], NDArray], right: float) -> float:
        r"""Return the :math:`\ln u` below which an integrand that rises from there is negligible, wherever it rises."""
        scan = self.scan[self.scan <= right]
        rise = np.maximum.accumulate(log_integrand(scan, THETA))
        return float(np.interp(rise[-1] - NEGLIGIBLE, rise, scan))

    def log_count(self, removed: int) -> float:
        r"""Return :math:`\ln(N - \mathrm{removed})` without forming :math:`N`."""
        others = -np.expm1(np.log(max(removed, 1)) - self.log_n) if removed else 1.0
        return self.log_n + np.log(others) if others > 1e-12 else -np.inf

    def log_survival(self, log_u: NDArray, step: float, *, removed: int) -> NDArray:
        r"""Return :math:`\ln L(u)^{N - \mathrm{removed}}`."""
        log_rate = self.log_count(removed) + _log_rate(self.transform.log_one_minus(log_u, step))
        return -np.exp(np.minimum(log_rate, FALLEN))


def _log_rate(log_one_minus: NDArray) -> NDArray:
    r"""Return :math:`\ln(-\ln L)` from :math:`\ln(1 - L)`, however small :math:`1 - L` is."""
    q = np.exp(log_one_minus)
    with np.errstate(divide="ignore"):
        return np.where(q < 1e-8, log_one_minus + q / 2, np.log(-np.log1p(-q)))


def halve_until_settled(
    integral: Callable[[float, float], Numbers], *, relative: bool, floor: Numbers = 0.0
) -> Evaluation:
    """Return the integrals at steps halved until each changes by less than the tolerance, or the ``floor`` it has."""
    theta, width = THETA, WIDTH
    value = np.asarray(integral(theta, width))
    for _ in range(HALVINGS):
        theta, width = theta / 2, width / 2
        value, previous = np.asarray(integral(theta, width)), value
        error = np.abs(value - previous)
        size = np.abs(value)
        if np.all(error <= floor + TOLERANCE * (size if relative else 1.0)):
            results = value, error + floor + EPSILON * size
            return Evaluation(*(results if value.ndim else map(float, results)))
    raise ConvergenceError(
        f"got {value.max():.6g}, changed by {error.max():.2g} at the last of {HALVINGS} halvings of the steps, "
        f"expected a change below {TOLERANCE:g}; is the cumulant analytic for 0 < Re(lambda) < 2?"
    )


def integrate(function: Callable[[NDArray], NDArray], ends: NDArray) -> Numbers:
    """Return the integral over the panels between ``ends``, along the last axis of what ``function`` returns."""
    x, w = NODES
    half = np.diff(ends)[:, None] / 2
    v = ends[:-1, None] + half * (1 + x)
    return function(v.ravel()) @ (half * w).ravel()


def participation(cumulant: Cumulant, *, log_n_points: float) -> Evaluation:
    r"""Return :math:`\mathbb E \sum_\mu w_\mu^2` over independent energies, exactly, with its numerical error.

    .. math:: \mathbb E \sum_\mu w_\mu^2 = N \int u^2 L''(u)\, L(u)^{N-1}\, \mathrm d \ln u

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`; for the weights at inverse temperature :math:`\beta`,
        :math:`\lambda \mapsto d\,\zeta(\beta\lambda)`.
    log_n_points : float
        :math:`\ln N \ge \ln 2`.

    Raises
    ------
    InputError
        ``log_n_points`` is below :math:`\ln 2` or not finite.
    ConvergenceError
        Five halvings of the steps did not settle the value.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> exact = participation(gaussian_cumulant(variance=100.0), log_n_points=np.log(1000))
    >>> round(exact.value, 6), exact.error < 1e-8
    (0.679483, True)
    """
    levels = Levels(cumulant, log_n_points)

    def integral(theta: float, width: float) -> Numbers:
        def integrand(v: NDArray) -> NDArray:
            log_curvature = levels.transform.log_curvature(v, theta)
            return np.exp(levels.log_n + log_curvature + levels.log_survival(v, theta, removed=1))

        return integrate(integrand, levels.panels(levels.left, levels.right, width))

    return halve_until_settled(integral, relative=True)


def own_participation(cumulant: Cumulant, *, log_own: float, log_n_points: float) -> Evaluation:
    r"""Return :math:`\mathbb E \sum_\mu w_\mu^2` where one of the N levels is given, over the N - 1 others.

    .. math::

       \int e^{-u z_1} \big[ (u z_1)^2 L^{N-1} + (N - 1)\, u^2 L'' L^{N-2} \big] \mathrm d \ln u

    Parameters
    ----------
    cumulant : Cumulant
        Of one of the other energies.
    log_own : float
        :math:`\ln z_1 = -E_1 / t`; at a noisy training point :math:`-\lVert x - y^1 \rVert^2 / 2t`.
    log_n_points : float
        :math:`\ln N \ge \ln 2`, the given level among them.

    Raises
    ------
    InputError
        ``log_own`` is not finite, or ``log_n_points`` is below :math:`\ln 2` or not finite.
    ConvergenceError
        Five halvings of the steps did not settle the value.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> exact = own_participation(gaussian_cumulant(variance=100.0), log_own=40.0, log_n_points=np.log(1000))
    >>> round(exact.value, 6)
    0.967015
    """
    levels = Levels(cumulant, log_n_points)

    def integrand(v: NDArray, log_uz: NDArray, theta: float) -> NDArray:
        own = 2 * log_uz + levels.log_survival(v, theta, removed=1)
        log_others = levels.log_count(1) + levels.transform.log_curvature(v, theta)
        return np.exp(own) + np.exp(log_others + levels.log_survival(v, theta, removed=2))

    return own_average(levels, log_own, integrand)


def own_weight(cumulant: Cumulant, *, log_own: float, log_n_points: float) -> Evaluation:
    r"""Return the mean weight :math:`\mathbb E w_1` of a given level among N, over the N - 1 others.

    .. math:: \mathbb E w_1 = \int u z_1\, e^{-u z_1} L(u)^{N-1}\, \mathrm d \ln u

    Parameters
    ----------
    cumulant : Cumulant
        Of one of the other energies.
    log_own : float
        :math:`\ln z_1 = -E_1 / t`; at a noisy training point :math:`-\lVert x - y^1 \rVert^2 / 2t`.
    log_n_points : float
        :math:`\ln N \ge \ln 2`, the given level among them.

    Raises
    ------
    InputError
        ``log_own`` is not finite, or ``log_n_points`` is below :math:`\ln 2` or not finite.
    ConvergenceError
        Five halvings of the steps did not settle the value.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> exact = own_weight(gaussian_cumulant(variance=100.0), log_own=40.0, log_n_points=np.log(1000))
    >>> round(exact.value, 6)
    0.959152
    """
    levels = Levels(cumulant, log_n_points)

    def integrand(v: NDArray, log_uz: NDArray, theta: float) -> NDArray:
        return np.exp(log_uz + levels.log_survival(v, theta, removed=1))

    return own_average(levels, log_own, integrand)


def own_average(
    levels: Levels,
    log_own: float,
    integrand: Callable[[NDArray, NDArray, float], NDArray],
    *,
    removed: int = 1,
    unit: Numbers = 1.0,
) -> Evaluation:
    r"""Return the integral of :math:`e^{-u z_1}` times ``integrand``, with panels for the scales of both.

    The integrand falls as :math:`L^{N-\mathrm{removed}}`; ``unit`` is its size in what the average measures.
    """
    log_own = as_number(log_own, "log_own")
    if not np.isfinite(log_own):
        raise InputError(f"got log_own = {log_own}, expected -E_1 / t, finite")
    # A small own factor gains as u^2.
    right = min(levels.end(power=2, removed=removed), np.log(NEGLIGIBLE) - log_own)
    left = min(levels.left, right - NEGLIGIBLE)
    first = min(levels.center, right) - NEGLIGIBLE

    def integral(theta: float, width: float) -> Numbers:
        def own(v: NDArray) -> NDArray:
            return np.exp(-np.exp(v + log_own)) * integrand(v, v + log_own, theta)

        ends = levels.panels(left, right, width)
        return integrate(own, np.union1d(ends, np.arange(right, first, -width)))

    # What a single other level adds where its L is rounding is left out, and stated (N = 2 and a tiny own factor).
    floor = ROUNDED * np.exp(-ROUNDED) * unit if right == levels.rounded else 0.0
    return halve_until_settled(integral, relative=True, floor=floor)


def planted_participation(cumulant: Cumulant, *, log_n_points: float) -> Evaluation:
    r"""Return :math:`\mathbb E \sum_\mu w_\mu^2` where one of the N levels is planted: drawn with its own weight.

    .. math::

       \mathbb E \sum_\mu w_\mu^2 = \mathbb E\, w_{\mathrm{own}}
       = e^{-d\,\zeta(1)} \int u^{-1} \big[ u^2 L''(u) \big] L(u)^{N-1}\, \mathrm d \ln u

    A noisy training point :math:`x = y^1 + \sqrt t\,\varepsilon` is such a state if only :math:`x` is known: its own
    point is a draw of the posterior, so the own factor has the density :math:`z\,p(z) / \mathbb E z`, and the
    :math:`N - 1` others have :math:`p`.

    *Exchange identity.* The density of all :math:`N` factors together, whichever is the own one, is that of
    independent ones times :math:`\tfrac1N \sum_\mu z_\mu / \mathbb E z = Z / (N\,\mathbb E z)`. So the mean of
    any symmetric :math:`f` is :math:`\mathbb E [f Z] / (N\,\mathbb E z)` over independent factors, and with
    :math:`f = \sum_\mu w_\mu^2` it is :math:`\mathbb E [z_1^2 / Z] / \mathbb E z`. The mean of the own weight
    :math:`z_1 / Z` is :math:`\mathbb E [(z_1 / \mathbb E z)\, z_1 / Z]`: the same. With
    :math:`1/Z = \int_0^\infty e^{-uZ} \mathrm du` both are :math:`\int L'' L^{N-1} \mathrm du / \mathbb E z`.

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`, of one energy that is not planted.
    log_n_points : float
        :math:`\ln N \ge \ln 2`, the planted level among them.

    Raises
    ------
    InputError
        ``log_n_points`` is below :math:`\ln 2` or not finite.
    ConvergenceError
        Five halvings of the steps did not settle the value.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> exact = planted_participation(gaussian_cumulant(variance=10.0), log_n_points=np.log(1000))
    >>> round(exact.value, 6)
    0.330337
    """
    levels = Levels(cumulant, log_n_points)
    log_mean = float(cumulant(np.array(1.0)))

    def log_integrand(v: NDArray, theta: float) -> NDArray:
        log_own = levels.transform.log_curvature(v, theta) - v - log_mean
        return log_own + levels.log_survival(v, theta, removed=1)

    # Without L^(N-1), u would have the law of an exponential number over the own factor, far from the center maybe.
    right = levels.end(power=1)
    left = levels.start(log_integrand, right)

    def integral(theta: float, width: float) -> Numbers:
        return integrate(lambda v: np.exp(log_integrand(v, theta)), levels.panels(left, right, width))

    return halve_until_settled(integral, relative=True)


def expected_log_partition(cumulant: Cumulant, *, log_n_points: float) -> Evaluation:
    r"""Return :math:`\mathbb E \ln Z`, :math:`Z = \sum_\mu e^{-E_\mu/t}`, exactly, with its numerical error.

    .. math::

       \mathbb E \ln Z = -\gamma - \ln u_0 + \int_{u < u_0} \big( 1 - L(u)^N \big)\, \mathrm d \ln u
       - \int_{u > u_0} L(u)^N\, \mathrm d \ln u

    for any :math:`u_0`, with Euler's :math:`\gamma`; here :math:`N (1 - L(u_0)) = 1`.

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`.
    log_n_points : float
        :math:`\ln N \ge \ln 2`.

    Raises
    ------
    InputError
        ``log_n_points`` is below :math:`\ln 2` or not finite.
    ConvergenceError
        Five halvings of the steps did not settle the value.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> exact = expected_log_partition(gaussian_cumulant(variance=4.0), log_n_points=np.log(1000))
    >>> round(exact.value, 6)
    8.888327
    """
    levels = Levels(cumulant, log_n_points)

    def integral(theta: float, width: float) -> Numbers:
        def survival(v: NDArray) -> NDArray:
            return np.exp(levels.log_survival(v, theta, removed=0))

        def loss(v: NDArray) -> NDArray:
            return -np.expm1(levels.log_survival(v, theta, removed=0))

        below = integrate(loss, levels.panels(levels.left, levels.center, width))
        above = integrate(survival, levels.panels(levels.center, levels.right, width))
        return below - above - np.euler_gamma - levels.center

    return halve_until_settled(integral, relative=False)

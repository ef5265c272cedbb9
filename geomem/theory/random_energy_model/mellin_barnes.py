r"""The Laplace transform of one Boltzmann factor, from the cumulant of its energy, by Mellin-Barnes integrals.

:math:`L(u) = \mathbb E e^{-u z}` with :math:`z = e^{-E/t}` is needed over hundreds of orders of magnitude of :math:`u`,
and the density of :math:`z` is known for few laws. Its moments :math:`\mathbb E z^\lambda = e^{d\,\zeta(\lambda)}` are
known for many, and :math:`e^{-x} = \frac1{2\pi i}\int \Gamma(s) x^{-s} \mathrm ds` turns them into

.. math::

   1 - L(u) = \frac1{2\pi i} \int_{0 < \mathrm{Re} \lambda < 1} \frac{\Gamma(1 - \lambda)}{\lambda}
   u^\lambda e^{d \zeta(\lambda)} \mathrm d\lambda, \qquad
   u^2 L''(u) = \frac1{2\pi i} \int_{\mathrm{Re} \lambda < 2} \Gamma(2 - \lambda)\,
   u^\lambda e^{d \zeta(\lambda)} \mathrm d\lambda .

Each line is moved to the real saddle point :math:`c` of its integrand, bent along the path of steepest descent, and
walked as :math:`\lambda = c + h\,(i \sinh\theta + \beta (\cosh\theta - 1))`, with :math:`h` the width of the saddle
and :math:`\beta` a third of its skewness. On this path the trapezoid rule converges exponentially. Derived here.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, loggamma

from geomem.errors import InputError
from geomem.theory.random_energy_model.cumulants import Cumulant, derivative

__all__ = ["laplace"]

LOGITS = np.linspace(-27.0, 12.0, 3251)  # where saddles are tabulated, on the scale of each strip
THETA = 0.15  # first step along a path; a quarter of it is exact to rounding
REACH = 40.0  # the Gamma function has fallen to e^-60 this far from the real axis
BEND = 0.5  # steepest slope of a path far from its saddle
TURN = 100.0  # the most that is resolved
FALLEN = 35.0  # in nats, where a path may end


class Path(NamedTuple):
    r"""Quadrature: :math:`\frac1{2\pi i} \int f u^\lambda e^g \mathrm d\lambda = e^s\, \mathrm{Re} \sum f w`."""

    saddle: NDArray
    """One for each ``u``."""
    lam: NDArray
    """Nodes in the upper half plane, a row for each ``u``."""
    weight: NDArray
    """Complex weights of the nodes, for functions that are real on the real axis."""
    log_scale: NDArray
    """s, one for each ``u``."""


class MellinBarnes:
    r"""The integral :math:`\frac1{2\pi i} \int u^\lambda e^{g(\lambda)} \mathrm d\lambda` through real saddles."""

    def __init__(self, g: Cumulant, width: float, start: float = 0.0) -> None:
        # On start < lambda < width the exponent is convex: its saddle is where ln u = -g'(lambda), a falling function.
        self.g = g
        lam = start + (width - start) * expit(LOGITS)
        log_u = -np.asarray(derivative(g, lam))
        rounding = 8 * np.finfo(float).eps * np.abs(log_u).max()
        steps = np.diff(log_u)
        if not (steps < rounding).all():
            raise InputError(
                f"got a cumulant that is not finite or not convex on {start:g} < lambda < {width:g}, expected "
                "d zeta(lambda) = ln E exp(-lambda E / t), in analytic operations; look at its values there"
            )
        # A large constant in the energies hides how g' changes next to lambda = 0; the table starts where it shows.
        first = int(np.flatnonzero(np.append(True, steps > -rounding))[-1])
        self.lam, self.log_u = lam[first:], log_u[first:]
        self.curvature = -np.gradient(self.log_u, self.lam)
        self.skewness = np.gradient(self.curvature, self.lam) / self.curvature**1.5

    def saddle(self, log_u: NDArray) -> NDArray:
        """Return the saddle at each ``log_u``; the end of the strip where it lies outside."""
        return np.interp(-log_u, -self.log_u, self.lam)

    def log_integral(self, log_u: NDArray, step: float) -> NDArray:
        """Return the logarithm of the integral at each ``log_u``."""
        path = self.path(log_u, step)
        with np.errstate(divide="ignore"):
            return path.log_scale + np.log(np.maximum(path.weight.real.sum(axis=1), 0.0))

    def path(self, log_u: NDArray, step: float) -> Path:
        """Return the path at each ``log_u``."""
        c = self.saddle(log_u)
        h = np.interp(c, self.lam, self.curvature) ** -0.5
        bend = np.clip(np.interp(c, self.lam, self.skewness) / 3, -BEND, BEND)
        ends = np.arcsinh(REACH / h)
        # Beyond the last saddle u^lambda turns over the width of the path, and falls to the left.
        turn = np.minimum(h * (log_u - np.interp(c, self.lam, self.log_u)), TURN)
        bend[turn > 1e-6] = -BEND
        step /= 1 + turn.max(initial=0.0) / 16
        theta = ends[:, None] * np.linspace(0.0, 1.0, int(np.ceil(ends.max() / step)) + 1)
        lam = self._nodes(c, h, bend, theta)
        height = self._height(log_u, c, lam)
        # A bent path serves only where it keeps falling from its saddle; the vertical line always does.
        upright = ~((height.real.max(axis=1) < 0.1) & (height.real[:, -1] < -FALLEN))
        bend[upright] = 0.0
        lam[upright] = self._nodes(c[upright], h[upright], bend[upright], theta[upright])
        height[upright] = self._height(log_u[upright], c[upright], lam[upright])
        weight = np.exp(height) * (np.cosh(theta) - 1j * bend[:, None] * np.sinh(theta))
        weight[:, 0] /= 2  # the path is symmetric: its upper half, trapezoid rule
        return Path(c, lam, weight, c * log_u + self.g(c) + np.log(theta[:, 1] * h / np.pi))

    def _nodes(self, c: NDArray, h: NDArray, bend: NDArray, theta: NDArray) -> NDArray:
        """Return the nodes of each path."""
        return c[:, None] + h[:, None] * (1j * np.sinh(theta) + bend[:, None] * (np.cosh(theta) - 1))

    def _height(self, log_u: NDArray, c: NDArray, lam: NDArray) -> NDArray:
        """Return the exponent along each path, less its value at the saddle."""
        with np.errstate(over="ignore", invalid="ignore"):  # far along a bent path: it is then not taken
            return (lam - c[:, None]) * log_u[:, None] + self.g(lam) - self.g(c)[:, None]


class Transform:
    r"""Both integrals of one cumulant: :math:`\ln(1 - L)` and :math:`\ln u^2 L''` at :math:`\ln u`."""

    def __init__(self, cumulant: Cumulant) -> None:
        self.one_minus = MellinBarnes(lambda lam: cumulant(lam) + loggamma(1 - lam) - np.log(lam), width=1.0)
        self.curvature = MellinBarnes(lambda lam: cumulant(lam) + loggamma(2 - lam), width=2.0)

    def log_one_minus(self, log_u: NDArray, step: float) -> NDArray:
        r"""Return :math:`\ln(1 - L(u))` at each ``log_u``."""
        # At large u the true value is 1 to rounding; a sum above it would leave no logarithm of L.
        return np.minimum(self.one_minus.log_integral(log_u, step), -1e-16)

    def log_curvature(self, log_u: NDArray, step: float) -> NDArray:
        r"""Return :math:`\ln(u^2 L''(u))` at each ``log_u``."""
        return self.curvature.log_integral(log_u, step)


def laplace(cumulant: Cumulant, log_u: ArrayLike) -> tuple[NDArray, NDArray]:
    r"""Return :math:`\ln(1 - L(u))` and :math:`\ln(u^2 L''(u))` of :math:`L(u) = \mathbb E \exp(-u e^{-E/t})`.

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`, analytic for :math:`0 < \mathrm{Re} \lambda < 2`.
    log_u : array of float, shape (n,)
        :math:`\ln u`.

    Raises
    ------
    InputError
        ``log_u`` has more than one axis or holds NaN or infinity, or the cumulant is not finite and convex.

    Notes
    -----
    The second value has no saddle where :math:`u \gg e^{\mathbb E[E/t]}`. Its path then starts at zero and leans to the
    left, where :math:`u^\lambda` falls; a cumulant that is not analytic there for :math:`\mathrm{Im} \lambda \ne 0`
    leaves absolute accuracy only. Averages over :math:`N \ge 2` energies multiply the value by a vanishing power
    of :math:`L`, and halve their steps.

    Examples
    --------
    >>> log_one_minus, log_curvature = laplace(lambda lam: 0 * lam, np.array([0.0]))  # E = 0: L = e^-u
    >>> np.exp(log_one_minus).round(10), np.exp(log_curvature).round(10)
    (array([0.63212056]), array([0.36787944]))
    """
    log_u = np.atleast_1d(np.asarray(log_u, dtype=np.float64))
    if log_u.ndim != 1 or not np.isfinite(log_u).all():
        raise InputError(f"got log_u of shape {log_u.shape}, expected (n,), finite numbers")
    transform = Transform(cumulant)
    step = THETA / 4
    return transform.log_one_minus(log_u, step), transform.log_curvature(log_u, step)

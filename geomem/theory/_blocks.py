r"""A Gaussian law seen from a state, by blocks of equal variance; and the input checks of what is built on it.

Every sum over directions in :mod:`geomem.theory.positional` and :mod:`geomem.theory.condensation` depends on the
state only through :math:`X_g = \sum_{i \in g} x_i^2` for each group :math:`g` of :math:`n_g` directions of the same
variance :math:`\sigma_g^2`. With :math:`s = \sigma^2/t` and :math:`u = s/(1+s)`,

.. math::

   \mathrm{KL} = \tfrac12\sum_g \Big[n_g\big(\ln(1+s_g) - u_g\big) + \frac{X_g}{t+\sigma_g^2}\,u_g\Big], \qquad
   V = \sum_g \Big[\frac{n_g}{2}\,u_g^2 + \frac{X_g}{t+\sigma_g^2}\,u_g(1-u_g)\Big].

The difference :math:`\ln(1+s) - u` is of second order in :math:`u`; where :math:`u` is small it is summed as
:math:`\sum_{k\ge2} u^k/k`, so nothing cancels. The limits below keep every square and ratio inside float64.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial.chebyshev import chebpts1, chebvander

from geomem.errors import InputError
from geomem.theory.random_energy_model.cumulants import Cumulant

__all__ = [
    "SMALLEST_TIME",
    "Blocks",
    "as_blocks",
    "as_log_n_points",
    "as_real",
    "as_states",
    "as_times",
    "as_variances",
    "broadcast_shape",
]

SMALLEST_TIME, LARGEST_TIME = 1e-200, 1e200
SMALLEST_VARIANCE, LARGEST_VARIANCE = 1e-100, 1e100
LARGEST_COORDINATE = 1e50
SECTOR = 2.04  # the paths of Mellin-Barnes integrals stay within |arg lambda| < pi - arctan(2) = 2.034
STRIP = 1.0  # below pi - SECTOR
DIGITS = 13


def relative_entropy_at_the_mean(u: np.ndarray, s: np.ndarray) -> np.ndarray:
    r"""Return :math:`\ln(1+s) - u`, twice the divergence of one direction at :math:`x = 0`, to 15 digits."""
    series = u**2 * np.polynomial.polynomial.polyval(np.minimum(u, 0.1), 1 / np.arange(2, 18))
    return np.where(u < 0.1, series, np.log1p(s) - u)


@dataclass(frozen=True)
class Blocks:
    r"""Distinct variances, ascending, and what the state has in each block.

    Parameters
    ----------
    variances : ndarray, shape (g,)
        :math:`\sigma_g^2 \ge 0`.
    sizes : ndarray, shape (g,)
        :math:`n_g`, the number of directions of each variance.
    squares : ndarray, shape (..., g)
        :math:`X_g`, the squared length of the state in each block.
    """

    variances: np.ndarray
    sizes: np.ndarray
    squares: np.ndarray

    def at(self, squares: np.ndarray) -> "Blocks":
        """Return the same law seen from other states."""
        return replace(self, squares=squares)

    def cumulant(self, t: float) -> Cumulant:
        r"""Return :math:`\lambda \mapsto d\,\zeta(\lambda)` at noise ``t``, seen from a single state."""
        merged = self.merged()

        def cumulant(lam):
            blocks = self if merged is self or np.any(np.abs(np.angle(lam)) > SECTOR) else merged
            terms = zip(blocks.sizes.tolist(), blocks.variances.tolist(), blocks.squares.tolist(), strict=True)
            return sum(-0.5 * (n * np.log1p(lam * (v / t)) + lam * square / (t + lam * v)) for n, v, square in terms)

        return cumulant

    def merged(self) -> "Blocks":
        r"""Return fewer blocks with the same :math:`d\,\zeta` to a relative 1e-12 within the sector of the paths.

        As functions of :math:`y = \ln\sigma^2` both terms are analytic for :math:`|\mathrm{Im}\,y| <
        \pi - |\arg\lambda|`, so they are interpolated at :math:`n` Chebyshev points to :math:`O(r^{-n})`, with
        :math:`r = b + \sqrt{1+b^2}` for a strip of :math:`b` times half the range of :math:`y`. With :math:`\ell_k`
        the polynomial that is one at point :math:`k` and zero at the others, the sums over blocks become sums
        over points, of sizes :math:`\sum_g n_g\ell_k(y_g)` and squares :math:`\sum_g X_g\ell_k(y_g)`.
        """
        zeros = int(self.variances[0] == 0)  # a block of its own
        y = np.log(self.variances[zeros:])
        center, half = (y[-1] + y[0]) / 2, (y[-1] - y[0]) / 2
        n = int(np.ceil(DIGITS * np.log(10) / np.arcsinh(STRIP / half))) if half else 1
        if n >= len(y):
            return self
        points = chebpts1(n)
        series = chebvander(points, n - 1).T * (2 - (np.arange(n)[:, None] == 0)) / n
        share = np.zeros((len(self.variances), zeros + n))
        share[:zeros, :zeros], share[zeros:, zeros:] = 1, chebvander((y - center) / half, n - 1) @ series
        variances = np.concatenate([self.variances[:zeros], np.exp(center + half * points)])
        return Blocks(variances, self.sizes @ share, self.squares @ share)

    def information_gain(self, t: np.ndarray) -> np.ndarray | np.float64:
        r"""Return :math:`\mathrm{KL}(x, t)` in nats; ``t`` broadcasts against the states."""
        t = t[..., None]
        total = t + self.variances
        u = self.variances / total
        at_the_mean = self.sizes * relative_entropy_at_the_mean(u, self.variances / t)
        return 0.5 * (at_the_mean + self.squares / total * u).sum(-1)

    def energy_variance(self, t: np.ndarray) -> np.ndarray | np.float64:
        r"""Return :math:`V(x, t)`; ``t`` broadcasts against the states."""
        t = t[..., None]
        total = t + self.variances
        u = self.variances / total
        return (0.5 * self.sizes * u**2 + self.squares / total * u * (t / total)).sum(-1)


def as_real(value: object, name: str) -> np.ndarray:
    """Return ``value`` in float64, or raise if it is not made of finite real numbers."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"got {name} that is not an array: {error}; expected real numbers") from error
    if array.dtype.kind not in "fiu":
        raise InputError(f"got {name} of dtype {array.dtype}, expected real numbers")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise InputError(f"got NaN or infinity in {name}, expected finite numbers")
    return array


def as_variances(variances: object) -> np.ndarray:
    r"""Return :math:`\sigma_i^2`, shape (d,), or raise."""
    sigma2 = as_real(variances, "variances")
    if sigma2.ndim != 1 or not len(sigma2):
        raise InputError(f"got variances of shape {sigma2.shape}, expected (d,), one for each direction")
    positive = sigma2[sigma2 != 0]
    if not len(positive):
        raise InputError("got no variance above zero: such data are a single point and hold no information")
    if not np.all((positive >= SMALLEST_VARIANCE) & (positive <= LARGEST_VARIANCE)):
        raise InputError(
            f"got variances from {positive.min():.3g} to {positive.max():.3g}, expected zeros or numbers in "
            f"[{SMALLEST_VARIANCE:g}, {LARGEST_VARIANCE:g}] (not standard deviations); choose another unit of length"
        )
    return sigma2


def as_states(x: object, d: int, name: str = "states x") -> np.ndarray:
    """Return states of shape (..., d), or raise."""
    x = as_real(x, name)
    if x.ndim < 1 or x.shape[-1] != d:
        raise InputError(f"got {name} of shape {x.shape}, expected (..., {d}): a coordinate per variance")
    if np.any(np.abs(x) > LARGEST_COORDINATE):
        raise InputError(f"got a coordinate of {name} beyond {LARGEST_COORDINATE:g}; choose another unit of length")
    return x


def as_blocks(x: object, variances: object) -> Blocks:
    """Return the blocks of equal variance, seen from every state ``x`` of shape (..., d), or raise."""
    sigma2 = as_variances(variances)
    x = as_states(x, len(sigma2))
    order = np.argsort(sigma2, kind="stable")
    distinct, starts, sizes = np.unique(sigma2[order], return_index=True, return_counts=True)
    return Blocks(distinct, sizes.astype(np.float64), np.add.reduceat(x[..., order] ** 2, starts, axis=-1))


def as_times(t: object) -> np.ndarray:
    """Return noise variances in float64, or raise if any of them is not positive and finite."""
    t = as_real(t, "t")
    if not np.all((t >= SMALLEST_TIME) & (t <= LARGEST_TIME)):
        raise InputError(
            f"got t = {np.array2string(t, threshold=6)}, "
            f"expected noise variances in [{SMALLEST_TIME:g}, {LARGEST_TIME:g}]"
        )
    return t


def as_log_n_points(n_points: object) -> np.ndarray:
    r"""Return :math:`\ln N` in float64 for Python integers of any size, floats, or arrays of either, or raise."""
    try:
        array = np.asarray(n_points)
    except (TypeError, ValueError) as error:
        raise InputError(f"got n_points that is not an array: {error}; expected numbers N > 1") from error
    numbers = array.ravel().tolist()  # Python integers and floats: math.log takes integers beyond float64
    if not all(type(n) in (int, float) and 1 < n < math.inf for n in numbers):
        raise InputError(f"got n_points = {n_points!r:.80}, expected finite real numbers N > 1")
    return np.array([math.log(n) for n in numbers], dtype=np.float64).reshape(array.shape)


def broadcast_shape(**shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the common shape of the named arguments, or raise."""
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        got = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise InputError(f"got shapes that do not broadcast together: {got}") from None

"""Averages over data sets of two directions by sums over a grid of data points: no cumulant, no contour.

The printed forms are used, of moments and not of pairs: E(sum w y^2) less E(ybar^2), with terms that cancel. The
functions of one point, exp(-u z) y^k, are analytic in y, so the trapezoid rule over the plane is exact to rounding.
"""

import numpy as np
from numpy.typing import NDArray

STEP = 0.25  # in ln u


class Grid:
    """One state, seen by points of a centered Gaussian law of two variances."""

    def __init__(self, x: NDArray, sigma2: NDArray, t: float, n_points: int) -> None:
        axes = [np.linspace(-8.5, 8.5, n) * np.sqrt(s) for n, s in zip((140, 60), sigma2, strict=True)]
        y = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        p = np.exp(-(y**2 / (2 * sigma2)).sum(1))
        e = ((x - y) ** 2).sum(1) / (2 * t)
        kept = np.log(p) - np.minimum(e, 0) > -36
        self.y, self.p, self.e = y[kept].T, p[kept] / p.sum(), e[kept]
        self.n, self.t = n_points, t
        self.log_u = np.arange(-32.0, self.e.max() + 4, STEP)
        self.uz = np.exp(np.minimum(self.log_u[:, None] - self.e, 700))
        self.falls = np.exp(-self.uz)
        self.survival = -np.expm1(-self.uz) @ self.p  # 1 - L
        self.mean_z = self.p @ np.exp(-self.e)

    def power(self, removed: int) -> NDArray:
        """L^(N - removed) at each ln u."""
        if self.n == removed:
            return np.ones_like(self.log_u)
        return np.exp((self.n - removed) * np.log1p(-np.minimum(self.survival, 1 - 1e-16)))

    def moment(self, k: int, factors: int = 1) -> NDArray:
        """E[(uz)^factors exp(-uz) y^k], shape (2, u)."""
        return ((self.uz**factors * self.falls) @ (self.p * self.y**k).T).T

    def integral(self, f: NDArray) -> NDArray:
        return f.sum(-1) * STEP

    def fresh(self) -> NDArray:
        n = self.n
        second = n * (self.moment(2) - self.moment(2, factors=2)) * self.power(1)
        return self.integral(second - n * (n - 1) * self.moment(1) ** 2 * self.power(2))

    def own(self, own_point: NDArray, x: NDArray) -> NDArray:
        """Given the own point, over the N - 1 others."""
        n = self.n - 1
        uz1 = np.exp(self.log_u - ((x - own_point) ** 2).sum() / (2 * self.t))
        y1 = own_point[:, None]
        others = n * (self.moment(2) - self.moment(2, factors=2)) * self.power(2)
        if n > 1:
            others = others - n * (n - 1) * self.moment(1) ** 2 * self.power(3)
        alone = (uz1 - uz1**2) * y1**2 * self.power(1) - 2 * uz1 * y1 * n * self.moment(1) * self.power(2)
        return self.integral(np.exp(-uz1) * (others + alone))

    def planted(self) -> NDArray:
        """The same, over the own point as well: it has the density p z / E z."""
        n = self.n - 1
        mean = np.exp(-self.log_u) / self.mean_z  # of f(z_1), from E[u z f(z)]
        others = n * (self.moment(2) - self.moment(2, factors=2)) * self.power(2)
        if n > 1:
            others = others - n * (n - 1) * self.moment(1) ** 2 * self.power(3)
        alone = (self.moment(2, 2) - self.moment(2, 3)) * self.power(1)
        cross = -2 * n * self.moment(1, 2) * self.moment(1) * self.power(2)
        return self.integral(mean * (self.moment(0)[0] * others + alone + cross))

    def log_own_weight(self) -> float:
        """Minus E[E_1]/t, less E ln Z = E[Z ln Z] / (N E z) over independent points."""
        energy = self.p @ (np.exp(-self.e) * self.e) / self.mean_z
        tilted = self.moment(0)[0] * np.exp(-self.log_u) / self.mean_z * self.power(1)
        unit = self.log_u[-1] - 4  # ln Z in units that put both ends on the grid
        return float(-energy - self.integral(np.exp(-np.exp(self.log_u - unit)) - tilted) + unit)

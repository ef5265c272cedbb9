"""Averages of a random energy model from the density of its energy: no cumulant, no contour, no saddle point.

A law of energies is a grid of e = E/t with the logarithm of the probability at each node. exp(-u exp(-e)) switches on
the scale of one in e and in ln u, so for a density smooth on that scale the trapezoid rule is exact to rounding at
steps of a tenth.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, ive, logsumexp
from scipy.stats import norm

STEP = 0.1
GONE = 45.0  # in nats


class Law(NamedTuple):
    """Nodes e = E/t and the logarithms of their probabilities, which add up to one."""

    e: np.ndarray
    log_p: np.ndarray


def _law(e: np.ndarray, log_p: np.ndarray) -> Law:
    assert abs(np.exp(log_p).sum() - 1) < 1e-10, "the grid misses the law"
    return Law(e, log_p)


def gaussian(variance: float, *, log_n: float) -> Law:
    """Centered Gaussian energies."""
    s = np.sqrt(variance)
    lowest = -s * np.sqrt(2 * (log_n + 2 * GONE))
    e, step = np.linspace(lowest, 10 * s, int((10 * s - lowest) / min(STEP, s / 4)), retstep=True)
    return _law(e, norm.logpdf(e, scale=s) + np.log(step))


def gamma(shape: float) -> Law:
    """Energies with density e^(shape - 1) exp(-e): E z^lambda = (1 + lambda)^-shape."""
    s, step = np.arange(-GONE / shape, GONE + shape + 9 * np.sqrt(shape), STEP), STEP
    e, log_slope = _softplus(s)
    return _law(e, (shape - 1) * np.log(e) - e + log_slope - gammaln(shape) + np.log(step))


def isotropic(d: int, *, t: float, squared_norm: float, log_n: float, variance: float = 1.0) -> Law:
    """Half the squared distance over t to a point of N(0, variance) in d dimensions: noncentral chi-square."""
    nu, n = d / 2 - 1, np.sqrt(squared_norm / variance)
    highest = np.hypot(n, np.sqrt(d)) + 10.0
    lowest = np.sqrt(d) * np.exp(-0.5 - (2 * GONE + log_n) / d)  # the density times a ball bounds the probability
    ends = [np.log(np.expm1(e)) if e < 30 else e for e in np.square([lowest, highest]) * variance / (2 * t)]
    step = min(STEP, np.sqrt(d / 2 + n**2) * variance / t / 4)
    s, step = np.linspace(*ends, int((ends[1] - ends[0]) / step), retstep=True)
    e, log_slope = _softplus(s)
    r = np.sqrt(2 * t * e / variance)
    log_p = d * np.log(r) - (r**2 + n**2) / 2 + _log_hyp0f1(nu, r * n) - gammaln(d / 2) - nu * np.log(2)
    return _law(e, log_p - np.log(2 * e) + log_slope + np.log(step))


def _softplus(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return e = ln(1 + exp(s)), logarithmic near zero and linear above, and ln de/ds."""
    return np.logaddexp(0, s), -np.logaddexp(0, -s)


def _log_hyp0f1(nu: float, z: np.ndarray) -> np.ndarray:
    """Return ln[Gamma(nu + 1) (z/2)^-nu I_nu(z)], 0 at z = 0; large orders by Debye's expansion."""
    if not z.any():
        return np.zeros_like(z)
    if nu < 100:
        return np.log(ive(nu, z)) + z - nu * np.log(z / 2) + gammaln(nu + 1)
    root = np.hypot(1, z / nu)
    p = 1 / root
    series = [
        (3 * p - 5 * p**3) / 24,
        (81 * p**2 - 462 * p**4 + 385 * p**6) / 1152,
        (30375 * p**3 - 369603 * p**5 + 765765 * p**7 - 425425 * p**9) / 414720,
        (4465125 * p**4 - 94121676 * p**6 + 349922430 * p**8 - 446185740 * p**10 + 185910725 * p**12) / 39813120,
    ]
    ln_sum = np.log1p(sum(u / nu ** (k + 1) for k, u in enumerate(series)))
    # nu eta - nu ln(z/2), with eta = root + ln(z / nu / (1 + root)): z cancels, so z = 0 is no exception
    return nu * (root + np.log(2 / (nu * (1 + root)))) + ln_sum - np.log(2 * np.pi * nu * root) / 2 + gammaln(nu + 1)


def total(a: Law, b: Law, *, thinned: int) -> Law:
    """The sum of two independent energies, on the product of their grids, each taken at every few nodes."""
    e = np.add.outer(a.e[::thinned], b.e[::thinned]).ravel()
    log_p = np.add.outer(a.log_p[::thinned], b.log_p[::thinned]).ravel() + 2 * np.log(thinned)
    kept = log_p > -GONE
    return _law(e[kept], log_p[kept])


class Transforms(NamedTuple):
    """At each ln u: ln L, ln(1 - L), ln(u^2 L'')."""

    log_l: np.ndarray
    log_one_minus: np.ndarray
    log_curvature: np.ndarray

    def log_rate(self) -> np.ndarray:
        """Return ln(-ln L), from 1 - L where that is small."""
        q = np.exp(np.clip(self.log_one_minus, -20, -0.1))
        rate = np.log(np.where(self.log_one_minus < -1, -np.log1p(-q), np.maximum(-self.log_l, 1e-300)))
        return np.where(self.log_one_minus < -20, self.log_one_minus, rate)


def transforms(law: Law, log_u: np.ndarray) -> Transforms:
    """The transforms by direct summation, in the log domain."""
    parts = [_transforms(law, block) for block in np.array_split(log_u, 1 + log_u.size * law.e.size // 2**20)]
    return Transforms(*map(np.concatenate, zip(*parts, strict=True)))


def _transforms(law: Law, log_u: np.ndarray) -> Transforms:
    log_uz = log_u[:, None] - law.e
    uz = np.exp(np.minimum(log_uz, 700))
    with np.errstate(divide="ignore"):
        log_switched = np.where(log_uz < -GONE, log_uz, np.log(-np.expm1(-uz)))
    terms = (-uz, log_switched, 2 * log_uz - uz)
    return Transforms(*(logsumexp(law.log_p + term, axis=1) for term in terms))


class Levels:
    """N independent energies of one law."""

    def __init__(self, law: Law, log_n: float, log_own: float | None = None) -> None:
        self.log_n = log_n
        first, last = (self._where(law, target) for target in (-GONE, np.log(3 * GONE)))
        if log_own is not None:
            first = min(first, -log_own - GONE)  # a given level of this Boltzmann factor has its own scale
        # Only nodes that count somewhere in the window; of the others, those beyond it have exp(-uz) = 1.
        ends = np.linspace(first, last, max(30, int((last - first) / 10)))[:, None] - law.e
        heights = law.log_p + np.minimum(ends, 0), law.log_p + 2 * ends - np.exp(np.minimum(ends, 700))
        counts = np.any([_counting(h) for h in heights], axis=0)
        kept, beyond = Law(law.e[counts], law.log_p[counts]), law.log_p[~counts & (law.e > last)]
        if beyond.size:
            kept = Law(np.append(kept.e, np.inf), np.append(kept.log_p, logsumexp(beyond)))
        self.law, self.whole = kept, law
        self.log_u = np.arange(first, last, STEP)
        self.transforms = transforms(self.law, self.log_u)

    def _where(self, law: Law, log_rate: float) -> float:
        """Return ln u at which -N ln L is exp(log_rate), which is where an integral may begin or end."""
        below, above = law.e.min() - self.log_n - 2 * GONE, law.e.max() + 2 * GONE
        while above - below > 0.1:
            middle = (below + above) / 2
            if self.log_n + transforms(law, np.array([middle])).log_rate() > log_rate:
                above = middle
            else:
                below = middle
        return below if log_rate < 0 else above

    def survival(self, removed: int) -> np.ndarray:
        """L^(N - removed) at each ln u."""
        return np.exp(-np.exp(self.log_n + self.log_share(removed) + self.transforms.log_rate()))

    def log_share(self, removed: int) -> float:
        """Return ln(1 - removed / N)."""
        share = -np.expm1(np.log(removed) - self.log_n) if removed else 1.0
        return np.log(share) if share > 1e-12 else -np.inf

    def integral(self, f: np.ndarray) -> float:
        return float(f.sum() * STEP)

    def participation(self) -> float:
        return self.integral(np.exp(self.log_n + self.transforms.log_curvature) * self.survival(1))

    def own_weight(self, log_own: float) -> float:
        uz = np.exp(np.minimum(self.log_u + log_own, 300))
        return self.integral(uz * np.exp(-uz) * self.survival(1))

    def own_participation(self, log_own: float) -> float:
        uz = np.exp(np.minimum(self.log_u + log_own, 300))
        others = np.exp(self.log_n + self.log_share(1) + self.transforms.log_curvature) * self.survival(2)
        return self.integral(np.exp(-uz) * (uz**2 * self.survival(1) + others))

    def expected_log_partition(self) -> float:
        """ln Z = int (e^-u - e^-uZ) d ln u; each part is one left of its scale and zero right of it."""
        # ln Z = int (e^-u - e^-uZ) d ln u, with u in units that put both ends on the grid
        unit = self.log_u[-1] - 4
        return self.integral(np.exp(-np.exp(self.log_u - unit)) - self.survival(0)) - unit

    def planted_participation(self) -> float:
        """E w_own where the own level has the law z p / E z; the window must reach its scale (``log_own``)."""
        log_mean = logsumexp(self.whole.log_p - self.whole.e)
        return self.integral(np.exp(self.transforms.log_curvature - self.log_u - log_mean) * self.survival(1))


def tilted(law: Law) -> Law:
    """The law z p / E z of the level that a posterior draw has."""
    return Law(law.e, law.log_p - law.e - logsumexp(law.log_p - law.e))


def reach(law: Law) -> float:
    """ln z of the highest level that the tilted law has."""
    return -law.e[tilted(law).log_p > -GONE].min()


class SampleSize(NamedTuple):
    """Averages of N~ = Z^2 / sum z^2 over N levels, and E w_own where one of them is planted."""

    harmonic: float
    log_geometric: float
    arithmetic: float
    planted: float


def sample_size(law: Law, log_n: float) -> SampleSize:
    """E N~ = 1 + N (N - 1) int v M_1^2 M_0^(N-2) d ln v, with M_k = E z^k exp(-v z^2)."""
    levels, squares = Levels(law, log_n, reach(law)), Levels(Law(2 * law.e, law.log_p), log_n)
    log_geometric = 2 * levels.expected_log_partition() - squares.expected_log_partition()
    log_pairs = 2 * (log_n + _log_root(squares.whole, squares.log_u)) + squares.log_share(1)
    arithmetic = 1 + squares.integral(np.exp(log_pairs) * squares.survival(2))
    return SampleSize(1 / levels.participation(), log_geometric, arithmetic, levels.planted_participation())


def _counting(heights: np.ndarray) -> np.ndarray:
    """Which nodes reach near the highest at any of the rows."""
    return (heights > heights.max(axis=1, keepdims=True) - GONE).any(axis=0)


def _log_root(law: Law, log_u: np.ndarray) -> np.ndarray:
    """ln[sqrt(u) E sqrt(z) exp(-uz)] at each ln u."""

    def heights(log_u: np.ndarray, law: Law) -> np.ndarray:
        log_uz = log_u[:, None] - law.e
        return law.log_p + log_uz / 2 - np.exp(np.minimum(log_uz, 700))

    counts = _counting(heights(np.linspace(log_u[0], log_u[-1], max(30, log_u.size // 100)), law))
    law = Law(law.e[counts], law.log_p[counts])
    blocks = np.array_split(log_u, 1 + log_u.size * law.e.size // 2**20)
    return np.concatenate([logsumexp(heights(block, law), axis=1) for block in blocks])

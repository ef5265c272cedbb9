"""The laws of the contracts: how each is built, rotated and moved, its moments, and its support."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from geomem.distributions import (
    Empirical,
    GaussianMixture,
    HiddenManifold,
    LinearManifold,
    OnSphere,
    RandomLinearManifold,
)

D = 4


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bad_states(x: Tensor) -> list:
    """What every score must refuse where it takes states like ``x``."""
    nan, infinite = x.clone(), x.clone()
    nan[1, 2], infinite[0, 0] = math.nan, -math.inf
    return [nan, infinite, x[0], x[:, :2], x[None], x.long(), x.tolist()]


def bad_times(n: int) -> list:
    """What every score must refuse as the variance of ``n`` states."""
    zero, whole = torch.ones(n), torch.ones(n).long()
    zero[1] = 0.0
    return [0.0, -1.0, math.nan, math.inf, torch.ones(n - 1), torch.ones(n, 1), whole, "1", None, True, zero]


def rotation(seed: int) -> Tensor:
    return torch.linalg.qr(normal(D, D, seed=seed)).Q


ZERO, EYE = torch.zeros(D, dtype=torch.float64), torch.eye(D, dtype=torch.float64)


@dataclass(frozen=True)
class Law:
    """How to build a law, rotated by ``q`` and moved by ``c``, and what its moments and support are."""

    build: Callable[[Tensor, Tensor], object]
    mean: Tensor
    covariance: Tensor
    project: Callable[[Tensor], Tensor] | None
    """Nearest point of the support of the law at q = 1, c = 0; None for a law that is no score."""

    def at_rest(self):
        return self.build(EYE, ZERO)


SIGMA2 = torch.tensor([1.0, 0.3], dtype=torch.float64)
BASIS = rotation(1)[:, :2]
MEANS = 2 * normal(5, D, seed=2)
WIDTHS = torch.tensor([0.0, 0.05, 0.2, 0.5, 1.0], dtype=torch.float64)
SHARES = torch.tensor([0.1, 0.15, 0.2, 0.25, 0.3], dtype=torch.float64)
POINTS = normal(30, D, seed=3)
RANDOM = RandomLinearManifold([1.0, 0.3, 0.0], ambient_dim=D, generator=torch.Generator().manual_seed(1))
HIDDEN = HiddenManifold([4.0, 1.0, 0.3], ambient_dim=D, generator=torch.Generator().manual_seed(2))
STDS = SIGMA2.sqrt()


def nearest(points: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda x: points[(x[:, None] - points).square().sum(2).argmin(1)]


def spread(points: Tensor, shares: Tensor) -> Tensor:
    centered = points - shares @ points
    return centered.T @ (shares[:, None] * centered)


def bent(covariance: Tensor) -> Tensor:
    """E tanh(a) tanh(b) for each pair of coordinates of a Gaussian, by Gauss-Hermite quadrature in two dimensions."""
    nodes, weights = (torch.from_numpy(v) for v in np.polynomial.hermite_e.hermegauss(100))
    weights = weights / weights.sum()
    result = torch.empty_like(covariance)
    for i in range(D):
        for j in range(D):
            a, slope = covariance[i, i].sqrt() * nodes[:, None], covariance[i, j] / covariance[i, i]
            rest = (covariance[j, j] - slope * covariance[i, j]).clamp(min=0).sqrt()
            result[i, j] = weights @ (a.tanh() * (slope * a + rest * nodes).tanh()) @ weights
    return result


LAWS = {
    "manifold": Law(
        lambda q, c: LinearManifold(SIGMA2, ambient_dim=D, basis=q @ BASIS),
        ZERO,
        BASIS @ torch.diag(SIGMA2) @ BASIS.T,
        lambda x: x @ BASIS @ BASIS.T,
    ),
    "full Gaussian": Law(
        lambda q, c: LinearManifold([1.0, 1.0, 0.2, 0.2], ambient_dim=D, basis=q),
        ZERO,
        torch.diag(torch.tensor([1.0, 1.0, 0.2, 0.2], dtype=torch.float64)),
        lambda x: x,
    ),
    "mixture": Law(
        lambda q, c: GaussianMixture(MEANS @ q.T + c, WIDTHS, SHARES),
        SHARES @ MEANS,
        spread(MEANS, SHARES) + (SHARES @ WIDTHS) * EYE,
        lambda x: x,
    ),
    "mixture of points": Law(
        lambda q, c: GaussianMixture(MEANS @ q.T + c, torch.zeros(5, dtype=torch.float64), SHARES),
        SHARES @ MEANS,
        spread(MEANS, SHARES),
        nearest(MEANS),
    ),
    "empirical": Law(
        lambda q, c: Empirical(POINTS @ q.T + c),
        POINTS.mean(0),
        spread(POINTS, torch.full((30,), 1 / 30, dtype=torch.float64)),
        nearest(POINTS),
    ),
    "random manifold": Law(
        lambda q, c: RANDOM if q is EYE else LinearManifold(RANDOM.variances, ambient_dim=D, basis=q @ RANDOM.basis),
        ZERO,
        RANDOM.factor @ RANDOM.factor.T,
        lambda x: x @ torch.linalg.pinv(RANDOM.factor).T @ RANDOM.factor.T,
    ),
    "sphere": Law(
        lambda q, c: OnSphere(LinearManifold(SIGMA2, ambient_dim=D, basis=q @ BASIS), radius=2.0),
        ZERO,
        4 * BASIS @ torch.diag(STDS / STDS.sum()) @ BASIS.T,
        None,
    ),
    "hidden manifold": Law(lambda q, c: HIDDEN, ZERO, bent(HIDDEN.factor @ HIDDEN.factor.T), None),
}

"""Three routes to the Jacobian of the empirical score: automatic differentiation, products, Gram matrix."""

import math

import pytest
import torch

from geomem.distributions import _posterior_weights
from geomem.distributions.empirical import Empirical

F64 = torch.float64


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def plain_score(data: torch.Tensor, x: torch.Tensor, t: float) -> torch.Tensor:
    """The definition of the score of one state, for automatic differentiation."""
    return ((-(x - data).square().sum(1) / (2 * t)).softmax(0) @ data - x) / t


@pytest.mark.parametrize("tolerance", [math.inf, -1.0], ids=["product", "difference"])
@pytest.mark.parametrize("n_points", [12, 200], ids=["fewer points than dimensions", "more"])
@pytest.mark.parametrize("t", [0.02, 0.5, 5.0, 200.0])
def test_all_routes_agree(n_points: int, t: float, tolerance: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_posterior_weights, "TOLERANCE", tolerance)
    d = 20
    data = normal(n_points, d) * torch.linspace(0.2, 1.5, d, dtype=F64) + 2.0
    x = data[:4] + math.sqrt(t) * normal(4, d, seed=1)
    law = Empirical(data, block_elements=300)
    spectra = law.jacobian_eigenvalues(x, t)
    assert spectra.shape == (4, d)
    for i, state in enumerate(x):
        jacobian = torch.func.jacrev(lambda z: plain_score(data, z, t))(state)
        own = torch.func.jacrev(lambda z: law.score(z[None], t)[0])(state)
        torch.testing.assert_close(own, jacobian, rtol=1e-9, atol=1e-10 / t)
        covariance = law.posterior_covariance_matvec(state.expand(d, d), t, torch.eye(d, dtype=F64))
        torch.testing.assert_close(
            torch.eye(d, dtype=F64) + t * jacobian, covariance / t, rtol=1e-9, atol=1e-10 * (1 + 1 / t)
        )
        eigenvalues = torch.linalg.eigvalsh((jacobian + jacobian.T) / 2)
        torch.testing.assert_close(spectra[i], eigenvalues, rtol=1e-8, atol=1e-10 * (1 + 1 / t) / t)


def test_posterior_covariance_is_positive_but_not_bounded_by_t() -> None:
    """Halfway between two points a distance 2a apart the top eigenvalue of C/t is a^2/t."""
    data = torch.tensor([[-3.0, 0.0], [3.0, 0.0]], dtype=F64)
    t = 0.01
    eigenvalues = Empirical(data).jacobian_eigenvalues(torch.zeros(1, 2, dtype=F64), t)
    expected = torch.tensor([[-1 / t, (9 / t - 1) / t]], dtype=F64)
    torch.testing.assert_close(eigenvalues, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("t", "discard"), [(0.3, 1e-3), (1e3, 3.5e-3)], ids=["few points", "each weight < discard"])
def test_discarded_weight_moves_the_spectrum_no_more_than_stated(t: float, discard: float) -> None:
    data = normal(300, 6)
    x = data[:20] + math.sqrt(t) * normal(20, 6, seed=2)
    law = Empirical(data)
    diameter = torch.cdist(data, data).max()
    moved = t * (law.jacobian_eigenvalues(x, t) - law.jacobian_eigenvalues(x, t, discard=discard))
    assert float(moved.abs().max()) <= discard * float(diameter) ** 2 / t
    assert float(moved.abs().max()) > 1e-7  # it does leave something out


def test_tiny_covariances_keep_their_relative_precision() -> None:
    """Two points, the far one with weight w: C = w(1-w) (y-y')(y-y')^T, down to w = 1e-15."""
    far = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=F64) + 5.0
    t = 1e-9
    for log_odds in (2.0, 10.0, 34.0):
        x = far[:1] + (0.5 - t * log_odds / 2)
        w = 1 / (1 + math.exp((x - far[1]).square().sum() / (2 * t) - (x - far[0]).square().sum() / (2 * t)))
        law = Empirical(far)
        product = law.posterior_covariance_matvec(x, t, torch.tensor([[1.0, 0.0]], dtype=F64))
        torch.testing.assert_close(product, torch.full((1, 2), w * (1 - w), dtype=F64), rtol=1e-5, atol=0)
        top = law.jacobian_eigenvalues(x, t, discard=0.0)[0, 1]
        torch.testing.assert_close(float(t * top + 1) * t, 2 * w * (1 - w), rtol=1e-5, atol=1e-24)

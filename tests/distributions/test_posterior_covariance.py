"""The posterior covariance of the empirical law: its definition, its two ways, and what it keeps when frozen."""

import math

import mpmath
import pytest
import torch

from geomem.distributions import _posterior_covariance, _posterior_weights
from geomem.distributions.empirical import Empirical

F64 = torch.float64
SCALES = torch.tensor([2.0, 1.0, 1.0, 0.5, 0.1], dtype=F64)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


DATA = normal(150, 5) * SCALES + 1.0


def noisy_points(n: int, t: float) -> torch.Tensor:
    return DATA[:n] + math.sqrt(t) * normal(n, 5, seed=1)


def definition(data: torch.Tensor, x: torch.Tensor, t: float) -> torch.Tensor:
    w = (-(x[:, None] - data).square().sum(2) / (2 * t)).softmax(1)
    centered = data - (w @ data)[:, None]
    return torch.einsum("bn,bni,bnj->bij", w, centered, centered)


@pytest.fixture(params=["about the center", "by differences", "as it comes"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test through each of the two ways, and through their mixture."""
    if request.param != "as it comes":
        monkeypatch.setattr(
            _posterior_covariance, "CANCELLATION", {"about the center": -1.0, "by differences": 2.0}[request.param]
        )
    return request.param


@pytest.mark.parametrize("tolerance", [math.inf, -1.0], ids=["product form", "difference form"])
@pytest.mark.parametrize("block_elements", [500, 2**18])
@pytest.mark.parametrize("t", [0.1, 2.0])
def test_both_ways_equal_the_definition(way, t, block_elements, tolerance, monkeypatch):
    monkeypatch.setattr(_posterior_weights, "TOLERANCE", tolerance)
    x = noisy_points(40, t)
    covariance = Empirical(DATA, block_elements=block_elements).posterior_covariance(x, t)
    torch.testing.assert_close(covariance, definition(DATA, x, t), rtol=1e-10, atol=1e-12)


def test_products_of_coordinates_that_do_not_fit_are_never_formed():
    law, x = Empirical(DATA, block_elements=24), noisy_points(40, 0.3)
    torch.testing.assert_close(law.posterior_covariance(x, 0.3), definition(DATA, x, 0.3), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_two_points_keep_their_relative_precision_however_small_a_weight_is(offset):
    """With weights p and q = 1 - p the covariance is pq times the square of the difference, here down to 1e-300."""
    data = torch.tensor([[0.0, 0.0], [1.0, -2.0], [400.0, 0.0]], dtype=F64) + offset
    law, t = Empirical(data), 0.004
    x = torch.tensor([0.5, 0.4, 0.1, 0.01, -0.045])[:, None] * (data[1] - data[0]) + data[0]
    log_odds = ((x - data[0]).square().sum(1) - (x - data[1]).square().sum(1)) / (2 * t)
    p, q = log_odds.sigmoid(), (-log_odds).sigmoid()
    expected = (p * q)[:, None, None] * torch.tensor([[1.0, -2.0], [-2.0, 4.0]], dtype=F64)
    assert 1e-300 < p[-1] < 1e-290
    torch.testing.assert_close(law.posterior_covariance(x, t), expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("t", [0.02, 0.005, 3e-4])
def test_frozen_states_agree_with_fifty_digits(t):
    x = noisy_points(3, t)
    covariance = Empirical(DATA).posterior_covariance(x, t)
    with mpmath.workdps(50):
        for state, found in zip(x.tolist(), covariance, strict=True):
            points = mpmath.matrix(DATA.tolist())
            energies = [mpmath.fsum((state[i] - points[n, i]) ** 2 for i in range(5)) / (2 * t) for n in range(150)]
            w = [mpmath.exp(min(energies) - e) for e in energies]
            mass = mpmath.fsum(w)
            mean = [mpmath.fsum(w[n] * points[n, i] for n in range(150)) / mass for i in range(5)]
            for i in range(5):
                for j in range(5):
                    terms = (w[n] * (points[n, i] - mean[i]) * (points[n, j] - mean[j]) for n in range(150))
                    expected = mpmath.fsum(terms) / mass
                    scale = math.sqrt(found[i, i] * found[j, j])
                    assert abs(found[i, j] - float(expected)) <= 1e-11 * scale


def test_symmetric_and_positive_with_the_spectrum_of_the_jacobian(way):
    x, t = noisy_points(30, 0.2), 0.2
    law = Empirical(DATA[:4])  # three directions: two of the five eigenvalues are zero
    covariance = law.posterior_covariance(x, t)
    assert torch.equal(covariance, covariance.mT)
    eigenvalues = torch.linalg.eigvalsh(covariance)
    assert (eigenvalues >= -1e-13).all()
    if way == "by differences":
        assert (eigenvalues >= -1e-14 * eigenvalues.amax(1, keepdim=True)).all()
    torch.testing.assert_close((eigenvalues / t - 1) / t, law.jacobian_eigenvalues(x, t), rtol=0, atol=1e-9)


@pytest.mark.parametrize("t", [0.01, 0.2, 5.0])
def test_products_with_it_are_those_of_the_law(t):
    law, x, v = Empirical(DATA), noisy_points(20, t), normal(20, 5, seed=2)
    product = (law.posterior_covariance(x, t) @ v[:, :, None])[:, :, 0]
    torch.testing.assert_close(product, law.posterior_covariance_matvec(x, t, v), rtol=1e-9, atol=1e-12)


def test_turns_with_data_and_states():
    q, x = torch.linalg.qr(normal(5, 5, seed=3)).Q, noisy_points(20, 0.1)
    turned = Empirical(DATA @ q.T).posterior_covariance(x @ q.T, 0.1)
    torch.testing.assert_close(turned, q @ Empirical(DATA).posterior_covariance(x, 0.1) @ q.T, rtol=1e-9, atol=1e-12)


def test_frozen_and_other_states_keep_their_places_and_variances(monkeypatch):
    """Variances from frozen to spread, in turn, for more states than one pass takes."""
    monkeypatch.setattr(_posterior_covariance, "DENSE_ELEMENTS", 1000)
    t = torch.tensor([1e-4, 0.05, 10.0], dtype=F64).repeat(120)[:350]
    x = DATA[torch.arange(350) % 150] + t.sqrt()[:, None] * normal(350, 5, seed=4)
    law = Empirical(DATA)
    together = law.posterior_covariance(x, t)
    for i in (0, 1, 2, 100, 255, 256, 257, 349):
        alone = law.posterior_covariance(x[i : i + 1], float(t[i]))[0]
        torch.testing.assert_close(together[i], alone, rtol=1e-9, atol=0)


def test_what_lies_on_one_place_has_no_covariance():
    for data in (DATA[:1], DATA[:1].repeat(3, 1), torch.cat([DATA[:1], DATA[:1], DATA[:1] + 1e3])):
        assert torch.equal(Empirical(data).posterior_covariance(DATA[:2], 0.1), torch.zeros(2, 5, 5, dtype=F64))


@pytest.mark.parametrize("block_elements", [24, 2**18], ids=["too many products", "both ways"])
def test_no_states_give_no_matrices(block_elements):
    assert Empirical(DATA, block_elements=block_elements).posterior_covariance(DATA[:0], 0.1).shape == (0, 5, 5)


def test_single_precision_states_get_single_precision():
    x = noisy_points(4, 0.1).float()
    found = Empirical(DATA).posterior_covariance(x, 0.1)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, Empirical(DATA).posterior_covariance(x.double(), 0.1).float())


@pytest.mark.parametrize("t", [0.02, 1.0], ids=["by differences", "about the center"])
def test_differentiable_in_the_states(t):
    x = noisy_points(2, t).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: Empirical(DATA).posterior_covariance(x, t), x)

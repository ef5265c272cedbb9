"""The random linear manifold: its factor, its law given the factor, its spectrum over draws, refusals."""

import math

import numpy as np
import pytest
import torch

from geomem.distributions import LinearManifold, RandomLinearManifold
from geomem.errors import InputError


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("d", "m"), [(6, 4), (4, 6), (5, 5)])
@pytest.mark.parametrize("t", [1e-3, 0.5, 30.0])
def test_score_is_that_of_the_covariance_of_the_factor(d, m, t, generator):
    """Against dense linear algebra with F Fᵀ, which knows nothing of singular values."""
    law = RandomLinearManifold([1.0, 0.01] + [0.3] * (m - 2), ambient_dim=d, generator=generator)
    covariance = law.factor @ law.factor.T
    assert (law.factor.shape, law.ambient_dim, law.intrinsic_dim) == ((d, m), d, min(d, m))
    torch.testing.assert_close(law.basis @ torch.diag(law.variances) @ law.basis.T, covariance, rtol=0, atol=1e-13)
    x = torch.randn(8, d, generator=generator, dtype=torch.float64)
    expected = -torch.linalg.solve(covariance + t * torch.eye(d, dtype=torch.float64), x.T).T
    torch.testing.assert_close(law.score(x, t), expected, rtol=1e-9, atol=1e-11)


def test_jacobian_spectrum_is_that_of_the_factor(generator):
    law = RandomLinearManifold([2.0] * 3, ambient_dim=5, generator=generator)
    gamma = torch.linalg.eigvalsh(law.factor @ law.factor.T).clamp(min=0)
    torch.testing.assert_close(law.jacobian_eigenvalues(0.3), -1 / (0.3 + gamma), rtol=1e-12, atol=0)


def test_columns_have_their_variances():
    """d independent entries of variance σ_k²/m in each column, over draws, within standard errors."""
    sigma2, d, draws = (4.0, 0.25, 1.0), 50, 400
    factors = torch.stack(
        [RandomLinearManifold(sigma2, ambient_dim=d, generator=seeded(k)).factor for k in range(draws)]
    )
    gram = factors.mT @ factors / d
    expected = torch.diag(torch.tensor(sigma2, dtype=torch.float64) / 3)
    assert ((gram.mean(0) - expected).abs() < 4.5 * gram.std(0) / math.sqrt(draws)).all()
    assert (gram.std(0) / math.sqrt(draws) < 0.02).all()


@pytest.mark.parametrize(("d", "dims"), [(30, (8, 4)), (10, (12, 8))])
def test_moments_of_the_spectrum(d, dims):
    """(1/d) E tr FFᵀ and (1/d) E tr (FFᵀ)² at finite size, within standard errors over draws."""
    draws, m = 600, sum(dims)
    sigma2 = torch.tensor([2.0, 0.5], dtype=torch.float64).repeat_interleave(torch.tensor(dims))
    gamma = [
        RandomLinearManifold.blocks((2.0, 0.5), dims, ambient_dim=d, generator=seeded(k)).variances
        for k in range(draws)
    ]
    first, second = sigma2.mean().item(), sigma2.square().mean().item()
    for power, expected in ((1, first), (2, (d + 1) / m * second + first**2)):
        seen = np.array([g.pow(power).sum().item() / d for g in gamma])
        error = seen.std() / math.sqrt(draws)
        assert error < 0.02 * expected
        assert abs(seen.mean() - expected) < 4.5 * error


@pytest.mark.parametrize("aspect", [2.5, 0.4])
def test_spectrum_fills_the_marchenko_pastur_bulk(aspect):
    """All eigenvalues that are not zero lie between σ²(1 ± √(d/m))², up to what finite size does to an edge."""
    m, sigma2 = 300, 3.0
    law = RandomLinearManifold.isotropic(sigma2, m, ambient_dim=int(aspect * m), generator=seeded(0))
    low, high = (sigma2 * (1 + sign * math.sqrt(aspect)) ** 2 for sign in (-1, 1))
    assert law.variances.min().item() == pytest.approx(low, rel=0.1, abs=0)
    assert law.variances.max().item() == pytest.approx(high, rel=0.04, abs=0)


def test_small_block_sees_the_directions_left():
    """d = 400, blocks of 160 and 80, σ = 10 and 1: the small block fills [.179, 2.49], not [.509, 3.49]."""
    law = RandomLinearManifold.blocks((100.0, 1.0), (160, 80), ambient_dim=400, generator=seeded(3))
    small = law.variances[160:]
    assert 0.17 < small.min() < 0.24
    assert 2.2 < small.max() < 2.55
    assert law.variances[159] > 20


def test_columns_without_variance_carry_nothing(generator):
    law = RandomLinearManifold([0.0, 1.0, 0.0, 2.0], ambient_dim=6, generator=generator)
    assert law.factor[:, [0, 2]].abs().max() == 0
    assert law.intrinsic_dim == len(law.variances) == 2
    torch.testing.assert_close(
        law.basis @ torch.diag(law.variances) @ law.basis.T, law.factor @ law.factor.T, rtol=0, atol=1e-13
    )


def test_draws_repeat_with_the_seed_and_differ_without():
    laws = [RandomLinearManifold([1.0, 2.0], ambient_dim=4, generator=seeded(seed)) for seed in (0, 0, 1)]
    assert isinstance(laws[0], LinearManifold)
    assert torch.equal(laws[0].factor, laws[1].factor)
    assert not torch.equal(laws[0].factor, laws[2].factor)


@pytest.mark.parametrize("variances", [[], [-1.0], [math.nan], [math.inf], [0.0, 0.0], torch.ones(2, 2)], ids=str)
def test_bad_column_variances_are_refused(variances, generator, unchecked):
    with pytest.raises(InputError, match=r"got column variances .*expected"):
        RandomLinearManifold(variances, ambient_dim=3, generator=generator)


def test_bad_dimensions_are_refused(generator, unchecked):
    with pytest.raises(InputError, match="expected"):
        RandomLinearManifold([1.0], ambient_dim=0, generator=generator)
    with pytest.raises(InputError, match="expected"):
        RandomLinearManifold.blocks((1.0, 2.0), (1, 0), ambient_dim=3, generator=generator)

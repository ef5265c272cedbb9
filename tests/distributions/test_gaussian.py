"""The Gaussian on a linear manifold: closed forms, spectrum, constructors, refusals."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from geomem.distributions import LinearManifold
from geomem.errors import InputError


def basis(d: int, m: int, seed: int = 0) -> torch.Tensor:
    g = torch.randn(d, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.linalg.qr(g).Q


@pytest.mark.parametrize("t", [1e-3, 0.5, 30.0])
def test_density_score_and_posterior_are_those_of_the_full_covariance(t, generator):
    """Against dense linear algebra on the d x d covariance, and SciPy's density."""
    u, sigma2 = basis(5, 2), torch.tensor([2.0, 0.1], dtype=torch.float64)
    law = LinearManifold(sigma2, ambient_dim=5, basis=u)
    prior = u @ torch.diag(sigma2) @ u.T
    smoothed = prior + t * torch.eye(5, dtype=torch.float64)
    x = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    v = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    close = {"rtol": 1e-9, "atol": 1e-11}
    torch.testing.assert_close(law.score(x, t), -torch.linalg.solve(smoothed, x.T).T, **close)
    torch.testing.assert_close(law.denoise(x, t), (prior @ torch.linalg.solve(smoothed, x.T)).T, **close)
    posterior = prior - prior @ torch.linalg.solve(smoothed, prior)
    torch.testing.assert_close(law.posterior_covariance_matvec(x, t, v), v @ posterior, **close)
    expected = stats.multivariate_normal(np.zeros(5), smoothed.numpy()).logpdf(x.numpy())
    np.testing.assert_allclose(law.log_density(x, t).numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("t", [1e-6, 0.3, 1e4])
def test_jacobian_spectrum_is_that_of_the_differentiated_score(t):
    law = LinearManifold([3.0, 0.2], ambient_dim=4, basis=basis(4, 2))
    x = torch.ones(4, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda y: law.score(y[None], t)[0], x)
    eigenvalues = law.jacobian_eigenvalues(t)
    torch.testing.assert_close(eigenvalues, torch.linalg.eigvalsh(jacobian), rtol=1e-9, atol=1e-9 / t)
    expected = torch.tensor([-1 / t, -1 / t, -1 / (t + 0.2), -1 / (t + 3.0)], dtype=torch.float64)
    torch.testing.assert_close(eigenvalues, expected, rtol=1e-14, atol=0)


def test_score_on_the_manifold_keeps_its_digits_at_tiny_noise():
    """(D - x)/t would lose all of them: the two agree to one part in 1e12."""
    law = LinearManifold([2.0], ambient_dim=2)
    score = law.score(torch.tensor([[1.0, 0.0]], dtype=torch.float64), 1e-12)
    torch.testing.assert_close(score, torch.tensor([[-0.5, 0.0]], dtype=torch.float64), rtol=1e-11, atol=0)


def test_effective_dimension_rises_from_zero_to_m_as_noise_falls():
    """d + t tr J = sum of sigma^2/(t + sigma^2)."""
    law = LinearManifold.blocks((1.0, 0.09), (20, 10), ambient_dim=60)
    for t in (1e-6, 0.1, 10.0):
        expected = 20 / (t + 1) + 10 * 0.09 / (t + 0.09)
        assert 60 + t * law.jacobian_eigenvalues(t).sum().item() == pytest.approx(expected, rel=1e-9)


def test_constructors():
    law = LinearManifold.blocks((1.0, 0.09, 4.0), (2, 3, 1), ambient_dim=30)
    assert law.variances.tolist() == [1.0, 1.0, 0.09, 0.09, 0.09, 4.0]
    assert (law.ambient_dim, law.intrinsic_dim) == (30, 6)
    assert torch.equal(law.basis, torch.eye(30, 6, dtype=torch.float64))
    assert torch.equal(LinearManifold.blocks([2.0], [2], ambient_dim=5, basis=basis(5, 2)).basis, basis(5, 2))
    assert LinearManifold.isotropic(2.0, 3).variances.tolist() == [2.0] * 3
    assert LinearManifold.isotropic(2.0, 3, ambient_dim=7).ambient_dim == 7
    assert LinearManifold([1.0, 0.0, 2.0], ambient_dim=4).intrinsic_dim == 2


def test_directions_without_variance_carry_no_samples(generator):
    samples = LinearManifold([1.0, 0.0, 2.0], ambient_dim=4).sample(100, generator)
    assert samples[:, [1, 3]].abs().max() == 0
    assert samples[:, [0, 2]].abs().min() > 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: LinearManifold([], ambient_dim=3),
        lambda: LinearManifold([1.0] * 4, ambient_dim=3),
        lambda: LinearManifold([-1.0], ambient_dim=3),
        lambda: LinearManifold([math.nan], ambient_dim=3),
        lambda: LinearManifold([math.inf], ambient_dim=3),
        lambda: LinearManifold(torch.ones(2, 2), ambient_dim=5),
        lambda: LinearManifold([1.0], ambient_dim=3, basis=torch.ones(3, 1)),
        lambda: LinearManifold([1.0], ambient_dim=3, basis=torch.ones(2, 1) / math.sqrt(2)),
        lambda: LinearManifold([1.0], ambient_dim=3, basis=torch.eye(3)),
        lambda: LinearManifold.blocks((1.0, 2.0), (0, 2), ambient_dim=5),
        lambda: LinearManifold.blocks((1.0, 2.0), (1.5, 2), ambient_dim=5),
        lambda: LinearManifold.blocks((1.0, 2.0), (math.nan, 2), ambient_dim=5),
        lambda: LinearManifold.blocks((1.0, 2.0, 3.0), (1, 2), ambient_dim=5),
        lambda: LinearManifold.blocks((1.0, 2.0), (3, 3), ambient_dim=5),
        lambda: LinearManifold.blocks((), (), ambient_dim=5),
        lambda: LinearManifold.isotropic(1.0, 0),
    ],
)
def test_bad_laws_are_refused(make, unchecked):
    with pytest.raises(InputError, match="expected"):
        make()


def test_bad_variance_of_a_spectrum_is_refused(unchecked):
    for t in (0.0, -1.0, math.nan, "1", torch.ones(2)):
        with pytest.raises(InputError, match="expected"):
            LinearManifold.isotropic(1.0, 2).jacobian_eigenvalues(t)

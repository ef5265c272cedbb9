"""The Gaussian mixture: limits that are known laws, SciPy's density, refusals."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from geomem.distributions import Empirical, GaussianMixture, LinearManifold
from geomem.errors import InputError

METHODS = ["score", "denoise", "log_density"]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("t", [1e-3, 0.5, 30.0])
def test_components_of_no_width_are_an_empirical_law(method, t):
    points, x = normal(40, 3), normal(10, 3, seed=1)
    mixture, empirical = GaussianMixture(points, [0.0] * 40), Empirical(points)
    torch.testing.assert_close(getattr(mixture, method)(x, t), getattr(empirical, method)(x, t), rtol=1e-9, atol=1e-9)
    v = normal(10, 3, seed=2)
    torch.testing.assert_close(
        mixture.posterior_covariance_matvec(x, t, v),
        empirical.posterior_covariance_matvec(x, t, v),
        rtol=1e-8,
        atol=1e-11,
    )


@pytest.mark.parametrize("method", METHODS)
def test_one_component_is_a_gaussian(method):
    mean, x = torch.tensor([[1.0, -2.0]], dtype=torch.float64), normal(10, 2)
    mixture, gaussian = GaussianMixture(mean, [0.3]), LinearManifold.isotropic(0.3, 2)
    shift = mean if method == "denoise" else 0.0
    torch.testing.assert_close(
        getattr(mixture, method)(x + mean, 0.7), getattr(gaussian, method)(x, 0.7) + shift, rtol=1e-12, atol=1e-13
    )


@pytest.mark.parametrize("t", [1e-3, 0.5, 30.0])
def test_density_is_the_weighted_sum_of_components(t):
    means, variances, weights = normal(4, 3), [0.0, 0.1, 1.0, 4.0], [0.1, 0.2, 0.3, 0.4]
    x = means.repeat(2, 1) + 0.1
    parts = [
        w * stats.multivariate_normal(m, (s + t) * np.eye(3)).pdf(x.numpy())
        for m, s, w in zip(means.numpy(), variances, weights, strict=True)
    ]
    mixture = GaussianMixture(means, variances, weights)
    np.testing.assert_allclose(mixture.log_density(x, t).numpy(), np.log(np.sum(parts, axis=0)), rtol=1e-10)


def test_posterior_covariance_counts_width_and_distance():
    """Two components at -1 and 1, seen from the middle: v_k + (1 - g)^2 along the line between them."""
    mixture, t, width = GaussianMixture(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), [0.5, 0.5]), 1.0, 0.5
    g = width / (t + width)
    x, v = torch.zeros(2, 2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    expected = torch.diag(torch.tensor([t * g + (1 - g) ** 2, t * g], dtype=torch.float64))
    torch.testing.assert_close(mixture.posterior_covariance_matvec(x, t, v), expected, rtol=1e-12, atol=1e-14)


def test_weights_are_the_frequencies_of_the_samples(generator):
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    samples = GaussianMixture(torch.tensor([[0.0], [1.0], [2.0]]), [0.0, 0.0, 0.0], weights).sample(20_000, generator)
    counts = samples[:, 0].round().long().bincount(minlength=3)
    assert stats.chisquare(counts.numpy(), (20_000 * weights).numpy()).pvalue > 1e-4


def test_far_from_every_component_nothing_overflows():
    mixture = GaussianMixture(normal(3, 2), [0.0, 0.1, 0.2])
    x = torch.full((1, 2), 1e6, dtype=torch.float64)
    for t in (1e-12, 1.0, 1e12):
        for method in METHODS:
            assert torch.isfinite(getattr(mixture, method)(x, t)).all()


def test_logits_that_overflow_are_refused():
    mixture = GaussianMixture(normal(3, 2), [0.0, 0.1, 0.2])
    for method in METHODS:
        with pytest.raises(InputError, match="rescale"):
            getattr(mixture, method)(torch.full((1, 2), 1e200, dtype=torch.float64), 1.0)


def test_dimensions():
    assert GaussianMixture(torch.zeros(2, 3), [0.0, 0.1]).intrinsic_dim == 3
    assert GaussianMixture(torch.zeros(2, 3), [0.0, 0.0]).intrinsic_dim == 0


@pytest.mark.parametrize(
    ("means", "variances", "weights"),
    [
        (torch.zeros(0, 2), [], None),
        (torch.zeros(2, 0), [1.0, 1.0], None),
        (torch.zeros(2), [1.0, 1.0], None),
        (torch.zeros(2, 1), [1.0], None),
        (torch.zeros(2, 1), [1.0, -1.0], None),
        (torch.zeros(2, 1), [1.0, math.inf], None),
        (torch.zeros(2, 1), [1.0, 1.0], [1.0]),
        (torch.zeros(2, 1), [1.0, 1.0], [0.5, 0.6]),
        (torch.zeros(2, 1), [1.0, 1.0], [1.0, 0.0]),
        (torch.zeros(2, 1), [1.0, 1.0], [math.nan, 0.5]),
        (torch.full((2, 1), math.nan), [1.0, 1.0], None),
    ],
)
def test_bad_laws_are_refused(means, variances, weights, unchecked):
    with pytest.raises(InputError, match="expected"):
        GaussianMixture(means, variances, weights)

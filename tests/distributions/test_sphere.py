"""Data projected onto a sphere: where the samples lie, how the variance is shared, refusals."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from geomem.distributions import Empirical, GaussianMixture, LinearManifold, OnSphere
from geomem.errors import InputError

BLOCKS = LinearManifold.blocks((1.0, 0.09, 1e-4), (2, 5, 23), ambient_dim=30)


@pytest.mark.parametrize("radius", [1.0, 0.2, 7])
def test_samples_lie_on_the_sphere_in_the_directions_of_the_law(radius, generator):
    x = OnSphere(BLOCKS, radius=radius).sample(500, generator)
    torch.testing.assert_close(x.norm(dim=1), torch.full((500,), float(radius), dtype=torch.float64))
    y = BLOCKS.sample(500, torch.Generator().manual_seed(0))
    torch.testing.assert_close((x * y).sum(1), radius * y.norm(dim=1), rtol=1e-12, atol=0)


def test_share_of_each_direction_is_the_integral(generator):
    """E y_i²/|y|² for blocks of three variances: one integral over u for each, against 100 000 samples."""
    sigma2, n = BLOCKS.variances.numpy(), 100_000
    squares = OnSphere(BLOCKS).sample(n, generator).square()
    total = 0.0
    for first, count in ((0, 2), (2, 5), (7, 23)):

        def integrand(u: float, s2: float = sigma2[first]) -> float:
            return s2 / (1 + 2 * u * s2) * np.prod(1 / np.sqrt(1 + 2 * u * sigma2))

        expected = quad(integrand, 0, np.inf, epsabs=1e-12, epsrel=1e-10)[0]
        share = squares[:, first : first + count].mean(1)
        assert abs(share.mean().item() - expected) < 4.5 * share.std().item() / math.sqrt(n)
        total += count * expected
    assert total == pytest.approx(1, rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("law", "dims"),
    [
        (BLOCKS, (30, 29)),
        (LinearManifold([1.0, 0.0, 2.0], ambient_dim=5), (5, 1)),
        (LinearManifold([1.0], ambient_dim=3), (3, 0)),
        (Empirical(torch.eye(4)), (4, 0)),
        (GaussianMixture(torch.eye(4), [1.0] * 4), (4, 3)),
    ],
)
def test_one_dimension_goes(law, dims, generator):
    sphere = OnSphere(law)
    assert (sphere.ambient_dim, sphere.intrinsic_dim) == dims
    assert torch.linalg.matrix_rank(sphere.sample(50, generator)) >= dims[1]


def test_dtype_is_that_of_the_samples(generator):
    assert OnSphere(Empirical(torch.eye(4))).sample(3, generator).dtype == torch.float32


def test_a_point_at_the_origin_has_no_direction(generator):
    law = OnSphere(Empirical(torch.tensor([[0.0, 0.0], [1.0, 0.0]])))
    with pytest.raises(InputError, match="of 50 samples at the origin, expected none"):
        law.sample(50, generator)


@pytest.mark.parametrize("radius", [0.0, -1.0, math.nan, math.inf, "1"])
def test_bad_radii_are_refused(radius, unchecked):
    with pytest.raises(InputError, match="expected a finite number"):
        OnSphere(BLOCKS, radius=radius)


def test_a_law_that_cannot_be_sampled_is_refused(unchecked):
    with pytest.raises(InputError, match="got a law of type Tensor, expected one that can be sampled"):
        OnSphere(torch.eye(3))

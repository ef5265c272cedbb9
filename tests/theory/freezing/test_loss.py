"""The three measures of loss against the limit, another route to each, exact bounds, and refusals."""

import numpy as np
import pytest
import scipy.linalg
import torch
from numpy.testing import assert_allclose
from scipy.integrate import quad

from geomem.distributions import Empirical, LinearManifold
from geomem.errors import InputError
from geomem.jacobian import dense
from geomem.theory.freezing import (
    absolute_loss,
    frozen_covariance,
    live_fraction,
    loss_crossing,
    relative_response,
)
from geomem.theory.random_matrix import marchenko_pastur

MEASURES = {
    "response": relative_response,
    "loss": lambda c, p: absolute_loss(c, p, t=0.3),
    "live": live_fraction,
}


def covariances(*shape: int, n: int, seed: int = 0, rank: int | None = None) -> np.ndarray:
    draws = np.random.default_rng(seed).normal(size=(*shape, n, rank or 2 * n))
    return draws @ draws.mT / draws.shape[-1]


def rotation(n: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(9).normal(size=(n, n))).Q


# --- identities -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "population", "nothing"), [("response", 1, 0), ("loss", 0, None), ("live", 1, 0)])
def test_the_population_loses_nothing_and_no_covariance_loses_all(name, population, nothing):
    p = covariances(n=5)
    assert MEASURES[name](p, p) == pytest.approx(population, rel=1e-12, abs=1e-15)
    lost = np.trace(p) / (5 * 0.3) if nothing is None else nothing
    assert MEASURES[name](0 * p, p) == pytest.approx(lost, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", MEASURES)
def test_the_basis_of_the_block_does_not_matter(name):
    c, p, q = covariances(n=6, rank=5), covariances(n=6, seed=1), rotation(6)
    c_turned, p_turned = q @ c @ q.T, q @ p @ q.T
    assert MEASURES[name](c_turned, p_turned) == pytest.approx(MEASURES[name](c, p), rel=1e-12, abs=0)


@pytest.mark.parametrize("name", MEASURES)
def test_batches_broadcast(name):
    c, p = covariances(4, 1, n=3, rank=2), covariances(2, n=3, seed=1)
    together = MEASURES[name](c, p)
    assert together.shape == (4, 2)
    assert together.dtype == np.float64
    alone = MEASURES[name](c[3, 0], p[1])
    assert isinstance(alone, float)
    assert together[3, 1] == pytest.approx(alone, rel=1e-12, abs=0)


def test_the_noise_broadcasts_against_the_batch():
    c, p, t = covariances(4, 1, n=3), covariances(n=3, seed=1), np.array([0.1, 2.0])
    together = absolute_loss(c, p, t=t)
    assert together.shape == (4, 2)
    assert together[2, 1] == pytest.approx(absolute_loss(c[2, 0], p, t=2.0), rel=1e-12, abs=0)


# --- against the limit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("t", "first"), [(0.05, "low"), (0.3, "high")], ids=["below the crossing", "above"])
def test_frozen_blocks_answer_as_the_limit_says(t, first):
    high, low, t_c = 1.0, 0.09, 0.6  # t x t_c is 0.03 or 0.18, on both sides of 0.09

    def measure(function, variance, n=4):
        frozen = frozen_covariance(t, variances=[variance] * n, t_c=t_c)
        return function(np.diag(frozen), t * variance / (t + variance) * np.eye(n))

    for variance in (high, low):
        kept = (t + variance) / (t_c + variance)
        assert measure(relative_response, variance) == pytest.approx(kept, rel=1e-12, abs=0)
    losses = [measure(lambda c, p: absolute_loss(c, p, t=t), variance) for variance in (high, low)]
    assert_allclose(losses, [s * (t_c - t) / ((t + s) * (t_c + s)) for s in (high, low)], rtol=1e-12)
    assert measure(relative_response, high) > measure(relative_response, low)  # low first, always
    assert (losses[0] > losses[1]) == (first == "high") == (t > loss_crossing(t_c, high=high, low=low))


def test_the_loss_of_both_blocks_is_the_same_at_the_crossing():
    t_c = 0.6
    t = float(loss_crossing(t_c, high=1.0, low=0.09))
    frozen = frozen_covariance(t, variances=[1.0, 0.09], t_c=t_c)
    losses = [
        absolute_loss(np.array([[c]]), np.array([[t * s / (t + s)]]), t=t)
        for c, s in zip(frozen, (1.0, 0.09), strict=True)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12, abs=0)


def test_the_losses_of_all_blocks_add_up_to_that_of_the_effective_dimension():
    """At a state of the empirical score, whose spectrum of K = C/t is found another way."""
    generator, t = torch.Generator().manual_seed(2), 0.4
    law = LinearManifold([1.0, 1.0, 0.3, 0.3], ambient_dim=4)
    empirical = Empirical(law.sample(12, generator))
    x = law.sample(1, generator)
    c = (t * (torch.eye(4) + t * dense(empirical, x, t)[0])).numpy()
    p = np.diag(t * np.array([1.0, 1.0, 0.3, 0.3]) / (t + np.array([1.0, 1.0, 0.3, 0.3])))
    blocks = (slice(0, 2), slice(2, 4))
    lost = sum(2 * absolute_loss(c[k, k], p[k, k], t=t) for k in blocks)
    effective = 4 + t * empirical.jacobian_eigenvalues(x, t).sum().item()
    assert lost == pytest.approx(np.trace(p) / t - effective, rel=1e-9, abs=0)


# --- live directions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [0.2, 0.5, 1.0])
def test_live_fraction_is_that_of_the_definition(threshold):
    c, p = covariances(30, n=6, rank=7), covariances(30, n=6, seed=1)
    roots = [np.linalg.inv(scipy.linalg.sqrtm(each)) for each in p]
    expected = [
        (np.linalg.eigvalsh(root @ each @ root) > threshold).mean() for root, each in zip(roots, c, strict=True)
    ]
    assert len(set(expected)) > 2
    assert_allclose(live_fraction(c, p, threshold=threshold), expected, rtol=1e-14)


def test_the_default_threshold_is_one_half():
    assert live_fraction(np.diag([0.49, 0.51, 0.9, 0.5]), np.eye(4)) == pytest.approx(0.5, rel=1e-14, abs=0)


def test_few_points_keep_few_directions_alive_and_the_larger_block_misses_them_first():
    """The covariance of r points has rank r - 1, however far apart they are."""
    points = 100 * np.random.default_rng(0).normal(size=(4, 12))
    c = np.cov(points.T, bias=True)
    assert live_fraction(c, np.eye(12)) == pytest.approx(3 / 12, rel=1e-14, abs=0)
    assert live_fraction(c[:3, :3], np.eye(3)) == pytest.approx(1, rel=1e-14, abs=0)
    assert live_fraction(c[3:, 3:], np.eye(9)) == pytest.approx(3 / 9, rel=1e-14, abs=0)


def test_independent_draws_of_the_posterior_follow_marchenko_and_pastur():
    """Power: at half or at twice as many draws the share would be off by more than ten of these tolerances."""
    n, draws = 240, 480
    p = covariances(n=n)
    c = np.cov(np.linalg.cholesky(p) @ np.random.default_rng(1).normal(size=(n, draws)), bias=True)

    def expected(aspect):
        def density(gamma):
            return float(marchenko_pastur.density(gamma, variance=1.0, aspect=aspect))

        lower, upper = marchenko_pastur.edges(variance=1.0, aspect=aspect)
        return quad(density, max(0.5, lower), upper)[0]

    assert live_fraction(c, p) == pytest.approx(expected(n / draws), rel=0, abs=0.008)
    assert abs(expected(0.5) - expected(1.0)) > 0.08
    assert abs(expected(0.5) - expected(0.25)) > 0.08


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MEASURES)
def test_what_is_no_covariance_is_refused(unchecked, name):
    measure, p = MEASURES[name], np.eye(3)
    for bad, reason in (
        (np.ones(3), "expected \\(..., n, n\\)"),
        (np.ones((3, 2)), "expected \\(..., n, n\\)"),
        (np.ones((0, 0)), "expected \\(..., n, n\\)"),
        (p * np.nan, "NaN"),
        (p.astype(complex), "real numbers"),
        (np.triu(np.ones((3, 3))), "not symmetric"),
        (-p, "negative variance"),
    ):
        with pytest.raises(InputError, match=reason):
            measure(bad, p)
        with pytest.raises(InputError, match=reason):
            measure(p, bad)
    with pytest.raises(InputError, match="of 2 directions and a population of 3"):
        measure(np.eye(2), p)
    with pytest.raises(InputError, match="broadcast"):
        measure(np.ones((2, 3, 3)), np.ones((4, 3, 3)))


def test_a_population_without_variance_is_refused(unchecked):
    with pytest.raises(InputError, match="nothing to lose"):
        relative_response(np.eye(2), np.zeros((2, 2)))
    with pytest.raises(InputError, match="not positive definite"):
        live_fraction(np.eye(2), np.diag([1.0, 0.0]))


@pytest.mark.parametrize("threshold", [0.0, -1.0, np.nan, np.inf])
def test_a_threshold_that_is_not_positive_is_refused(threshold):
    with pytest.raises(InputError, match="threshold"):
        live_fraction(np.eye(2), np.eye(2), threshold=threshold)


def test_bad_noise_is_refused():
    with pytest.raises(InputError, match="noise variances"):
        absolute_loss(np.eye(2), np.eye(2), t=0.0)
    with pytest.raises(InputError, match="broadcast"):
        absolute_loss(np.ones((2, 1, 1)), np.ones((2, 1, 1)), t=np.ones(3))


def test_rounding_is_not_mistaken_for_asymmetry():
    c = covariances(n=3) * 1e-30
    c[0, 1] *= 1 + 1e-12
    assert relative_response(c, np.eye(3)) == pytest.approx(np.trace(c) / 3, rel=1e-12, abs=0)

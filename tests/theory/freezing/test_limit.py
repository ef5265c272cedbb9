"""The frozen covariance, effective dimension, spread, and squared distance, in the limit at fresh states."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geomem.distributions import Empirical
from geomem.errors import InputError
from geomem.theory.condensation import condensation_time
from geomem.theory.freezing import (
    frozen_covariance,
    frozen_effective_dimension,
    frozen_spread,
    frozen_squared_distance,
    loss_crossing,
)
from geomem.theory.random_energy_model import poisson_dirichlet

SIGMA2 = np.array([1.0, 0.3, 0.09, 0.0])


def close(expected, rel: float):
    return pytest.approx(expected, rel=rel, abs=0)


def frozen_data(x: np.ndarray, t_c: float, rho: float, sets: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What freezes: draws of the posterior at the noise t_c, with Poisson-Dirichlet weights."""
    rng = np.random.default_rng(seed)
    w = poisson_dirichlet(rho, sets, rng, n_weights=60)
    v = t_c * SIGMA2 / (t_c + SIGMA2)
    return w, x * v / t_c + np.sqrt(v) * rng.standard_normal((*w.shape, len(x)))


def test_weights_and_draws_have_the_frozen_covariance():
    t, t_c, sets = 0.2, 0.5, 20_000
    w, y = frozen_data(np.zeros(4), t_c, t / t_c, sets, seed=1)
    w /= w.sum(axis=1, keepdims=True)
    mean = np.einsum("sk,skd->sd", w, y)
    sample = np.einsum("sk,skd->sd", w, y**2) - mean**2
    error = sample.std(axis=0) / math.sqrt(sets)
    expected = frozen_covariance(t, variances=SIGMA2, t_c=t_c)
    population = t * SIGMA2 / (t + SIGMA2)
    assert np.all(np.abs(sample.mean(axis=0) - expected) <= 4 * error + 1e-3 * expected)
    assert np.all(error[:3] <= (population - expected)[:3] / 4)


def test_spread_is_that_of_the_weights():
    for rho in (0.1, 0.6):
        w = poisson_dirichlet(rho, 40_000, np.random.default_rng(2), n_weights=60)
        left = 1 - (w**2).sum(axis=1)
        assert left.std() / left.mean() == pytest.approx(frozen_spread(rho, t_c=1.0), rel=0.03)


def test_weights_and_draws_have_the_frozen_squared_distance():
    x, t_c, sets = np.array([1.0, -1.5, 0.2, 0.4]), 0.3, 20_000
    w, y = frozen_data(x, t_c, 0.5, sets, seed=3)
    sample = np.einsum("sk,sk->s", w / w.sum(axis=1, keepdims=True), ((x - y) ** 2).sum(axis=2))
    error = sample.std() / math.sqrt(sets)
    expected = frozen_squared_distance(x, variances=SIGMA2, t_c=t_c)
    assert abs(sample.mean() - expected) <= 4 * error
    trace = frozen_squared_distance(0 * x, variances=SIGMA2, t_c=t_c)  # the variance alone
    assert error <= (expected - trace) / 4


def test_flipd_of_data_is_the_weighted_squared_distance():
    """d + t (tr J + |s|^2) = sum w |x - y|^2 / t, at any noise and for any data."""
    rng = np.random.default_rng(4)
    y, x = torch.from_numpy(rng.gamma(0.7, size=(12, 5))), torch.from_numpy(rng.normal(size=(3, 5)))
    data = Empirical(y)
    for t in (0.02, 0.5, 30.0):
        trace = data.jacobian_eigenvalues(x, t).sum(-1)
        flipd = 5 + t * (trace + (data.score(x, t) ** 2).sum(-1))
        squares = torch.cdist(x, y) ** 2
        weighted = (torch.softmax(-squares / (2 * t), dim=-1) * squares).sum(-1) / t
        assert flipd.numpy() == close(weighted.numpy(), 1e-9)


def test_noise_of_best_generalization():
    """m = d equal variances: d t_g / d = sigma^2 [1/(1 + s) + 1/(1 + s)^2] with s = sigma^2 / t_c."""
    t_c = condensation_time(np.ones(16), variances=np.ones(16), n_points=10_000)
    s = 1 / t_c
    value = frozen_squared_distance(np.ones(16), variances=np.ones(16), t_c=t_c)
    assert value == close(16 * (1 / (1 + s) + 1 / (1 + s) ** 2), 1e-13)
    assert value / 16 == pytest.approx(0.3288, abs=5e-5)


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_effective_dimension_is_the_trace_and_stops_growing(t, t_c):
    dimension = frozen_effective_dimension(t, variances=SIGMA2, t_c=t_c)
    assert dimension == close(frozen_covariance(t, variances=SIGMA2, t_c=t_c).sum() / t, 1e-13)
    population = (SIGMA2 / (t + SIGMA2)).sum()
    assert dimension <= population * (1 + 1e-14)
    if t >= t_c:
        assert dimension == close(population, 1e-14)
    else:
        assert dimension == close(frozen_effective_dimension(t_c, variances=SIGMA2, t_c=t_c), 1e-14)


@given(st.floats(0.01, 100.0), st.floats(0.01, 100.0), st.floats(0.01, 1.0), st.floats(0.01, 0.99))
def test_higher_variance_has_lost_more_only_above_the_crossing(t_c, high, ratio, rho):
    low, t = high * ratio, rho * t_c
    variances = np.array([high, low])
    population = t * variances / (t + variances)
    lost = (population - frozen_covariance(t, variances=variances, t_c=t_c)) / population.max()
    crossing = loss_crossing(t_c, high=high, low=low)
    assert crossing * t_c == close(high * low, 1e-14)
    difference = lost[0] - lost[1]
    if abs(difference) > 1e-12:
        assert (difference > 0) == (t > crossing)
    # Relative to what it had, the lower variance has always lost more.
    response = frozen_covariance(t, variances=variances, t_c=t_c) / population
    assert response[0] >= response[1] * (1 - 1e-14)


def test_losses_are_equal_at_the_crossing():
    t_c, variances = 0.5, np.array([1.0, 0.09])
    t = loss_crossing(t_c, high=1.0, low=0.09)
    assert t < t_c
    lost = t * variances / (t + variances) - frozen_covariance(t, variances=variances, t_c=t_c)
    assert lost[0] == close(lost[1], 1e-12)


def test_shapes():
    t, t_c = np.array([[0.1], [2.0]]), [0.3, 0.5, 0.7]
    assert frozen_covariance(t, variances=SIGMA2, t_c=t_c).shape == (2, 3, 4)
    assert frozen_effective_dimension(t, variances=SIGMA2, t_c=t_c).shape == (2, 3)
    assert frozen_spread(t, t_c=t_c) == pytest.approx(
        np.array([[math.sqrt(2 / 3), math.sqrt(4 / 3), math.sqrt(2)], [0, 0, 0]]), rel=1e-14, abs=1e-15
    )
    assert loss_crossing(t_c, high=t, low=0.05).shape == (2, 3)
    assert frozen_squared_distance(np.ones((2, 1, 4)), variances=SIGMA2, t_c=t_c).shape == (2, 3)
    for scalar in (
        frozen_effective_dimension(0.1, variances=SIGMA2, t_c=0.3),
        frozen_spread(0.1, t_c=0.3),
        loss_crossing(0.3, high=1.0, low=0.1),
        frozen_squared_distance(np.ones(4), variances=SIGMA2, t_c=0.3),
    ):
        assert isinstance(scalar, float)
    assert frozen_covariance(0.1, variances=SIGMA2, t_c=0.3)[3] == 0


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, "1", None])
def test_bad_times_are_refused(bad, unchecked):
    for function in (
        lambda: frozen_covariance(bad, variances=SIGMA2, t_c=1.0),
        lambda: frozen_covariance(1.0, variances=SIGMA2, t_c=bad),
        lambda: frozen_effective_dimension(bad, variances=SIGMA2, t_c=1.0),
        lambda: frozen_spread(1.0, t_c=bad),
        lambda: loss_crossing(bad, high=1.0, low=0.1),
        lambda: loss_crossing(1.0, high=1.0, low=bad),
        lambda: loss_crossing(1.0, high=bad, low=0.1),
        lambda: frozen_squared_distance(np.ones(4), variances=SIGMA2, t_c=bad),
    ):
        with pytest.raises(InputError, match="got"):
            function()


def test_bad_shapes_and_orders_are_refused(unchecked):
    two, three = np.ones(2), np.ones(3)
    for function in (
        lambda: frozen_covariance(two, variances=SIGMA2, t_c=three),
        lambda: frozen_spread(two, t_c=three),
        lambda: loss_crossing(two, high=three, low=1.0),
        lambda: frozen_squared_distance(np.ones((2, 4)), variances=SIGMA2, t_c=three),
    ):
        with pytest.raises(InputError, match="broadcast"):
            function()
    with pytest.raises(InputError, match="high >= low"):
        loss_crossing(1.0, high=0.1, low=0.2)
    with pytest.raises(InputError, match="variance"):
        frozen_covariance(1.0, variances=[0.0, 0.0], t_c=1.0)
    with pytest.raises(InputError, match="states x"):
        frozen_squared_distance(np.ones(3), variances=SIGMA2, t_c=1.0)

"""Limits and approximations of the effective sample size, and how far the exact averages are from them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomem.theory.condensation import collapse_time, condensation_time
from geomem.theory.effective_sample_size import (
    annealed_rate,
    expected_log_sample_size,
    inverse_participation_ratio,
    ipr_frozen,
    ipr_frozen_variance,
    own_weight,
    own_weight_gaussian,
    typical_rate,
)
from geomem.theory.random_energy_model import poisson_dirichlet
from tests.theory.random_energy_model import by_density
from tests.theory.test_effective_sample_size import FIRST, REFERENCE, agree, close, levels, means_over_states, typical

# --- the Gaussian approximation of the own weight ---------------------------------------------------------------------


def test_information_density_has_the_mean_and_variance_of_the_approximation():
    """i = ln p(x|y)/p(x) at x = y + noise has mean sum ln(1 + s)/2 and variance sum s/(1 + s)."""
    sigma2, t = np.array([3.0, 1.0, 0.2, 0.05]), 0.5
    rng = np.random.default_rng(8)
    y = np.sqrt(sigma2) * rng.standard_normal((400_000, 4))
    x = y + np.sqrt(t) * rng.standard_normal((400_000, 4))
    density = (-((x - y) ** 2) / (2 * t) + x**2 / (2 * (t + sigma2)) + np.log1p(sigma2 / t) / 2).sum(axis=1)
    s = sigma2 / t
    spread = (s / (1 + s)).sum()
    error = density.std() / np.sqrt(density.size)
    assert abs(density.mean() - np.log1p(s).sum() / 2) < 4 * error
    squared = (density - density.mean()) ** 2
    error = squared.std() / np.sqrt(squared.size)
    assert error < 0.01 * spread
    assert abs(squared.mean() - spread) < 4 * error
    # and it is this variance that the approximation has: ln N one and two standard deviations below the mean
    for k, value in ((1.0, 0.8413447460685429), (2.0, 0.9772498680518208), (-1.0, 0.15865525393145707)):
        n = np.exp(np.log1p(s).sum() / 2 - k * np.sqrt(spread))
        if n > 2:
            assert own_weight_gaussian(variances=sigma2, t=t, n_points=float(n)) == close(value, 1e-9)


def test_value_and_size_of_the_error():
    table = REFERENCE["half_collapse"]
    d, n = table["d"], table["n_points"]
    t = collapse_time(variances=np.ones(d), n_points=n) / 2
    found = own_weight_gaussian(variances=np.ones(d), t=t, n_points=n)
    assert isinstance(found, float)
    agree(found, table["gaussian"])


def test_gaussian_approximation_improves_with_the_dimension():
    """At I - ln N = one standard deviation the approximation is .841; the exact mean comes down to it as d^(-1/2)."""
    errors = []
    for d, n in ((64, 10**16), (256, 10**64)):
        log_n = math.log(n)

        def excess(t, d=d, log_n=log_n):
            s = 1 / t
            return (d / 2 * math.log1p(s) - log_n) / math.sqrt(d * s / (1 + s)) - 1

        low, high = 1e-6, 10.0
        for _ in range(80):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if excess(middle) > 0 else (low, middle)
        approximation = own_weight_gaussian(variances=np.ones(d), t=low, n_points=n)
        assert approximation == close(0.8413447460685429, 1e-9)
        (exact,) = means_over_states((own_weight,), d, low, n)
        errors.append(exact - approximation)
    errors = np.array(errors)
    assert np.all(errors > 0)
    assert np.all(errors[1:] < 0.65 * errors[:-1])
    assert errors[0] < 0.05
    assert errors[-1] < 0.03


def test_gaussian_approximation_takes_arrays():
    t, n = np.array([[0.1], [0.4]]), [10, 1000, 10**400]
    found = own_weight_gaussian(variances=np.ones(2000), t=t, n_points=n)
    assert found.shape == (2, 3)
    assert found.dtype == np.float64
    assert np.all(np.diff(found, axis=0) <= 0)
    assert np.all(np.diff(found, axis=1) <= 0)
    assert found[1, 2] == close(own_weight_gaussian(variances=np.ones(2000), t=0.4, n_points=10**400), 1e-14)


# --- the frozen phase -------------------------------------------------------------------------------------------------


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_frozen_values_in_closed_form(t, t_c):
    rho = min(t / t_c, 1.0)
    assert ipr_frozen(t, t_c=t_c) == pytest.approx(1 - rho, rel=1e-12, abs=1e-15)
    assert ipr_frozen_variance(t, t_c=t_c) == pytest.approx(rho * (1 - rho) / 3, rel=1e-12, abs=1e-15)


def test_frozen_values_take_arrays():
    t = np.array([0.1, 0.5, 1.0, 3.0])
    found = ipr_frozen(t, t_c=np.array([[1.0], [2.0]]))
    np.testing.assert_allclose(found, [[0.9, 0.5, 0, 0], [0.95, 0.75, 0.5, 0]], rtol=1e-14)
    found = ipr_frozen_variance(t, t_c=1.0)
    np.testing.assert_allclose(found, [0.03, 1 / 12, 0, 0], rtol=1e-14)
    assert found.dtype == np.float64
    assert isinstance(ipr_frozen(0.3, t_c=1.0), float)
    assert isinstance(ipr_frozen_variance(2.0, t_c=1.0), float)


@pytest.mark.parametrize("rho", [0.2, 0.5])
def test_frozen_weights_are_those_of_poisson_dirichlet(rho):
    w = poisson_dirichlet(rho, 20_000, np.random.default_rng(1), n_weights=200)
    squares = (w**2).sum(axis=1)
    for sample, expected in (
        (squares, ipr_frozen(rho, t_c=1.0)),
        ((squares - squares.mean()) ** 2, ipr_frozen_variance(rho, t_c=1.0)),
    ):
        error = sample.std() / np.sqrt(sample.size)
        assert error < 0.02 * expected
        assert abs(sample.mean() - expected) < 4 * error


def second_moment(density: by_density.Levels) -> float:
    """E (sum w^2)^2 = int v^4 [N M_4 L^(N-1) + N(N-1) M_2^2 L^(N-2)] d ln v / 6, M_k = E z^k exp(-v z)."""
    log_uz = density.log_u[:, None] - density.law.e
    log_fourth = np.log(np.exp(density.law.log_p + 4 * log_uz - np.exp(np.minimum(log_uz, 700))).sum(axis=1) + 1e-300)
    log_n, curvature = density.log_n, density.transforms.log_curvature
    diagonal = np.exp(log_n + log_fourth) * density.survival(1)
    pairs = np.exp(2 * (log_n + curvature) + density.log_share(1)) * density.survival(2)
    return density.integral(diagonal + pairs) / 6


def test_mean_and_variance_at_growing_size_approach_the_frozen_ones():
    """At x_i^2 = 1 and a half of t_c: 1/2 and 1/12, with a distance that falls as 1/d."""
    gaps = []
    for d in (16, 64, 256):
        log_n, n = d / 4 * math.log(10), 10 ** (d // 4)
        t_c = condensation_time(np.ones(d), variances=np.ones(d), n_points=n)
        density = levels(d, d, t_c / 2, log_n)
        exact = inverse_participation_ratio(np.ones(d), variances=np.ones(d), t=t_c / 2, n_points=n).value
        assert exact == close(density.participation(), 1e-9)
        variance = second_moment(density) - exact**2
        gaps.append([exact - ipr_frozen(t_c / 2, t_c=t_c), variance - ipr_frozen_variance(t_c / 2, t_c=t_c)])
    gaps = np.abs(gaps)
    assert np.all(gaps[:-1] > 2 * gaps[1:])
    assert np.all(gaps[2] < [0.02, 0.002])


# --- rates above condensation -----------------------------------------------------------------------------------------


def above(d: int) -> tuple[np.ndarray, dict]:
    table = REFERENCE["rates"]
    t = table["times_collapse"] * collapse_time(variances=np.ones(2), n_points=math.exp(2 * table["rate"]))
    n = int(math.exp(table["rate"] * d)) if d < 1000 else 10 ** round(table["rate"] * d / math.log(10))
    return typical(d, t), {"variances": np.ones(d), "t": t, "n_points": n}


def test_rates_per_dimension_and_their_size_at_finite_dimension():
    d = FIRST["rates"]["d"]
    x, state = above(d)
    assert state["n_points"] > 1e100
    limits = [typical_rate(x, **state) / d, annealed_rate(x, **state) / d]
    exact = [
        expected_log_sample_size(x, **state).value / d,
        -np.log(inverse_participation_ratio(x, **state).value) / d,
    ]
    for limit, value, name in zip(limits, exact, ("typical", "annealed"), strict=True):
        agree(limit, REFERENCE["rates"][name])
        agree(value, FIRST["rates"][name])


def test_rates_vanish_below_condensation_and_are_equal_far_above():
    x, state = above(60)
    t_c = condensation_time(x, variances=state["variances"], n_points=state["n_points"])
    t = t_c * np.array([0.3, 0.99, 1.01, 1.5, 2.05, 4.0])
    moved = {"variances": state["variances"], "n_points": state["n_points"], "t": t}
    typical_found, annealed_found = typical_rate(x, **moved), annealed_rate(x, **moved)
    assert typical_found.shape == annealed_found.shape == (6,)
    np.testing.assert_array_equal(typical_found[:2], 0)
    np.testing.assert_array_equal(annealed_found[:2], 0)
    assert np.all(annealed_found[2:4] > 0)
    assert np.all(annealed_found[2:4] < typical_found[2:4])
    np.testing.assert_allclose(annealed_found[4:], typical_found[4:], rtol=1e-12)
    assert np.all(np.diff(typical_found[1:]) > 0)

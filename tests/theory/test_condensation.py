"""Condensation and collapse times: the table, the roots in 40 digits, limits, symmetries, and the correction."""

import math
import tomllib
from pathlib import Path

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import brentq
from torch.distributions import Normal, kl_divergence

from geomem.errors import RegimeError
from geomem.theory.condensation import (
    axis_order,
    collapse_time,
    condensation_time,
    condensation_time_corrected,
    condensation_time_second_cumulant,
)
from geomem.theory.positional import energy_variance, information_gain, positional_cumulant
from geomem.theory.random_energy_model import participation
from geomem.theory.random_energy_model.cumulants import derivative

REFERENCE = tomllib.loads((Path(__file__).parents[1] / "reference" / "condensation.toml").read_text())
OF_STATES = [condensation_time, condensation_time_corrected, condensation_time_second_cumulant]

variances = st.lists(st.floats(1e-4, 1e2) | st.just(0.0) | st.sampled_from([1.0, 0.09]), min_size=1, max_size=6).filter(
    any
)
points = st.floats(0.1, 60).map(math.exp)
seeds = st.integers(0, 2**32 - 1)


def close(expected, rel: float):
    """Relative comparison alone: pytest.approx would add an absolute 1e-12."""
    return pytest.approx(expected, rel=rel, abs=0)


def spread(blocks: list[list[float]]) -> np.ndarray:
    return np.concatenate([np.full(n, value) for value, n in blocks])


def last_digit(published: str) -> float:
    """One unit of the last digit."""
    return 10.0 ** -len(published.partition(".")[2])


def torch_gain(x: np.ndarray, sigma2: np.ndarray, t: float) -> float:
    """The divergence of the Gaussian posterior from the prior, as PyTorch computes it."""
    live = sigma2 > 0
    sigma2, x = torch.from_numpy(sigma2[live]), torch.from_numpy(x[live])
    variance = 1 / (1 / sigma2 + 1 / t)
    return kl_divergence(Normal(x / t * variance, variance.sqrt()), Normal(0 * x, sigma2.sqrt())).sum().item()


def exact_terms(x, sigma2, t):
    """KL and V in the precision of mpmath, from their sums."""
    terms = [(mpmath.mpf(float(a)) ** 2, mpmath.mpf(float(v))) for a, v in zip(x, sigma2, strict=True)]
    gain = sum(mpmath.log(1 + v / t) - v / (t + v) + q * v / (t + v) ** 2 for q, v in terms) / 2
    variance = sum(v**2 / (2 * (t + v) ** 2) + q * t * v / (t + v) ** 3 for q, v in terms)
    return gain, variance


def exact_root(equation, near: float) -> float:
    """The root in t of an equation, from a bracket of a factor of two each way, to 40 digits."""
    with mpmath.workdps(40):
        bracket = [mpmath.log(near / 2), mpmath.log(near * 2)]
        return float(mpmath.exp(mpmath.findroot(lambda log_t: equation(mpmath.exp(log_t)), bracket, solver="anderson")))


# --- the table -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", REFERENCE["state"], ids=lambda row: row["name"])
def test_table_of_states(row):
    sigma2, x, n = spread(row["variances"]), np.sqrt(spread(row["squares"])), row["n_points"]
    independent = brentq(lambda t: torch_gain(x, sigma2, t) - math.log(n), 1e-4, 10)
    time = condensation_time(x, variances=sigma2, n_points=n)
    assert time == close(independent, 1e-9)
    assert time == pytest.approx(float(row["T1"]), abs=last_digit(row["T1"]))
    alpha, d = math.log(n) / len(x), len(x)
    as_printed = 0.5 * math.sqrt((np.sum(sigma2**2) / d + 2 * np.sum(x**2 * sigma2) / d) / alpha)
    published = condensation_time_second_cumulant(x, variances=sigma2, n_points=n)
    assert published == close(as_printed, 1e-14)
    assert published == pytest.approx(float(row["second_cumulant"]), abs=last_digit(row["second_cumulant"]))


def test_table_of_axes():
    sigma2, n = spread(REFERENCE["axis"]["variances"]), REFERENCE["axis"]["n_points"]
    times, order = axis_order(variances=sigma2, n_points=n)
    for axis, published in REFERENCE["axis"]["times"].items():
        e = np.eye(len(sigma2))[int(axis)]
        independent = brentq(lambda t, e=e: torch_gain(math.sqrt(t) * e, sigma2, t) - math.log(n), 1e-4, 10)
        assert times[int(axis)] == close(independent, 1e-9)
        assert times[int(axis)] == pytest.approx(float(published), abs=last_digit(published))
    assert order.tolist() == [2, 3, 4, 5, 6, 0, 1, *range(7, 30)]


# --- the roots -------------------------------------------------------------------------------------------------------


@given(sigma2=variances, n=points, seed=seeds)
def test_the_root_is_that_of_forty_digits(sigma2, n, seed):
    x = np.random.default_rng(seed).normal(size=len(sigma2))
    time = condensation_time(x, variances=sigma2, n_points=n)
    exact = exact_root(lambda t: exact_terms(x, sigma2, t)[0] - mpmath.log(n), time)
    assert time == close(exact, 2e-13)


@pytest.mark.parametrize("n", [1 + 2.0**-40, 1.001, 2, 10**6, 10**100, 10**250], ids="{:.3g}".format)
def test_few_and_many_points_in_few_dimensions(n):
    """ln N from 1e-12, where KL is a difference of equal numbers, to roots near the end of float64."""
    x, sigma2 = np.array([0.5, 2.0, 7.0, 0.0]), [1.0, 0.3, 0.0, 1e-5]
    time = condensation_time(x, variances=sigma2, n_points=n)
    exact = exact_root(lambda t: exact_terms(x, sigma2, t)[0] - mpmath.log(mpmath.mpf(n)), time)
    assert time == close(exact, 2e-13)


@given(sigma2=variances, n=st.floats(2, 60).map(math.exp), seed=seeds)
def test_the_corrected_root_is_that_of_forty_digits_and_its_right_side_falls(sigma2, n, seed):
    x = 3 * np.random.default_rng(seed).normal(size=len(sigma2))
    try:
        time = condensation_time_corrected(x, variances=sigma2, n_points=n)
    except RegimeError:
        assume(False)

    def equation(t):
        gain, variance = exact_terms(x, sigma2, t)
        return gain + mpmath.log(2 * mpmath.pi * variance) / 2 - mpmath.log(n)

    assert time == close(exact_root(equation, time), 2e-13)
    t = np.logspace(-12, 6, 400)
    state = {"variances": sigma2, "t": t}
    right_side = information_gain(x, **state) + 0.5 * np.log(2 * np.pi * energy_variance(x, **state))
    assert np.all(np.diff(right_side) < 0)  # so it is the only one
    assert time > condensation_time(x, variances=sigma2, n_points=n)


@given(m=st.integers(1, 300), zeros=st.integers(0, 3), sigma2=st.floats(1e-6, 1e6), log_n=st.floats(1e-3, 100))
def test_collapse_of_equal_variances_is_closed(m, zeros, sigma2, log_n):
    n = math.exp(log_n)
    closed = sigma2 / math.expm1(2 * math.log(n) / m)
    assert collapse_time(variances=[sigma2] * m + [0.0] * zeros, n_points=n) == close(closed, 2e-13)


@given(sigma2=variances, n=points)
def test_collapse_is_the_condensation_of_typical_states(sigma2, n):
    time = collapse_time(variances=sigma2, n_points=n)
    exact = exact_root(
        lambda t: sum(mpmath.log(1 + mpmath.mpf(v) / t) for v in sigma2) / 2 - mpmath.log(n),
        time,
    )
    assert time == close(exact, 2e-13)
    typical = np.sqrt(time + np.array(sigma2))
    assert condensation_time(typical, variances=sigma2, n_points=n) == close(time, 1e-12)


@pytest.mark.parametrize("rho", [0.2, 0.7, 1.0])
def test_the_frozen_parameter_at_a_state_is_time_over_condensation_time(rho):
    """ln N + K - lambda K' = 0 at lambda = t/t_c(x), with the cumulant of t."""
    x, sigma2 = np.array([1.0, -0.5, 0.2]), [1.0, 0.09, 0.09]
    t_c = condensation_time(x, variances=sigma2, n_points=500)
    cumulant, lam = positional_cumulant(x, variances=sigma2, t=rho * t_c), np.array([rho])
    entropy = math.log(500) + cumulant(lam) - lam * derivative(cumulant, lam)
    assert entropy == pytest.approx([0], abs=1e-12)


# --- limits and order ------------------------------------------------------------------------------------------------


def test_the_second_cumulant_is_the_limit_of_few_nats_per_direction():
    """For one variance at x = 0, KL = (m/4)(s^2 - 4s^3/3 + ...), so the ratio of the times is 1 + 2s/3."""
    m, n = 1000, np.exp([1e-3, 1e-5, 1e-7])
    state = {"variances": np.ones(m), "n_points": n}
    published = condensation_time_second_cumulant(np.zeros(m), **state)
    time = condensation_time(np.zeros(m), **state)
    excess = published / time - 1
    assert excess * time == close([2 / 3] * 3, 2e-2)
    assert np.diff(np.log(excess)) / np.diff(np.log(time)) == pytest.approx([-1, -1], abs=5e-3)


@given(sigma2=variances, n=points, seed=seeds)
def test_the_second_cumulant_bounds_every_state(sigma2, n, seed):
    x = np.random.default_rng(seed).normal(size=len(sigma2))
    state = {"variances": sigma2, "n_points": n}
    assert condensation_time(x, **state) < condensation_time_second_cumulant(x, **state)


@given(sigma2=variances, n=points, factor=st.floats(1.01, 10), seed=seeds)
def test_more_points_condense_later_and_farther_states_sooner(sigma2, n, factor, seed):
    x = np.random.default_rng(seed).normal(size=len(sigma2))
    state = {"variances": sigma2, "n_points": n}
    assert condensation_time(x, **state | {"n_points": n * factor}) < condensation_time(x, **state)
    assert condensation_time(factor * x, **state) > condensation_time(x, **state)
    assert collapse_time(variances=sigma2, n_points=n * factor) < collapse_time(**state)


@given(sigma2=st.lists(st.sampled_from([1.0, 0.8, 0.5, 0.09, 0.01]), min_size=2, max_size=10), n=points)
def test_the_larger_variance_condenses_first_iff_above_the_geometric_mean(sigma2, n):
    times, order = axis_order(variances=sigma2, n_points=n)
    for a, b in np.ndindex(len(sigma2), len(sigma2)):
        if sigma2[a] > sigma2[b]:
            between = math.sqrt(sigma2[a] * sigma2[b])
            assert (times[a] > between) == (times[b] > between)
            assert (order.tolist().index(a) < order.tolist().index(b)) == (times[a] > between)
            if abs(times[a] / times[b] - 1) > 1e-12:  # not equal to all digits
                assert (times[a] > times[b]) == (times[a] > between)
    for i, t in enumerate(times):
        moved = condensation_time(math.sqrt(t) * np.eye(len(sigma2))[i], variances=sigma2, n_points=n)
        assert t == close(moved, 1e-12)


@given(sigma2=variances, i=st.integers(0, 5))
def test_along_an_axis_information_falls_and_the_state_adds_at_most_an_eighth_of_a_nat(sigma2, i):
    t, i = np.logspace(-8, 6, 300), i % len(sigma2)
    along = information_gain(np.sqrt(t)[:, None] * np.eye(len(sigma2))[i], variances=sigma2, t=t)
    at_the_mean = information_gain(np.zeros(len(sigma2)), variances=sigma2, t=t)
    assert np.all(np.diff(along) < 0)
    assert np.all(along - at_the_mean <= 0.125 * (1 + 1e-9))
    if sigma2[i] > 0:
        peak = np.array(sigma2[i])
        moved = information_gain(np.sqrt(peak) * np.eye(len(sigma2))[i], variances=sigma2, t=peak)
        expected = information_gain(np.zeros(len(sigma2)), variances=sigma2, t=peak) + 0.125
        assert moved == close(expected, 1e-12)


def test_axes_of_equal_variance_tie_and_one_without_variance_is_at_the_mean():
    times, order = axis_order(variances=[0.0, 0.3, 1.0, 0.3], n_points=[7, 10**40])
    assert times.shape == order.shape == (2, 4)
    assert np.array_equal(times[:, 1], times[:, 3])
    at_the_mean = condensation_time(np.zeros(4), variances=[0.0, 0.3, 1.0, 0.3], n_points=[7, 10**40])
    np.testing.assert_allclose(times[:, 0], at_the_mean, rtol=1e-13)
    assert order[0].tolist().index(1) + 1 == order[0].tolist().index(3)


# --- symmetries, shapes, numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", OF_STATES)
@given(c=st.floats(-20, 20).map(np.exp))
def test_only_ratios_of_lengths_matter(function, c):
    x, sigma2 = np.array([1.0, -0.4, 3.0, 0.2, 0.0]), np.array([1.0, 0.5, 0.0, 0.5, 0.1])
    scaled = function(c * x, variances=c**2 * sigma2, n_points=200)
    assert scaled == close(c**2 * function(x, variances=sigma2, n_points=200), 1e-12)
    collapse = collapse_time(variances=c**2 * sigma2, n_points=200)
    assert collapse == close(c**2 * collapse_time(variances=sigma2, n_points=200), 1e-12)


@pytest.mark.parametrize("function", OF_STATES)
def test_a_rotation_among_equal_variances_changes_nothing(function):
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3))).Q
    x, sigma2 = np.array([1.0, -0.5, 2.0, 0.3, -2.0]), [1.0, 1.0, 1.0, 0.2, 0.2]
    turned = np.concatenate([rotation @ x[:3], [2.0, 0.3]])
    before = function(x, variances=sigma2, n_points=100)
    assert function(turned, variances=sigma2, n_points=100) == close(before, 1e-13)
    assert function(x[::-1].copy(), variances=sigma2, n_points=100) != close(before, 1e-2)


@pytest.mark.parametrize("function", OF_STATES)
def test_states_and_numbers_of_points_broadcast(function):
    x, sigma2 = np.random.default_rng(0).normal(size=(3, 4, 5)), [1.0, 0.5, 0.0, 0.5, 0.1]
    n = np.array([50, 100, 2000, 10**6])
    together = function(x, variances=sigma2, n_points=n)
    assert together.shape == (3, 4)
    assert together.dtype == np.float64
    for i, j in np.ndindex(3, 4):
        one = function(x[i, j], variances=sigma2, n_points=int(n[j]))
        assert isinstance(one, float)
        assert together[i, j] == close(one, 1e-13)
    crossed = function(x[0], variances=sigma2, n_points=n[:, None])
    assert crossed.shape == (4, 4)
    np.testing.assert_allclose(np.diag(crossed), together[0], rtol=1e-13)
    np.testing.assert_allclose(crossed[0], function(x[0], variances=sigma2, n_points=50), rtol=1e-13)
    assert function(x[:0], variances=sigma2, n_points=n).shape == (0, 4)


def test_collapse_and_axes_take_arrays_of_points():
    n = np.array([[3.0, 50.0], [1e6, 1e9]])
    sigma2 = [1.0, 0.1, 0.1]
    times = collapse_time(variances=sigma2, n_points=n)
    order = axis_order(variances=sigma2, n_points=n)
    assert isinstance(collapse_time(variances=sigma2, n_points=3), float)
    for i, j in np.ndindex(2, 2):
        assert times[i, j] == close(collapse_time(variances=sigma2, n_points=n[i, j]), 1e-13)
        alone = axis_order(variances=sigma2, n_points=n[i, j])
        np.testing.assert_allclose(order.times[i, j], alone.times, rtol=1e-13)
        assert np.array_equal(order.order[i, j], alone.order)


def test_more_points_than_float64_can_count():
    """10^1024 points in 4096 equal directions have the time of 10^4 points in 16 of them."""
    big = condensation_time(np.ones(4096), variances=np.ones(4096), n_points=10**1024)
    small = condensation_time(np.ones(16), variances=np.ones(16), n_points=10**4)
    assert big == close(small, 1e-13)
    mixed = collapse_time(variances=np.ones(4096), n_points=[10**4, 10**1024, 1e4])
    assert mixed[0] == mixed[2]
    assert mixed[1] == close(1 / math.expm1(2 * 1024 * math.log(10) / 4096), 1e-13)


# --- the correction against the exact average ------------------------------------------------------------------------


def exact_half_time(x: np.ndarray, sigma2: np.ndarray, log_n: float, near: float) -> float:
    """The noise at which the exact mean of the summed squared weights is one half."""

    def excess(t):
        return participation(positional_cumulant(x, variances=sigma2, t=t), log_n_points=log_n).value - 0.5

    return brentq(excess, near / 2, near * 4, rtol=1e-7)


@pytest.mark.parametrize("x2", [0.0, 1.0])
def test_the_correction_leaves_an_error_of_order_one_over_d(x2):
    """Half of T1' misses the exact half time by about 1.6/d; half of T1 by about ln(d)/d, four times as much."""
    error = []
    for d in (16, 64, 256):
        x, sigma2, n = np.full(d, math.sqrt(x2)), np.ones(d), 10 ** (d // 4)
        plain, corrected = (f(x, variances=sigma2, n_points=n) for f in OF_STATES[:2])
        half = exact_half_time(x, sigma2, math.log(n), plain / 2)
        error.append([d * (2 * half / plain - 1), d * (2 * half / corrected - 1)])
    plain, corrected = np.transpose(error)
    assert np.all((corrected > 1.4) & (corrected < 1.9))
    assert np.all(plain > 4 * corrected)
    assert np.all(np.diff(plain) > 0.5)  # it grows as ln d does


@pytest.mark.parametrize(
    ("m", "n", "x2", "least", "bound"),
    [(16, 1000, 0, 4, 0.15), (8, 1000, 4, 4, 0.15), (8, 100, 0, 2, 0.30), (64, 20, 1, 2, 0.30), (4, 20, 0, 1, 0.80)],
)
def test_accuracy_of_the_correction_is_as_stated(m, n, x2, least, bound):
    x, sigma2 = np.full(m, math.sqrt(x2)), np.ones(m)
    corrected = condensation_time_corrected(x, variances=sigma2, n_points=n)
    plain = condensation_time(x, variances=sigma2, n_points=n)
    assert energy_variance(x, variances=sigma2, t=corrected) >= least
    half = exact_half_time(x, sigma2, math.log(n), corrected / 2)
    assert 0 < 2 * half / corrected - 1 < bound
    assert abs(2 * half / plain - 1) > 2 * abs(2 * half / corrected - 1)

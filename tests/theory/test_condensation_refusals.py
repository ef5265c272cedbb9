"""What condensation times refuse: bad input, roots beyond float64, and the correction outside its regime."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from geomem.errors import InputError, RegimeError
from geomem.theory.condensation import (
    axis_order,
    collapse_time,
    condensation_time,
    condensation_time_corrected,
    condensation_time_second_cumulant,
)
from geomem.theory.positional import energy_variance, information_gain
from tests.theory.test_condensation import OF_STATES, close, seeds, variances


def refused(x: np.ndarray, sigma2: list[float], n: float) -> bool:
    try:
        condensation_time_corrected(x, variances=sigma2, n_points=n)
    except RegimeError:
        return True
    return False


@given(sigma2=variances, n=st.floats(0.01, 8).map(math.exp), seed=seeds)
def test_the_correction_is_refused_exactly_where_log_weights_spread_over_less_than_a_nat(sigma2, n, seed):
    x, t = 2 * np.random.default_rng(seed).normal(size=len(sigma2)), np.logspace(-9, 9, 30001)
    state = {"variances": sigma2, "t": t}
    variance = energy_variance(x, **state)
    root = np.argmin(np.abs(information_gain(x, **state) + 0.5 * np.log(2 * np.pi * variance) - math.log(n)))
    assume(abs(variance[root] - 1) > 0.01)
    assert refused(x, sigma2, n) == (variance[root] < 1)


@given(sigma2=variances, scale=st.floats(0, 10), seed=seeds)
def test_four_points_are_never_enough_for_the_correction(sigma2, scale, seed):
    """V >= 1 and KL >= V/2 take N >= sqrt(2 pi e) = 4.13."""
    x = scale * np.random.default_rng(seed).normal(size=len(sigma2))
    assert refused(x, sigma2, 4.13)


def test_the_least_number_of_points_is_reached_in_many_directions():
    x, sigma2 = np.zeros(10**4), [1.0] * 10**4
    assert refused(x, sigma2, 4.13)
    assert not refused(x, sigma2, 4.2)


def test_the_refusal_counts_the_states_and_leaves_the_other_formulas_alone():
    x, sigma2 = np.stack([np.zeros(2), np.full(2, 5.0)]), np.ones(2)
    with pytest.raises(RegimeError, match=r"below 1 at 1 of 2 roots.*use condensation_time.*participation"):
        condensation_time_corrected(x, variances=sigma2, n_points=1000)
    assert condensation_time_corrected(x[1], variances=sigma2, n_points=1000) > 0
    assert np.all(condensation_time(x, variances=sigma2, n_points=1000) > 0)
    assert np.all(condensation_time_second_cumulant(x, variances=sigma2, n_points=1000) > 0)


def test_roots_beyond_float64_are_refused():
    n = 10**250
    for time in (
        lambda: condensation_time(np.zeros(1), variances=[1.0], n_points=[2, n]),
        lambda: condensation_time_corrected(np.zeros(1), variances=[1.0], n_points=n),
        lambda: collapse_time(variances=[1.0, 0.0], n_points=n),
        lambda: axis_order(variances=[1.0], n_points=n),
    ):
        with pytest.raises(RegimeError, match="beyond float64; use fewer points"):
            time()
    assert condensation_time_second_cumulant(np.zeros(1), variances=[1.0], n_points=n) > 0
    assert collapse_time(variances=[1.0] * 4, n_points=n) == close(1e-125, 1e-12)


@pytest.mark.parametrize(
    ("n_points", "message"),
    [
        (1, "N > 1"),
        (0.5, "N > 1"),
        (-(10**400), "N > 1"),
        (math.nan, "N > 1"),
        (math.inf, "N > 1"),
        ("1000", "N > 1"),
        (True, "N > 1"),
        (None, "N > 1"),
        ([100, 1], "N > 1"),
        (2 + 0j, "N > 1"),
        ([[1, 2], [3]], "not an array"),
        (np.array([5, 6, 7]), r"x \(2,\), n_points \(3,\)"),
    ],
)
def test_bad_numbers_of_points_are_refused(n_points, message, unchecked):
    for function in OF_STATES:
        with pytest.raises(InputError, match=message):
            function(np.ones((2, 3)), variances=np.ones(3), n_points=n_points)
    if "x" not in message:
        for function in (collapse_time, axis_order):
            with pytest.raises(InputError, match=message):
                function(variances=np.ones(3), n_points=n_points)


@pytest.mark.parametrize("bad", [[0.0, 0.0], [-1.0, 1.0], [math.nan, 1.0], [[1.0, 1.0]], [], "ab"])
def test_bad_variances_are_refused(bad, unchecked):
    for function in OF_STATES:
        with pytest.raises(InputError, match="variance"):
            function(np.ones(2), variances=bad, n_points=100)
    for function in (collapse_time, axis_order):
        with pytest.raises(InputError, match="variance"):
            function(variances=bad, n_points=100)


@pytest.mark.parametrize("bad", [np.ones(3), np.array(1.0), np.full(2, math.nan), np.array(["a", "b"])])
def test_bad_states_are_refused(bad, unchecked):
    for function in OF_STATES:
        with pytest.raises(InputError, match="states x"):
            function(bad, variances=np.ones(2), n_points=100)

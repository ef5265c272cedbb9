"""Shapes, numbers of any size, and everything that the effective sample size refuses, by name."""

import math

import numpy as np
import pytest

from geomem.errors import ConvergenceError, InputError, RegimeError
from geomem.theory.effective_sample_size import (
    annealed_rate,
    expected_log_partition,
    expected_log_sample_size,
    inverse_participation_ratio,
    ipr_frozen,
    ipr_frozen_variance,
    own_weight,
    own_weight_gaussian,
    sample_size_arithmetic,
    sample_size_geometric,
    sample_size_harmonic,
    typical_rate,
)
from geomem.theory.random_energy_model import (
    Evaluation,
    gaussian_cumulant,
    geometric_sample_size,
    harmonic_sample_size,
    planted_participation,
)
from geomem.theory.random_energy_model import annealed_rate as annealed_of_levels
from geomem.theory.random_energy_model import arithmetic_sample_size as arithmetic_of_levels
from geomem.theory.random_energy_model import typical_rate as typical_of_levels
from tests.theory.test_effective_sample_size import FRESH, OWN, close

OF_LEVELS = (planted_participation, harmonic_sample_size, geometric_sample_size, arithmetic_of_levels)
RATES = (typical_rate, annealed_rate)
EVERY = (*FRESH, *OWN, *RATES)


def value(found):
    return found.value if isinstance(found, Evaluation) else found


# --- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", EVERY)
def test_states_times_and_numbers_broadcast(function):
    x, sigma2 = np.random.default_rng(0).normal(size=(2, 2, 3)), [1.0, 0.5, 0.0]
    t, n = np.array([0.2, 1.5]), np.array([[50], [2000]])
    together = function(x, variances=sigma2, t=t, n_points=n)
    if isinstance(together, Evaluation):
        assert together.error.shape == (2, 2)
        assert together.error.dtype == np.float64
        assert np.all(together.error >= 0)
    assert value(together).shape == (2, 2)
    assert value(together).dtype == np.float64
    for i, j in ((0, 1), (1, 0)):
        one = function(x[i, j], variances=sigma2, t=float(t[j]), n_points=int(n[i, 0]))
        assert isinstance(value(one), float)
        if isinstance(one, Evaluation):
            assert isinstance(one.error, float)
        assert value(together)[i, j] == pytest.approx(value(one), rel=1e-12, abs=1e-12)
    assert value(function(x[0, :0], variances=sigma2, t=0.5, n_points=50)).shape == (0,)


@pytest.mark.parametrize("function", OWN)
def test_own_points_broadcast_with_their_states(function):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 1, 3)), rng.normal(size=(2, 2, 3))
    state = {"variances": [1.0, 0.5, 0.2], "n_points": 40}
    together = function(x, own_point=y, t=np.array([0.3, 0.9]), **state)
    assert together.value.shape == together.error.shape == (2, 2)
    one = function(x[1, 0], own_point=y[1, 0], t=0.3, **state)
    assert together.value[1, 0] == close(one.value, 1e-12)
    assert isinstance(one.value, float)


def test_whole_numbers_are_taken_as_they_are(unchecked):
    expected = inverse_participation_ratio(np.ones(3), variances=np.ones(3), t=1.0, n_points=100).value
    assert inverse_participation_ratio([1, 1, 1], variances=[1, 1, 1], t=1, n_points=100.0).value == expected


@pytest.mark.parametrize("function", [inverse_participation_ratio, expected_log_sample_size, own_weight])
def test_more_points_than_float64_can_count(function):
    """Both sides of the largest float, 1.797e308, are alike."""
    numbers = [k * 10**307 for k in (16, 17, 18)]
    found = function(np.ones(320), variances=np.ones(320), t=0.01, n_points=numbers).value
    slopes = np.diff(np.log(np.abs(found))) / np.diff([math.log(n) for n in numbers])
    assert np.ptp(slopes) < 0.03 * np.abs(slopes).max()


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", EVERY)
def test_bad_states_are_refused(function, unchecked):
    for bad in (np.ones(3), np.array(1.0), np.full(2, math.nan), np.array(["a", "b"]), np.array([1.0, math.inf])):
        with pytest.raises(InputError, match="states x"):
            function(bad, variances=np.ones(2), t=0.5, n_points=100)


@pytest.mark.parametrize("function", EVERY)
def test_bad_variances_are_refused(function, unchecked):
    for bad in ([0.0, 0.0], [-1.0, 1.0], [math.nan, 1.0], [[1.0, 1.0]], [], "ab"):
        with pytest.raises(InputError, match="variance"):
            function(np.ones(2), variances=bad, t=0.5, n_points=100)


@pytest.mark.parametrize("function", EVERY)
def test_bad_times_and_numbers_of_points_are_refused(function, unchecked):
    state = {"variances": np.ones(2)}
    for bad in (0.0, -1.0, math.nan, math.inf, "1", [0.5, -0.5]):
        with pytest.raises(InputError, match=r"got.* t"):
            function(np.ones(2), t=bad, n_points=100, **state)
    for bad in (1, 0, -5, math.nan, math.inf, "1000", True, None, [100, 1], 2 + 0j, [[1, 2], [3]]):
        with pytest.raises(InputError, match=r"n_points|log_n_points"):
            function(np.ones(2), t=0.5, n_points=bad, **state)
    with pytest.raises(InputError, match="do not broadcast"):
        function(np.ones((2, 2)), t=0.5, n_points=np.array([5, 6, 7]), **state)


@pytest.mark.parametrize("function", [*FRESH, *OWN])
def test_fewer_than_two_points_are_refused(function):
    with pytest.raises(InputError, match=r"two points|at least 2|N >= 2"):
        function(np.ones(2), variances=np.ones(2), t=0.5, n_points=1.5)


@pytest.mark.parametrize("function", OWN)
def test_bad_own_points_are_refused(function, unchecked):
    state = {"variances": np.ones(2), "t": 0.5, "n_points": 100}
    for bad in (np.ones(3), np.array(1.0), np.full(2, math.nan), np.array(["a", "b"]), np.ones((3, 2))):
        x = np.ones((2, 2)) if np.shape(bad) == (3, 2) else np.ones(2)
        with pytest.raises(InputError, match=r"own_point|broadcast"):
            function(x, own_point=bad, **state)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, "1", None])
def test_bad_arguments_of_the_closed_forms_are_refused(bad, unchecked):
    for function in (ipr_frozen, ipr_frozen_variance):
        with pytest.raises(InputError, match="got"):
            function(bad, t_c=1.0)
        with pytest.raises(InputError, match="got"):
            function(1.0, t_c=bad)
    with pytest.raises(InputError, match="got"):
        own_weight_gaussian(variances=np.ones(2), t=bad, n_points=100)
    with pytest.raises(InputError, match="got"):
        own_weight_gaussian(variances=np.ones(2), t=0.5, n_points=bad)
    with pytest.raises(InputError, match="variance"):
        own_weight_gaussian(variances=[0.0, 0.0], t=0.5, n_points=100)


def test_closed_forms_refuse_shapes_that_do_not_fit():
    for function in (ipr_frozen, ipr_frozen_variance):
        with pytest.raises(InputError, match="broadcast"):
            function(np.ones(2), t_c=np.ones(3))
    with pytest.raises(InputError, match="broadcast"):
        own_weight_gaussian(variances=np.ones(2), t=np.ones(2), n_points=[5, 6, 7])


@pytest.mark.parametrize("bad", [0.69, 0.0, -3.0, math.nan, math.inf, "7", None, [5.0, 6.0]])
def test_bad_numbers_of_levels_are_refused(bad, unchecked):
    for function in OF_LEVELS:
        with pytest.raises(InputError, match="got log_n_points = "):
            function(gaussian_cumulant(variance=1.0), log_n_points=bad)


@pytest.mark.parametrize("bad", [0.0, -3.0, math.nan, math.inf, "7", None, [5.0, 6.0]])
def test_rates_refuse_bad_numbers_of_levels(bad, unchecked):
    for function in (typical_of_levels, annealed_of_levels):
        with pytest.raises(InputError, match="got log_n_points = "):
            function(gaussian_cumulant(variance=1.0), log_n_points=bad)


def test_sizes_beyond_float64_are_refused_and_their_logarithm_is_named():
    """10^400 points that share the weight: only the logarithm of the sample size is a float."""
    state = {"variances": np.ones(4), "t": 1e3, "n_points": 10**400}
    for function in (sample_size_harmonic, sample_size_geometric, sample_size_arithmetic):
        with pytest.raises(RegimeError, match=r"expected_log_sample_size"):
            function(np.ones(4), **state)
    assert expected_log_sample_size(np.ones(4), **state).value == pytest.approx(400 * math.log(10), abs=0.01)
    assert np.isfinite(expected_log_partition(np.ones(4), **state).value)
    for function in OF_LEVELS[1:]:
        with pytest.raises(RegimeError, match="expected_log_sample_size"):
            function(gaussian_cumulant(variance=1.0), log_n_points=2000.0)


@pytest.mark.parametrize("function", OF_LEVELS)
def test_levels_beyond_the_table_of_saddles_are_refused(function):
    with pytest.raises(ConvergenceError, match="levels so far apart"):
        function(gaussian_cumulant(variance=1e28), log_n_points=np.log(1000))

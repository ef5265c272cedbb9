"""The rule of half noise against its definition on a fine grid, the verdict against SciPy's, and refusals."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from geomem.errors import InputError
from geomem.theory.freezing import half_noise, verdict

TIMES = np.geomspace(1e-4, 10.0, 26)


def walks(n: int, seed: int = 0) -> np.ndarray:
    """Detectors that rise with the noise and are far from monotone."""
    steps = np.random.default_rng(seed).normal(0.04, 0.15, size=(n, len(TIMES)))
    return steps.cumsum(1)


# --- half noise -------------------------------------------------------------------------------------------------------


def test_a_detector_that_is_linear_in_the_logarithm_crosses_where_it_says():
    values = np.log(TIMES / TIMES[0]) / np.log(TIMES[-1] / TIMES[0])
    for half in (0.5, 0.31):
        found = half_noise(values, TIMES, half=half)
        assert found.t_half == pytest.approx(TIMES[0] * (TIMES[-1] / TIMES[0]) ** half, rel=1e-12, abs=0)
        assert found.censored == 0


def test_the_default_half_is_one_half():
    assert half_noise(np.array([0.0, 1.0]), np.array([0.01, 1.0])).t_half == pytest.approx(0.1, rel=1e-12, abs=0)


def test_half_noise_is_the_largest_below_which_the_values_stay_under_half():
    """On a grid of 2e5 noises between, from the definition."""
    values = walks(60)
    found = half_noise(values, TIMES)
    fine = np.linspace(np.log(TIMES[0]), np.log(TIMES[-1]), 200_001)
    crossed_again = 0
    for row, t_half, censored in zip(values, found.t_half, found.censored, strict=True):
        reached = np.interp(fine, np.log(TIMES), row) >= 0.5
        if not reached.any():
            assert (t_half, censored) == (TIMES[-1], 1)
        else:
            assert censored == 0
            assert np.log(t_half) == pytest.approx(fine[reached.argmax()], rel=0, abs=2 * (fine[1] - fine[0]))
            crossed_again += not reached[reached.argmax() :].all()
    assert crossed_again > 10  # so that the first crossing is told from the last
    assert 0 < np.sum(found.censored) < 30


def test_what_the_grid_does_not_show_is_censored():
    values = np.array([[0.5, 0.1, 0.9], [0.4, 0.1, 0.49], [0.7, 0.8, 0.9], [0.0, 0.0, 0.5]])
    found = half_noise(values, np.array([0.1, 1.0, 10.0]))
    assert_allclose(found.t_half, [0.1, 10.0, 0.1, 10.0], rtol=1e-14)
    assert found.censored.tolist() == [-1, 1, -1, 0]


def test_a_switch_crosses_in_the_middle_of_its_step():
    found = half_noise(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.8, 1.0]))
    assert found.t_half == pytest.approx(0.4, rel=1e-12, abs=0)


def test_the_unit_of_length_does_not_matter():
    values = walks(20, seed=1)
    found, scaled = half_noise(values, TIMES), half_noise(values, 1e6 * TIMES)
    assert_allclose(scaled.t_half, 1e6 * found.t_half, rtol=1e-12)


def test_every_axis_but_the_last_is_a_batch():
    values = walks(12, seed=2).reshape(3, 4, -1)
    found = half_noise(values, TIMES)
    assert found.t_half.shape == found.censored.shape == (3, 4)
    assert found.t_half.dtype == np.float64
    alone = half_noise(values[2, 1], TIMES)
    assert isinstance(alone.t_half, float)
    assert (found.t_half[2, 1], found.censored[2, 1]) == alone


def test_values_far_from_one_do_not_overflow():
    values = np.array([[-1e6, -1e6], [1e6, -1e6], [-1e300, 1.0], [1.0, 1.0]])
    found = half_noise(values, np.array([1e-8, 1e8]))
    assert_allclose(found.t_half, [1e8, 1e-8, 1e8, 1e-8], rtol=1e-12)
    assert found.censored.tolist() == [1, -1, 0, -1]


def test_bad_detectors_are_refused(unchecked):
    t = np.array([0.1, 1.0])
    for times in (t[::-1], t[:1], np.array([1.0, 1.0]), t[None]):
        with pytest.raises(InputError, match="ascend"):
            half_noise(np.ones(times.shape), times)
    for values in (np.ones(3), np.ones((2, 1)), np.float64(1)):
        with pytest.raises(InputError, match="one for each noise"):
            half_noise(values, t)
    with pytest.raises(InputError, match="NaN"):
        half_noise(np.array([np.nan, 1.0]), t)
    with pytest.raises(InputError, match="noise variances"):
        half_noise(np.ones(2), np.array([0.0, 1.0]))
    for half in (0.0, -0.5, np.nan, np.inf):
        with pytest.raises(InputError, match="half"):
            half_noise(np.ones(2), t, half=half)


# --- the verdict ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999])
def test_the_interval_is_that_of_the_paired_t_test(confidence):
    rng = np.random.default_rng(0)
    high, low = rng.normal(1.0, 0.5, size=(2, 9))
    found = verdict(high, low, confidence=confidence)
    expected = stats.ttest_rel(high, low).confidence_interval(confidence)
    assert found.mean == pytest.approx(np.mean(high - low), rel=1e-12, abs=0)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-10, abs=0)


def test_the_default_confidence_is_95_percent():
    high, low = np.random.default_rng(0).normal(size=(2, 60))
    assert verdict(high, low) == verdict(high, low, confidence=0.95)


@pytest.mark.parametrize(
    ("shift", "word"),
    [(0.5, "higher first"), (-0.5, "lower first"), (0.0, "undecided at this size")],
    ids=["higher", "lower", "undecided"],
)
def test_the_words(shift, word):
    rng = np.random.default_rng(3)
    low = rng.uniform(0.1, 0.2, size=64)
    high = low + shift + 0.1 * rng.normal(size=64)
    found = verdict(high, low)
    assert found.word == word
    assert found.low < found.mean < found.high
    swapped = verdict(low, high)
    assert (swapped.low, swapped.high) == pytest.approx((-found.high, -found.low), rel=1e-12, abs=0)


def test_what_the_blocks_share_from_data_set_to_data_set_does_not_count():
    """Unpaired, the same numbers are undecided."""
    rng = np.random.default_rng(4)
    shared = rng.normal(size=64)
    high, low = shared + 0.05 + 0.1 * rng.normal(size=64), shared
    assert verdict(high, low).word == "higher first"
    assert verdict(high, rng.permutation(low)).word == "undecided at this size"


def test_an_undecided_question_is_decided_at_the_rate_of_the_confidence():
    """Five data sets: the normal interval would decide for either in 6 % of the cases, ten standard errors away."""
    rng, n = np.random.default_rng(5), 2000
    words = [verdict(*rng.normal(size=(2, 5))).word for _ in range(n)]
    assert words.count("higher first") / n == pytest.approx(0.025, rel=0, abs=4 * np.sqrt(0.025 * 0.975 / n))
    assert words.count("lower first") / n == pytest.approx(0.025, rel=0, abs=4 * np.sqrt(0.025 * 0.975 / n))


def test_equal_differences_leave_no_doubt():
    assert verdict(np.full(3, 10.0), np.full(3, 4.0)) == (6.0, 6.0, 6.0, "higher first")
    assert verdict(np.full(3, 10.0), np.full(3, 10.0)).word == "undecided at this size"


def test_bad_data_sets_are_refused(unchecked):
    ones = np.ones(3)
    for high, low in ((ones, ones[:2]), (ones[:1], ones[:1]), (np.ones((2, 2)), np.ones((2, 2)))):
        with pytest.raises(InputError, match="data sets"):
            verdict(high, low)
    with pytest.raises(InputError, match="NaN"):
        verdict(ones, ones * np.nan)
    for confidence in (0.0, 1.0, np.nan):
        with pytest.raises(InputError, match="confidence"):
            verdict(ones, ones, confidence=confidence)

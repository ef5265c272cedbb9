"""Noise schedules: exact inverses, known values, and the score in every convention."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from geomem.distributions import LinearManifold
from geomem.errors import InputError
from geomem.noise import (
    DDPM,
    OrnsteinUhlenbeck,
    SquareRoot,
    VarianceExploding,
    VariancePreserving,
    score_from_variance_exploding,
    to_variance_exploding,
)

# Clock values over the whole domain of each schedule, dense at both ends.
SMALL = np.logspace(-12, -2, 60, endpoint=False)
CLOCKS = {
    VarianceExploding(): np.linspace(0.01, 1, 200),
    VarianceExploding(sigma_min=0.5, ratio=10.0): np.linspace(0.01, 2, 200),
    OrnsteinUhlenbeck(): np.concatenate([SMALL, np.linspace(0.01, 150, 200)]),
    VariancePreserving(): np.concatenate([SMALL, np.linspace(0.01, 1, 200)]),
    VariancePreserving(beta_min=2.0, beta_max=2.0): np.concatenate([SMALL, np.linspace(0.01, 1, 200)]),
    DDPM(): np.arange(1000.0),
    DDPM(steps=50, beta_first=1e-3, beta_last=0.3): np.linspace(0, 49, 300),
    SquareRoot(): np.concatenate([SMALL, np.linspace(0.01, 0.99, 200), 1 - SMALL]),
}
PRESERVING = [schedule for schedule in CLOCKS if not isinstance(schedule, VarianceExploding)]


@pytest.mark.parametrize("schedule", CLOCKS, ids=repr)
def test_time_inverts_variance(schedule):
    tau = CLOCKS[schedule]
    np.testing.assert_allclose(schedule.time(schedule.variance(tau)), tau, rtol=1e-13, atol=1e-300)


@pytest.mark.parametrize("schedule", CLOCKS, ids=repr)
def test_variance_inverts_time(schedule):
    t = schedule.variance(CLOCKS[schedule])
    if isinstance(schedule, SquareRoot):
        t = t[t < 100]  # beyond, a double tau cannot hold t to this precision
    np.testing.assert_allclose(schedule.variance(schedule.time(t)), t, rtol=1e-13)


@given(log_t=st.floats(-27, 300))
def test_ornstein_uhlenbeck_round_trip_anywhere(log_t):
    t = math.exp(log_t) * 0.999
    assert OrnsteinUhlenbeck().variance(OrnsteinUhlenbeck().time(t)) == pytest.approx(t, rel=1e-13)


@pytest.mark.parametrize("schedule", CLOCKS, ids=repr)
def test_variance_is_the_squared_ratio_of_noise_to_signal(schedule):
    tau = CLOCKS[schedule]
    np.testing.assert_allclose((schedule.noise(tau) / schedule.signal(tau)) ** 2, schedule.variance(tau), rtol=1e-13)


@pytest.mark.parametrize("schedule", PRESERVING, ids=repr)
def test_preserving_schedules_keep_unit_variance(schedule):
    tau = CLOCKS[schedule]
    np.testing.assert_allclose(schedule.signal(tau) ** 2 + schedule.noise(tau) ** 2, 1, rtol=1e-14)


@pytest.mark.parametrize("schedule", CLOCKS, ids=repr)
def test_variance_rises_with_the_clock(schedule):
    tau = np.sort(CLOCKS[schedule])
    assert np.all(np.diff(schedule.variance(tau)) > 0)


@pytest.mark.parametrize("tau", [1e-15, 1e-8, 0.3, 5.0])
def test_ornstein_uhlenbeck_against_fifty_digits(tau):
    with mpmath.workdps(50):
        a = mpmath.exp(-mpmath.mpf(tau))
        b = mpmath.sqrt(1 - a**2)
        expected = [float(v) for v in (a, b, (b / a) ** 2)]
    process = OrnsteinUhlenbeck()
    assert [process.signal(tau), process.noise(tau), process.variance(tau)] == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("tau", [1e-9, 1e-3, 0.5, 1.0])
def test_variance_preserving_against_fifty_digits(tau):
    with mpmath.workdps(50):
        rate = mpmath.quad(lambda u: mpmath.mpf("0.1") + u * mpmath.mpf("19.9"), [0, mpmath.mpf(tau)])
        expected = [float(v) for v in (mpmath.exp(-rate / 2), mpmath.sqrt(1 - mpmath.exp(-rate)), mpmath.expm1(rate))]
    process = VariancePreserving()
    assert [process.signal(tau), process.noise(tau), process.variance(tau)] == pytest.approx(expected, rel=1e-14)


def test_ddpm_is_the_cumulative_product_of_its_betas():
    alpha_bar = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    index = np.arange(1000)
    np.testing.assert_allclose(DDPM().signal(index), np.sqrt(alpha_bar), rtol=1e-12)
    np.testing.assert_allclose(DDPM().noise(index), np.sqrt(1 - alpha_bar), rtol=1e-12)
    assert DDPM().signal(0) ** 2 == pytest.approx(0.9999, rel=1e-14)
    assert DDPM().signal(999) ** 2 == pytest.approx(4.0358e-5, rel=1e-5)  # Ho, Jain, Abbeel 2020


def test_ddpm_between_indices_is_linear_in_the_logarithm():
    low, high = DDPM().variance(300), DDPM().variance(301)
    assert DDPM().variance(300.25) == pytest.approx(low**0.75 * high**0.25, rel=1e-14)


def test_known_ends():
    published = VarianceExploding()
    assert [published.noise(0.0), published.noise(1.0)] == pytest.approx([0.01, 50.0], rel=1e-14)
    assert published.signal(0.3) == 1
    assert VariancePreserving().signal(1.0) == pytest.approx(math.exp(-10.05 / 2), rel=1e-14)
    assert SquareRoot().signal(0.6) == pytest.approx(0.8, rel=1e-15)
    assert SquareRoot().variance(0.6) == pytest.approx(0.5625, rel=1e-15)
    assert OrnsteinUhlenbeck().variance(0.0) == 0


@pytest.mark.parametrize("schedule", CLOCKS, ids=repr)
def test_score_in_each_convention_is_the_mapped_one(schedule, generator):
    """x = a x0 + b noise with Gaussian x0 has covariance a² Σ + b² I, so its score is known directly."""
    sigma2 = torch.tensor([2.0, 0.5, 0.0], dtype=torch.float64)
    law = LinearManifold(sigma2, ambient_dim=3)
    x = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    for tau in np.quantile(CLOCKS[schedule], [0.3, 0.5, 0.7]):
        a, b = schedule.signal(tau), schedule.noise(tau)
        direct = -x / (a**2 * sigma2 + b**2)
        ve = law.score(to_variance_exploding(x, a), float(schedule.variance(tau)))
        torch.testing.assert_close(score_from_variance_exploding(ve, a), direct, rtol=1e-12, atol=0)


def test_one_signal_for_each_row():
    x = torch.ones(2, 3)
    expected = torch.tensor([[2.0] * 3, [4.0] * 3])
    for signal in (np.array([0.5, 0.25]), torch.tensor([0.5, 0.25])):
        assert torch.equal(to_variance_exploding(x, signal), expected)
        assert torch.equal(score_from_variance_exploding(x, signal), expected)


def test_values_keep_the_shape_of_the_argument():
    for schedule in CLOCKS:
        assert np.shape(schedule.signal(0.5)) == ()
        assert schedule.variance(np.full((2, 3), 0.5)).shape == (2, 3)
        assert schedule.time(np.full(4, schedule.variance(0.5))).dtype == np.float64


@pytest.mark.parametrize("schedule", CLOCKS, ids=repr)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, "0.5", None, 1e9 + 1e9j, True])
def test_bad_clocks_are_refused(schedule, bad, unchecked):
    for method in (schedule.signal, schedule.noise, schedule.variance, schedule.time):
        with pytest.raises(InputError, match="expected"):
            method(bad)


@pytest.mark.parametrize(
    ("schedule", "low", "high"),
    [
        (OrnsteinUhlenbeck(), -1e-9, 151),
        (VariancePreserving(), -1e-9, 1.001),
        (DDPM(), -0.01, 999.01),
        (SquareRoot(), -1e-9, 1.0),
        (VarianceExploding(), -11, 11),
    ],
)
def test_clock_outside_its_domain_is_refused(schedule, low, high):
    for tau in (low, high):
        for method in (schedule.signal, schedule.noise, schedule.variance):
            with pytest.raises(InputError, match="expected values in"):
                method(tau)


@pytest.mark.parametrize("schedule", CLOCKS, ids=repr)
def test_negative_variance_is_refused(schedule):
    with pytest.raises(InputError, match=r"got t = -0\.5"):
        schedule.time(-0.5)


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (VarianceExploding, {"sigma_min": 0.0}),
        (VarianceExploding, {"ratio": 1.0}),
        (VariancePreserving, {"beta_min": 0.0}),
        (VariancePreserving, {"beta_min": 3.0, "beta_max": 2.0}),
        (VariancePreserving, {"beta_max": 1e3}),
        (DDPM, {"steps": 1}),
        (DDPM, {"beta_last": 1.0}),
        (DDPM, {"beta_first": -0.1}),
    ],
)
def test_bad_constants_are_refused(make, settings):
    with pytest.raises(InputError, match="expected"):
        make(**settings)


@pytest.mark.parametrize("convert", [to_variance_exploding, score_from_variance_exploding])
def test_bad_states_and_signals_are_refused(convert, unchecked):
    x = torch.ones(2, 3)
    for signal in (0.0, -1.0, math.nan, math.inf, torch.ones(3), np.ones((2, 1))):
        with pytest.raises(InputError, match="signal"):
            convert(x, signal)
    for bad in (x[0], x.long(), x / 0, x.numpy()):
        with pytest.raises(InputError, match="states"):
            convert(bad, 0.5)

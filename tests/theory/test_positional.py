"""The cumulant of distances from a state, its information identity, and what stays exact at both ends."""

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from geomem.errors import InputError
from geomem.theory.positional import energy_variance, information_gain, positional_cumulant

VARIANCES = np.array([2.0, 0.09, 0.09, 1e-3, 0.0, 2.0])
X = np.array([1.5, -0.2, 0.4, 0.01, 0.7, -3.0])
LIVE = VARIANCES > 0

variances = st.lists(st.floats(1e-4, 1e2) | st.just(0.0) | st.sampled_from([1.0, 0.09]), min_size=1, max_size=6).filter(
    any
)
times = st.floats(-12, 12).map(lambda log_t: 10.0**log_t)
seeds = st.integers(0, 2**32 - 1)


def close(expected, rel: float):
    """Relative comparison alone: pytest.approx would add an absolute 1e-12."""
    return pytest.approx(expected, rel=rel, abs=0)


def posterior(x: np.ndarray, sigma2: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of x0 given x, direction by direction, by Bayes' rule for a Gaussian."""
    precision = 1 / sigma2 + 1 / t
    return x / t / precision, 1 / precision


def gaussian_average(function, mean: float, variance: float):
    """E f(y), y ~ N(mean, variance), by the trapezoid rule: exponentially accurate for smooth f."""
    g, step = np.linspace(-12, 12, 2001, retstep=True)
    return step * function(mean + np.sqrt(variance) * g) @ np.exp(-(g**2) / 2) / np.sqrt(2 * np.pi)


@pytest.mark.parametrize("t", [1e-5, 0.03, 1.0, 400.0])
def test_information_gain_is_the_divergence_of_posterior_from_prior(t):
    mean, variance = (torch.from_numpy(v) for v in posterior(X[LIVE], VARIANCES[LIVE], t))
    prior = Normal(torch.zeros_like(mean), torch.from_numpy(VARIANCES[LIVE]).sqrt())
    expected = kl_divergence(Normal(mean, variance.sqrt()), prior).sum().item()
    assert information_gain(X, variances=VARIANCES, t=t) == close(expected, 1e-9)


@pytest.mark.parametrize("x", [0.0, 1e-3, 1.0, 30.0])
def test_no_digit_is_lost_between_one_trillionth_and_a_trillion(x):
    """At t >> sigma^2 the divergence is a difference of equal numbers, (sigma^2/t)^2/4."""
    for t in [*np.logspace(-12, 12, 97), 9.0, np.nextafter(9.0, 0)]:
        with mpmath.workdps(60):
            s, q, tau = 1 / mpmath.mpf(t), mpmath.mpf(x) ** 2, mpmath.mpf(t)
            gain = (mpmath.log(1 + s) - s / (1 + s) + q / (tau + 1) ** 2) / 2
            variance = 1 / (2 * (tau + 1) ** 2) + q * tau / (tau + 1) ** 3
        state = {"variances": [1.0], "t": float(t)}
        assert information_gain(np.array([x]), **state) == close(float(gain), 1e-14)
        assert energy_variance(np.array([x]), **state) == close(float(variance), 1e-14)


@pytest.mark.parametrize("lam", [0.3, 1.0, 2.5, 0.7 + 1.9j, 1.2 - 6.0j])
def test_cumulant_is_the_logarithm_of_the_mean_boltzmann_factor(lam):
    t = 0.8
    expected = 1.0
    for x, sigma2 in zip(X, VARIANCES, strict=True):
        expected *= gaussian_average(lambda y, x=x: np.exp(-lam * (x - y) ** 2 / (2 * t)), 0.0, sigma2)
    value = positional_cumulant(X, variances=VARIANCES, t=t)(np.array(lam))
    assert np.exp(value) == close(expected, 1e-11)


def taylor(cumulant, at: float, order: int) -> np.ndarray:
    """Taylor coefficients of the cumulant, from its values on a circle in the complex plane."""
    angle = 2 * np.pi * np.arange(64) / 64
    values = cumulant(at + 0.2 * np.exp(1j * angle))
    return np.array([(values * np.exp(-1j * k * angle)).mean().real / 0.2**k for k in range(order)])


@given(sigma2=variances, t=st.floats(0.05, 20.0), lam=st.floats(0.5, 4.0), seed=seeds)
def test_entropy_lost_is_information_gained_at_the_rescaled_noise(sigma2, t, lam, seed):
    r"""lambda K' - K = KL(t/lambda), and the second derivative is the variance of the energy there."""
    x = np.random.default_rng(seed).normal(size=len(sigma2))
    value, slope, half_curvature = taylor(positional_cumulant(x, variances=sigma2, t=t), lam, 3)
    scale = 1 + x @ x / t
    assert lam * slope - value == pytest.approx(information_gain(x, variances=sigma2, t=t / lam), abs=1e-11 * scale)
    expected = energy_variance(x, variances=sigma2, t=t / lam)
    assert 2 * half_curvature * lam**2 == pytest.approx(expected, abs=1e-9 * scale)


@pytest.mark.parametrize("t", [1e-3, 0.5, 50.0])
def test_information_identity_and_energy_variance_over_the_posterior(t):
    """KL = <ln(likelihood / evidence)> and V = Var[E/t]: averages over the posterior, by quadrature."""
    mean = variance = 0.0
    for x, m, v in zip(X[LIVE], *posterior(X[LIVE], VARIANCES[LIVE], t), strict=True):
        first, second = (gaussian_average(lambda y, x=x, k=k: ((x - y) ** 2 / (2 * t)) ** k, m, v) for k in (1, 2))
        mean, variance = mean + first, variance + second - first**2
    evidence = positional_cumulant(X[LIVE], variances=VARIANCES[LIVE], t=t)(1.0)
    assert information_gain(X, variances=VARIANCES, t=t) == close(-mean - evidence, 1e-10)
    assert energy_variance(X, variances=VARIANCES, t=t) == close(variance, 1e-8)


@given(sigma2=variances, t=times)
def test_its_mean_over_typical_states_is_the_mutual_information(sigma2, t):
    """The divergence is linear in x_i^2, whose mean under p_t is t + sigma_i^2."""
    x = np.sqrt(t + np.array(sigma2))
    expected = 0.5 * np.log1p(np.array(sigma2) / t).sum()
    assert information_gain(x, variances=sigma2, t=t) == close(expected, 1e-12)


@given(sigma2=variances, t=times, seed=seeds)
def test_energy_variance_is_the_rate_at_which_information_falls(sigma2, t, seed):
    x = np.random.default_rng(seed).normal(size=len(sigma2))
    h = 1e-4
    above, below = information_gain(x, variances=sigma2, t=t * np.exp([h, -h]))
    assert (below - above) / (2 * h) == close(energy_variance(x, variances=sigma2, t=t), 1e-6)


def test_directions_without_variance_say_nothing():
    for function in (information_gain, energy_variance):
        expected = function(X[LIVE], variances=VARIANCES[LIVE], t=0.3)
        assert function(X, variances=VARIANCES, t=0.3) == close(expected, 1e-15)
    lam = np.array([0.5, 2.0])
    shift = positional_cumulant(X, variances=VARIANCES, t=0.3)(lam)
    shift -= positional_cumulant(X[LIVE], variances=VARIANCES[LIVE], t=0.3)(lam)
    np.testing.assert_allclose(shift, -lam * 0.7**2 / 0.6, rtol=1e-12)


@given(c=st.floats(-20, 20).map(np.exp), t=times)
def test_only_ratios_of_lengths_matter(c, t):
    for function in (information_gain, energy_variance):
        scaled = function(c * X, variances=c**2 * VARIANCES, t=c**2 * t)
        assert scaled == close(function(X, variances=VARIANCES, t=t), 1e-13)


def test_a_rotation_among_equal_variances_changes_nothing():
    angle = 1.1
    rotated = X.copy()
    rotated[[0, 5]] = [np.cos(angle) * X[0] - np.sin(angle) * X[5], np.sin(angle) * X[0] + np.cos(angle) * X[5]]
    for function in (information_gain, energy_variance):
        before, after = (function(x, variances=VARIANCES, t=0.2) for x in (X, rotated))
        assert after == close(before, 1e-14)
    mixed = X[[1, 0, 2, 3, 4, 5]]  # exchanging unequal ones does
    assert information_gain(mixed, variances=VARIANCES, t=0.2) != close(before, 1e-3)


def test_states_and_times_broadcast():
    x = np.random.default_rng(0).normal(size=(3, 4, 6))
    t = np.array([0.1, 1.0, 3.0, 40.0])
    for function in (information_gain, energy_variance):
        together = function(x, variances=VARIANCES, t=t)
        assert together.shape == (3, 4)
        assert together.dtype == np.float64
        for i, j in np.ndindex(3, 4):
            one = function(x[i, j], variances=VARIANCES, t=float(t[j]))
            assert isinstance(one, float)
            assert together[i, j] == close(one, 1e-14)
        assert function(X, variances=VARIANCES, t=t[:, None]).shape == (4, 1)
        assert function(x[:0], variances=VARIANCES, t=t).shape == (0, 4)


def test_cumulant_keeps_the_shape_and_the_kind_of_its_argument():
    cumulant = positional_cumulant(X, variances=VARIANCES, t=0.5)
    grid = np.linspace(0.1, 2, 6).reshape(2, 3)
    assert cumulant(grid).shape == (2, 3)
    assert cumulant(grid).dtype == np.float64
    assert cumulant(grid + 0j).dtype == np.complex128
    np.testing.assert_allclose(cumulant(grid + 0j).real, cumulant(grid), rtol=1e-12)
    assert cumulant(np.array(0.0)) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.full(6, np.nan)}, "NaN or infinity in states x"),
        ({"x": np.full(6, 1e60)}, "another unit of length"),
        ({"x": np.ones(5)}, r"expected \(\.\.\., 6\)"),
        ({"x": np.array(1.0)}, r"expected \(\.\.\., 6\)"),
        ({"x": [[1.0], [1.0, 2.0]]}, "not an array"),
        ({"x": np.array(["a"] * 6)}, "real numbers"),
        ({"x": np.ones(6) + 1j}, "real numbers"),
        ({"variances": np.zeros(6)}, "no variance above zero"),
        ({"variances": -VARIANCES}, "not standard deviations"),
        ({"variances": 1e-150 * VARIANCES}, "another unit of length"),
        ({"variances": VARIANCES[None]}, r"got variances of shape \(1, 6\)"),
        ({"variances": []}, r"got variances of shape \(0,\)"),
        ({"variances": np.full(6, np.inf)}, "NaN or infinity in variances"),
        ({"t": 0.0}, "noise variances"),
        ({"t": -1.0}, "noise variances"),
        ({"t": np.nan}, "NaN or infinity in t"),
        ({"t": None}, "real numbers"),
    ],
)
def test_bad_input_is_refused(change, message, unchecked):
    arguments = {"x": X, "variances": VARIANCES, "t": 0.5} | change
    x = arguments.pop("x")
    for function in (information_gain, energy_variance, positional_cumulant):
        with pytest.raises(InputError, match=message):
            function(x, **arguments)


def test_shapes_that_do_not_fit_are_refused(unchecked):
    for function in (information_gain, energy_variance):
        with pytest.raises(InputError, match=r"x \(2,\), t \(3,\)"):
            function(np.ones((2, 6)), variances=VARIANCES, t=np.ones(3))
    for x, t in ((np.ones((2, 6)), 0.5), (X, np.ones(2))):
        with pytest.raises(InputError, match="one state and one t"):
            positional_cumulant(x, variances=VARIANCES, t=t)

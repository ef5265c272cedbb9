"""The Laplace transform of one Boltzmann factor, from nothing but its moments."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomem.theory.random_energy_model import gaussian_cumulant, laplace, mellin_barnes
from tests.theory.random_energy_model import by_density

LOG_U = np.linspace(-30, 5, 71)


def test_one_energy_without_spread():
    """z = 1: L = e^-u."""
    log_one_minus, log_curvature = laplace(lambda lam: 0 * lam, LOG_U)
    u = np.exp(LOG_U)
    np.testing.assert_allclose(np.exp(log_one_minus), -np.expm1(-u), rtol=1e-12)
    np.testing.assert_allclose(np.exp(log_curvature), u**2 * np.exp(-u), rtol=1e-11, atol=1e-13)


def test_uniform_factor():
    """z uniform on (0, 1): L = (1 - e^-u) / u."""
    log_u = np.linspace(-12, 5, 35)
    log_one_minus, log_curvature = laplace(lambda lam: -np.log1p(lam), log_u)
    with mpmath.workdps(40):
        for v, a, b in zip(log_u, log_one_minus, log_curvature, strict=True):
            u = mpmath.exp(mpmath.mpf(v))
            one_minus = 1 - (1 - mpmath.exp(-u)) / u
            curvature = 2 * (1 - mpmath.exp(-u)) / u - 2 * mpmath.exp(-u) - u * mpmath.exp(-u)
            assert np.exp(a) == pytest.approx(float(one_minus), rel=1e-12)
            assert np.exp(b) == pytest.approx(float(curvature), rel=1e-9)


@pytest.mark.parametrize("variance", [1e-4, 0.5, 30.0, 2000.0])
def test_lognormal_factor(variance):
    log_u = np.sqrt(variance) * np.linspace(-12, 0, 25) - 1
    law = by_density.gaussian(variance, log_n=100.0)
    expected = by_density.transforms(law, log_u)
    log_one_minus, log_curvature = laplace(gaussian_cumulant(variance=variance), log_u)
    np.testing.assert_allclose(log_one_minus, expected.log_one_minus, rtol=0, atol=1e-11)
    np.testing.assert_allclose(log_curvature, expected.log_curvature, rtol=0, atol=1e-11)


@pytest.mark.parametrize("variance", [0.01, 4.0, 900.0])
def test_both_ends(variance):
    """1 - L -> u E z as u -> 0 (u^2 L'' -> u^2 E z^2), and -> 1 as u grows."""
    far = 12 * np.sqrt(variance) + 3 * variance
    low, high = laplace(gaussian_cumulant(variance=variance), [-far - 20, 40 + far])[0]
    assert low == pytest.approx(-far - 20 + variance / 2, abs=1e-8)
    assert -1e-12 < high <= -1e-16
    curvature = laplace(gaussian_cumulant(variance=variance), [-far - 20])[1]
    assert curvature == pytest.approx(2 * (-far - 20) + 2 * variance, abs=1e-7)


@settings(max_examples=15)
@given(st.floats(0.01, 1e3), st.floats(-5.0, 5.0))
def test_order_shift_and_convexity(variance, shift):
    plain = gaussian_cumulant(variance=variance)
    log_u = np.linspace(-8, 0, 33) * np.sqrt(1 + variance)
    one_minus, curvature = laplace(plain, log_u)
    assert np.all(np.diff(one_minus) > 0)
    power = np.diff(one_minus) / np.diff(log_u)  # d ln(1 - L) / d ln u falls from one to zero
    assert np.all((power > 0) & (power < 1))
    assert np.all(np.diff(power) < 1e-9)
    moved = laplace(lambda lam: plain(lam) + shift * lam, log_u - shift)
    np.testing.assert_allclose(moved, [one_minus, curvature], rtol=0, atol=1e-10)


@pytest.mark.parametrize("shift", [-1e4, -1e6, 1e6])
def test_a_large_common_energy_changes_nothing(shift):
    """Images have energies of many thousand t; the table of saddles must not drown in their rounding."""
    plain = gaussian_cumulant(variance=20.0)
    log_u = np.linspace(-60, 0, 31)
    moved = laplace(lambda lam: plain(lam) + shift * lam, log_u - shift)
    # Logarithms of numbers e^shift apart carry the rounding of the shift.
    np.testing.assert_allclose(moved, laplace(plain, log_u), rtol=0, atol=1e-15 * abs(shift) + 1e-10)


def test_curvature_is_the_second_derivative():
    log_u, h = np.linspace(-20, 0, 11), 1e-3
    cumulant = gaussian_cumulant(variance=40.0)
    below, here, above = (np.exp(laplace(cumulant, log_u + k * h)[0]) for k in (-1, 0, 1))
    # u^2 L'' = d^2 L / dv^2 - dL / dv, v = ln u, and L = 1 - (1 - L)
    finite = -(above - 2 * here + below) / h**2 + (above - below) / (2 * h)
    np.testing.assert_allclose(np.exp(laplace(cumulant, log_u)[1]), finite, rtol=1e-4, atol=1e-8)


def test_a_state_does_not_depend_on_those_computed_with_it():
    """Each path ends where it has fallen itself, not where another one of the batch has."""
    transform = mellin_barnes.Transform(lambda lam: -0.3 * np.log1p(lam))
    together = transform.log_one_minus(np.linspace(-1e4, 1e4, 101), mellin_barnes.THETA / 2)[50:52]
    alone = transform.log_one_minus(np.array([0.0, 200.0]), mellin_barnes.THETA / 2)
    np.testing.assert_allclose(np.exp(together), np.exp(alone), rtol=1e-10)


def test_shapes_and_scalars():
    cumulant = gaussian_cumulant(variance=1.0)
    for values in laplace(cumulant, -3.0):
        assert values.shape == (1,)
        assert values.dtype == np.float64
    assert laplace(cumulant, [-3, 0])[0].shape == (2,)

"""Cumulants: known laws, lists of energies, and the derivative by a complex step."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from geomem.errors import ConvergenceError, InputError
from geomem.theory.positional import positional_cumulant
from geomem.theory.random_energy_model import (
    cumulants,
    derivative,
    empirical_cumulant,
    finite_size,
    gaussian_cumulant,
    participation,
)

LAM = np.array([[0.0, 0.5, 1.0], [1.5, 2.0, 7.0]])
energy_lists = st.lists(st.floats(-50, 50), min_size=1, max_size=30)


@pytest.mark.parametrize("variance", [1e-3, 2.0, 500.0])
def test_gaussian_is_half_the_variance_times_the_square(variance):
    cumulant = gaussian_cumulant(variance=variance)
    np.testing.assert_allclose(cumulant(LAM), variance * LAM**2 / 2, rtol=1e-15)
    np.testing.assert_allclose(derivative(cumulant, LAM), variance * LAM, rtol=1e-14)
    assert cumulant(1j * LAM).dtype == np.complex128


def test_gaussian_is_the_law_of_drawn_energies():
    sample = np.random.default_rng(0).normal(scale=0.7, size=200_000)
    for lam in (0.5, 1.0):
        factor = np.exp(-lam * sample)
        error = factor.std() / np.sqrt(factor.size)
        assert abs(factor.mean() - np.exp(gaussian_cumulant(variance=0.49)(lam))) < 4 * error
        assert error < 0.01 * factor.mean()


@settings(max_examples=30)
@given(energy_lists)
def test_list_of_energies_is_a_mean_of_boltzmann_factors(energies):
    cumulant = empirical_cumulant(energies)
    expected = logsumexp(-LAM[..., None] * np.array(energies), axis=-1) - np.log(len(energies))
    np.testing.assert_allclose(cumulant(LAM), expected, rtol=1e-12, atol=1e-12)
    assert cumulant(LAM).shape == LAM.shape
    assert cumulant(np.array(1.0)).shape == ()


@settings(max_examples=30)
@given(energy_lists, st.floats(0, 3), st.floats(-20, 20))
def test_list_at_complex_argument(energies, re, im):
    found = np.exp(empirical_cumulant(energies)(np.array(complex(re, im)))) if energies else 0
    expected = np.mean(np.exp(-complex(re, im) * np.array(energies)))
    scale = np.exp(-re * min(energies))
    assert abs(found - expected) <= 1e-12 * scale * (1 + abs(im) * 50)


@settings(max_examples=30)
@given(energy_lists, st.floats(0, 5))
def test_derivative_is_minus_the_tilted_mean(energies, lam):
    e = np.array(energies)
    w = np.exp(-lam * (e - e.min()))
    assert derivative(empirical_cumulant(e), lam) == pytest.approx(-(w @ e) / w.sum(), rel=1e-11, abs=1e-11)


@settings(max_examples=30)
@given(energy_lists)
def test_cumulants_are_convex_and_vanish_at_zero(energies):
    cumulant = empirical_cumulant(energies)
    assert cumulant(np.array(0.0)) == pytest.approx(0, abs=1e-12)
    slopes = derivative(cumulant, np.linspace(0, 4, 30))
    assert np.all(np.diff(slopes) >= -1e-9)


def test_derivative_loses_no_digit():
    cumulant = positional_cumulant(np.array([3.0, 0.1]), variances=[1.0, 1e-6], t=1e-7)
    for lam in (1e-9, 0.3, 2.0):
        with mpmath.workdps(40):
            exact = mpmath.diff(
                lambda s: (
                    -sum(
                        mpmath.log(1 + s * v / mpmath.mpf(1e-7)) + s * x**2 / (mpmath.mpf(1e-7) + s * v)
                        for x, v in ((mpmath.mpf(3), 1), (mpmath.mpf(0.1), mpmath.mpf(1e-6)))
                    )
                    / 2
                ),
                mpmath.mpf(lam),
                h=mpmath.mpf(10) ** -18,
            )
        assert derivative(cumulant, lam) == pytest.approx(float(exact), rel=1e-12)


def test_energies_of_real_size():
    """Pictures at small noise: energies of 10^4 with a spread of thousands underflow without a warning."""
    energies = np.random.default_rng(2).gamma(8.0, 1500.0, size=1797)
    cumulant = empirical_cumulant(energies)
    assert cumulant(np.array(1.0)) == pytest.approx(logsumexp(-energies) - np.log(energies.size), rel=1e-13)
    assert cumulant(np.array([1.0 + 40.0j])).shape == (1,)


def test_few_atoms_are_refused_rather_than_answered_wrongly(monkeypatch):
    """The transform of a few atoms does not decay along the path, and the averages over them settle slowly."""
    monkeypatch.setattr(finite_size, "HALVINGS", 1)
    energies = np.random.default_rng(2).gamma(8.0, 1.5, size=20)
    with pytest.raises(ConvergenceError, match="expected a change below"):
        participation(empirical_cumulant(energies), log_n_points=np.log(2))


def test_blocks_do_not_matter(monkeypatch):
    energies, lam = np.linspace(0, 9, 50), np.linspace(0.1, 2, 40) + 0.3j
    whole = empirical_cumulant(energies)(lam)
    monkeypatch.setattr(cumulants, "BLOCK", 120)
    np.testing.assert_allclose(empirical_cumulant(energies)(lam), whole, rtol=1e-14)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_variance_that_is_no_variance_is_refused(bad):
    with pytest.raises(InputError, match=r"got variance = .*expected the variance of E / t, positive and finite"):
        gaussian_cumulant(variance=bad)


@pytest.mark.parametrize("bad", [[], [1.0, np.nan], [np.inf], [[1.0, 2.0]], 3.0])
def test_energies_that_are_no_list_are_refused(bad):
    with pytest.raises(InputError, match=r"got energies of shape .*expected \(n,\), n >= 1, finite"):
        empirical_cumulant(bad)

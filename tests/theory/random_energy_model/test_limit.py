"""The limit of many levels: condensation, free entropy, and the frozen weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import entr

from geomem.errors import InputError
from geomem.theory.random_energy_model import (
    condensation_point,
    derivative,
    empirical_cumulant,
    entropy,
    free_entropy,
    frozen_participation,
    frozen_participation_variance,
    gaussian_cumulant,
    poisson_dirichlet,
)


def binary(lam):
    """Forty signs, ln cosh each, without overflow."""
    return 40 * (lam + np.log1p(np.exp(-2 * lam)) - np.log(2))


@settings(max_examples=40)
@given(st.floats(1e-6, 1e6), st.floats(0.1, 2500))
def test_gaussian_energies_condense_where_derrida_found(variance, log_n):
    found = condensation_point(gaussian_cumulant(variance=variance), log_n_points=log_n)
    assert found == pytest.approx(np.sqrt(2 * log_n / variance), rel=1e-13)


def test_entropy_of_gaussian_energies():
    lam = np.array([0.0, 0.5, 2.0])
    found = entropy(gaussian_cumulant(variance=3.0), lam, log_n_points=7.0)
    np.testing.assert_allclose(found, 7 - 3 * lam**2 / 2, rtol=1e-14)


@settings(max_examples=30)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=20), st.floats(0.0, 6.0))
def test_entropy_of_a_list_is_shannons(energies, lam):
    """Of n levels listed, each once: the entropy of their weights."""
    w = np.exp(-lam * (np.array(energies) - min(energies)))
    found = entropy(empirical_cumulant(energies), lam, log_n_points=np.log(len(energies)))
    assert found == pytest.approx(entr(w / w.sum()).sum(), abs=1e-10)


@pytest.mark.parametrize("log_n", [1.0, 10.0, 20.0])
def test_signs_condense_where_the_binary_entropy_ends(log_n):
    """d signs: ln N = d ln 2 - d H(magnetization tanh lambda)."""
    found = condensation_point(binary, log_n_points=log_n)
    up = (1 + np.tanh(found)) / 2
    assert 40 * (np.log(2) - entr(up) - entr(1 - up)) == pytest.approx(log_n, rel=1e-9)


def test_more_points_than_states_never_condense():
    """All 2^40 corners listed more than once: the lowest is degenerate."""
    assert condensation_point(binary, log_n_points=40 * np.log(2) + 0.1) == np.inf
    assert condensation_point(binary, log_n_points=40 * np.log(2) - 0.1) < np.inf
    lam = np.array([0.5, 3.0])
    np.testing.assert_allclose(free_entropy(binary, lam, log_n_points=30.0), 30 + binary(lam))
    assert condensation_point(empirical_cumulant([0.0, 1.0]), log_n_points=1.0) == np.inf
    assert condensation_point(empirical_cumulant([0.0, 1.0]), log_n_points=0.5) < np.inf


@pytest.mark.parametrize("cumulant", [binary, gaussian_cumulant(variance=8.0), lambda lam: -30 * np.log1p(lam)])
@pytest.mark.parametrize("log_n", [3.0, 12.0])
def test_free_entropy_is_convex_with_a_continuous_slope(cumulant, log_n):
    critical = condensation_point(cumulant, log_n_points=log_n)
    h = 1e-6 * critical
    lam = critical + h * np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    values = free_entropy(cumulant, lam, log_n_points=log_n)
    scale = abs(values).max()
    assert np.ptp(np.diff(values) / h) * critical < 1e-4 * (scale + log_n)
    wide = free_entropy(cumulant, np.linspace(0, 3 * critical, 61), log_n_points=log_n)
    assert np.all(np.diff(wide, 2) > -1e-9 * scale)
    assert wide[0] == pytest.approx(log_n)
    beyond = free_entropy(cumulant, [2 * critical, 4 * critical], log_n_points=log_n)
    assert beyond[1] == pytest.approx(2 * beyond[0], rel=1e-13)
    assert beyond[0] == pytest.approx(2 * critical * derivative(cumulant, critical), rel=1e-13)


@settings(max_examples=30)
@given(st.floats(0.05, 5.0), st.floats(1.0, 100.0))
def test_condensation_scales_with_the_unit_of_energy(unit, log_n):
    plain = condensation_point(gaussian_cumulant(variance=6.0), log_n_points=log_n)
    scaled = condensation_point(lambda lam: gaussian_cumulant(variance=6.0)(unit * lam), log_n_points=log_n)
    assert scaled * unit == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize(("rho", "n_weights"), [(0.2, 60), (0.5, 200), (0.8, 400)])
def test_frozen_weights_have_the_stated_mean_and_variance(rho, n_weights):
    samples = 2_000_000 // n_weights
    w = poisson_dirichlet(rho, samples, np.random.default_rng(3), n_weights=n_weights)
    assert w.shape == (samples, n_weights)
    assert np.all(np.diff(w, axis=1) <= 0)
    assert w.min() > 0
    assert np.all(w.sum(axis=1) < 1 + 1e-12)
    squares = (w**2).sum(axis=1)
    mean, error = squares.mean(), squares.std() / np.sqrt(samples)
    assert error < min(rho, 1 - rho) / 12
    assert abs(mean - frozen_participation(rho)) < 4 * error
    deviations = (squares - frozen_participation(rho)) ** 2
    error = deviations.std() / np.sqrt(samples)
    expected = frozen_participation_variance(rho)
    assert error < expected / 4  # the rival: self-averaging, no variance
    assert abs(deviations.mean() - expected) < 4 * error


@pytest.mark.parametrize("rho", [0.3, 0.6])
def test_third_moment_of_the_frozen_weights(rho):
    """E sum w^3 = (1 - rho)(2 - rho) / 2, which no formula of the module holds."""
    w = poisson_dirichlet(rho, 20_000, np.random.default_rng(4), n_weights=100)
    cubes = (w**3).sum(axis=1)
    assert abs(cubes.mean() - (1 - rho) * (2 - rho) / 2) < 4 * cubes.std() / np.sqrt(cubes.size)


def test_what_is_left_out_of_the_sum_is_its_mean():
    """Few weights or many: the largest has the same law."""
    few, many = (poisson_dirichlet(0.5, 20_000, np.random.default_rng(k), n_weights=k)[:, 0] for k in (8, 300))
    error = np.hypot(few.std(), many.std()) / np.sqrt(20_000)
    assert abs(few.mean() - many.mean()) < 4 * error


def test_frozen_laws_are_the_formulas():
    rho = np.linspace(0, 1, 5)
    np.testing.assert_allclose(frozen_participation(rho), [1, 0.75, 0.5, 0.25, 0])
    np.testing.assert_allclose(frozen_participation_variance(rho), [0, 1 / 16, 1 / 12, 1 / 16, 0])


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_number_of_points_that_is_none_is_refused(bad):
    with pytest.raises(InputError, match=r"got log_n_points = .*expected ln N, positive and finite"):
        condensation_point(binary, log_n_points=bad)
    with pytest.raises(InputError, match="expected ln N"):
        free_entropy(binary, 1.0, log_n_points=bad)


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan, [0.5, 2.0]])
def test_frozen_parameter_out_of_range_is_refused(bad):
    for law in (frozen_participation, frozen_participation_variance):
        with pytest.raises(InputError, match=r"expected 0 <= rho <= 1; above condensation"):
            law(bad)


@pytest.mark.parametrize("settings", [(0.0, 1, 1), (1.0, 1, 1), (np.nan, 1, 1), (0.5, 0, 1), (0.5, 1, 0)])
def test_frozen_weights_that_cannot_be_drawn_are_refused(settings):
    rho, n_samples, n_weights = settings
    with pytest.raises(InputError, match="expected"):
        poisson_dirichlet(rho, n_samples, np.random.default_rng(0), n_weights=n_weights)

"""What is no number, no inverse temperature, or no cumulant is refused by name; a law of a few atoms is served."""

import numpy as np
import pytest

from geomem.errors import ConvergenceError, InputError
from geomem.theory.random_energy_model import (
    empirical_cumulant,
    entropy,
    expected_log_partition,
    free_entropy,
    gaussian_cumulant,
    laplace,
    own_weight,
    participation,
)

GAUSSIAN = gaussian_cumulant(variance=3.0)


def test_few_levels_drawn_from_a_short_list():
    """Two draws from three levels: nine equally likely pairs."""
    energies = np.array([0.0, 0.4, 1.5])
    pair = np.exp(-np.stack(np.meshgrid(energies, energies)))
    expected = ((pair**2).sum(0) / pair.sum(0) ** 2).mean()
    found = participation(empirical_cumulant(energies), log_n_points=np.log(2))
    assert found.value == pytest.approx(expected, rel=1e-8)


def test_a_cumulant_of_no_arguments_is_empty():
    assert empirical_cumulant([0.0, 1.0])(np.empty((0, 3), dtype=complex)).shape == (0, 3)


@pytest.mark.parametrize("bad", ["7", None, [5.0, 6.0], 5 + 0j, True])
def test_what_is_no_number_is_refused(bad, unchecked):
    for function in (participation, expected_log_partition):
        with pytest.raises(InputError, match=r"got log_n_points = .*expected one real number"):
            function(GAUSSIAN, log_n_points=bad)
    with pytest.raises(InputError, match=r"got log_own = .*expected one real number"):
        own_weight(GAUSSIAN, log_own=bad, log_n_points=7.0)
    with pytest.raises(InputError, match=r"got variance = .*expected one real number"):
        gaussian_cumulant(variance=bad)


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf, [0.5, -2.0]])
def test_inverse_temperatures_below_zero_are_refused(bad):
    for function in (entropy, free_entropy):
        with pytest.raises(InputError, match=r"got lam = .*not below zero"):
            function(GAUSSIAN, bad, log_n_points=7.0)


@pytest.mark.parametrize("bad", [lambda lam: lam * np.nan, lambda lam: -5 * lam**2])
def test_functions_that_are_no_cumulants_are_refused(bad):
    with pytest.raises(InputError, match="not finite or not convex on 0 < lambda < 1"):
        participation(bad, log_n_points=7.0)


@pytest.mark.parametrize("bad", [np.nan, [[0.0, 1.0]], [np.inf]])
def test_places_of_the_transform_that_are_no_list_are_refused(bad):
    with pytest.raises(InputError, match=r"got log_u of shape .*expected \(n,\), finite"):
        laplace(GAUSSIAN, bad)


def test_energies_that_are_no_numbers_are_refused(unchecked):
    with pytest.raises(InputError, match="got energies that are no numbers"):
        empirical_cumulant(["a"])


def test_levels_far_apart_follow_the_frozen_scaling_or_are_refused():
    """Deep in the frozen phase 1 - E sum w^2 is proportional to t/t_c; a table of saddles must not end before it."""

    def lost(rho: float) -> float:
        return 1 - participation(gaussian_cumulant(variance=2 * 4.6 / rho**2), log_n_points=4.6).value

    for rho in (1e-5, 1e-6):
        assert lost(rho) / rho == pytest.approx(lost(1e-4) / 1e-4, rel=1e-6)
    with pytest.raises(ConvergenceError, match=r"does not reach the highest of them, expected .* use the limit"):
        lost(1e-13)

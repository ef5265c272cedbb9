"""How fast the participation decays above condensation: closed forms, branches, and sizes that approach the limit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq

from geomem.theory.random_energy_model import (
    annealed_rate,
    condensation_point,
    expected_log_sample_size,
    gaussian_cumulant,
    participation,
    typical_rate,
)
from tests.theory.random_energy_model import by_density
from tests.theory.random_energy_model.test_finite_size import agree, energies, state
from tests.theory.random_energy_model.test_sample_size import FIRST, REFERENCE

LAWS = {
    "gaussian": gaussian_cumulant(variance=8.0),
    "gamma": lambda lam: -30 * np.log1p(lam),
    "signs": lambda lam: 40 * (lam + np.log1p(np.exp(-2 * lam)) - np.log(2)),
    "state": state(50, 1.3, 0.3),
}
laws = st.sampled_from(sorted(LAWS))


def place(name: str, critical: float) -> float:
    """ln N at which a law condenses at lambda* = critical: lambda K' - K."""
    cumulant, h = LAWS[name], 1e-6
    slope = (cumulant(critical + h) - cumulant(critical - h)) / (2 * h)
    return float(critical * slope - cumulant(critical))


@given(st.floats(0.1, 1e3), st.floats(0.05, 5.0))
def test_gaussian_energies_in_closed_form(variance, critical):
    """With ln N = v lambda*^2 / 2, completing squares."""
    n = {"log_n_points": variance * critical**2 / 2}
    cumulant = gaussian_cumulant(variance=variance)
    free = variance * (critical**2 / 2 - 1)
    typical = 0 if critical <= 1 else variance * (critical - 1) ** 2 if critical < 2 else free
    annealed = 0 if critical <= 1 else variance * (critical**2 - 1) ** 2 / 8 if critical < np.sqrt(3) else free
    assert typical_rate(cumulant, **n) == pytest.approx(typical, rel=1e-9, abs=1e-12 * variance)
    assert annealed_rate(cumulant, **n) == pytest.approx(annealed, rel=1e-9, abs=1e-12 * variance)


@given(laws, st.floats(1.0, 1.99))
def test_between_one_and_two_the_typical_rate_is_that_of_the_notes(name, critical):
    """2 (a + z(1)) - 2 (a + z(l*)) / l*, with l* in place of the slope."""
    cumulant, log_n = LAWS[name], place(name, critical)
    expected = 2 * (log_n + cumulant(1.0)) - 2 * (log_n + cumulant(critical)) / critical
    assert typical_rate(cumulant, log_n_points=log_n) == pytest.approx(float(expected), rel=1e-6, abs=1e-6)


@given(laws, st.floats(1.01, 4.0))
def test_the_annealed_rate_is_the_least_cost_of_levels(name, critical):
    """-ln E sum w^2 = min over energies of the cost of a level there, plus 2 ln(Z/z) where it is below Z."""
    cumulant, log_n = LAWS[name], place(name, critical)
    lam = np.linspace(0.5, 2.5, 20_001)
    slope = np.gradient(cumulant(lam), lam)  # ln z of the levels at lambda
    log_levels = log_n + cumulant(lam) - lam * slope
    log_z = log_n + cumulant(1.0)
    cost = 2 * np.maximum(log_z - slope, 0) - log_levels
    found = annealed_rate(cumulant, log_n_points=log_n)
    assert found == pytest.approx(cost[1:-1].min(), rel=1e-3, abs=2e-3)


@given(laws, st.floats(0.1, 6.0))
def test_order_and_zeros(name, critical):
    cumulant, n = LAWS[name], {"log_n_points": place(name, critical)}
    typical, annealed = typical_rate(cumulant, **n), annealed_rate(cumulant, **n)
    if critical < 0.999:
        assert typical == annealed == 0
    elif critical > 1.001:
        assert 0 < annealed <= typical * (1 + 1e-12)
        assert typical <= n["log_n_points"]
    if critical > 2.001:
        free = n["log_n_points"] + 2 * cumulant(1.0) - cumulant(2.0)
        assert typical == pytest.approx(float(free), rel=1e-12, abs=0)
        assert annealed == pytest.approx(typical, rel=1e-12, abs=0)
    elif 1.01 < critical < 1.7:
        assert annealed < 0.99 * typical


@pytest.mark.parametrize("name", sorted(LAWS))
@pytest.mark.parametrize("function", [typical_rate, annealed_rate])
def test_rates_and_their_slopes_are_continuous_in_the_number_of_points(function, name):
    first, last = place(name, 0.9), place(name, 2.4)
    log_n = np.linspace(first, last, 151)
    rates = np.array([float(function(LAWS[name], log_n_points=v)) for v in log_n])
    step = log_n[1] - log_n[0]
    slopes = np.diff(rates) / step
    assert slopes.min() >= -1e-9
    assert slopes.max() <= 1 + 1e-9
    assert np.abs(np.diff(slopes)).max() < 0.06  # of slopes from 0 to 1


def test_more_points_than_states_lose_nothing_but_the_spread():
    """A law that never condenses: the free expression, at any number of points."""
    log_n = 40 * np.log(2) + 5.0
    assert np.isinf(condensation_point(LAWS["signs"], log_n_points=log_n))
    free = log_n + 2 * LAWS["signs"](1.0) - LAWS["signs"](2.0)
    for function in (typical_rate, annealed_rate):
        assert function(LAWS["signs"], log_n_points=log_n) == pytest.approx(float(free), rel=1e-12, abs=0)


def at_size(d: int) -> tuple:
    table = REFERENCE["rates"]
    t = table["times_collapse"] / np.expm1(2 * table["rate"])
    return state(d, 1 + t, t), energies(d, 1 + t, t, d * table["rate"]), d * table["rate"]


def test_limits_at_typical_states():
    for d in (1, 512):
        cumulant, _, log_n = at_size(d)
        agree(typical_rate(cumulant, log_n_points=log_n) / d, REFERENCE["rates"]["typical"])
        agree(annealed_rate(cumulant, log_n_points=log_n) / d, REFERENCE["rates"]["annealed"])
    # by hand: K'(l) = -(s/2) [1/(1 + l s) + (1 + s)/(s (1 + l s)^2)] per dimension, s = 1/t, x^2 = 1 + t
    t = REFERENCE["rates"]["times_collapse"] / np.expm1(1)

    def k(lam):
        return -0.5 * np.log1p(lam / t) - 0.5 * lam * (1 + t) / (t + lam)

    def slope(lam):
        return -0.5 / (t + lam) - 0.5 * (1 + t) * t / (t + lam) ** 2

    critical = brentq(lambda lam: 0.5 + k(lam) - lam * slope(lam), 1, 5)
    level = brentq(lambda lam: slope(lam) - 0.5 - k(1), 1, 2)
    agree(2 * (0.5 + k(1)) - 2 * (0.5 + k(critical)) / critical, REFERENCE["rates"]["typical"])
    agree(-(0.5 + k(level) - level * slope(level)), REFERENCE["rates"]["annealed"])


def test_exact_values_approach_the_limits():
    """Both routes at d = 512, and the distance from the limit, about ln(d)/2d."""
    cumulant, _, log_n = at_size(1)
    limits = np.array([f(cumulant, log_n_points=log_n) for f in (typical_rate, annealed_rate)])
    distance = {}
    for d in (128, 512, 2048):
        cumulant, law, log_n = at_size(d)
        exact = np.array(
            [
                expected_log_sample_size(cumulant, log_n_points=log_n).value,
                -np.log(participation(cumulant, log_n_points=log_n).value),
            ]
        )
        distance[d] = exact / d - limits
        if d == FIRST["rates"]["d"]:
            once, twice = (by_density.Levels(by_density.Law(k * law.e, law.log_p), log_n) for k in (1, 2))
            independent = [2 * once.expected_log_partition() - twice.expected_log_partition()]
            independent.append(-np.log(once.participation()))
            np.testing.assert_allclose(exact, independent, rtol=1e-9)
            for value, name in zip(independent, ("typical", "annealed"), strict=True):
                agree(value / d, FIRST["rates"][name])
    for d in (128, 512):
        assert np.all(distance[d] > 2.5 * distance[4 * d])
        assert np.all(distance[4 * d] > 0)
    assert np.all(distance[2048] < 0.003)

"""Averages of the effective sample size: against the density of the energy, sums over all draws, and closed forms."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.special import gamma as euler_gamma
from scipy.special import logsumexp
from scipy.stats import binom

from geomem.theory.random_energy_model import (
    arithmetic_sample_size,
    expected_log_sample_size,
    gaussian_cumulant,
    geometric_sample_size,
    harmonic_sample_size,
    participation,
    planted_participation,
    poisson_dirichlet,
)
from tests.theory.random_energy_model import by_density
from tests.theory.random_energy_model.test_finite_size import LN2, agree, check, energies, state

FOLDER = Path(__file__).parents[2] / "reference"
REFERENCE = tomllib.loads((FOLDER / "effective_sample_size.toml").read_text())
FIRST = tomllib.loads((FOLDER / "random_energy_model.toml").read_text())
SIZES = (harmonic_sample_size, geometric_sample_size, arithmetic_sample_size)


def uniform(lam):
    """z uniform on (0, 1)."""
    return -np.log1p(lam)


def check_all(cumulant, law: by_density.Law, log_n: float, functions=(planted_participation, *SIZES)) -> None:
    harmonic, log_geometric, arithmetic, planted = by_density.sample_size(law, log_n)
    independent = dict(zip(SIZES, (harmonic, np.exp(log_geometric), arithmetic), strict=True))
    independent[planted_participation] = planted
    for function in functions:
        check(function(cumulant, log_n_points=log_n), independent[function], rounding=1e-10)


# --- any law, any size, against its density -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("d", "log_n", "t"),
    [(2, np.log(1e4), 0.05), (784, LN2, 60.0), (784, np.log(6e4), 5.0), (784, 600.0, 0.5)],
)
def test_isotropic_data(d, log_n, t):
    check_all(state(d, 1 + t, t), energies(d, 1 + t, t, log_n), log_n)


@pytest.mark.parametrize(("variance", "log_n"), [(1e-4, LN2), (1e-4, 50.0), (100.0, np.log(1e3)), (100.0, 50.0)])
def test_gaussian_energies(variance, log_n):
    check_all(gaussian_cumulant(variance=variance), by_density.gaussian(variance, log_n=log_n), log_n)


@pytest.mark.parametrize(("shape", "log_n"), [(0.3, np.log(4)), (1.0, np.log(3)), (40.0, 50.0)])
def test_gamma_energies(shape, log_n):
    check_all(lambda lam: -shape * np.log1p(lam), by_density.gamma(shape), log_n)


# --- sums over all draws, closed forms ----------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "n"), [(1.0, 5), (0.3, 2), (2.0, 50)])
def test_two_energies_by_the_sum_over_every_draw(gap, n):
    """N levels of energy 0 or gap, alike: a binomial number of each."""

    def coin(lam):
        return np.log((1 + np.exp(-gap * lam)) / 2)

    def sums(count: int) -> tuple:
        high = np.arange(count + 1)
        return binom.pmf(high, count, 0.5), count - high + high * np.exp(-gap), count - high + high * np.exp(-2 * gap)

    p, z, z2 = sums(n)
    count = {"log_n_points": np.log(n)}
    check(harmonic_sample_size(coin, **count), 1 / (p @ (z2 / z**2)))
    check(geometric_sample_size(coin, **count), np.exp(p @ np.log(z**2 / z2)))
    check(arithmetic_sample_size(coin, **count), p @ (z**2 / z2))
    p, z, z2 = sums(n - 1)  # of the others; the planted level is low with probability 1 / (1 + e^-gap)
    low, high = 1 / (1 + np.exp(-gap)), np.exp(-gap)
    weight = low * (p @ (1 / (1 + z))) + (1 - low) * (p @ (high / (high + z)))
    squares = low * (p @ ((1 + z2) / (1 + z) ** 2)) + (1 - low) * (p @ ((high**2 + z2) / (high + z) ** 2))
    check(planted_participation(coin, **count), weight)
    check(planted_participation(coin, **count), squares)


def test_two_exponential_energies_in_closed_form():
    """For r = z2 / z1 of two uniform z, the smaller over the larger: N~ = (1 + r)^2 / (1 + r^2), r uniform."""
    n = {"log_n_points": LN2}
    check(arithmetic_sample_size(uniform, **n), 1 + LN2)
    check(geometric_sample_size(uniform, **n), 8 * np.exp(-np.pi / 2))
    check(planted_participation(uniform, **n), 4 * LN2 / 3 - 1 / 3)


@pytest.mark.parametrize("variance", [0.01, 2.0, 30.0])
def test_two_gaussian_energies(variance):
    """Two weights depend on one difference of energies, N(0, 2v); where one level is planted, N(v, 2v)."""
    x = np.linspace(-12, 12, 6001)
    p = np.exp(-(x**2) / 2) / np.exp(-(x**2) / 2).sum()
    w = 1 / (1 + np.exp(-np.sqrt(2 * variance) * x))
    cumulant, n = gaussian_cumulant(variance=variance), {"log_n_points": LN2}
    check(arithmetic_sample_size(cumulant, **n), p @ (1 / (w**2 + (1 - w) ** 2)))
    check(geometric_sample_size(cumulant, **n), np.exp(p @ -np.log(w**2 + (1 - w) ** 2)))
    planted = 1 / (1 + np.exp(-np.sqrt(2 * variance) * x - variance))
    check(planted_participation(cumulant, **n), p @ planted)


@pytest.mark.parametrize("log_n", [LN2, np.log(7), 20.0, 680.0])
def test_equal_levels(log_n):
    def equal(lam):
        return 0 * lam

    for function in SIZES:
        check(function(equal, log_n_points=log_n), np.exp(log_n), rounding=1e-10)
    check(planted_participation(equal, log_n_points=log_n), np.exp(-log_n))


# --- identities ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("variance", "log_n"), [(2.0, np.log(5)), (9.0, 8.0), (30.0, 8.0)])
def test_exchange_the_planted_level_is_one_more_draw_of_the_weights(variance, log_n):
    """E sum w^2 = E w_own where the own level has the tilted law; given that level the two differ."""
    law = by_density.gaussian(variance, log_n=log_n)
    levels = by_density.Levels(law, log_n, by_density.reach(law))
    own = by_density.tilted(law)
    kept = np.flatnonzero(own.log_p > -32)
    p = np.exp(own.log_p[kept])
    found = planted_participation(gaussian_cumulant(variance=variance), log_n_points=log_n).value
    weights = np.array([levels.own_weight(-e) for e in own.e[kept]])
    squares = np.array([levels.own_participation(-e) for e in own.e[kept]])
    assert found == pytest.approx(p @ weights, rel=1e-9, abs=0)
    assert found == pytest.approx(p @ squares, rel=1e-9, abs=0)
    assert p @ abs(weights - squares) > 0.01


@settings(max_examples=2, phases=[Phase.generate])
@given(st.floats(-300, 300), st.floats(0.1, 60.0), st.floats(0.7, 300.0))
def test_a_common_energy_changes_nothing(shift, variance, log_n):
    plain = gaussian_cumulant(variance=variance)

    def shifted(lam):
        return plain(lam) + shift * lam

    for function in (planted_participation, geometric_sample_size, arithmetic_sample_size):
        expected = function(plain, log_n_points=log_n).value
        assert function(shifted, log_n_points=log_n).value == pytest.approx(expected, rel=1e-8, abs=0)


@settings(max_examples=2, phases=[Phase.generate])
@given(st.floats(0.5, 60.0), st.floats(0.7, 300.0))
def test_order_and_bounds(variance, log_n):
    cumulant, n = gaussian_cumulant(variance=variance), {"log_n_points": log_n}
    harmonic, geometric, arithmetic = (function(cumulant, **n).value for function in SIZES)
    ordered = np.log([1, harmonic, geometric, arithmetic])
    assert np.all(np.diff([*ordered, log_n]) > -1e-8)
    assert harmonic == pytest.approx(1 / participation(cumulant, **n).value, rel=1e-12, abs=0)
    assert np.log(geometric) == pytest.approx(expected_log_sample_size(cumulant, **n).value, rel=1e-9, abs=1e-9)
    more = {"log_n_points": log_n + 1}
    assert arithmetic < arithmetic_sample_size(cumulant, **more).value
    wider = gaussian_cumulant(variance=1.5 * variance)
    assert arithmetic_sample_size(wider, **n).value < arithmetic
    planted = planted_participation(cumulant, **n).value
    assert planted_participation(cumulant, **more).value < planted
    assert np.exp(-log_n) < planted < planted_participation(wider, **n).value <= 1


# --- values -------------------------------------------------------------------------------------------------------


def test_three_averages_at_one_typical_state():
    table = FIRST["averages"]
    d, t, log_n = table["d"], table["t"], np.log(table["n_points"])
    check_all(state(d, 1 + t, t), energies(d, 1 + t, t, log_n), log_n)
    names = ("inverse_participation", "geometric_mean", "mean")
    for name, function in zip(names, SIZES, strict=True):
        agree(function(state(d, 1 + t, t), log_n_points=log_n).value, table[name])


def frozen_limits(rho: float) -> np.ndarray:
    """The three averages over Poisson levels of density rho z^(-rho-1), for which 1 - L is a power of u."""
    one, two = euler_gamma(1 - rho), euler_gamma(1 - rho / 2)
    geometric = np.exp(-np.euler_gamma) * (one / two) ** (2 / rho)
    return np.array([1 / (1 - rho), geometric, 1 + rho / 2 * (euler_gamma((1 - rho) / 2) / two) ** 2])


def test_three_averages_over_frozen_weights():
    rho = REFERENCE["frozen"]["rho"]
    limits = frozen_limits(rho)
    for limit, name in zip(limits, ("harmonic", "geometric", "arithmetic"), strict=True):
        agree(limit, REFERENCE["frozen"][name])
    w = poisson_dirichlet(rho, 20_000, np.random.default_rng(0), n_weights=200)
    size = 1 / (w**2).sum(axis=1)
    for sample, expected in ((1 / size, 1 / limits[0]), (np.log(size), np.log(limits[1])), (size, limits[2])):
        assert abs(sample.mean() - expected) < 4 * sample.std() / np.sqrt(size.size)
    gaps = []
    for log_n in (20.0, 200.0, 2000.0):
        cumulant = gaussian_cumulant(variance=2 * log_n / rho**2)
        gaps.append(np.array([f(cumulant, log_n_points=log_n).value for f in SIZES]) / limits - 1)
    assert np.all(np.abs(gaps[2]) < 0.01)
    assert np.all(np.abs(gaps[0]) > 3 * np.abs(gaps[1]))
    assert np.all(np.abs(gaps[1]) > 3 * np.abs(gaps[2]))


def test_planted_levels_by_simulation():
    """N = 50 levels, one of them drawn from the tilted law N(v, v) of ln z."""
    variance, n = 6.0, 50
    rng = np.random.default_rng(3)
    log_z = np.sqrt(variance) * rng.standard_normal((20_000, n))
    fresh = participation(gaussian_cumulant(variance=variance), log_n_points=np.log(n)).value
    log_z[:, 0] += variance
    w = np.exp(log_z - logsumexp(log_z, axis=1, keepdims=True))
    expected = planted_participation(gaussian_cumulant(variance=variance), log_n_points=np.log(n)).value
    for sample in (w[:, 0], (w**2).sum(axis=1)):
        error = sample.std() / np.sqrt(sample.size)
        assert error <= abs(expected - fresh) / 4
        assert abs(sample.mean() - expected) < 4 * error

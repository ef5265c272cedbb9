"""Averages over N energies: against the density of the energy, exact laws, identities, and provoked failures."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.polynomial.hermite_e import hermegauss
from scipy.special import logsumexp, roots_genlaguerre

from geomem.errors import ConvergenceError, InputError
from geomem.theory.condensation import collapse_time, condensation_time
from geomem.theory.positional import positional_cumulant
from geomem.theory.random_energy_model import (
    expected_log_partition,
    expected_log_sample_size,
    finite_size,
    gaussian_cumulant,
    own_participation,
    own_weight,
    participation,
)
from tests.theory.random_energy_model import by_density

REFERENCE = tomllib.loads((Path(__file__).parents[2] / "reference" / "random_energy_model.toml").read_text())
LN2 = np.log(2)
FUNCTIONS = (participation, expected_log_partition, expected_log_sample_size)
OWN_FUNCTIONS = (own_participation, own_weight)


def last_digit(text: str) -> float:
    return 10.0 ** -len(text.partition(".")[2])


def agree(value: float, text: str) -> None:
    assert abs(value - float(text)) <= last_digit(text)


def state(d: int, square: float, t: float):
    """The cumulant at x with x_i^2 = square, for data of unit variance."""
    return positional_cumulant(np.full(d, np.sqrt(square)), variances=np.ones(d), t=t)


def energies(d: int, square: float, t: float, log_n: float) -> by_density.Law:
    return by_density.isotropic(d, t=t, squared_norm=d * square, log_n=log_n)


def check(evaluation, expected: float, *, relative: bool = True, rounding: float = 1e-11, floor: float = 0.0) -> None:
    """The value is as expected, to what is stated, and what is stated is as promised."""
    scale = abs(expected) if relative else 1.0
    assert evaluation.error <= 1e-8 * scale + floor
    assert abs(evaluation.value - expected) <= evaluation.error + rounding * max(scale, abs(expected)) + floor / 1000


def check_all(cumulant, law, log_n: float, log_owns: list[float]) -> None:
    levels = by_density.Levels(law, log_n, max(log_owns))
    check(participation(cumulant, log_n_points=log_n), levels.participation())
    # the grid rounds once for each of its nodes, the more the smaller the power of the integrand
    check(
        expected_log_partition(cumulant, log_n_points=log_n),
        levels.expected_log_partition(),
        relative=False,
        rounding=1e-11,
    )
    for log_own in log_owns:
        given_level = {"log_own": log_own, "log_n_points": log_n}
        floor = 3e-12 if log_n < 1.5 else 0.0  # one or two other levels: e^-30 of it is left out, and stated
        check(own_weight(cumulant, **given_level), levels.own_weight(log_own), floor=floor)
        check(own_participation(cumulant, **given_level), levels.own_participation(log_own), floor=floor)


# --- the tables, by the package and by the density ----------------------------------------------------------------


@pytest.mark.parametrize("table", REFERENCE["typical"], ids=lambda table: f"d={table['d']}")
def test_table_at_typical_states(table):
    d, log_n = table["d"], np.log(table["n_points"])
    for t, text in zip(table["t"], table["participation"], strict=True):
        exact = participation(state(d, 1 + t, t), log_n_points=log_n)
        independent = by_density.Levels(energies(d, 1 + t, t, log_n), log_n).participation()
        agree(exact.value, text)
        agree(independent, text)
        check(exact, independent)


@pytest.mark.parametrize(
    ("d", "text"), list(zip(REFERENCE["fixed"]["d"], REFERENCE["fixed"]["participation"], strict=True))
)
def test_table_at_half_the_condensation_time(d, text):
    """Up to ln N = 2358, where N is 10^1024."""
    t = condensation_time(np.ones(d), variances=np.ones(d), n_points=10 ** (d // 4)) / 2
    log_n = d / 4 * np.log(10)
    exact = participation(state(d, 1.0, t), log_n_points=log_n)
    independent = by_density.Levels(energies(d, 1.0, t, log_n), log_n).participation()
    agree(exact.value, text)
    agree(independent, text)
    check(exact, independent)


def test_three_averages_of_the_sample_size():
    table = REFERENCE["averages"]
    d, n, t = table["d"], table["n_points"], table["t"]
    cumulant, log_n = state(d, 1 + t, t), np.log(n)
    geometric = np.exp(expected_log_sample_size(cumulant, log_n_points=log_n).value)
    agree(geometric, table["geometric_mean"])
    agree(1 / participation(cumulant, log_n_points=log_n).value, table["inverse_participation"])
    rng = np.random.default_rng(0)
    logits = -rng.noncentral_chisquare(d, d * (1 + t), size=(5000, n)) / (2 * t)
    log_sizes = 2 * logsumexp(logits, axis=1) - logsumexp(2 * logits, axis=1)
    for sample, expected, rival in (
        (np.exp(log_sizes), float(table["mean"]), geometric),
        (log_sizes, np.log(geometric), np.log(float(table["mean"]))),
        (np.exp(-log_sizes), float(1 / float(table["inverse_participation"])), 1 / geometric),
    ):
        error = sample.std() / np.sqrt(sample.size)
        assert error <= abs(expected - rival) / 4
        assert abs(sample.mean() - expected) < 4 * error


def test_rates_above_condensation():
    table = REFERENCE["rates"]
    d, log_n = table["d"], table["d"] * table["rate"]
    t = table["times_collapse"] / np.expm1(2 * table["rate"])
    cumulant = state(d, 1 + t, t)
    agree(expected_log_sample_size(cumulant, log_n_points=log_n).value / d, table["typical"])
    agree(-np.log(participation(cumulant, log_n_points=log_n).value) / d, table["annealed"])


def average_over_states(d: int, log_n: float, t: float) -> tuple[float, float, float]:
    """E sum w^2 with and without an own point, and E w_own, over x ~ p_t; the own point is a posterior draw."""
    radii, weights = roots_genlaguerre(6, d / 2 - 1)
    totals = np.zeros(3)
    for radius, weight in zip(radii, weights / weights.sum(), strict=True):
        law = energies(d, 2 * radius * (1 + t) / d, t, log_n)
        levels = by_density.Levels(law, log_n, log_own=-60.0)
        posterior = law.log_p - law.e
        kept = np.flatnonzero(posterior > posterior.max() - 30)[::8]
        p = np.exp(posterior[kept] - logsumexp(posterior[kept]))
        owns = [(levels.own_participation(-e), levels.own_weight(-e)) for e in law.e[kept]]
        totals += weight * np.array([*(p @ np.array(owns)), levels.participation()])
    return tuple(totals)


def test_noisy_training_points_and_fresh_states_at_half_the_collapse_time():
    table = REFERENCE["half_collapse"]
    d, n = table["d"], table["n_points"]
    t = collapse_time(variances=np.ones(d), n_points=n) / 2
    own, weight, fresh = average_over_states(d, np.log(n), t)
    agree(own, table["own"])
    agree(fresh, table["fresh"])
    assert own == pytest.approx(weight, rel=1e-9)  # the point that x came from is one more draw of the weights
    rng = np.random.default_rng(1)
    found = {"own": [], "fresh": []}
    for _ in range(8):
        data = rng.standard_normal((n, d))
        noise = np.sqrt(t) * rng.standard_normal((800, d))
        for kind, clean in (("own", data[:800]), ("fresh", rng.standard_normal((800, d)))):
            logits = ((clean + noise) @ data.T - (data**2).sum(axis=1) / 2) / t
            w = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
            found[kind].append((w**2).sum(axis=1))
    rivals = {"own": float(table["own_first_tabulated"]), "fresh": own}
    for kind, expected in (("own", own), ("fresh", fresh)):
        sample = np.concatenate(found[kind])
        error = sample.std() / np.sqrt(sample.size)
        assert error <= abs(expected - rivals[kind]) / 4
        assert abs(sample.mean() - expected) < 4 * error


def test_spread_over_data_sets():
    """E (sum w^2)^2 = int u^4 [N M_4 L^(N-1) + N(N-1) M_2^2 L^(N-2)] d ln u / 6 with M_k = E z^k e^(-uz)."""
    table = REFERENCE["spread"]
    d, n, log_n = table["d"], table["n_points"], np.log(table["n_points"])
    radii, weights = roots_genlaguerre(4, d / 2 - 1)
    for t, text in zip(table["t"], table["standard_deviation"], strict=True):
        moments = np.zeros(2)
        for radius, weight in zip(radii, weights / weights.sum(), strict=True):
            levels = by_density.Levels(energies(d, 2 * radius * (1 + t) / d, t, log_n), log_n)
            log_uz = levels.log_u[:, None] - levels.law.e
            log_fourth = levels.law.log_p + 4 * log_uz - np.exp(np.minimum(log_uz, 700))
            diagonal = n * np.exp(log_fourth).sum(axis=1) * levels.survival(1)
            pairs = n * (n - 1) * np.exp(2 * levels.transforms.log_curvature) * levels.survival(2)
            moments += weight * np.array([levels.participation(), levels.integral(diagonal + pairs) / 6])
        agree(np.sqrt(moments[1] - moments[0] ** 2), text)


# --- any law, any size, against its density -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("d", "log_n", "t"),
    [
        (1, np.log(3), 0.5),
        (1, np.log(1e3), 0.01),
        (2, np.log(1e4), 0.003),
        (2, 600.0, 0.3),
        (784, LN2, 60.0),
        (784, np.log(6e4), 5.0),
        (784, 2358.0, 0.05),
    ],
)
def test_isotropic_data(d, log_n, t):
    check_all(state(d, 1 + t, t), energies(d, 1 + t, t, log_n), log_n, log_owns=[-d / 2, -d])


@pytest.mark.parametrize("log_n", [LN2, np.log(3), np.log(1e3), 50.0])
@pytest.mark.parametrize("variance", [1e-4, 100.0])
def test_gaussian_energies(variance, log_n):
    law = by_density.gaussian(variance, log_n=log_n)
    check_all(gaussian_cumulant(variance=variance), law, log_n, log_owns=[-20.0, 8.0])


@pytest.mark.parametrize("log_n", [LN2, np.log(3), 50.0])
@pytest.mark.parametrize("shape", [0.3, 1.0, 40.0])
def test_gamma_energies(shape, log_n):
    """The slow fall of L asks for a window far to the right where N is small."""
    check_all(lambda lam: -shape * np.log1p(lam), by_density.gamma(shape), log_n, log_owns=[-5.0, 1.0])


def test_unequal_variances():
    t, log_n, x = 0.8, np.log(500), np.array([1.0, -0.3, 0.2, 0.1])
    cumulant = positional_cumulant(x, variances=[1.0, 1.0, 0.09, 0.09], t=t)
    blocks = [by_density.isotropic(2, t=t, squared_norm=x[:2] @ x[:2], log_n=-60.0)]
    blocks.append(by_density.isotropic(2, t=t, squared_norm=x[2:] @ x[2:], log_n=-60.0, variance=0.09))
    levels = by_density.Levels(by_density.total(*blocks, thinned=3), log_n)
    assert participation(cumulant, log_n_points=log_n).value == pytest.approx(levels.participation(), rel=1e-8)


def test_energies_on_a_lattice():
    """Twenty signs: the transform returns to its full height along the path, at every multiple of pi i."""
    signs = np.arange(-20, 21, 2)
    choose = np.array([1.0])
    for _ in range(20):
        choose = np.convolve(choose, [0.5, 0.5])
    law = by_density.Law(0.7 * signs, np.log(choose))
    check_all(lambda lam: 20 * np.log(np.cosh(0.7 * lam)), law, np.log(300), log_owns=[1.0])


# --- exact laws and identities ------------------------------------------------------------------------------------


@pytest.mark.parametrize("log_n", [LN2, np.log(7), 20.0, 690.0])
def test_equal_levels(log_n):
    def equal(lam):
        return 0 * lam

    check(participation(equal, log_n_points=log_n), np.exp(-log_n))
    check(own_weight(equal, log_own=0.0, log_n_points=log_n), np.exp(-log_n))
    check(own_participation(equal, log_own=0.0, log_n_points=log_n), np.exp(-log_n))
    check(expected_log_partition(equal, log_n_points=log_n), log_n, relative=False)
    check(expected_log_sample_size(equal, log_n_points=log_n), log_n, relative=False)


@pytest.mark.parametrize("variance", [0.01, 2.0, 30.0])
def test_two_gaussian_energies(variance):
    """Two weights depend on one difference, Gaussian of twice the variance."""
    x = np.linspace(-10, 10, 4001)
    w = np.exp(-(x**2) / 2) / np.exp(-(x**2) / 2).sum()
    tilt = 1 / (1 + np.exp(-np.sqrt(2 * variance) * x))
    cumulant = gaussian_cumulant(variance=variance)
    assert participation(cumulant, log_n_points=LN2).value == pytest.approx(w @ (tilt**2 + (1 - tilt) ** 2), rel=1e-9)
    log_sum = w @ np.logaddexp(0, np.sqrt(2 * variance) * x)
    assert expected_log_partition(cumulant, log_n_points=LN2).value == pytest.approx(log_sum, rel=1e-9)


def test_two_exponential_energies_in_closed_form():
    """w = 1 / (1 + z2 / z1): E sum w^2 = 2 - 2 ln 2 and E ln Z = 2 ln 2 - 3/2 for z uniform on (0, 1)."""

    def uniform(lam):
        return -np.log1p(lam)

    check(participation(uniform, log_n_points=LN2), 2 - 2 * LN2)
    check(expected_log_partition(uniform, log_n_points=LN2), 2 * LN2 - 1.5, relative=False)


@pytest.mark.parametrize(("sd", "log_n", "tolerance"), [(1.0, 8.0, 1e-5)])
def test_the_given_level_drawn_from_the_law_is_any_level(sd, log_n, tolerance):
    """Averaged over its own energy, E w_1 = 1/N, and E sum w^2 is that of N levels alike."""
    cumulant = gaussian_cumulant(variance=sd**2)
    x, p = hermegauss(12)
    kept = p > 1e-14 * p.max()
    levels = [{"log_own": sd * v, "log_n_points": log_n} for v in x[kept]]
    p = p[kept] / p[kept].sum()
    weights = p @ [own_weight(cumulant, **level).value for level in levels]
    assert weights == pytest.approx(np.exp(-log_n), rel=tolerance)
    participations = p @ [own_participation(cumulant, **level).value for level in levels]
    plain = participation(cumulant, log_n_points=log_n).value
    assert participations == pytest.approx(plain, rel=tolerance)


@settings(max_examples=3, phases=[Phase.generate])
@given(st.floats(-500, 500), st.floats(0.1, 60.0), st.floats(0.7, 300.0))
def test_a_common_energy_moves_only_the_partition_function(shift, variance, log_n):
    plain = gaussian_cumulant(variance=variance)

    def shifted(lam):
        return plain(lam) + shift * lam

    n = {"log_n_points": log_n}
    assert participation(shifted, **n).value == pytest.approx(participation(plain, **n).value, rel=1e-8)
    moved = expected_log_partition(shifted, **n).value - expected_log_partition(plain, **n).value
    assert moved == pytest.approx(shift, abs=1e-8)
    there = own_weight(shifted, log_own=1.0 + shift, **n).value
    assert there == pytest.approx(own_weight(plain, log_own=1.0, **n).value, rel=1e-8)


@settings(max_examples=3, phases=[Phase.generate])  # a failure need not be shrunk: it costs a minute
@given(st.floats(0.5, 60.0), st.floats(0.7, 100.0), st.floats(-10.0, 10.0))
def test_bounds_and_order(variance, log_n, log_own):
    cumulant, n = gaussian_cumulant(variance=variance), {"log_n_points": log_n}
    wider = gaussian_cumulant(variance=1.5 * variance)
    p = participation(cumulant, **n).value
    assert np.exp(-log_n) <= p <= 1
    assert p < participation(wider, **n).value
    assert participation(cumulant, log_n_points=log_n + 1).value < p
    w = own_weight(cumulant, log_own=log_own, **n).value
    assert 0 < w < own_weight(cumulant, log_own=log_own + 1, **n).value < 1
    assert own_participation(cumulant, log_own=log_own, **n).value > w**2
    log_z = expected_log_partition(cumulant, **n).value
    assert log_n <= log_z <= log_n + float(cumulant(1.0)) + 1e-9  # Jensen, twice
    assert -np.log(p) - 1e-9 <= expected_log_sample_size(cumulant, **n).value <= log_n + 1e-9


def test_frozen_value_and_free_entropy_are_approached():
    """At rho = 1/2, E sum w^2 tends to 1/2 and E ln Z / ln N to its limit, from one side."""
    gaps = []
    for log_n in (20.0, 200.0, 2000.0):
        cumulant = gaussian_cumulant(variance=8 * log_n)
        density = expected_log_partition(cumulant, log_n_points=log_n).value / log_n
        gaps.append((participation(cumulant, log_n_points=log_n).value - 0.5, 4 - density))
    for kind in zip(*gaps, strict=True):
        assert kind[0] > 3 * kind[1] > 9 * kind[2] > 0
        assert kind[2] < 0.01


# --- failures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [0.69, 0.0, -3.0, np.nan, np.inf])
def test_fewer_than_two_points_are_refused(bad, unchecked):
    cumulant = gaussian_cumulant(variance=1.0)
    for function in FUNCTIONS:
        with pytest.raises(InputError, match=r"got log_n_points = .*expected ln N of at least two points"):
            function(cumulant, log_n_points=bad)
    for function in OWN_FUNCTIONS:
        with pytest.raises(InputError, match="expected ln N of at least two points"):
            function(cumulant, log_own=0.0, log_n_points=bad)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_own_energy_that_is_no_number_is_refused(bad):
    for function in OWN_FUNCTIONS:
        with pytest.raises(InputError, match=r"got log_own = .*expected -E_1 / t, finite"):
            function(gaussian_cumulant(variance=1.0), log_own=bad, log_n_points=5.0)


def test_values_that_do_not_settle_are_refused(monkeypatch):
    monkeypatch.setattr(finite_size, "HALVINGS", 2)
    monkeypatch.setattr(finite_size, "TOLERANCE", -1.0)
    with pytest.raises(ConvergenceError, match=r"got 0\.6.*at the last of 2 halvings.*is the cumulant analytic"):
        participation(gaussian_cumulant(variance=100.0), log_n_points=np.log(1000))


def test_levels_beyond_the_table_of_saddles_are_refused():
    with pytest.raises(ConvergenceError, match=r"levels so far apart .*use the limit"):
        participation(gaussian_cumulant(variance=1e28), log_n_points=np.log(1000))


def test_a_single_other_level_with_rounded_transform_is_stated():
    """Two levels, one of e^-40: what L cannot resolve below 1e-13 is in the error, not hidden."""
    law = by_density.gamma(1.0)
    exact = own_weight(lambda lam: -np.log1p(lam), log_own=-40.0, log_n_points=LN2)
    expected = by_density.Levels(law, LN2, -40.0).own_weight(-40.0)
    assert exact.error > 1e-13
    assert abs(exact.value - expected) < exact.error

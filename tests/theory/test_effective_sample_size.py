"""The effective sample size seen from a state: tables, the density of the distance, simulations, and symmetries."""

import functools
import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import chi2, norm

from geomem.theory import random_energy_model as rem
from geomem.theory.condensation import collapse_time, condensation_time
from geomem.theory.effective_sample_size import (
    expected_log_partition,
    expected_log_sample_size,
    inverse_participation_ratio,
    inverse_participation_ratio_own_point,
    own_weight,
    sample_size_arithmetic,
    sample_size_geometric,
    sample_size_harmonic,
)
from geomem.theory.positional import positional_cumulant
from tests.theory.random_energy_model import by_density

FOLDER = Path(__file__).parents[1] / "reference"
REFERENCE = tomllib.loads((FOLDER / "effective_sample_size.toml").read_text())
FIRST = tomllib.loads((FOLDER / "random_energy_model.toml").read_text())
SIZES = (sample_size_harmonic, sample_size_geometric, sample_size_arithmetic)
OWN = (inverse_participation_ratio_own_point, own_weight)
FRESH = (inverse_participation_ratio, expected_log_partition, expected_log_sample_size, *SIZES)

TWO_BLOCKS = np.array([1.0, 1.0, 0.09, 0.09])
X = np.array([1.0, -0.3, 0.2, 0.1])


def close(expected, rel: float):
    """Relative comparison alone: pytest.approx would add an absolute 1e-12."""
    return pytest.approx(expected, rel=rel, abs=0)


def agree(value: float, text: str) -> None:
    """To one unit of the last digit."""
    assert abs(value - float(text)) <= 10.0 ** -len(text.partition(".")[2])


def check(evaluation, expected, scale: float = 1.0) -> None:
    """What is promised, 1e-8 and an honest error, against another route that is exact to 1e-10."""
    expected = np.asarray(expected)
    assert np.all(evaluation.error <= 1e-8 * np.maximum(np.abs(expected), scale))
    assert np.all(np.abs(evaluation.value - expected) <= evaluation.error + 1e-10 * np.maximum(np.abs(expected), scale))


def typical(d: int, t: float, variance: float = 1.0) -> np.ndarray:
    return np.full(d, np.sqrt(variance + t))


def levels(d: int, squared_norm: float, t: float, log_n: float, log_own: float | None = None) -> by_density.Levels:
    law = by_density.isotropic(d, t=t, squared_norm=squared_norm, log_n=log_n)
    return by_density.Levels(law, log_n, by_density.reach(law) if log_own is None else log_own)


@functools.cache
def two_blocks(t: float) -> by_density.Law:
    """The law of the distance from X under TWO_BLOCKS, on the product of the grids of its halves."""
    first = by_density.isotropic(2, t=t, squared_norm=X[:2] @ X[:2], log_n=-60.0)
    second = by_density.isotropic(2, t=t, squared_norm=X[2:] @ X[2:], log_n=-60.0, variance=0.09)
    return by_density.total(first, second, thinned=3)


# --- tables and values ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", FIRST["typical"], ids=lambda table: f"d={table['d']}")
def test_table_at_typical_states(table):
    d, n, t = table["d"], table["n_points"], np.array(table["t"])
    found = inverse_participation_ratio(np.sqrt(1 + t)[:, None] * np.ones(d), variances=np.ones(d), t=t, n_points=n)
    assert found.value.shape == found.error.shape == t.shape
    for value, text in zip(found.value, table["participation"], strict=True):
        agree(value, text)
    check(found, [levels(d, d * (1 + s), s, math.log(n)).participation() for s in t])


def test_table_at_half_the_condensation_time_beyond_float64():
    """The frozen value 1/2 is approached at fixed ln N / d, up to N = 10^1024."""
    for d, text in zip(FIRST["fixed"]["d"], FIRST["fixed"]["participation"], strict=True):
        n, state = 10 ** (d // 4), {"variances": np.ones(d)}
        t = condensation_time(np.ones(d), n_points=n, **state) / 2
        agree(inverse_participation_ratio(np.ones(d), t=t, n_points=n, **state).value, text)


def test_three_averages_at_one_typical_state():
    table = FIRST["averages"]
    d, n, t = table["d"], table["n_points"], table["t"]
    names = ("inverse_participation", "geometric_mean", "mean")
    found = [f(typical(d, t), variances=np.ones(d), t=t, n_points=n).value for f in SIZES]
    for value, name in zip(found, names, strict=True):
        agree(value, table[name])
    law = by_density.isotropic(d, t=t, squared_norm=d * (1 + t), log_n=math.log(n))
    harmonic, log_geometric, arithmetic, _ = by_density.sample_size(law, math.log(n))
    assert found == [close(v, 1e-9) for v in (harmonic, math.exp(log_geometric), arithmetic)]


def test_noisy_training_point_and_fresh_state_at_half_the_collapse_time():
    table = REFERENCE["half_collapse"]
    d, n = table["d"], table["n_points"]
    t = collapse_time(variances=np.ones(d), n_points=n) / 2
    state = {"variances": np.ones(d), "t": t, "n_points": n}
    density = levels(d, d * (1 + t), t, math.log(n))
    agree(density.planted_participation(), table["own"])
    agree(density.participation(), table["fresh"])
    for function in OWN:
        check(function(typical(d, t), **state), density.planted_participation())
    check(inverse_participation_ratio(typical(d, t), **state), density.participation())


def means_over_states(functions, d: int, t: float, n: int) -> list[float]:
    """Means over x ~ p_t for data N(0, 1): |x|^2 / (1 + t) is chi-square, here a function of a Gaussian number."""
    g, p = np.polynomial.hermite_e.hermegauss(8)
    x = np.sqrt((1 + t) * chi2.ppf(norm.cdf(g), d) / d)[:, None] * np.ones(d)
    return [float(p @ f(x, variances=np.ones(d), t=t, n_points=n).value) / p.sum() for f in functions]


def test_means_over_states_at_half_the_collapse_time():
    table = FIRST["half_collapse"]
    d, n = table["d"], table["n_points"]
    t = collapse_time(variances=np.ones(d), n_points=n) / 2
    own, fresh = means_over_states((own_weight, inverse_participation_ratio), d, t, n)
    agree(own, table["own"])
    agree(fresh, table["fresh"])


# --- any variances, against the density and against simulation --------------------------------------------------------


@pytest.mark.parametrize(("t", "n"), [(0.8, 500)])
def test_unequal_variances(t, n):
    state = {"variances": TWO_BLOCKS, "t": t, "n_points": n}
    density = by_density.Levels(two_blocks(t), math.log(n), by_density.reach(two_blocks(t)))
    assert inverse_participation_ratio(X, **state).value == close(density.participation(), 1e-8)
    assert own_weight(X, **state).value == close(density.planted_participation(), 1e-8)
    log_z = density.expected_log_partition()
    assert expected_log_partition(X, **state).value == pytest.approx(log_z, rel=1e-8, abs=1e-8)
    for own_point in (X, X + np.array([0.9, -0.4, 0.3, 0.0])):
        log_own = -((X - own_point) ** 2).sum() / (2 * t)
        given_point = state | {"own_point": own_point}
        assert own_weight(X, **given_point).value == close(density.own_weight(log_own), 1e-8)
        ratio = inverse_participation_ratio_own_point(X, **given_point).value
        assert ratio == close(density.own_participation(log_own), 1e-8)


def test_data_sets_drawn_around_one_state():
    """Six directions, one without variance; fresh states, an own point drawn given x, and an own point given."""
    sigma2, t, n, draws = np.array([1.0, 0.7, 0.3, 0.1, 0.01, 0.0]), 0.2, 20, 10_000
    x = np.array([2.0, -1.8, 1.4, 0.8, 0.0, 0.6])
    state = {"variances": sigma2, "t": t, "n_points": n}
    rng = np.random.default_rng(5)
    data = np.sqrt(sigma2) * rng.standard_normal((draws, n, 6))
    posterior = sigma2 / (t + sigma2) * x + np.sqrt(t * sigma2 / (t + sigma2)) * rng.standard_normal((draws, 6))
    halfway = np.sqrt(sigma2) * x / 2
    found = {}
    for kind, own_point in (("fresh", None), ("drawn", posterior), ("given", halfway)):
        if own_point is not None:
            data[:, 0] = own_point
        logits = -((x - data) ** 2).sum(axis=2) / (2 * t)
        w = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
        found[kind] = (logsumexp(logits, axis=1), w[:, 0], (w**2).sum(axis=1))
    log_z, _, squares = found["fresh"]
    fresh = inverse_participation_ratio(x, **state).value
    drawn = own_weight(x, **state).value
    given_ratio = inverse_participation_ratio_own_point(x, own_point=halfway, **state).value
    given_weight = own_weight(x, own_point=halfway, **state).value
    sizes = [f(x, **state).value for f in SIZES]
    for sample, expected, rival in (
        (
            log_z,
            expected_log_partition(x, **state).value,
            expected_log_partition(x[:5], **state | {"variances": sigma2[:5]}).value,
        ),
        (squares, fresh, drawn),
        (found["drawn"][1], drawn, fresh),
        (found["drawn"][2], inverse_participation_ratio_own_point(x, **state).value, fresh),
        (found["given"][2], given_ratio, fresh),
        (found["given"][1], given_weight, 1 / n),
        (1 / squares, sizes[2], sizes[1]),
        (-np.log(squares), np.log(sizes[1]), np.log(sizes[0])),
    ):
        error = sample.std() / np.sqrt(sample.size)
        assert error <= abs(expected - rival) / 4
        assert abs(sample.mean() - expected) < 4 * error


def direct(x: np.ndarray, sigma2: np.ndarray, t: float, lam: np.ndarray) -> np.ndarray:
    """The cumulant as printed, one direction after another."""
    terms = zip((sigma2 / t).tolist(), (x**2 / t).tolist(), strict=True)
    return -0.5 * sum(np.log1p(lam * s) + lam * square / (1 + lam * s) for s, square in terms)


def spectrum(d: int) -> np.ndarray:
    """As measured: falling as a power, no two variances alike, the last tenth zero."""
    sigma2 = 30 * np.arange(1, d + 1) ** -1.3 * np.random.default_rng(d).gamma(20, 1 / 20, size=d)
    sigma2[-d // 10 :] = 0
    return sigma2


@pytest.mark.parametrize("d", [784, 3072])
def test_many_distinct_variances(d):
    """In every direction that a path takes, to 1e-12 of the cumulant and to a billionth of a nat."""
    sigma2, rng = spectrum(d), np.random.default_rng(0)
    lam = np.multiply.outer(
        [1e-12, 1e-6, 0.01, 0.3, 1.0, 2.0, 30.0, 1e3], np.exp(1j * np.array([0, 1, 1.5, -1.57, 2.03, 3.0]))
    )
    for t in (1e-3, 0.3, 50.0):
        x = np.sqrt(sigma2 + t) * rng.standard_normal(d)
        cumulant = positional_cumulant(x, variances=sigma2, t=t)
        for scale in (*lam.T, lam[:, 0].real, -0.01 * t / sigma2.max() * lam[:4]):
            expected = direct(x, sigma2, t, scale)
            np.testing.assert_allclose(cumulant(scale), expected, rtol=2e-12, atol=1e-12)
            assert np.abs(cumulant(scale) - expected)[np.abs(scale) < 3].max() < 2e-9


def test_transform_with_many_distinct_variances_is_that_of_the_direct_sum():
    d, t = 784, 0.05
    sigma2 = spectrum(d)
    x = np.sqrt(sigma2 + t) * np.where(np.arange(d) % 2, 1.0, -0.8)

    def cumulant(lam):
        return direct(x, sigma2, t, np.asarray(lam))

    log_u = -cumulant(1.0) + np.array([-60.0, -20.0, -5.0, 0.0, 3.0])
    merged = rem.laplace(positional_cumulant(x, variances=sigma2, t=t), log_u)
    for found, expected in zip(merged, rem.laplace(cumulant, log_u), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-9)


def test_pictures_seen_from_a_noisy_one():
    """784 distinct variances, by the package and by 100 distances drawn 4000 times."""
    d, n, t = 784, 100, 1.5
    rng = np.random.default_rng(2)
    sigma2 = np.sort(20 * np.arange(1, d + 1) ** -1.2)[::-1]
    x = np.sqrt(sigma2 + t) * np.where(np.arange(d) % 2, 1.0, -0.8)
    state = {"variances": sigma2, "t": t, "n_points": n}
    found = inverse_participation_ratio(x, **state)
    assert found.error < 1e-8 * found.value
    squares = []
    for _ in range(10):
        y = np.sqrt(sigma2) * rng.standard_normal((5000, d))
        logits = ((y @ x - (y**2).sum(axis=1) / 2) / t)[rng.integers(5000, size=(1000, n))]
        squares.append(np.exp(logsumexp(2 * logits, axis=1) - 2 * logsumexp(logits, axis=1)))
    means = np.mean(squares, axis=1)  # a pool of 5000 distances is one sample
    error = means.std(ddof=1) / np.sqrt(means.size)
    assert error <= 0.07 * found.value
    assert abs(means.mean() - found.value) < 4 * error


# --- limits and identities --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("t", "n"), [(0.02, 10), (0.5, 1000), (3.0, 10**400)], ids=["few", "many", "beyond float64"])
def test_exchange_without_an_own_point_both_averages_are_one(t, n):
    x = np.array([0.0, 2.0, 0.0, 0.5])
    state = {"variances": TWO_BLOCKS, "t": t, "n_points": n}
    np.testing.assert_allclose(
        own_weight(x, **state).value, inverse_participation_ratio_own_point(x, **state).value, rtol=1e-9
    )


def test_few_points_far_apart():
    """The transform is needed where it has fallen to rounding, on a path without a saddle; two points by all pairs."""
    x, t = np.array([2.0, 0.5]), 0.02
    law = by_density.isotropic(2, t=t, squared_norm=x @ x, log_n=math.log(2))
    e, p = law.e[::8], np.exp(law.log_p[::8])
    w = [1 / (1 + np.exp(np.clip(one - e, -300, 300))) for one in e]
    squares = np.array([(v**2 + (1 - v) ** 2) @ p for v in w]) @ p / p.sum() ** 2
    check(inverse_participation_ratio(x, variances=np.ones(2), t=t, n_points=2), squares)
    found = inverse_participation_ratio(x, variances=np.ones(2), t=t, n_points=100)
    check(found, levels(2, x @ x, t, math.log(100)).participation())


def test_own_weight_from_one_to_zero():
    state = {"variances": np.ones(3), "n_points": 100}
    x = np.array([1.0, 0.2, -0.7])
    near = [own_weight(x, t=t, own_point=x, **state).value for t in (1e-6, 1e-3, 0.1)]
    assert 1 > near[0] > near[1] > near[2]
    assert near[0] == pytest.approx(1, abs=1e-6)
    assert own_weight(x, t=1e-6, **state).value == pytest.approx(1, abs=1e-6)
    assert own_weight(x, t=1e6, **state).value == close(1 / 100, 1e-3)
    distances = np.array([0.0, 1.0, 3.0, 12.0])
    points = x + distances[:, None] * np.array([1.0, 0.0, 0.0])
    weights = own_weight(np.broadcast_to(x, (4, 3)), t=0.5, own_point=points, **state).value
    assert np.all(np.diff(weights) < 0)
    assert weights[3] < 1e-40
    for weight, distance in zip(weights, distances, strict=True):
        density = levels(3, x @ x, 0.5, math.log(100), log_own=-(distance**2))
        assert weight == close(density.own_weight(-(distance**2)), 1e-8)
    left = inverse_participation_ratio_own_point(x, t=0.5, own_point=points[3], **state).value
    assert left == close(inverse_participation_ratio(x, t=0.5, variances=np.ones(3), n_points=99).value, 1e-8)


def test_two_points_one_of_them_given():
    """d = 2, at the mean: E/t of the other is exponential, of mean 1/t."""
    t = 0.7
    point = np.array([0.5, -0.2])
    z1 = math.exp(-(point @ point) / (2 * t))
    p, step = np.linspace(0, 1, 200_001, retstep=True)  # z^t is uniform
    p = p[:-1] + step / 2
    w = z1 / (z1 + p ** (1 / t))
    state = {"variances": np.ones(2), "t": t, "n_points": 2, "own_point": point}
    assert own_weight(np.zeros(2), **state).value == close(w.mean(), 1e-8)
    squares = inverse_participation_ratio_own_point(np.zeros(2), **state).value
    assert squares == close((w**2 + (1 - w) ** 2).mean(), 1e-8)


@settings(max_examples=2, phases=[Phase.generate])
@given(st.floats(-2, 2).map(lambda v: 10.0**v), st.floats(0.7, 400), st.integers(0, 2**32 - 1))
def test_order_and_bounds(t, log_n, seed):
    x = np.random.default_rng(seed).normal(size=4)
    n = 1 + math.ceil(math.exp(log_n))
    state = {"variances": TWO_BLOCKS, "t": t, "n_points": n}
    harmonic, geometric, arithmetic = (f(x, **state).value for f in SIZES)
    slack = 1 + 1e-8
    assert 1 <= harmonic <= geometric * slack <= arithmetic * slack**2 <= n * slack**3
    assert harmonic == close(1 / inverse_participation_ratio(x, **state).value, 1e-12)
    log_size = expected_log_sample_size(x, **state).value
    assert math.log(geometric) == pytest.approx(log_size, rel=1e-10, abs=1e-10)
    once = expected_log_partition(x, **state).value
    twice = expected_log_partition(x, **state | {"t": t / 2}).value
    assert log_size == pytest.approx(2 * once - twice, abs=1e-8 * (1 + abs(once)))
    assert once <= math.log(n) - (np.log1p(TWO_BLOCKS / t) + x**2 / (t + TWO_BLOCKS)).sum() / 2 + 1e-9


@settings(max_examples=2, phases=[Phase.generate])
@given(st.floats(-3, 3).map(np.exp), st.floats(0.05, 5.0), st.integers(0, 2**32 - 1))
def test_only_ratios_of_lengths_matter_and_equal_directions_may_turn(c, t, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 5))
    rotation = np.linalg.qr(rng.normal(size=(3, 3))).Q
    turn = np.eye(5)
    turn[:3, :3] = rotation
    sigma2 = np.array([1.0, 1.0, 1.0, 0.2, 0.0])
    state, moved = (
        {"variances": sigma2, "t": t, "n_points": 50},
        {"variances": c**2 * sigma2, "t": c**2 * t, "n_points": 50},
    )
    for function in (inverse_participation_ratio, expected_log_partition, sample_size_arithmetic):
        assert function(c * turn @ x, **moved).value == pytest.approx(function(x, **state).value, rel=1e-8, abs=1e-8)
    for function in OWN:
        there = function(c * turn @ x, own_point=c * turn @ y, **moved).value
        assert there == close(function(x, own_point=y, **state).value, 1e-8)


def test_a_direction_without_variance_moves_only_the_partition_function():
    with_one = {"variances": [*TWO_BLOCKS, 0.0], "t": 0.3, "n_points": 100}
    without = with_one | {"variances": TWO_BLOCKS}
    x = np.append(X, 2.0)
    for function in (inverse_participation_ratio, own_weight, expected_log_sample_size):
        assert function(x, **with_one).value == close(function(X, **without).value, 1e-9)
    moved = expected_log_partition(x, **with_one).value - expected_log_partition(X, **without).value
    assert moved == pytest.approx(-4 / 0.6, abs=1e-8)
    y = np.append(X / 2, 0.0)
    for function in OWN:
        assert function(x, own_point=y, **with_one).value == close(function(X, own_point=X / 2, **without).value, 1e-8)


@pytest.mark.parametrize("t", [1e-5, 1e-7])
def test_logarithms_state_their_rounding(t):
    """Deep in the frozen phase E ln N~ is proportional to t, a difference of logarithms near -600 / t."""
    state = {"variances": np.ones(784), "n_points": 60_000}
    slope = expected_log_sample_size(np.full(784, 0.9), t=1e-3, **state).value / 1e-3
    found = expected_log_sample_size(np.full(784, 0.9), t=t, **state)
    assert abs(found.value - slope * t) < found.error + 2e-3 * slope * t
    assert found.error < 1e-12 / t


def test_much_noise_leaves_all_points_alike():
    state = {"variances": np.ones(4), "t": 1e9, "n_points": 50}
    for function in SIZES:
        assert function(np.ones(4), **state).value == close(50, 1e-6)
    assert inverse_participation_ratio_own_point(np.ones(4), **state).value == close(1 / 50, 1e-6)
    assert expected_log_partition(np.ones(4), **state).value == pytest.approx(math.log(50), abs=1e-6)

"""The exact posterior covariance and information: sums over grids, simulations, identities, symmetries, and limits."""

import math

import numpy as np
import pytest
from scipy.special import logsumexp, roots_genlaguerre

from geomem.errors import ConvergenceError, InputError
from geomem.theory._blocks import Blocks, as_blocks
from geomem.theory.condensation import condensation_time, condensation_time_corrected
from geomem.theory.effective_sample_size import own_weight
from geomem.theory.freezing import (
    frozen_covariance,
    log_own_weight,
    posterior_covariance,
    posterior_covariance_own_point,
)
from tests.theory.freezing.by_grid import Grid

COVARIANCES = (posterior_covariance, posterior_covariance_own_point)
EVERY = (*COVARIANCES, log_own_weight)


def close(expected, rel: float):
    return pytest.approx(expected, rel=rel, abs=0)


def check(evaluation, expected, rel: float) -> None:
    """The value within what another route allows and an error that is honest and small."""
    assert evaluation.value == close(expected, rel)
    assert np.all(evaluation.error <= 1e-8 * np.abs(evaluation.value))


# --- other routes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("t", "n"), [(1.0, 3), (0.6, 300)], ids=["three points", "many"])
def test_moments_on_a_grid(t, n):
    """The printed form, of moments that cancel, with sums over a grid of data points."""
    x, sigma2 = np.array([0.5, 0.4]), np.array([1.0, 0.1])
    grid, state = Grid(x, sigma2, t, n), {"variances": sigma2, "t": t, "n_points": n}
    check(posterior_covariance(x, **state), grid.fresh(), 1e-10)
    check(posterior_covariance_own_point(x, **state), grid.planted(), 1e-10)
    own_point = np.array([0.45, -0.2])
    check(posterior_covariance_own_point(x, own_point=own_point, **state), grid.own(own_point, x), 1e-10)
    check(log_own_weight(x, **state), grid.log_own_weight(), 1e-10)


def test_two_points_on_a_line():
    """At N = 2 all is a mean of functions of the logistic weight."""
    x, t = 0.5, 0.4
    y = np.linspace(-9.0, 9.0, 601)
    p = np.exp(-(y**2) / 2)
    p /= p.sum()
    e = (x - y) ** 2 / (2 * t)
    odds = e - e[:, None]  # of the point of the row against that of the column
    pair = (0.25 / np.cosh(np.clip(odds / 2, -300, 300)) ** 2) * (y - y[:, None]) ** 2
    posterior = p * np.exp(-e) / (p @ np.exp(-e))
    state = {"variances": [1.0], "t": t, "n_points": 2}
    point = np.array([x])
    check(posterior_covariance(point, **state), [p @ pair @ p], 1e-9)
    check(posterior_covariance_own_point(point, **state), [posterior @ pair @ p], 1e-9)
    given = 350
    check(posterior_covariance_own_point(point, own_point=y[given : given + 1], **state), [pair[given] @ p], 1e-9)
    check(log_own_weight(point, **state), posterior @ -np.logaddexp(0, -odds) @ p, 1e-9)


def test_an_own_point_far_away():
    """Six standard deviations off, one other point: the weight is in the tail of its law."""
    t = 0.4
    y = np.linspace(-9.0, 9.0, 2401)
    p = np.exp(-(y**2) / 2)
    logistic = 0.25 / np.cosh((y**2 - 36) / (4 * t)) ** 2
    pair = p @ (logistic * (y - 6) ** 2) / p.sum()
    state = {"variances": [1.0], "t": t, "n_points": 2}
    check(posterior_covariance_own_point(np.zeros(1), own_point=np.array([6.0]), **state), [pair], 1e-9)


def simulated(x, data, t):
    """Diagonals of C_w and the logarithm of the first weight, one for each data set."""
    logits = -((x - data) ** 2).sum(axis=2) / (2 * t)
    log_w = logits - logsumexp(logits, axis=1, keepdims=True)
    w = np.exp(log_w)[..., None]
    mean = (w * data).sum(axis=1, keepdims=True)
    return (w * (data - mean) ** 2).sum(axis=1), log_w[:, 0]


def test_data_sets_drawn_around_one_state():
    """Fresh, own point drawn given x, and own point given; each must reject the others and the population's value."""
    sigma2, t, n, draws = np.array([1.0, 0.3, 0.3, 0.0]), 0.3, 25, 12_000
    x = np.array([1.2, -0.5, 0.5, 0.6])
    state = {"variances": sigma2, "t": t, "n_points": n}
    rng = np.random.default_rng(5)
    data = np.sqrt(sigma2) * rng.standard_normal((draws, n, 4))
    population = t * sigma2 / (t + sigma2)
    own_point = np.sqrt(sigma2) * x / 2
    fresh, drawn = (f(x, **state).value for f in COVARIANCES)
    given = posterior_covariance_own_point(x, own_point=own_point, **state).value
    found = {"fresh": simulated(x, data, t)}
    data[:, 0] = x * population / t + np.sqrt(population) * rng.standard_normal((draws, 4))
    found["drawn"] = simulated(x, data, t)
    data[:, 0] = own_point
    found["given"] = simulated(x, data, t)
    for kind, expected, rivals in (
        ("fresh", fresh, (drawn, given, population)),
        ("drawn", drawn, (fresh, given)),
        ("given", given, (fresh, drawn)),
    ):
        sample = found[kind][0]
        error = sample.std(axis=0) / math.sqrt(draws)
        assert np.all(np.abs(sample.mean(axis=0) - expected) <= 4 * error)
        for rival in rivals:
            assert np.any(error[:3] <= np.abs(expected - rival)[:3] / 4)
        assert sample[:, 3].max() == expected[3] == 0
    sample, expected = found["drawn"][1], log_own_weight(x, **state).value
    error = sample.std() / math.sqrt(draws)
    assert error <= abs(expected - math.log(own_weight(x, **state).value)) / 4  # no mean of a logarithm
    assert abs(sample.mean() - expected) <= 4 * error


def test_simulation_rejects_the_frozen_value_with_either_condensation_time():
    sigma2, x, n, draws = np.ones(6), np.ones(6), 50, 10_000
    t = 0.24
    t_c = [f(x, variances=sigma2, n_points=n) for f in (condensation_time, condensation_time_corrected)]
    exact = posterior_covariance(x, variances=sigma2, t=t, n_points=n).value.sum()
    data = np.random.default_rng(6).standard_normal((draws, n, 6))
    sample = simulated(x, data, t)[0].sum(axis=1)
    error = sample.std() / math.sqrt(draws)
    assert abs(sample.mean() - exact) <= 4 * error
    for critical in t_c:
        assert t < critical
        assert error <= abs(exact - frozen_covariance(t, variances=sigma2, t_c=critical).sum()) / 4


# --- identities -------------------------------------------------------------------------------------------------------


def test_slope_of_the_information_is_the_mean_trace():
    """E tr C_w = -2 t^2 dI_N/dt, over x of p_t: |x|^2 / 2(1 + t) has a gamma law, for which there is a Gauss rule."""
    d, t, h = 6, 0.4, 0.05
    state = {"variances": np.ones(d), "n_points": 40}
    g, p = roots_genlaguerre(4, d / 2 - 1)
    p /= p.sum()

    def states(t):
        return np.sqrt(2 * (1 + t) * g / d)[:, None] * np.ones(d)

    below, above = (p @ log_own_weight(states(s), t=s, **state).value for s in (t * np.exp(-h), t * np.exp(h)))
    fresh, own = (p @ f(states(t), t=t, **state).value.sum(-1) for f in COVARIANCES)
    slope = -2 * t * (above - below) / (2 * h)
    assert slope == close(own, 1e-3)
    assert abs(fresh / own - 1) > 0.3


@pytest.mark.parametrize("function", COVARIANCES)
def test_length_rotation_and_order(function):
    """Units, order of the axes, and a rotation among directions of equal variance: the trace of a block stays."""
    x, sigma2 = np.array([0.7, -0.4, 0.2, 1.1]), np.array([0.5, 0.5, 0.02, 0.5])
    state = {"n_points": 30}
    value = function(x, variances=sigma2, t=0.1, **state).value
    order = [2, 0, 3, 1]
    assert function(x[order], variances=sigma2[order], t=0.1, **state).value == close(value[order], 1e-12)
    assert function(1e3 * x, variances=1e6 * sigma2, t=1e5, **state).value == close(1e6 * value, 1e-10)
    block = [0, 1, 3]
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turned = x.copy()
    turned[block] = rotation @ x[block]
    rotated = function(turned, variances=sigma2, t=0.1, **state).value
    assert rotated[block].sum() == close(value[block].sum(), 1e-12)
    assert rotated[2] == close(value[2], 1e-12)
    # The mean covariance of the block is a I + b x x^T.
    slopes = (value[[1, 3]] - value[0]) / (x[[1, 3]] ** 2 - x[0] ** 2)
    assert slopes[0] == close(slopes[1], 1e-9)
    assert function(-x, variances=sigma2, t=0.1, **state).value == close(value, 1e-14)


def test_own_point_moves_with_its_state():
    """Reflections of one axis, for the state and its own point together."""
    x, y, state = np.array([0.7, -0.4]), np.array([0.5, 0.1]), {"variances": [1.0, 0.3], "t": 0.2, "n_points": 9}
    value = posterior_covariance_own_point(x, own_point=y, **state).value
    flip = np.array([-1.0, 1.0])
    assert posterior_covariance_own_point(flip * x, own_point=flip * y, **state).value == close(value, 1e-13)
    assert np.abs(posterior_covariance_own_point(flip * x, own_point=y, **state).value / value - 1).min() > 0.01


@pytest.mark.parametrize("function", [*COVARIANCES, "given"])
def test_directions_without_variance_are_exactly_zero_and_change_nothing(function):
    x, sigma2 = np.array([0.3, 0.9, -2.0]), np.array([1.0, 0.0, 0.2])
    state, kept = {"t": 0.25, "n_points": 12}, [0, 2]
    one, own = (lambda x: {}), posterior_covariance_own_point
    if function == "given":
        function, one = own, lambda x: {"own_point": 0.6 * x * (sigma2[: len(x)] != 0 if len(x) == 3 else 1)}
    found = function(x, variances=sigma2, **one(x), **state)
    assert found.value[1] == found.error[1] == 0
    rest = function(x[kept], variances=sigma2[kept], **one(x[kept]), **state).value
    assert found.value[kept] == close(rest, 1e-11)


def test_many_distinct_variances_are_merged_in_the_cumulant_only(monkeypatch):
    sigma2 = np.geomspace(0.1, 1.0, 45)
    x = np.sqrt(sigma2) * np.cos(np.arange(45.0))
    state = {"variances": sigma2, "t": 0.05, "n_points": 500}
    assert len(as_blocks(x, sigma2).merged().variances) < 45
    merged = posterior_covariance(x, **state).value
    monkeypatch.setattr(Blocks, "merged", lambda self: self)
    assert merged == close(posterior_covariance(x, **state).value, 1e-9)


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "t", "rel"), [(10**400, 0.3, 1e-12), (1000, 1e3, 2e-3)], ids=["many points", "high t"])
def test_population_covariance(n, t, rel):
    x, sigma2 = np.array([1.0, -2.0, 0.5]), np.array([1.0, 0.3, 1e-6])
    population = t * sigma2 / (t + sigma2)
    for function in COVARIANCES:
        assert function(x, variances=sigma2, t=t, n_points=n).value == close(population, rel)


def test_frozen_plateau():
    """d = 16, N = 10^4, x_i^2 = 1: the mean effective dimension stays at 10.79; 10.89 with (T1'), 11.83 with (T1)."""
    state = {"variances": np.ones(16), "n_points": 10_000}
    t = np.array([1e-5, 1e-2, 0.3])
    found = posterior_covariance(np.ones(16), t=t, **state)
    dimension = found.value.sum(-1) / t
    assert dimension == pytest.approx([10.79197, 10.79179, 10.54992], rel=0, abs=1e-5)
    assert np.all(found.error <= 1e-8 * found.value)


def test_frozen_values_are_approached_with_the_dimension():
    """At half of t_c and fixed ln N / d both times lead to the same limit, (T1') an order faster."""
    off = []
    for d in (32, 128, 512):
        x, state = np.ones(d), {"variances": np.ones(d), "n_points": 10 ** (d // 8)}
        t = 0.5 * condensation_time(x, **state)
        exact = posterior_covariance(x, t=t, **state).value[0]
        times = (condensation_time(x, **state), condensation_time_corrected(x, **state))
        off.append([frozen_covariance(t, variances=[1.0], t_c=t_c)[0] / exact - 1 for t_c in times])
    off = np.abs(off)
    assert np.all(off[1:] < off[:-1] / 2)
    assert np.all(off[:, 1] < off[:, 0] / 2)
    assert off[-1, 0] < 0.02


def test_own_weight_close_to_one_loses_no_digit():
    """E ln w_own -> -E(1 - w_own): second order is below rounding."""
    x, state = np.full(20, 1.01), {"variances": np.ones(20), "t": 0.01, "n_points": 100}
    found = log_own_weight(x, **state)
    assert -1e-15 < found.value < -1e-25
    near = posterior_covariance_own_point(x, **state).value
    assert np.all((near > 0) & (near < 1e-15))


def test_information_of_the_population_far_above_collapse():
    """I_N is I(x_0; x_t) there; at one state the information density has the mean ln p(x|y)/p_t(x)."""
    d, t, n = 100, 5.0, 10**30
    x = np.full(d, np.sqrt(1 + t))  # of the typical squared length, at which the mean density is the information
    found = log_own_weight(x, variances=np.ones(d), t=t, n_points=n)
    assert 30 * math.log(10) + found.value == pytest.approx(d / 2 * np.log1p(1 / t), rel=1e-9, abs=0)


# --- shapes and refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", EVERY)
def test_states_times_and_numbers_broadcast(function):
    x, sigma2 = np.random.default_rng(0).normal(size=(2, 2, 3)), [1.0, 0.5, 0.0]
    t, n = np.array([0.2, 1.5]), np.array([[50], [2000]])
    tail = () if function is log_own_weight else (3,)
    together = function(x, variances=sigma2, t=t, n_points=n)
    assert together.value.shape == together.error.shape == (2, 2, *tail)
    one = function(x[1, 0], variances=sigma2, t=0.2, n_points=2000)
    assert np.shape(one.value) == np.shape(one.error) == tail
    assert together.value[1, 0] == close(one.value, 1e-13)
    assert function(x[0, :0], variances=sigma2, t=0.5, n_points=50).value.shape == (0, *tail)


def test_own_points_broadcast_with_their_states():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 1, 2)), rng.normal(size=(2, 2, 2))
    state = {"variances": [1.0, 0.5], "n_points": 40}
    together = posterior_covariance_own_point(x, own_point=y, t=np.array([0.3, 0.9]), **state).value
    assert together.shape == (2, 2, 2)
    one = posterior_covariance_own_point(x[1, 0], own_point=y[1, 1], t=0.9, **state).value
    assert together[1, 1] == close(one, 1e-13)


@pytest.mark.parametrize("function", EVERY)
def test_bad_input_is_refused(function, unchecked):
    good = {"variances": np.ones(2), "t": 0.5, "n_points": 100}
    for bad in (np.ones(3), np.array(1.0), np.full(2, math.nan), np.array(["a", "b"])):
        with pytest.raises(InputError, match="states x"):
            function(bad, **good)
    for name, values in (
        ("variances", ([0.0, 0.0], [-1.0, 1.0], [math.nan, 1.0], [[1.0, 1.0]], [], "ab")),
        ("t", (0.0, -1.0, math.nan, "1", [0.5, -0.5])),
        ("n_points", (1, 1.9, 0, -5, math.inf, "1000", None, [100, 1])),
    ):
        for bad in values:
            with pytest.raises(InputError, match="got"):
                function(np.ones(2), **(good | {name: bad}))
    with pytest.raises(InputError, match="do not broadcast"):
        function(np.ones((2, 2)), **(good | {"n_points": [5, 6, 7]}))


def test_bad_own_points_and_fractions_of_a_point_are_refused(unchecked):
    state = {"variances": np.ones(2), "t": 0.5}
    for bad in (np.ones(3), np.array(1.0), np.full(2, math.nan), np.array(["a", "b"])):
        with pytest.raises(InputError, match="own_point"):
            posterior_covariance_own_point(np.ones(2), own_point=bad, n_points=100, **state)
    with pytest.raises(InputError, match="whole numbers"):
        posterior_covariance_own_point(np.ones(2), own_point=np.ones(2), n_points=[2.5, 7], **state)
    for whole in (2, 3):
        assert posterior_covariance_own_point(np.ones(2), own_point=np.ones(2), n_points=whole, **state).value.all()


@pytest.mark.parametrize("function", EVERY)
def test_energies_too_far_apart_are_refused(function):
    with pytest.raises(ConvergenceError, match="expected"):
        function(np.ones(2), variances=np.ones(2), t=1e-14, n_points=100)

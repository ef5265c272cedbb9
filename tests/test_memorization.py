"""Nearest neighbors, fractions, and collapse against their definitions, exactness on copies, refusals."""

import math

import numpy as np
import pytest
import torch

from geomem import memorization
from geomem.distributions import Empirical
from geomem.errors import InputError
from geomem.memorization import Neighbors, collapse_noise, distance_ratio, memorized_fraction, nearest_neighbors
from geomem.sampling import exact_reverse, log_times


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 2, 5, 40])
def test_neighbors_are_those_of_the_definition(k):
    data, queries = normal(40, 3), normal(17, 3, seed=1)
    distances = (queries[:, None] - data).square().sum(2).sqrt()
    expected = distances.sort(1)
    found = nearest_neighbors(queries, data, k=k)
    torch.testing.assert_close(found.distances, expected.values[:, :k], rtol=1e-13, atol=0)
    assert torch.equal(found.indices, expected.indices[:, :k])


def test_blocks_do_not_matter(monkeypatch):
    data, queries = normal(40, 3), normal(17, 3, seed=1)
    whole = nearest_neighbors(queries, data)
    monkeypatch.setattr(memorization, "_BLOCK_ELEMENTS", 90)  # two queries at a time
    parts = nearest_neighbors(queries, data)
    assert torch.equal(parts.distances, whole.distances)
    assert torch.equal(parts.indices, whole.indices)


def test_a_copy_is_at_distance_zero_even_far_from_the_origin():
    """The expanded square would give about 1e-2 here."""
    data = normal(50, 20) + 1e6
    found = nearest_neighbors(data[:10], data)
    assert torch.equal(found.distances[:, 0], torch.zeros(10, dtype=torch.float64))
    assert torch.equal(found.indices[:, 0], torch.arange(10))
    assert torch.equal(distance_ratio(found), torch.zeros(10, dtype=torch.float64))


def test_ratio_of_a_point_at_known_distances():
    data = torch.tensor([[0.0, 0.0], [4.0, 0.0], [100.0, 0.0]])
    ratio = distance_ratio(nearest_neighbors(torch.tensor([[1.0, 0.0], [2.0, 0.0], [51.0, 0.0]]), data, k=3))
    torch.testing.assert_close(ratio, torch.tensor([1 / 3, 1.0, 47 / 49], dtype=torch.float64))


def test_ratio_at_a_point_stored_twice_is_one():
    data = torch.tensor([[1.0], [1.0], [5.0]])
    assert distance_ratio(nearest_neighbors(torch.tensor([[1.0]]), data)).tolist() == [1.0]


def test_fresh_points_in_high_dimension_have_a_ratio_near_one():
    """And perturbed copies a ratio of about noise / nearest-neighbor distance."""
    data, d = normal(500, 300), 300
    fresh = distance_ratio(nearest_neighbors(normal(100, d, seed=1), data))
    copies = distance_ratio(nearest_neighbors(data[:100] + 0.05 * normal(100, d, seed=2), data))
    assert fresh.min() > 0.9
    assert copies.max() < 1 / 3


def test_bad_input_is_refused(unchecked):
    x = torch.zeros(3, 2)
    for queries, data in ((x[0], x), (x, x[0]), (x, torch.zeros(3, 4)), (x.long(), x), (x / 0, x), (x, x[:0])):
        with pytest.raises(InputError, match="expected"):
            nearest_neighbors(queries, data)
    for k in (0, 4):
        with pytest.raises(InputError, match="expected 1 <= k <= 3"):
            nearest_neighbors(x, x, k=k)
    for shape in ((3, 1), (3,)):
        with pytest.raises(InputError, match="k >= 2"):
            distance_ratio(Neighbors(torch.ones(shape), torch.zeros(shape, dtype=torch.int64)))


def test_no_query_gives_no_neighbor():
    found = nearest_neighbors(torch.zeros(0, 2), torch.zeros(3, 2))
    assert found.distances.shape == (0, 2)
    assert math.prod(distance_ratio(found).shape) == 0


# --- the fraction of copies -------------------------------------------------------------------------------------------


def test_the_memorized_fraction_is_the_share_below_the_threshold():
    ratios = normal(2, 500, seed=3).abs()
    ratios = ratios.min(0).values / ratios.max(0).values
    thresholds = torch.linspace(0, 1, 12, dtype=torch.float64).reshape(3, 4)
    expected = (ratios < thresholds[..., None]).double().mean(-1)
    assert 0.1 < expected.std() < 1
    torch.testing.assert_close(memorized_fraction(ratios, threshold=thresholds), expected, rtol=1e-14, atol=0)
    torch.testing.assert_close(memorized_fraction(ratios, threshold=thresholds.numpy()), expected, rtol=1e-14, atol=0)
    one = memorized_fraction(ratios, threshold=0.4)
    assert one.shape == ()
    assert one.item() == pytest.approx((ratios < 0.4).double().mean().item(), rel=1e-14, abs=0)


def test_a_ratio_at_the_threshold_is_not_memorized():
    ratios = torch.tensor([1 / 3, 0.25, 0.0, 1.0], dtype=torch.float64)
    assert memorized_fraction(ratios).item() == 0.5
    assert memorized_fraction(ratios, threshold=[0.0, 0.25, 1.0]).tolist() == [0.0, 0.25, 0.75]


def test_bad_ratios_are_refused(unchecked):
    half = torch.tensor([0.5])
    for ratios in (half[:0], half[None], half[0]):
        with pytest.raises(InputError, match="n >= 1"):
            memorized_fraction(ratios)
    for ratios in (half * 3, -half, half * math.nan):
        with pytest.raises(InputError, match="ratios outside"):
            memorized_fraction(ratios)
    for threshold in (1.1, -0.1, math.nan, [0.5, 2.0]):
        with pytest.raises(InputError, match="threshold outside"):
            memorized_fraction(half, threshold=threshold)


# --- collapse ---------------------------------------------------------------------------------------------------------


def test_the_collapse_is_where_the_nearest_point_last_changes():
    """On walks that change it back and forth, and on some that never do."""
    data, n = normal(4, 2), 200
    trajectory = normal(n, 2, seed=1) + 0.3 * normal(30, n, 2, seed=2).cumsum(0)
    times = log_times(10.0, 0.01, 29)
    nearest = (trajectory[:, :, None] - data).square().sum(3).argmin(2).numpy()
    expected, returns = [], 0
    for path in nearest.T:
        different = np.flatnonzero(path != path[-1])
        expected.append(times[different[-1]].item() if len(different) else times[0].item())
        returns += len(different) and bool((path[: different[-1]] == path[-1]).any())
    assert returns > 50
    assert (nearest == nearest[-1]).all(0).sum() > 5
    assert collapse_noise(trajectory, times, data).tolist() == expected


def test_the_exact_reverse_process_collapses_on_the_point_that_it_ends_on(generator):
    """Two points at distance 2 of each other: a noisy state of one is nearer to the other with Phi(-1/sqrt t).

    Of the three noises only the last is below collapse. At 0.185 that is 1 % of the states; at 1 it is 16 %.
    """
    n, data = 20_000, torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    times = torch.tensor([1.0, 0.185, 1e-6], dtype=torch.float64)
    start = data[torch.randint(2, (n,), generator=generator)] + normal(n, 1, seed=4)
    trajectory = exact_reverse(Empirical(data), start, times, generator, trajectory=True)
    found = collapse_noise(trajectory, times, data)
    crossed = 0.5 * math.erfc(1 / math.sqrt(2 * 0.185))
    assert (found == 0.185).double().mean().item() == pytest.approx(crossed, rel=0, abs=4 * math.sqrt(crossed / n))
    assert ((found == 0.185) | (found == 1.0)).all()


def test_a_trajectory_of_one_state_never_changes():
    states = normal(1, 3, 2)
    assert collapse_noise(states, torch.tensor([0.5]), normal(4, 2)).tolist() == [0.5] * 3
    assert collapse_noise(states[:, :0], torch.tensor([0.5]), normal(4, 2)).shape == (0,)


def test_bad_trajectories_are_refused(unchecked):
    data, states, times = torch.zeros(2, 1), torch.zeros(3, 4, 1), torch.tensor([2.0, 1.0, 0.0])
    for trajectory, noise in ((states, times[:2]), (states[0], times), (states[:0], times[:0]), (states, times[None])):
        with pytest.raises(InputError, match="expected \\(times, n, d\\)"):
            collapse_noise(trajectory, noise, data)
    for noise in (times.flip(0), times - 1, times / 0, torch.tensor([1.0, 1.0, 0.0])):
        with pytest.raises(InputError, match="descend"):
            collapse_noise(states, noise, data)
    with pytest.raises(InputError, match="NaN"):
        collapse_noise(states / 0, times, data)

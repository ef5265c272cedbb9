"""Nearest neighbors against the definition, exactness on copies, refusals."""

import math

import pytest
import torch

from geomem import memorization
from geomem.errors import InputError
from geomem.memorization import Neighbors, distance_ratio, nearest_neighbors


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

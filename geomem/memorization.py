r"""Nearest-neighbor statistics: is a generated sample a copy?

A sample that sits much closer to one training point than to the next has been stored, not generated.
With :math:`d_1 \le d_2` the distances to its two nearest training points, the ratio :math:`d_1/d_2` is
scale-free, near 1 for a fresh sample in high dimension (all distances are alike there), and near 0 for a
copy. A cut in use is :math:`d_1/d_2 < 1/3` (Buchanan, Pai, Ma, and De Bortoli 2025, arXiv:2508.17689).
"""

from typing import NamedTuple

import torch
from torch import Tensor

from geomem._typing import Float, Int
from geomem.distributions.base import check_states
from geomem.errors import InputError

__all__ = ["Neighbors", "distance_ratio", "nearest_neighbors"]

_BLOCK_ELEMENTS = 2**22
"""Distances held at once: 32 MiB."""


class Neighbors(NamedTuple):
    """Nearest data points of each query, nearest first."""

    distances: Float[Tensor, "n k"]
    """Euclidean distances, float64."""
    indices: Int[Tensor, "n k"]
    """Rows of the data."""


def nearest_neighbors(queries: Float[Tensor, "n d"], data: Float[Tensor, "N d"], *, k: int = 2) -> Neighbors:
    r"""Return the ``k`` nearest rows of ``data`` to each query, by :math:`\sqrt{\sum_i (q_i - y_i)^2}`.

    The differences are formed before they are squared: the distance of a point to its own copy is exactly 0,
    which :math:`\|q\|^2 + \|y\|^2 - 2 q\cdot y` does not give.

    Parameters
    ----------
    queries : Tensor, shape (n, d), floating point
        Points to look up.
    data : Tensor, shape (N, d), floating point
        Points to find.
    k : int
        Number of neighbors, 1 to N.

    Returns
    -------
    Neighbors
        ``distances`` (n, k), float64, ascending, and ``indices`` (n, k).

    Raises
    ------
    InputError
        Not two finite point sets of one dimension, or ``k`` outside 1..N.

    Notes
    -----
    Exhaustive: about :math:`nNd` operations, in blocks of queries of bounded memory.

    Examples
    --------
    >>> data = torch.tensor([[0.0], [1.0], [3.0]])
    >>> nearest_neighbors(torch.tensor([[1.25]]), data).distances
    tensor([[0.2500, 1.2500]], dtype=torch.float64)
    """
    points = check_states(data)
    wanted = check_states(queries, points.shape[1])
    if not 1 <= k <= len(points):
        raise InputError(f"got k = {k} with {len(points)} data points, expected 1 <= k <= {len(points)}")
    rows = max(1, _BLOCK_ELEMENTS // len(points))
    nearest = [
        torch.cdist(block, points, compute_mode="donot_use_mm_for_euclid_dist").topk(k, largest=False)
        for block in wanted.split(rows)
    ]
    return Neighbors(torch.cat([d for d, _ in nearest]), torch.cat([i for _, i in nearest]))


def distance_ratio(neighbors: Neighbors) -> Float[Tensor, " n"]:
    r"""Return :math:`d_1/d_2` in [0, 1] for each query, shape (n,), float64.

    A query that coincides with two equal data points has :math:`d_1 = d_2 = 0`; its ratio is 1, the value for
    equal distances. Remove duplicates from the data if that is not what is asked.

    Parameters
    ----------
    neighbors : Neighbors
        From :func:`nearest_neighbors` with ``k >= 2``.

    Raises
    ------
    InputError
        Fewer than two neighbors.

    Examples
    --------
    >>> data = torch.tensor([[0.0], [1.0], [3.0]])
    >>> distance_ratio(nearest_neighbors(torch.tensor([[1.25], [3.0]]), data))
    tensor([0.2000, 0.0000], dtype=torch.float64)
    """
    if neighbors.distances.ndim != 2 or neighbors.distances.shape[1] < 2:
        raise InputError(
            f"got distances of shape {tuple(neighbors.distances.shape)}, expected (n, k) with k >= 2 neighbors"
        )
    first, second = neighbors.distances[:, 0], neighbors.distances[:, 1]
    return torch.where(second > 0, first / second.clamp_min(torch.finfo(first.dtype).tiny), 1.0)

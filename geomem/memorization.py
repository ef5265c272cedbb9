r"""Nearest-neighbor statistics: is a generated sample a copy?

A sample that sits much closer to one training point than to the next has been stored, not generated.
With :math:`d_1 \le d_2` the distances to its two nearest training points, the ratio :math:`d_1/d_2` is
scale-free, near 1 for a fresh sample in high dimension (all distances are alike there), and near 0 for a
copy. A cut in use is :math:`d_1/d_2 < 1/3` (Buchanan, Pai, Ma, and De Bortoli 2025, arXiv:2508.17689); how much an
answer owes to it is seen from the fraction of copies at every cut.

Along a reverse trajectory copying has a time: from the collapse on, the nearest training point stays the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from geomem._typing import Float, Int
from geomem.distributions.base import check_states
from geomem.errors import InputError

__all__ = ["Neighbors", "collapse_noise", "distance_ratio", "memorized_fraction", "nearest_neighbors"]

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


def memorized_fraction(
    ratios: Float[Tensor, " n"], *, threshold: float | Sequence[float] | np.ndarray | Float[Tensor, "..."] = 1 / 3
) -> Float[Tensor, "..."]:
    r"""Return the share of samples with :math:`d_1/d_2` below each threshold, float64.

    Parameters
    ----------
    ratios : Tensor, shape (n,), floating point
        From :func:`distance_ratio`, at least one, in [0, 1].
    threshold : float or array of float
        In [0, 1]. As a function of it the result is the distribution function of the ratio, from the left.

    Returns
    -------
    Tensor, float64, of the shape of ``threshold``
        In [0, 1]; its standard error, for independent samples of fraction f, is :math:`\sqrt{f(1-f)/n}`.

    Raises
    ------
    InputError
        No ratio, or a ratio or threshold outside [0, 1], NaN included.

    Notes
    -----
    Source: the cut of 1/3 is that of arXiv:2508.17689; there is nothing special about it. Regime: the ratio tells a
    copy only where that of a fresh sample is far from the threshold, which takes dimensions enough.

    Examples
    --------
    >>> ratios = torch.tensor([0.02, 0.3, 0.9, 0.97], dtype=torch.float64)
    >>> memorized_fraction(ratios)
    tensor(0.5000, dtype=torch.float64)
    >>> memorized_fraction(ratios, threshold=[0.1, 0.95])
    tensor([0.2500, 0.7500], dtype=torch.float64)
    """
    if ratios.ndim != 1 or not len(ratios):
        raise InputError(f"got ratios of shape {tuple(ratios.shape)}, expected (n,) with n >= 1 samples")
    cuts = torch.as_tensor(threshold, dtype=torch.float64, device=ratios.device).contiguous()
    for name, numbers in (("ratios", ratios), ("threshold", cuts)):
        if not ((numbers >= 0) & (numbers <= 1)).all():
            raise InputError(f"got {name} outside [0, 1] or NaN, expected ratios d1/d2 of distances")
    return torch.searchsorted(ratios.double().sort().values, cuts).double() / len(ratios)


def collapse_noise(
    trajectory: Float[Tensor, "times n d"], times: Float[Tensor, " times"], data: Float[Tensor, "N d"]
) -> Float[Tensor, " n"]:
    r"""Return the noise variance below which the nearest data point of each trajectory no longer changes.

    Parameters
    ----------
    trajectory : Tensor, shape (times, n, d), floating point
        States of n trajectories, as :mod:`~geomem.sampling` returns them.
    times : Tensor, shape (times,), floating point
        Noise variances of these states, descending, the last one may be 0.
    data : Tensor, shape (N, d), floating point
        Training points, all different.

    Returns
    -------
    Tensor, shape (n,), float64
        The noise of the last state whose nearest data point is not that of the end: the change falls between it and
        the next of ``times``. ``times[0]`` also where it never changes, which a start above the collapse excludes.

    Raises
    ------
    InputError
        Shapes that do not fit, NaN, infinity, or times that do not descend.

    Notes
    -----
    Source: the measure of Biroli, Bonnaire, De Bortoli, and Mézard (2024), arXiv:2402.18491, whose code was read
    (``tbonnair/Dynamical-Regimes-of-Diffusion-Models`` at 29bdb36): the nearest training point stops changing. Two
    equal data points are equally near, and either may be found. Exhaustive, but for trajectories that have changed.

    Examples
    --------
    >>> data = torch.tensor([[-1.0], [1.0]])
    >>> trajectory = torch.tensor([0.3, -0.2, 0.4, 1.0]).reshape(4, 1, 1)
    >>> collapse_noise(trajectory, torch.tensor([4.0, 2.0, 1.0, 0.0]), data)
    tensor([2.], dtype=torch.float64)
    """
    if trajectory.ndim != 3 or times.shape != trajectory.shape[:1] or not len(times):
        raise InputError(
            f"got a trajectory of shape {tuple(trajectory.shape)} and times of shape {tuple(times.shape)}, "
            "expected (times, n, d) and (times,)"
        )
    noise = times.double()
    if not (torch.isfinite(noise).all() and (noise >= 0).all() and (noise.diff() < 0).all()):
        raise InputError("got times that do not descend to 0 or above, expected noise variances as log_times gives")
    last = nearest_neighbors(trajectory[-1], data, k=1).indices[:, 0]
    changed_at = noise[0].repeat(len(last))
    unchanged = torch.arange(len(last), device=last.device)
    for state, t in zip(trajectory[:-1].flip(0), noise[:-1].flip(0), strict=True):
        other = nearest_neighbors(state[unchanged], data, k=1).indices[:, 0] != last[unchanged]
        changed_at[unchanged[other]] = t
        unchanged = unchanged[~other]
    return changed_at

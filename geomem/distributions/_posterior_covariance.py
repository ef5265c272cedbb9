r"""The posterior covariance of every state at once: one softmax for all directions, and no digit lost when frozen.

Two ways, of which each state takes the faster one that is accurate (derived here).

**About the center** :math:`c` of the data, the same for all states,

.. math:: C_w = \sum_n w_n (y_n - c)(y_n - c)^{\mathsf T} - (\bar y - c)(\bar y - c)^{\mathsf T}

is one matrix product of weights with the :math:`d(d+1)/2` products of coordinates. Rounding moves it by the unit
roundoff times the first sum, so its diagonal shows what the difference has cost. A state is *frozen* where some
variance is below :data:`CANCELLATION` of the mean square that it is a difference of.

**By differences** from the heaviest point :math:`o`, for frozen states: with :math:`\delta_n = y_n - o`,

.. math:: C_w = \sum_n w_n (\delta_n - \bar\delta)(\delta_n - \bar\delta)^{\mathsf T} .

Every factor is small where the weight of the other points is small, and the result is positive semi-definite because
it is a sum of squares. Points that lie :math:`e^{-40}` below the second heaviest are left out: the heaviest itself
adds nothing, so relative precision needs a cutoff relative to the rest.
"""

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions._posterior_moments import MASS, Term, covariance_factors, softmax_sums
from geomem.distributions._posterior_weights import CUTOFF, DifferenceForm, Form, rounding_bound

__all__ = ["CANCELLATION", "covariance"]

CANCELLATION = 1e-3
"""Ratio of variance to mean square that the common center must leave: three of sixteen digits."""

DENSE_ELEMENTS = 2**20  # logits held at once for the states that need differences: 8 MiB


def covariance(form: Form) -> Float[Tensor, "batch d d"]:
    r"""Return :math:`C_w`."""
    points, d = form.points, form.x.shape[1]
    if d**2 <= points.block_elements:
        result, frozen = _about_center(form)
    else:  # the products of coordinates do not fit
        result, frozen = form.x.new_zeros(len(form.x), d, d), torch.ones(len(form.x), dtype=torch.bool)
    for rows in torch.nonzero(frozen)[:, 0].split(max(1, DENSE_ELEMENTS // len(points.data))):
        result[rows] = _by_differences(DifferenceForm(points, form.x[rows], form.t[rows, 0]))
    return result


def _about_center(form: Form) -> tuple[Float[Tensor, "batch d d"], Tensor]:
    """Return the covariance by moments about the common center, and which states lose digits by that."""
    d = form.x.shape[1]
    i, j = torch.triu_indices(d, d, device=form.x.device)
    o = form.reference - form.points.center
    size = max(1, form.points.block_elements // len(i))

    def squares(e: Tensor, y: Tensor) -> Tensor:
        chunks = zip(e.split(size, 1), y.split(size), strict=True)
        return sum((e @ (y[:, i] * y[:, j]) for e, y in chunks), e.new_zeros(len(e), len(i)))

    _, mass, first, second = softmax_sums(
        form, MASS, Term(lambda e, y: e @ y, at_reference=o), Term(squares, at_reference=o[:, i] * o[:, j])
    )
    mean, mean_square = first / mass, second / mass
    upper = mean_square - mean[:, i] * mean[:, j]
    frozen = ((upper < CANCELLATION * mean_square) & (i == j)).any(1)
    position = torch.empty(d, d, dtype=torch.int64, device=form.x.device)
    position[i, j] = position[j, i] = torch.arange(len(i), device=form.x.device)
    return upper[:, position], frozen


def _by_differences(form: DifferenceForm) -> Float[Tensor, "batch d d"]:
    """Return the covariance by differences from the heaviest point of each state, few enough for dense logits."""
    points, x = form.points, form.x
    if not len(x):
        return x.new_zeros(0, x.shape[1], x.shape[1])
    with torch.no_grad():
        others = torch.cat([logits for _, _, logits in form.screen.blocks()], 1)
        others.scatter_(1, form.nearest, -torch.inf)
        slack = 2 * rounding_bound(points, x, form.t[:, 0])[:, None]
        state, point = torch.nonzero(others >= others.amax(1, keepdim=True) - CUTOFF - slack, as_tuple=True)
    kept = torch.bincount(state, minlength=len(x)).tolist()
    of_states = zip(form.nearest, point.split(kept), form.differences(state, point).split(kept), strict=True)
    matrices = []
    for nearest, n, logits in of_states:
        indices, weights = torch.cat([nearest, n]), torch.cat([logits.new_zeros(1), logits]).softmax(0)
        factors = covariance_factors(points, indices, weights)
        matrices.append(sum((a.T @ a for a in factors), x.new_zeros(x.shape[1], x.shape[1])))
    return torch.stack(matrices)

r"""Sums over the posterior weights of the data: what an observable of the empirical law consists of.

Given logits :math:`\ell_n` relative to a reference point :math:`o` (``_posterior_weights``), every observable is a few
sums :math:`\sum_n e^{\ell_n} f(y_n - o)`, taken block by block with a running maximum (online softmax: Milakov and
Gimelshein 2018, arXiv 1805.02867), so that nothing overflows and no batch x N array exists. The posterior mean is
:math:`\bar y = o + \bar\delta` and the covariance :math:`\overline{\delta\delta^{\mathsf T}} -
\bar\delta\bar\delta^{\mathsf T}` with :math:`\delta = y - o`. Where the differences decide, :math:`o` is the best
data point and adds :math:`1` to the mass and nothing to :math:`\delta`: both moments then keep their relative
precision when almost all weight sits on that point.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from geomem._typing import Float, Int
from geomem.distributions._posterior_weights import CUTOFF, Form, Points

__all__ = [
    "MASS",
    "Term",
    "covariance_eigenvalues",
    "covariance_factors",
    "covariance_product",
    "dense_weights",
    "drawn_points",
    "log_density",
    "mean_displacement",
    "participation",
    "softmax_sums",
    "top_weights",
]


class Term(NamedTuple):
    """One sum over the data: its summand, its value at the reference, and the power of the weight in it."""

    summand: Callable[[Tensor, Tensor], Tensor]
    """Maps weights (batch, n) and centered points (n, d) to the block's share (batch, 1) or (batch, d)."""
    at_reference: float | Tensor = 0.0
    power: int = 1


MASS = Term(lambda e, y: e.sum(1, keepdim=True), at_reference=1.0)
SQUARED_MASS = Term(lambda e, y: e.square().sum(1, keepdim=True), at_reference=1.0, power=2)


def displacement(form: Form) -> Term:
    r"""Return the sum of :math:`e^{\ell_n} (y_n - o)`, shape (batch, d)."""
    o = form.reference - form.points.center
    return Term(lambda e, y: e @ y - e.sum(1, keepdim=True) * o)


def tilted_displacement(form: Form, v: Float[Tensor, "batch d"]) -> Term:
    r"""Return the sum of :math:`e^{\ell_n} (y_n - o)\,(y_n - o)\cdot v`, shape (batch, d)."""
    o = form.reference - form.points.center
    along = (o * v).sum(1, keepdim=True)
    linear = displacement(form).summand
    return Term(lambda e, y: linear(e * (v @ y.T - along), y))


def softmax_sums(form: Form, *terms: Term) -> tuple[Tensor, ...]:
    r"""Return the shift :math:`c` (batch, 1) and each sum in units of :math:`e^{c}` (to the term's power).

    The shift follows the largest logit met so far; sums are rescaled whenever it rises. A block that lies below
    :data:`CUTOFF` for every state is passed over.
    """
    lowest = torch.finfo(torch.float64).min
    shift = torch.full_like(form.t, 0.0 if form.mass else lowest)
    no_weight, no_point = form.x.new_zeros(len(form.x), 0), form.x.new_zeros(0, form.x.shape[1])
    sums = [form.mass * term.at_reference + term.summand(no_weight, no_point) for term in terms]
    for _, centered, logits in form.blocks():
        peak = logits.detach().amax(1, keepdim=True)
        if (peak < shift - CUTOFF).all():
            continue
        raised = torch.maximum(shift, peak)
        decay = (shift - raised).exp()
        e = (logits - raised).exp_()
        sums = [decay**term.power * total + term.summand(e, centered) for term, total in zip(terms, sums, strict=True)]
        shift = raised
    return shift, *sums


def mean_displacement(form: Form) -> Float[Tensor, "batch d"]:
    r"""Return :math:`\bar y - o`."""
    _, mass, moved = softmax_sums(form, MASS, displacement(form))
    return moved / mass


def covariance_product(form: Form, v: Float[Tensor, "batch d"]) -> Float[Tensor, "batch d"]:
    r"""Return :math:`C_w v`."""
    _, mass, moved, tilted = softmax_sums(form, MASS, displacement(form), tilted_displacement(form, v))
    mean = moved / mass
    return tilted / mass - mean * (mean * v).sum(1, keepdim=True)


def participation(form: Form) -> Float[Tensor, " batch"]:
    r"""Return :math:`\sum_n w_n^2`."""
    _, mass, squared = softmax_sums(form, MASS, SQUARED_MASS)
    return (squared / mass**2)[:, 0]


def log_density(form: Form) -> Float[Tensor, " batch"]:
    r"""Return :math:`-\|x - o\|^2/2t + \ln\sum_n e^{\ell_n} - \ln N - \frac d2\ln 2\pi t`."""
    n_points, d = form.points.data.shape
    shift, mass = softmax_sums(form, MASS)
    at_reference = (form.x - form.reference).square().sum(1, keepdim=True) / (2 * form.t)
    return (shift + mass.log() - at_reference - math.log(n_points) - d / 2 * (2 * math.pi * form.t).log())[:, 0]


def top_weights(form: Form, k: int) -> tuple[Float[Tensor, "batch k"], Int[Tensor, "batch k"]]:
    """Return the ``k`` largest weights and their indices, descending."""
    values, indices = form.reference_logits()
    for first, _, logits in form.blocks():
        top, where = logits.topk(min(k, logits.shape[1]), dim=1)
        values, indices = torch.cat([values, top], 1), torch.cat([indices, first + where], 1)
        if values.shape[1] > 2 * k:
            values, best = values.topk(k, dim=1)
            indices = indices.gather(1, best)
    values, best = values.topk(k, dim=1)
    shift, mass = softmax_sums(form, MASS)
    return (values - shift).exp() / mass, indices.gather(1, best)


def dense_weights(form: Form) -> Float[Tensor, "batch N"]:
    """Return all weights at once; the caller keeps batch x N small."""
    logits = form.x.new_empty(len(form.x), len(form.points.data))
    for first, _, block in form.blocks():
        logits[:, first : first + block.shape[1]] = block
    value, index = form.reference_logits()
    return logits.scatter(1, index, value).softmax(1)


def drawn_points(form: Form, uniform: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch d"]:
    """Return the point at which the cumulative weights pass a uniform number in [0, 1) of each state."""
    cumulative = dense_weights(form).cumsum(1)
    passed = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
    return form.points.at(passed[:, 0])


def covariance_eigenvalues(form: Form, discard: float) -> Float[Tensor, "batch d"]:
    r"""Return the eigenvalues of :math:`C_w`, ascending, leaving out ``discard`` of the weight."""
    weights, order = dense_weights(form).sort(1, descending=True)
    tails = weights.flip(1).cumsum(1).flip(1)
    kept = (tails > discard).sum(1).tolist()
    spectra = [_spectrum(form.points, n[:k], w[:k]) for k, n, w in zip(kept, order, weights, strict=True)]
    return torch.stack(spectra) if spectra else torch.zeros_like(form.x)


def _spectrum(points: Points, indices: Int[Tensor, " k"], weights: Float[Tensor, " k"]) -> Float[Tensor, " d"]:
    """Return the eigenvalues of the weighted covariance of some points through its smaller factor product."""
    k, d = len(indices), points.data.shape[1]
    factors = covariance_factors(points, indices, weights / weights.sum())
    if k > d:
        product = sum(a.T @ a for a in factors)
    else:
        a = torch.cat(list(factors))
        product = a @ a.T
    nonzero = torch.linalg.eigvalsh(product).clamp(min=0)
    return torch.cat([nonzero.new_zeros(max(0, d - k)), nonzero])


def covariance_factors(
    points: Points, indices: Int[Tensor, " k"], weights: Float[Tensor, " k"]
) -> Iterator[Float[Tensor, "n d"]]:
    r"""Yield the rows :math:`\sqrt{w_n}\,(y_n - \bar y)` of some points, the heaviest first, whose weights sum to one.

    Means are taken of differences from the heaviest point: where it has nearly all the weight they are small, and no
    digit is lost.
    """
    size = max(1, points.block_elements // points.data.shape[1])
    chunks = list(zip(indices.split(size), weights.split(size), strict=True))
    heaviest = points.at(indices[:1])
    mean = sum(w @ (points.at(n) - heaviest) for n, w in chunks)

    def factor(n: Tensor, w: Tensor) -> Tensor:
        return w.sqrt()[:, None] * (points.at(n) - heaviest - mean)

    return (factor(n, w) for n, w in chunks)

r"""Products with the Jacobian of a score, without forming it, and the Jacobian itself.

The Jacobian :math:`J = \nabla s` of the score and that of the denoiser, :math:`K = \nabla D = I + tJ`, are symmetric
for an exact score, and :math:`tK = C` is the covariance of the clean point given the noisy one (differentiate
Tweedie's formula :math:`D = x + t s` once more). Laws that can apply :math:`C` to a vector need no automatic
differentiation,

.. math:: K v = \frac{C v}{t}, \qquad J v = \frac{K v - v}{t},

and the first of these is free of cancellation: where the law has no data, :math:`K v` is small to full relative
precision, while :math:`v + tJv` computed from :math:`Jv` is not.

Every other score is differentiated automatically, by the first of these that it allows, found by trying one
direction at the first state:

1. *forward mode, many directions at one state* (``vmap`` of ``jvp``): the score is evaluated once for a chunk of
   directions, and its derivative once for each;
2. *forward mode at repeated states*, for scores that cannot be vectorized over directions: one copy of the state for
   each direction, which takes each row of a batch to be treated alone;
3. *reverse mode at repeated states*, for scores with an operation that has no forward mode (fused attention): all
   :math:`d` rows of :math:`J`, whatever the number of directions.

Errors are those of the score's own arithmetic in the dtype of the states, times its cancellation: a denoiser that
loses digits in :math:`(D - x)/t` loses them in :math:`J` too. Everything here is derived here.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import Score, Variance, as_variance, check_states
from geomem.errors import InputError
from geomem.jacobian._autodiff import apply_by_rows, find_route, forward_products, of_rows, reverse_rows

__all__ = ["Block", "PosteriorCovariance", "denoiser_products", "dense", "jacobian_blocks", "products"]

CHUNK = 256
"""Directions in one pass: more would cost memory and not be faster."""


@runtime_checkable
class PosteriorCovariance(Score, Protocol):
    """A score that can apply the covariance of the clean point given the noisy one to a vector."""

    def posterior_covariance_matvec(
        self, x: Float[Tensor, "batch d"], t: Variance, v: Float[Tensor, "batch d"]
    ) -> Float[Tensor, "batch d"]:
        r"""Return :math:`\mathrm{Cov}[x_0 | x_t = x]\,v`, one vector for each state."""
        ...


def products(
    score: Score,
    x: Float[Tensor, "batch d"],
    t: Variance,
    v: Float[Tensor, "batch k d"],
    *,
    chunk_size: int = CHUNK,
) -> Float[Tensor, "batch k d"]:
    r"""Return :math:`J v` for :math:`k` directions at each state.

    Parameters
    ----------
    score : Score
        Any score. With ``posterior_covariance_matvec`` that is used, else automatic differentiation.
    x : Tensor, shape (batch, d), float32 or float64
        States.
    t : float or Tensor, shape () or (batch,)
        Noise variance, > 0; handed to the score as it is.
    v : Tensor, shape (batch, k, d), floating point
        Directions, taken in the dtype of ``x``.
    chunk_size : int
        Directions (or states, whichever are more) in one pass, >= 1: bounds the memory.

    Returns
    -------
    Tensor, shape (batch, k, d), dtype of ``x``
        Units of ``v`` over variance.

    Raises
    ------
    InputError
        States, variance, or directions of a wrong shape, type, or with NaN; ``chunk_size`` < 1; a score that draws
        random numbers (a network with dropout that is not in evaluation mode).

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> law = LinearManifold([3.0], ambient_dim=2)
    >>> products(law, torch.zeros(1, 2), 1.0, torch.eye(2)[None])
    tensor([[[-0.2500,  0.0000],
             [ 0.0000, -1.0000]]])
    """
    v = _check(x, t, v, chunk_size)
    if isinstance(score, PosteriorCovariance):
        return denoiser_products(score, x, t, v, chunk_size=chunk_size).sub_(v) / _column(t, x)
    return _differentiate(score, x, t, v, chunk_size)


def denoiser_products(
    score: Score,
    x: Float[Tensor, "batch d"],
    t: Variance,
    v: Float[Tensor, "batch k d"],
    *,
    chunk_size: int = CHUNK,
) -> Float[Tensor, "batch k d"]:
    r"""Return :math:`K v`, :math:`K = I + tJ`, for :math:`k` directions at each state; arguments as :func:`products`.

    To full relative precision where the score has ``posterior_covariance_matvec``, else :math:`v + tJv`, which is
    right to one rounding of :math:`v`.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> law = LinearManifold([3.0], ambient_dim=2)
    >>> denoiser_products(law, torch.zeros(1, 2), 1.0, torch.eye(2)[None])
    tensor([[[0.7500, 0.0000],
             [0.0000, 0.0000]]])
    """
    v = _check(x, t, v, chunk_size)
    if isinstance(score, PosteriorCovariance):
        return apply_by_rows(score.posterior_covariance_matvec, x, t, v, chunk_size) / _column(t, x)
    return _differentiate(score, x, t, v, chunk_size) * _column(t, x) + v


def dense(
    score: Score, x: Float[Tensor, "batch d"], t: Variance, *, chunk_size: int = CHUNK
) -> Float[Tensor, "batch d d"]:
    r"""Return the Jacobian :math:`J_{ij} = \partial s_i/\partial x_j` of each state; arguments as :func:`products`.

    Returns
    -------
    Tensor, shape (batch, d, d), dtype of ``x``
        Not symmetrized.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> dense(LinearManifold([3.0], ambient_dim=2), torch.zeros(1, 2), 1.0)
    tensor([[[-0.2500,  0.0000],
             [ 0.0000, -1.0000]]])
    """
    jacobian = x.new_empty(*x.shape, x.shape[-1])
    for block in jacobian_blocks(score, x, t, chunk_size=chunk_size):
        into = jacobian[block.state] if block.are_rows else jacobian[block.state].T
        into[block.first : block.first + len(block.values)] = block.values
    return jacobian


class Block(NamedTuple):
    """Some rows or columns of the Jacobian at one state."""

    state: int
    """Which state of the batch."""
    first: int
    """Index of the first of them."""
    values: Float[Tensor, "n d"]
    """One row or column in each row."""
    are_rows: bool
    """Rows of :math:`J` (reverse mode), or columns (all other ways)."""


def jacobian_blocks(
    score: Score, x: Float[Tensor, "batch d"], t: Variance, *, chunk_size: int = CHUNK
) -> Iterator[Block]:
    """Yield the Jacobian of each state piece by piece, so that it need not be held; arguments as :func:`products`.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> blocks = jacobian_blocks(LinearManifold([3.0], ambient_dim=4), torch.zeros(1, 4), 1.0, chunk_size=3)
    >>> [(block.first, tuple(block.values.shape)) for block in blocks]
    [(0, (3, 4)), (3, (1, 4))]
    """
    _check(x, t, x[:, None], chunk_size)
    route = None if isinstance(score, PosteriorCovariance) or not len(x) else find_route(score, x, t)
    for i in range(len(x)):
        state, time = x[i : i + 1], of_rows(t, slice(i, i + 1))
        for first in range(0, x.shape[1], chunk_size):
            unit = x.new_zeros(min(chunk_size, x.shape[1] - first), x.shape[1])
            unit[:, first:].fill_diagonal_(1)
            if route is None:
                values = products(score, state, time, unit[None], chunk_size=chunk_size)[0]
            elif route == "reverse":
                values = reverse_rows(score, state, time, unit)
            else:
                values = forward_products(score, state, time, unit[None], route, chunk_size)[0]
            yield Block(i, first, values, are_rows=route == "reverse")


def _check(x: Tensor, t: Variance, v: Tensor, chunk_size: int) -> Tensor:
    """Return the directions in the dtype of the states, or raise."""
    check_states(x)
    as_variance(t, x)
    if x.dtype not in (torch.float32, torch.float64):
        raise InputError(f"got states of dtype {x.dtype}, expected float32 or float64")
    if chunk_size < 1:
        raise InputError(f"got chunk_size = {chunk_size}, expected at least 1")
    if not isinstance(v, Tensor) or v.ndim != 3 or v.shape[0] != x.shape[0] or v.shape[2] != x.shape[1]:
        got = f"of shape {tuple(v.shape)}" if isinstance(v, Tensor) else f"of type {type(v).__name__}"
        raise InputError(f"got directions {got}, expected ({x.shape[0]}, k, {x.shape[1]}): k for each state")
    if not v.is_floating_point() or not torch.isfinite(v).all():
        raise InputError(f"got directions of dtype {v.dtype} or with NaN, expected finite floating-point numbers")
    return v.to(x.dtype)


def _column(t: Variance, x: Float[Tensor, "batch d"]) -> Float[Tensor, "batch 1 1"]:
    """Return the variances in the dtype of the states, to divide (batch, k, d) by."""
    return as_variance(t, x).to(x.dtype)[:, None, None]


def _differentiate(
    score: Score, x: Float[Tensor, "batch d"], t: Variance, v: Float[Tensor, "batch k d"], chunk_size: int
) -> Float[Tensor, "batch k d"]:
    """Return J v by automatic differentiation."""
    if not v.numel():
        return torch.empty_like(v)
    route = find_route(score, x, t)
    if route != "reverse":
        return forward_products(score, x, t, v, route, chunk_size)
    product = torch.empty_like(v)
    for block in jacobian_blocks(score, x, t, chunk_size=chunk_size):
        product[block.state, :, block.first : block.first + len(block.values)] = v[block.state] @ block.values.T
    return product

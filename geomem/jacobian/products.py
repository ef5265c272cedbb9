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

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import Score, Variance
from geomem.errors import InputError
from geomem.jacobian._jacobian import Jacobian
from geomem.jacobian._score import CHUNK

__all__ = ["denoiser_products", "dense", "products"]


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
        States, variance, or directions of a wrong shape, type, or with NaN; ``chunk_size`` < 1; a score that has no
        method ``score``, fails at the states (a network of another dtype), returns another shape than theirs, NaN, or
        infinity, has a derivative that is NaN or infinity, draws random numbers (dropout that is not in evaluation
        mode), or that torch cannot differentiate.

    Notes
    -----
    Derived here. Regime: any finite size; errors are those of the module's introduction. Before it is differentiated
    a score is evaluated once at every state, and twice more at the first. One in which torch sees no dependence on
    ``x`` has :math:`J = 0` if it is the same at a displaced state, and is refused if not; what hides only a part of
    the dependence (one term computed in NumPy or detached) cannot be seen: :math:`J` is then that of the rest.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> law = LinearManifold([3.0], ambient_dim=2)
    >>> products(law, torch.zeros(1, 2), 1.0, torch.eye(2)[None])
    tensor([[[-0.2500,  0.0000],
             [ 0.0000, -1.0000]]])
    """
    jacobian = Jacobian.of(score, x, t)
    return jacobian.products(_directions(x, v), _whole(chunk_size))


def denoiser_products(
    score: Score,
    x: Float[Tensor, "batch d"],
    t: Variance,
    v: Float[Tensor, "batch k d"],
    *,
    chunk_size: int = CHUNK,
) -> Float[Tensor, "batch k d"]:
    r"""Return :math:`K v`, :math:`K = I + tJ`, for :math:`k` directions at each state; arguments as :func:`products`.

    Returns
    -------
    Tensor, shape (batch, k, d), dtype of ``x``
        Units of ``v``.

    Raises
    ------
    InputError
        As for :func:`products`.

    Notes
    -----
    Derived here. Regime: any finite size. To full relative precision where the score has
    ``posterior_covariance_matvec``, else :math:`v + tJv`, which is right to one rounding of :math:`v`.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> law = LinearManifold([3.0], ambient_dim=2)
    >>> denoiser_products(law, torch.zeros(1, 2), 1.0, torch.eye(2)[None])
    tensor([[[0.7500, 0.0000],
             [0.0000, 0.0000]]])
    """
    jacobian = Jacobian.of(score, x, t)
    return jacobian.denoiser_products(_directions(x, v), _whole(chunk_size))


def dense(
    score: Score, x: Float[Tensor, "batch d"], t: Variance, *, chunk_size: int = CHUNK
) -> Float[Tensor, "batch d d"]:
    r"""Return the Jacobian :math:`J_{ij} = \partial s_i/\partial x_j` of each state; arguments as :func:`products`.

    Returns
    -------
    Tensor, shape (batch, d, d), dtype of ``x``
        Units of 1/variance. Not symmetrized.

    Raises
    ------
    InputError
        As for :func:`products`.

    Notes
    -----
    Derived here. Regime: any finite size that fits in memory; accuracy as for :func:`products`, column by column (row
    by row in reverse mode).

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> dense(LinearManifold([3.0], ambient_dim=2), torch.zeros(1, 2), 1.0)
    tensor([[[-0.2500,  0.0000],
             [ 0.0000, -1.0000]]])
    """
    return Jacobian.of(score, x, t).dense(_whole(chunk_size))


def _whole(chunk_size: int) -> int:
    """Return the size of a chunk, or raise."""
    if chunk_size < 1:
        raise InputError(f"got chunk_size = {chunk_size}, expected at least 1")
    return chunk_size


def _directions(x: Float[Tensor, "batch d"], v: Tensor) -> Float[Tensor, "batch k d"]:
    """Return the directions in the dtype of the states, or raise."""
    if not isinstance(v, Tensor) or v.ndim != 3 or v.shape[0] != x.shape[0] or v.shape[2] != x.shape[1]:
        got = f"of shape {tuple(v.shape)}" if isinstance(v, Tensor) else f"of type {type(v).__name__}"
        raise InputError(f"got directions {got}, expected ({x.shape[0]}, k, {x.shape[1]}): k for each state")
    if not v.is_floating_point() or not torch.isfinite(v).all():
        raise InputError(f"got directions of dtype {v.dtype} or with NaN, expected finite floating-point numbers")
    return v.to(x.dtype)

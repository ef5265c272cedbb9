r"""Products with the Jacobian of any score by automatic differentiation: which mode, and in which passes.

The ways and when each is taken are in the docstring of :mod:`geomem.jacobian.products`.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.autograd import forward_ad

from geomem._typing import Float
from geomem.distributions.base import Score, Variance
from geomem.errors import InputError

__all__ = ["Route", "apply_by_rows", "find_route", "forward_products", "of_rows", "reverse_rows"]

Route: TypeAlias = Literal["vectorized", "forward", "reverse"]

RowProducts = Callable[[Float[Tensor, "n d"], Variance, Float[Tensor, "n d"]], Float[Tensor, "n d"]]


def of_rows(t: Variance, rows: slice, n: int | None = None) -> float | int | Tensor:
    """Return the variance of some rows, a number as it is; the entry of one row repeated n times if asked for."""
    if not isinstance(t, Tensor) or t.ndim == 0:
        return t
    return t[rows] if n is None else t[rows].expand(n)


def apply_by_rows(
    multiply: RowProducts, x: Float[Tensor, "batch d"], t: Variance, v: Float[Tensor, "batch k d"], chunk_size: int
) -> Float[Tensor, "batch k d"]:
    """Return products of what takes one vector for each state, in few passes: the longer axis goes through at once."""
    batch, k, _ = v.shape
    product = torch.empty_like(v)
    with torch.no_grad():
        if batch > k:
            for rows in (slice(first, first + chunk_size) for first in range(0, batch, chunk_size)):
                for j in range(k):
                    product[rows, j] = multiply(x[rows], of_rows(t, rows), v[rows, j])
        else:
            for i in range(batch):
                for some, into in zip(v[i].split(chunk_size), product[i].split(chunk_size), strict=True):
                    state, time = x[i : i + 1].expand_as(some), of_rows(t, slice(i, i + 1), len(some))
                    into.copy_(multiply(state, time, some))
    return product


def forward_products(
    score: Score,
    x: Float[Tensor, "batch d"],
    t: Variance,
    v: Float[Tensor, "batch k d"],
    route: Route,
    chunk_size: int,
) -> Float[Tensor, "batch k d"]:
    """Return J v by forward mode: vectorized over directions where there are more of them than states."""
    batch, k, _ = v.shape
    if route == "forward" or batch > k:
        return apply_by_rows(functools.partial(_along_rows, score), x, t, v, chunk_size)
    product = torch.empty_like(v)
    with torch.no_grad():
        for i in range(batch):
            for some, into in zip(v[i].split(chunk_size), product[i].split(chunk_size), strict=True):
                into.copy_(_along_all(score, x[i : i + 1], of_rows(t, slice(i, i + 1)), some))
    return product


def reverse_rows(
    score: Score, x: Float[Tensor, "1 d"], t: Variance, u: Float[Tensor, "n d"]
) -> Float[Tensor, "n d"]:
    """Return u J at one state: reverse mode, the score evaluated once for each row of u."""
    with torch.enable_grad():
        states = x.detach().repeat(len(u), 1).requires_grad_()
        (rows,) = torch.autograd.grad(score.score(states, of_rows(t, slice(1), len(u))), states, u)
    return rows


def find_route(score: Score, x: Float[Tensor, "batch d"], t: Variance) -> Route:
    """Return the first way of differentiating that the score allows, by one direction at the first state.

    Raises
    ------
    InputError
        The score draws random numbers.
    """
    _load_forward_mode()
    state, time = x[:1], of_rows(t, slice(1))
    with torch.no_grad():
        for route, multiply in ATTEMPTS.items():
            try:
                multiply(score, state, time, torch.ones_like(state))
            except RuntimeError as error:  # torch cannot; an error of the score itself is met again below
                if "random operation" in str(error):
                    raise InputError(
                        "got a score that draws random numbers, expected a function of x and t; "
                        "put the network in evaluation mode (.eval()) or take its dropout out"
                    ) from error
            else:
                return route
    reverse_rows(score, state, time, torch.ones_like(state))
    return "reverse"


def _along_all(
    score: Score, x: Float[Tensor, "1 d"], t: Variance, v: Float[Tensor, "n d"]
) -> Float[Tensor, "n d"]:
    """Return J v at one state, the score evaluated once."""

    def along(u: Tensor) -> Tensor:
        return torch.func.jvp(lambda y: score.score(y[None], t)[0], (x[0],), (u,))[1]

    return torch.func.vmap(along)(v)


def _along_rows(
    score: Score, x: Float[Tensor, "n d"], t: Variance, v: Float[Tensor, "n d"]
) -> Float[Tensor, "n d"]:
    """Return J v, row by row, the score evaluated at each row."""
    with forward_ad.dual_level():
        moved = score.score(forward_ad.make_dual(x.contiguous(), v.contiguous()), t)
        tangent = forward_ad.unpack_dual(moved).tangent
    return torch.zeros_like(v) if tangent is None else tangent


ATTEMPTS: dict[Route, Callable[..., Tensor]] = {"vectorized": _along_all, "forward": _along_rows}


@functools.cache
def _load_forward_mode() -> None:
    """Let torch load its forward-mode rules, once: it warns of a deprecation of its own when it does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.func.jvp(torch.sin, (torch.zeros(1),), (torch.ones(1),))

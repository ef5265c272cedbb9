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
from geomem.distributions.base import Score, Variance, as_variance
from geomem.errors import InputError
from geomem.jacobian._score import RANDOM, evaluate, of_rows

__all__ = ["Route", "apply_by_rows", "find_route", "forward_products", "load_forward_mode", "reverse_rows"]

Route: TypeAlias = Literal["vectorized", "forward", "reverse"]

RowProducts = Callable[[Float[Tensor, "n d"], Variance, Float[Tensor, "n d"]], Float[Tensor, "n d"]]

OPAQUE = (
    "got a score that torch cannot differentiate, expected torch operations from x to the result; "
    "take out NumPy, .detach(), .data, torch.no_grad, and torch.inference_mode"
)


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
        moved = score.score(states, of_rows(t, slice(1), len(u)))
        (rows,) = torch.autograd.grad(moved, states, u.to(moved.dtype))
    return rows


def find_route(score: Score, x: Float[Tensor, "batch d"], t: Variance) -> Route:
    """Return the first way of differentiating that the score allows, by one direction at the first state.

    Raises
    ------
    InputError
        The score draws random numbers, or torch cannot differentiate it.
    """
    load_forward_mode()
    state, time = x[:1], of_rows(t, slice(1))
    refusal: RuntimeError | None = None
    for route, multiply in ATTEMPTS.items():
        try:
            with torch.no_grad():
                multiply(score, state, time, torch.ones_like(state))
        except RuntimeError as error:  # the score itself works, see check_score: torch cannot follow it in this way
            if "random operation" in str(error):
                raise InputError(RANDOM) from error
            refusal = error
        else:
            return route
    raise InputError(f"{OPAQUE}: {refusal}") from refusal


def _along_all(
    score: Score, x: Float[Tensor, "1 d"], t: Variance, v: Float[Tensor, "n d"], *, strict: bool = False
) -> Float[Tensor, "n d"]:
    """Return J v at one state, the score evaluated once; ``strict`` fails where torch sees no dependence on x."""

    def along(u: Tensor) -> Tensor:
        return torch.func.jvp(lambda y: score.score(y[None], t)[0], (x[0],), (u,), strict=strict)[1]

    return torch.func.vmap(along)(v)


def _along_rows(
    score: Score, x: Float[Tensor, "n d"], t: Variance, v: Float[Tensor, "n d"]
) -> Float[Tensor, "n d"]:
    """Return J v, row by row, the score evaluated at each row."""
    with forward_ad.dual_level():
        moved = score.score(forward_ad.make_dual(x.contiguous(), v.contiguous()), t)
        tangent = forward_ad.unpack_dual(moved).tangent
    return _zero_if_constant(score, x, t) if tangent is None else tangent


def _zero_if_constant(score: Score, x: Float[Tensor, "n d"], t: Variance) -> Float[Tensor, "n d"]:
    """Return J v of a score in which torch sees no x: zero, or an error if it differs at other states."""
    step = as_variance(t, x).sqrt()[:, None] * torch.linspace(1, 2, x.shape[1], dtype=x.dtype, device=x.device)
    if not torch.equal(evaluate(score, x, t), evaluate(score, (2 * x + step).to(x.dtype), t, rows="displaced state")):
        raise InputError(OPAQUE)
    return torch.zeros_like(x)


ATTEMPTS: dict[Route, Callable[..., Tensor]] = {
    "vectorized": functools.partial(_along_all, strict=True),
    "forward": _along_rows,
    "reverse": reverse_rows,
}


@functools.cache
def load_forward_mode() -> None:
    """Let torch load its forward-mode rules, once: it warns of a deprecation of its own when it does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.func.jvp(torch.sin, (torch.zeros(1),), (torch.ones(1),))

"""The one place where a score and its arguments are checked, and where it is evaluated without being differentiated."""

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import Score, Variance, as_variance, check_states
from geomem.errors import InputError

__all__ = ["CHUNK", "RANDOM", "check_arguments", "check_score", "evaluate"]
__all__ += ["first_not_finite", "of_rows", "variance_at"]

CHUNK = 256
"""States or directions in one pass: more would cost memory and not be faster."""

RANDOM = (
    "got a score that draws random numbers, expected a function of x and t; "
    "put the network in evaluation mode (.eval()) or take its dropout out"
)


def of_rows(t: Variance, rows: slice, n: int | None = None) -> float | int | Tensor:
    """Return the variance of some rows, a number as it is; the entry of one row repeated n times if asked for."""
    if not isinstance(t, Tensor) or t.ndim == 0:
        return t
    return t[rows] if n is None else t[rows].expand(n)


def variance_at(t: Variance, i: int) -> float:
    """Return the variance of one row as a number, to name it in a message."""
    return float(of_rows(t, slice(i, i + 1)))


def first_not_finite(values: Float[Tensor, "n ..."]) -> int | None:
    """Return the first row with NaN or infinity; None if there is none."""
    if torch.isfinite(values).all():
        return None
    return int(torch.isfinite(values).flatten(1).all(1).logical_not().nonzero()[0])


def check_arguments(score: Score, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, " batch"]:
    """Return the variance of each state in float64, or raise where an argument is none; the score is not called."""
    if isinstance(score, type) or not callable(getattr(score, "score", None)):
        got = f"the class {score.__name__}" if isinstance(score, type) else f"type {type(score).__name__}"
        raise InputError(
            f"got for the score {got}, expected an object with a method score(x, t); make an instance of a class, and "
            "wrap a function f of x and t in types.SimpleNamespace(score=f)"
        )
    check_states(x, getattr(score, "ambient_dim", None))
    if x.dtype not in (torch.float32, torch.float64):
        raise InputError(f"got states of dtype {x.dtype}, expected float32 or float64")
    return as_variance(t, x)


def evaluate(
    score: Score, x: Float[Tensor, "batch d"], t: Variance, *, rows: str = "state"
) -> Float[Tensor, "batch d"]:
    """Return the score, some states at a time; ``rows`` says in a message what the rows of ``x`` are.

    Raises
    ------
    InputError
        The score fails, or what it returns has another shape or type than the states, NaN, or infinity.
    """
    scores = torch.empty(x.shape, dtype=torch.float64, device=x.device)
    for some in (slice(first, first + CHUNK) for first in range(0, len(x), CHUNK)):
        try:
            with torch.no_grad():
                value = score.score(x[some], of_rows(t, some))
        except RuntimeError as error:
            raise InputError(
                f"got a score that fails for states of shape {tuple(x.shape)} and {x.dtype}: {error}; give it states "
                "of the dimension and dtype of its network (x.float(), or network.double())"
            ) from error
        if not isinstance(value, Tensor) or value.shape != x[some].shape or not value.is_floating_point():
            shaped = isinstance(value, Tensor)
            got = f"of shape {tuple(value.shape)} and {value.dtype}" if shaped else f"of type {type(value).__name__}"
            raise InputError(
                f"got a score {got} for states of shape {tuple(x[some].shape)}, expected floating-point numbers of "
                "the shape of the states"
            )
        scores[some] = value
    if (i := first_not_finite(scores)) is not None:
        raise InputError(
            f"got a score with NaN or infinity at {rows} {i} (t = {variance_at(t, i):.3g}), expected finite numbers"
        )
    return scores


def check_score(score: Score, x: Float[Tensor, "batch d"], t: Variance) -> None:
    """Raise unless the score can be evaluated at the states, see :func:`evaluate`, and twice with the same result."""
    evaluate(score, x, t)
    first, again = (evaluate(score, x[:1], of_rows(t, slice(1))) for _ in range(2))
    if (first - again).norm() > torch.finfo(x.dtype).eps ** 0.5 * first.norm():  # more than an order of summation
        raise InputError(RANDOM)

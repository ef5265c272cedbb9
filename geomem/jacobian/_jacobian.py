"""The Jacobian at some states once score and arguments are checked: what every function of the package works with."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import Score, Variance, as_variance
from geomem.errors import InputError
from geomem.jacobian._autodiff import Route, apply_by_rows, find_route, forward_products, reverse_rows
from geomem.jacobian._score import CHUNK, check_arguments, check_score, first_not_finite, of_rows, variance_at

__all__ = ["Block", "Jacobian", "PosteriorCovariance"]


@runtime_checkable
class PosteriorCovariance(Score, Protocol):
    """A score that can apply the covariance of the clean point given the noisy one to a vector."""

    def posterior_covariance_matvec(
        self, x: Float[Tensor, "batch d"], t: Variance, v: Float[Tensor, "batch d"]
    ) -> Float[Tensor, "batch d"]:
        r"""Return :math:`\mathrm{Cov}[x_0 | x_t = x]\,v`, one vector for each state."""
        ...


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


@dataclass(frozen=True)
class Jacobian:
    """Products with the Jacobian at a batch of states, and its pieces; nothing is checked again."""

    score: Score
    x: Tensor
    t: Variance
    route: Route | None
    """How it is differentiated; None where nothing is: a law with ``posterior_covariance_matvec``, or no states."""
    first: int = 0
    """Index of the first state among those of the user, to name it in a message."""

    @classmethod
    def of(cls, score: Score, x: Float[Tensor, "batch d"], t: Variance) -> "Jacobian":
        """Return the Jacobian of a score at states that are checked here, as is the score if it is differentiated."""
        check_arguments(score, x, t)
        if isinstance(score, PosteriorCovariance) or not len(x):
            return cls(score, x, t, None)
        check_score(score, x, t)
        return cls(score, x, t, find_route(score, x, t))

    def __getitem__(self, i: int) -> "Jacobian":
        """Return the Jacobian at one state."""
        rows = slice(i, i + 1)
        return replace(self, x=self.x[rows], t=of_rows(self.t, rows), first=self.first + i)

    @property
    def column(self) -> Float[Tensor, "batch 1 1"]:
        """The variances in the dtype of the states, to divide (batch, k, d) by."""
        return as_variance(self.t, self.x).to(self.x.dtype)[:, None, None]

    def products(self, v: Float[Tensor, "batch k d"], chunk_size: int = CHUNK) -> Float[Tensor, "batch k d"]:
        """Return J v."""
        if isinstance(self.score, PosteriorCovariance):
            return self.denoiser_products(v, chunk_size).sub_(v) / self.column
        return self._finite(self._differentiate(v, chunk_size))

    def denoiser_products(self, v: Float[Tensor, "batch k d"], chunk_size: int = CHUNK) -> Float[Tensor, "batch k d"]:
        """Return K v."""
        if isinstance(self.score, PosteriorCovariance):
            covariance = self.score.posterior_covariance_matvec
            return self._finite(apply_by_rows(covariance, self.x, self.t, v, chunk_size) / self.column)
        return self.products(v, chunk_size) * self.column + v

    def blocks(self, chunk_size: int = CHUNK) -> Iterator[Block]:
        """Yield the Jacobian of each state piece by piece."""
        for i in range(len(self.x)):
            here = self[i]
            for first in range(0, self.x.shape[1], chunk_size):
                unit = self.x.new_zeros(min(chunk_size, self.x.shape[1] - first), self.x.shape[1])
                unit[:, first:].fill_diagonal_(1)
                if self.route == "reverse":
                    values = here._finite(reverse_rows(here.score, here.x, here.t, unit)[None])[0]
                else:
                    values = here.products(unit[None], chunk_size)[0]
                yield Block(i, first, values, are_rows=self.route == "reverse")

    def dense(self, chunk_size: int = CHUNK) -> Float[Tensor, "batch d d"]:
        """Return J, one matrix for each state."""
        jacobian = self.x.new_empty(*self.x.shape, self.x.shape[-1])
        for block in self.blocks(chunk_size):
            into = jacobian[block.state] if block.are_rows else jacobian[block.state].T
            into[block.first : block.first + len(block.values)] = block.values
        return jacobian

    def _differentiate(self, v: Float[Tensor, "batch k d"], chunk_size: int) -> Float[Tensor, "batch k d"]:
        """Return J v by automatic differentiation."""
        if self.route is None:  # no states
            return torch.empty_like(v)
        if self.route != "reverse":
            return forward_products(self.score, self.x, self.t, v, self.route, chunk_size)
        product = torch.empty_like(v)
        for block in self.blocks(chunk_size):
            product[block.state, :, block.first : block.first + len(block.values)] = v[block.state] @ block.values.T
        return product

    def _finite(self, values: Float[Tensor, "batch k d"]) -> Float[Tensor, "batch k d"]:
        """Return products, or raise where the derivative of a score is not finite."""
        if (i := first_not_finite(values)) is not None:
            raise InputError(
                f"got a score whose derivative is NaN or infinity at state {self.first + i} "
                f"(t = {variance_at(self.t, i):.3g}), expected finite numbers"
            )
        return values

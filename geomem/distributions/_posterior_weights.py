r"""Softmax over a data set in blocks, at a known precision and with memory that does not grow with the data.

For states :math:`x` (a batch of them), data :math:`y_1, \dots, y_N` and any reference point :math:`o`,

.. math::

   \ell_n = \frac{\|x - o\|^2 - \|x - y_n\|^2}{2t}
          = \frac{1}{t}\,(y_n - o)\cdot\Bigl(x - \frac{o + y_n}{2}\Bigr), \qquad w_n \propto e^{\ell_n}.

**Product form**, :math:`o` a center of the data: :math:`[(x - o)\cdot(y_n - o) - \tfrac12\|y_n - o\|^2]/t`, one matrix
product for a block of points. Summing :math:`n` products in any order, fused or not, errs by at most
:math:`\gamma_n = nu/(1 - nu)` times the sum of absolute values, :math:`u = 2^{-53}` (Higham 2002, Accuracy and
Stability of Numerical Algorithms, section 3.1). Counting one rounding each for taking :math:`o` from :math:`x` and
from :math:`y`, for the division by :math:`t`, and for the last difference, :math:`d` for the product, and with
:math:`R = \max_n \|y_n - o\|`, every logit errs by at most (derived here)

.. math:: \beta(x, t) = (d + 4)\,u\,\frac{R\,(\|x - o\| + R)}{t}.

Logits wrong by :math:`\beta` move the weights by at most :math:`\tanh(\beta/2)` in total variation.

**Difference form**, where :math:`\beta` exceeds :data:`TOLERANCE`: :math:`o` is the point that wins in product form,
and each point within :math:`e^{-40}` of it (plus :math:`2\beta`, since the screening itself errs by that) has its
logit recomputed as :math:`(y_n - o)\cdot[(x - o) + (x - y_n)]/2t`. Every factor is a difference of given numbers, so
the common offset and the large :math:`\|y_n\|^2/t` never appear. All other points keep their product-form logit,
which is too small to matter: together they weigh less than :math:`N e^{-40}`.

Everything is float64 whatever the dtype of the data, so no reduced-precision matrix product can enter.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from geomem._typing import Float, Int
from geomem.errors import InputError

__all__ = [
    "CUTOFF",
    "QUERIES",
    "TOLERANCE",
    "DifferenceForm",
    "Form",
    "Points",
    "ProductForm",
    "forms",
    "rounding_bound",
]

TOLERANCE = 1e-9
"""Largest rounding bound that the product form may have: at most half of it reaches the weights."""

CUTOFF = 40.0
"""A point whose logit lies this far below the largest weighs less than 5e-18 and is left out."""

UNIT_ROUNDOFF = 2.0**-53

QUERIES = 256
"""States treated in one pass over the data; more would not make the matrix products faster."""


class Points:
    """The data, never copied: float64 blocks around a center, made as they are asked for.

    The center is zero, which leaves float64 blocks as they are, unless the mean is further from it than the points
    are from the mean (root mean square): an offset would enlarge the rounding bound.

    Parameters
    ----------
    data : Tensor, shape (N, d), float32 or float64
        The points.
    block_elements : int
        Numbers in the largest temporary array.

    Raises
    ------
    InputError
        Data not a (N, d) float32 or float64 tensor, empty, or not finite; ``block_elements`` < 1.
    """

    def __init__(self, data: Float[Tensor, "N d"], block_elements: int) -> None:
        if block_elements < 1:
            raise InputError(f"got block_elements = {block_elements}, expected at least 1")
        if not isinstance(data, Tensor) or data.ndim != 2 or 0 in data.shape:
            got = f"of shape {tuple(data.shape)}" if isinstance(data, Tensor) else f"of type {type(data).__name__}"
            raise InputError(f"got data {got}, expected a tensor (N, d) with N >= 1 points and d >= 1; flatten images")
        if data.dtype not in (torch.float32, torch.float64):
            raise InputError(f"got data of dtype {data.dtype}, expected float32 or float64; use data.double()")
        self.data = data.detach()
        self.block_elements = block_elements
        size = max(1, block_elements // data.shape[1])
        blocks = self.data.split(size)
        if not all(torch.isfinite(block).all() for block in blocks):
            raise InputError("got NaN or infinity among the data, expected finite numbers; drop those points")
        mean = sum(block.double().sum(0) for block in blocks) / len(data)
        mean_square = sum(block.double().square().sum() for block in blocks) / len(data)
        self.offset = bool(2 * mean.square().sum() > mean_square)
        self.center = mean if self.offset else torch.zeros_like(mean)
        self.half_norms = mean.new_empty(len(data))
        for block, half_norms in zip(blocks, self.half_norms.split(size), strict=True):
            torch.sum(self.centered(block).square() / 2, dim=1, out=half_norms)
        self.radius = (2 * self.half_norms.max()).sqrt()

    def centered(self, points: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Return points in float64 relative to the center; a view where nothing has to be done."""
        return points.double() - self.center if self.offset else points.double()

    def at(self, indices: Int[Tensor, " n"]) -> Float[Tensor, "n d"]:
        """Return the named points in float64, not centered."""
        return self.data[indices].double()

    def blocks(self, queries: int) -> Iterator[tuple[int, Float[Tensor, "n d"], Float[Tensor, " n"]]]:
        """Yield first index, centered points, and half their squared norms, for so many queries at a time."""
        n = max(1, self.block_elements // max(queries, self.data.shape[1]))
        for first in range(0, len(self.data), n):
            rows = slice(first, first + n)
            yield first, self.centered(self.data[rows]), self.half_norms[rows]


def rounding_bound(
    points: Points, x: Float[Tensor, "batch d"], t: Float[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    r"""Return :math:`\beta(x, t)`, the bound on the error of every product-form logit, shape (batch,)."""
    radius = points.radius
    return (x.shape[1] + 4) * UNIT_ROUNDOFF * radius * ((x - points.center).norm(dim=1) + radius) / t


class ProductForm:
    """Logits by matrix products; the reference is the center, which is no data point and has no weight."""

    mass = 0.0

    def __init__(
        self, points: Points, x: Float[Tensor, "batch d"], t: Float[Tensor, " batch"]
    ) -> None:
        self.points, self.x, self.t = points, x, t[:, None]
        self.reference = points.center.expand_as(x)

    def blocks(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield first index, centered points (n, d), and logits (batch, n) of each block."""
        query = (self.x - self.reference) / self.t
        for first, centered, half_norms in self.points.blocks(len(self.x)):
            yield first, centered, (query @ centered.T).addcmul_(half_norms, 1 / self.t, value=-1)

    def reference_logits(self) -> tuple[Tensor, Tensor]:
        """Return logit and index of the reference where it is a data point: here none, shape (batch, 0)."""
        return self.t[:, :0], torch.empty(len(self.x), 0, dtype=torch.int64, device=self.x.device)


class DifferenceForm:
    """Logits relative to the best data point; those that matter by differences of the given numbers.

    The reference carries weight one by definition. It is taken out of the blocks (logit minus infinity) and put in
    at the start of every sum, so that displacements from it are never small differences of large numbers.
    """

    mass = 1.0

    def __init__(
        self, points: Points, x: Float[Tensor, "batch d"], t: Float[Tensor, " batch"]
    ) -> None:
        self.points, self.x, self.t = points, x, t[:, None]
        self.screen = ProductForm(points, x, t)
        self.best = x.new_full((len(x), 1), -torch.inf)
        self.nearest = torch.zeros(len(x), 1, dtype=torch.int64, device=x.device)
        with torch.no_grad():
            for first, _, logits in self.screen.blocks():
                peak, where = logits.max(1, keepdim=True)
                self.nearest = torch.where(peak > self.best, first + where, self.nearest)
                self.best = torch.maximum(peak, self.best)
            self.floor = self.best - CUTOFF - 2 * rounding_bound(points, x, t)[:, None]
        self.reference = points.at(self.nearest[:, 0])

    def blocks(self) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield first index, centered points (n, d), and logits (batch, n) of each block."""
        for first, centered, screened in self.screen.blocks():
            logits = screened - self.best
            state, point = torch.nonzero(screened.detach() >= self.floor, as_tuple=True)
            logits[state, point] = self.differences(state, first + point)
            own = self.nearest[:, 0] - first
            here = torch.nonzero((own >= 0) & (own < len(centered)))[:, 0]
            logits[here, own[here]] = -torch.inf
            yield first, centered, logits

    def differences(self, state: Int[Tensor, " pairs"], point: Int[Tensor, " pairs"]) -> Float[Tensor, " pairs"]:
        """Return the logits of (state, point) pairs in difference form."""
        size = max(1, self.points.block_elements // self.x.shape[1])
        logits = [self.t.new_zeros(0)]
        for b, n in zip(state.split(size), point.split(size), strict=True):
            x, o, y = self.x[b], self.reference[b], self.points.at(n)
            logits.append(((y - o) * ((x - o) + (x - y))).sum(1) / (2 * self.t[b, 0]))
        return torch.cat(logits)

    def reference_logits(self) -> tuple[Tensor, Tensor]:
        """Return logit and index of the reference, shape (batch, 1) each."""
        return torch.zeros_like(self.t), self.nearest


Form = ProductForm | DifferenceForm


def forms(
    points: Points, x: Float[Tensor, "batch d"], t: Float[Tensor, " batch"], queries: int
) -> Iterator[tuple[Int[Tensor, " rows"], Form]]:
    """Yield the states in groups of at most ``queries``, as row numbers and the form that their precision needs."""
    bound = rounding_bound(points, x.detach(), t)
    if not torch.isfinite(bound).all():
        raise InputError(
            f"got data of radius {float(points.radius):.3g} and states whose logits overflow float64 at this t, "
            "expected squared distances over t below 1e300; rescale data, states, and t together"
        )
    for form, chosen in ((ProductForm, bound <= TOLERANCE), (DifferenceForm, bound > TOLERANCE)):
        for rows in torch.nonzero(chosen)[:, 0].split(queries):
            if len(rows) or not len(x):  # an empty batch goes through the product form once
                yield rows, form(points, x[rows], t[rows])
        if not len(x):
            return

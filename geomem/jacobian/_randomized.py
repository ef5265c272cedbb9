r"""Range finder for a positive semi-definite matrix known by its products, with a certificate.

The bound and its proof are in the docstring of :mod:`geomem.jacobian.spectrum`. Vectors are rows throughout, so that
what is orthonormal here is :math:`Q^{\mathsf T}`, shape (k, d).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.errors import ConvergenceError

__all__ = ["FAILURE", "PROBES", "QUANTILE", "captured_eigenvalues"]

PROBES = 32
"""Gaussian vectors for the size of the first basis, and as many for each test of one."""

FAILURE = 1e-9
"""Probability that the test of one basis accepts what it should not."""

QUANTILE = FAILURE ** (2 / PROBES) / math.e
r"""The trace is below the mean of the probes over this, but for :data:`FAILURE`: solves :math:`(e\delta)^{p/2} = F`."""

SLACK = 1.25
"""First basis over the participation rank, which is a lower bound of the rank."""

MARGIN = 8
"""Vectors beyond that."""

GROWTH = 2
"""Size of a basis over that of the one that failed."""

Products = Callable[[Float[Tensor, "n d"]], Float[Tensor, "n d"]]


def captured_eigenvalues(
    multiply: Products, d: int, generator: torch.Generator, *, tolerance: float, unit: float
) -> tuple[Float[Tensor, " k"], float]:
    r"""Return the eigenvalues of :math:`K` that are not negligible, ascending, and the bound on the error of each.

    Parameters
    ----------
    multiply : callable
        Products with :math:`K`: (n, d) float64 to (n, d) float64.
    d : int
        Dimension.
    generator : torch.Generator
        Source of the random vectors, on the device that ``multiply`` works on.
    tolerance : float
        Largest bound to accept.
    unit : float
        Relative rounding of the vectors given to ``multiply`` and of its results.

    Returns
    -------
    Tensor, shape (k,), float64; float
        Eigenvalues, and the bound. The other d - k are zero, within the same bound.

    Raises
    ------
    ConvergenceError
        No certified basis of at most d/4 vectors, or a matrix that is not positive semi-definite.

    Examples
    --------
    >>> k = torch.diag(torch.tensor([0.9, 0.5] + [0.0] * 98, dtype=torch.float64))
    >>> values, bound = captured_eigenvalues(
    ...     lambda v: v @ k, 100, torch.Generator().manual_seed(0), tolerance=1e-6, unit=2e-16
    ... )
    >>> values[-2:], bound < 1e-12
    (tensor([0.5000, 0.9000], dtype=torch.float64), True)
    """

    def gaussian(n: int) -> Tensor:
        return torch.randn(n, d, generator=generator, dtype=torch.float64, device=generator.device)

    def sketching(n: int) -> Tensor:  # any directions do, as the basis is tested: uniform numbers are drawn fastest
        return torch.rand(n, d, generator=generator, dtype=torch.float64, device=generator.device) - 0.5

    basis = images = gaussian(0)
    limit = d // 4
    rank = participation_rank(multiply, gaussian(PROBES))
    size = min(math.ceil(SLACK * rank) + MARGIN, limit)
    while rank < limit:
        sketch = torch.cat([images, multiply(sketching(size - len(basis)))])  # the former basis, one power further
        basis = torch.linalg.qr(sketch.T).Q.T
        images = multiply(basis)
        ritz = images @ basis.T
        values = torch.linalg.eigvalsh((ritz + ritz.T) / 2)
        leak = (images - ritz @ basis).norm().item()
        skew = (ritz - ritz.T).norm().item() / 2
        probes = gaussian(PROBES)
        probes -= (probes @ basis.T) @ basis
        uncaptured = (probes * multiply(probes)).sum().item() / PROBES / QUANTILE
        if min(uncaptured, values[0].item()) < -tolerance:
            raise ConvergenceError(
                f"got a denoiser Jacobian with a negative eigenvalue (Ritz value {values[0]:.2g}, probes "
                f"{uncaptured * QUANTILE:.2g}), expected none below -{tolerance:.2g}; use method='symmetric'"
            )
        largest = values[-1].clamp(min=0).item()
        rounding = unit * (images.norm().item() + math.sqrt(size) * largest)
        rounding += size * torch.finfo(ritz.dtype).eps * largest
        tail = max(uncaptured, 0.0) / 2
        residual = tail + math.hypot(tail, leak) + skew + rounding
        if residual <= tolerance:
            return values, residual
        if size == limit:
            break
        size = min(GROWTH * size, limit)
    raise ConvergenceError(
        f"got no basis of at most d/4 = {limit} vectors that leaves less than {tolerance:.2g} of the denoiser Jacobian "
        f"out (participation rank {rank:.3g}): its spectrum has no gap, or too many directions before it; "
        "use method='symmetric' or a larger tolerance"
    )


def participation_rank(multiply: Products, probes: Float[Tensor, "n d"]) -> float:
    r"""Return :math:`(\mathrm{tr} K)^2/\mathrm{tr} K^2`, at most the rank, by Hutchinson's estimates of both traces."""
    images = multiply(probes)
    squares = images.square().sum().item() / len(probes)
    return ((probes * images).sum().item() / len(probes)) ** 2 / squares if squares else 0.0

r"""The trace of the Jacobian of a score, its divergence, and how far the score is from a gradient.

With :math:`K = I + tJ`, :math:`\operatorname{tr} K = d + t \operatorname{tr} J` is the effective dimension of the data
that the noise leaves visible. The trace is exact, from the :math:`d` products (or the spectrum, for the empirical
law), or Hutchinson's estimate with random signs :math:`z_i = \pm 1`,

.. math:: \mathbb E\, z^{\mathsf T} K z = \operatorname{tr} K, \qquad
   \mathrm{Var}\, z^{\mathsf T} K z = 2 \sum_{i \ne j} K_{ij}^2 \quad (K \text{ symmetric}),

so that the identity in :math:`tJ = K - I` costs no variance, and directions without data, where :math:`K` vanishes,
cost none either. Estimator: Hutchinson 1989 (Communications in Statistics, Simulation and Computation); the variance
is derived here.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import Score, Variance, as_variance
from geomem.distributions.empirical import Empirical
from geomem.errors import InputError
from geomem.jacobian import _generators
from geomem.jacobian._jacobian import Jacobian
from geomem.jacobian._score import CHUNK

__all__ = ["Trace", "asymmetry", "trace"]


class Trace(NamedTuple):
    """The trace of the Jacobian at each state, and its standard error."""

    value: Float[Tensor, " batch"]
    """tr J, units of 1/variance, float64."""
    standard_error: Float[Tensor, " batch"]
    """Of the mean over probes, float64; zero where the trace is exact."""


def trace(
    score: Score,
    x: Float[Tensor, "batch d"],
    t: Variance,
    *,
    n_probes: int | None = None,
    generator: torch.Generator | None = None,
) -> Trace:
    r"""Return :math:`\operatorname{tr} J` at each state, exactly or by Hutchinson's estimator.

    Parameters
    ----------
    score : Score
        Any score.
    x : Tensor, shape (batch, d), float32 or float64
        States.
    t : float or Tensor, shape () or (batch,)
        Noise variance, > 0.
    n_probes : int, optional
        Random sign vectors for each state, >= 2; exact if not given.
    generator : torch.Generator, optional
        Source of the signs, on the device of ``x``; one of seed 0 if not given. Each state has its own signs.

    Returns
    -------
    Trace
        ``value`` and ``standard_error``, (batch,) each. With few probes the standard error is itself uncertain. Of
        the empirical law the exact trace leaves out a weight of 1e-12.

    Raises
    ------
    InputError
        ``n_probes`` < 2; else as for :func:`~geomem.jacobian.products.products`.

    Notes
    -----
    Estimator: Hutchinson 1989; its variance, in the module's introduction, derived here for symmetric :math:`J`. For
    any other, read :math:`K` as its symmetric part, which has the same quadratic form. Regime: any finite size.
    Directions without data cost no variance where :math:`K` is known without cancellation
    (``posterior_covariance_matvec``), else the rounding of :math:`v + tJv`.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> law = LinearManifold([1.0, 3.0], ambient_dim=4)
    >>> x = torch.zeros(1, 4, dtype=torch.float64)
    >>> trace(law, x, 1.0)
    Trace(value=tensor([-2.7500], dtype=torch.float64), standard_error=tensor([0.], dtype=torch.float64))
    >>> trace(law, x, 1.0, n_probes=8).value  # K is diagonal here: no variance
    tensor([-2.7500], dtype=torch.float64)
    """
    jacobian, variance = Jacobian.of(score, x, t), as_variance(t, x)
    if n_probes is None:
        return Trace(_exact(jacobian), torch.zeros_like(variance))
    if n_probes < 2:
        raise InputError(f"got n_probes = {n_probes}, expected at least 2, or None for the exact trace")
    sources = _generators.for_each(x, generator)
    quadratic = torch.empty(len(x), n_probes, dtype=torch.float64, device=x.device)
    at_once = max(1, CHUNK // max(1, len(x)))
    for first in range(0, n_probes, at_once):
        n = min(at_once, n_probes - first)
        z = torch.empty(len(x), n, x.shape[1], dtype=x.dtype, device=x.device)
        for signs, own in zip(z, sources, strict=True):
            signs.copy_(torch.randint(2, signs.shape, generator=own, device=x.device)).mul_(2).sub_(1)
        quadratic[:, first : first + n] = (z * jacobian.denoiser_products(z)).sum(2, dtype=torch.float64)
    mean = quadratic.mean(1)
    spread = (quadratic - mean[:, None]).square().sum(1) / (n_probes - 1)
    return Trace((mean - x.shape[1]) / variance, (spread / n_probes).sqrt() / variance)


def _exact(jacobian: Jacobian) -> Float[Tensor, " batch"]:
    """Return the trace without holding the Jacobian."""
    score, x = jacobian.score, jacobian.x
    if isinstance(score, Empirical):
        return score.jacobian_eigenvalues(x.double(), jacobian.t).sum(1)
    total = torch.zeros(len(x), dtype=torch.float64, device=x.device)
    for block in jacobian.blocks():
        total[block.state] += block.values[:, block.first :].diagonal().sum(dtype=torch.float64)
    return total


def asymmetry(score: Score, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, " batch"]:
    r"""Return :math:`\|J - J^{\mathsf T}\|_F/\|J\|_F` at each state, from 0 (a gradient field) to 2.

    Parameters
    ----------
    score, x, t : Score; Tensor, shape (batch, d); float or Tensor, shape (batch,)
        As for :func:`trace`.

    Returns
    -------
    Tensor, shape (batch,), float64
        Rounding for an exact score; zero where :math:`J` vanishes.

    Raises
    ------
    InputError
        As for :func:`~geomem.jacobian.products.products`.

    Notes
    -----
    Derived here: :math:`\|J - J^{\mathsf T}\|_F \le 2\|J\|_F`, with equality for antisymmetric :math:`J`. Regime: any
    finite size; for an exact score whose :math:`J` has lost digits by cancellation it measures those. Half of it times
    :math:`\|tJ\|_F` bounds the distance of singular values from absolute eigenvalues (Mirsky).

    Examples
    --------
    >>> class Rotation:
    ...     def score(self, x, t):
    ...         return torch.stack([-x[:, 1], x[:, 0]], dim=1)
    ...     def denoise(self, x, t):
    ...         return x + t * self.score(x, t)
    >>> asymmetry(Rotation(), torch.ones(1, 2, dtype=torch.float64), 1.0)
    tensor([2.], dtype=torch.float64)
    """
    jacobian, variance = Jacobian.of(score, x, t), as_variance(t, x)
    ratios = torch.zeros_like(variance)
    for i in range(len(x)):
        scaled = jacobian[i].dense()[0].double() * variance[i]
        ratios[i] = (scaled - scaled.T).norm() / scaled.norm().clamp(min=torch.finfo(torch.float64).tiny)
    return ratios

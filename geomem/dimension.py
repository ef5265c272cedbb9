r"""How many dimensions a score sees: four estimators that are in use, each with what it measures.

With :math:`J = \nabla s` and :math:`K = I + tJ`, whose eigenvalues are :math:`\sigma_i^2/(t + \sigma_i^2)` for Gaussian
data:

- the **gap** of the spectrum of :math:`-tJ`: how many values lie below the largest difference of neighbors;
- the **effective dimension** :math:`\operatorname{tr} K = d + t \operatorname{tr} J` (of ridge regression, where it
  is the number of effective degrees of freedom), which counts a direction by the data's share of its variance;
- **FLIPD**, :math:`d + t(\operatorname{tr} J + \|s\|^2)`. As
  :math:`\partial_t p_t = \tfrac12 \Delta p_t = \tfrac12 p_t(\operatorname{tr} J + \|s\|^2)`, it is

  .. math:: d + \frac{\partial \ln p_t(x)}{\partial \ln \sqrt t}, \qquad \sqrt t \text{ the width of the smoothing:}

  how the mass within :math:`\sqrt t` of :math:`x` grows with that radius. It is meant for clean points :math:`x`. At
  noisy states it says nothing local: :math:`\mathbb E_{x \sim p_t}\,p_t^{-1}\Delta p_t = 0`, so its mean is :math:`d`;
- the **second difference** of singular values of scores, a published rule that looks for sharp bends.

For any law :math:`tJ = C/t - I` and :math:`s = (D - x)/t`, with :math:`C` the covariance and :math:`D` the mean of
:math:`x_0` given :math:`x_t = x`. So, at every state and noise,

.. math::

   \mathrm{FLIPD} &= \frac{\operatorname{tr} C + \|x - D\|^2}{t}
   = \frac1t\,\mathbb E\big[\|x - x_0\|^2 \,\big|\, x_t = x\big], \\
   \mathrm{FLIPD}_N &= \frac1t\sum_\mu w_\mu \|x - y^\mu\|^2

the second for the empirical law of any data set: the mean squared distance to the points that carry the weight, in
units of the noise. On a data point it tends to zero with the noise; anywhere else it grows as :math:`1/t`.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from geomem import jacobian
from geomem._typing import Float, Int
from geomem.distributions.base import Score, Variance, as_variance, check_states
from geomem.errors import InputError

__all__ = ["Dimension", "Gap", "effective_dimension", "flipd", "second_difference", "spectral_gap"]


class Gap(NamedTuple):
    """The largest difference of neighbors in each spectrum."""

    position: Int[Tensor, " batch"]
    """How many values lie below it, 1 to d - 1."""
    size: Float[Tensor, " batch"]
    """The difference, float64."""


class Dimension(NamedTuple):
    """An estimate of the dimension at each state, and its standard error."""

    value: Float[Tensor, " batch"]
    """Dimensionless, float64."""
    standard_error: Float[Tensor, " batch"]
    """Of the mean over probes, float64; zero where the trace is exact."""


def spectral_gap(values: Float[Tensor, "batch d"]) -> Gap:
    r"""Return where the largest gap of each spectrum is, and how wide.

    Parameters
    ----------
    values : Tensor, shape (batch, d), floating point
        Ascending, d >= 2, as the ``values`` of :func:`~geomem.jacobian.spectrum.spectrum`: eigenvalues of :math:`-tJ`,
        tangent directions first.

    Returns
    -------
    Gap
        ``position`` (batch,), int64, and ``size`` (batch,). Of equal gaps the first.

    Raises
    ------
    InputError
        Not finite (batch, d) floating point, fewer than two values, or not ascending.

    Notes
    -----
    Source: derived here. A number is returned for every spectrum: where nothing is left to see, all values near one,
    the position is that of the largest rounding, and ``size`` says so.

    Examples
    --------
    >>> spectral_gap(torch.tensor([[0.01, 0.02, 0.30, 0.98, 1.00]]).double())
    Gap(position=tensor([3]), size=tensor([0.6800], dtype=torch.float64))
    """
    ascending = check_states(values)
    if ascending.shape[1] < 2:
        raise InputError(f"got spectra of {ascending.shape[1]} values, expected at least 2: a gap has two sides")
    differences = ascending.diff(dim=1)
    if (differences < 0).any():
        raise InputError("got values that do not ascend, expected each spectrum in ascending order; sort it")
    size, before = differences.max(1)
    return Gap(before + 1, size)


def effective_dimension(
    score: Score,
    x: Float[Tensor, "batch d"],
    t: Variance,
    *,
    n_probes: int | None = None,
    generator: torch.Generator | None = None,
) -> Dimension:
    r"""Return :math:`\operatorname{tr} K = d + t \operatorname{tr} J` at each state.

    Parameters
    ----------
    score, x, t, n_probes, generator
        As for :func:`~geomem.jacobian.trace.trace`.

    Returns
    -------
    Dimension
        ``value`` (batch,), in [0, d] for a log-concave law and nonnegative for any, and ``standard_error`` (batch,).

    Raises
    ------
    InputError
        As for :func:`~geomem.jacobian.trace.trace`.

    Notes
    -----
    Source: of ridge regression, where :math:`t` is the penalty. Regime: any finite size; an absolute error of
    :math:`10^{-13} d` by the cancellation of :math:`d` and :math:`t \operatorname{tr} J`. For the empirical law it is
    :math:`\operatorname{tr} C_w/t`.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> law = LinearManifold([1.0, 3.0], ambient_dim=4)
    >>> effective_dimension(law, torch.zeros(1, 4, dtype=torch.float64), 1.0).value
    tensor([1.2500], dtype=torch.float64)
    """
    found, noise = jacobian.trace(score, x, t, n_probes=n_probes, generator=generator), as_variance(t, x)
    return Dimension(x.shape[1] + noise * found.value, noise * found.standard_error)


def flipd(
    score: Score,
    x: Float[Tensor, "batch d"],
    t: Variance,
    *,
    n_probes: int | None = None,
    generator: torch.Generator | None = None,
) -> Dimension:
    r"""Return :math:`d + t\,(\operatorname{tr} J + \|s\|^2)` at each state, which should be clean.

    Parameters
    ----------
    score, x, t, n_probes, generator
        As for :func:`~geomem.jacobian.trace.trace`.

    Returns
    -------
    Dimension
        ``value`` and ``standard_error``, (batch,) each. Nonnegative for an exact score.

    Raises
    ------
    InputError
        As for :func:`~geomem.jacobian.trace.trace`.

    Notes
    -----
    Source: Kamkari, Ross, Hosseinzadeh, Cresswell, and Loaiza-Ganem (2024), arXiv:2406.03537; the code was read
    (``layer6ai-labs/dgm_geometry`` at 3e4481c). The identities in the module's introduction are derived here. On a
    linear manifold its limit :math:`t \to 0` at a point of it is the dimension; away from it the value grows as the
    squared distance over :math:`t`.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> law = LinearManifold([1.0, 3.0], ambient_dim=4)
    >>> x = torch.tensor([[0.5, 1.0, 0.0, 0.0]], dtype=torch.float64)
    >>> flipd(law, x, 1e-6).value
    tensor([2.0000], dtype=torch.float64)
    """
    traced = effective_dimension(score, x, t, n_probes=n_probes, generator=generator)
    squared = score.score(x, t).double().square().sum(1)
    return Dimension(traced.value + as_variance(t, x) * squared, traced.standard_error)


def second_difference(
    singular_values: Float[Tensor, "n d"], *, discard: int = 5, threshold: float = 10.0
) -> tuple[Int[Tensor, " spikes"], ...]:
    r"""Return the dimensions at the bends of each spectrum, by the published rule of second differences.

    Drop the first values of each spectrum, and take
    :math:`b_i = |s_i - 2 s_{i+1} + s_{i+2}|` of the others, :math:`i = 0, 1, \dots`, with :math:`s_0` the first that
    is kept. Where :math:`b_i` exceeds a multiple of the median of all :math:`b` of all spectra together, the estimate
    is :math:`d - (i + 1 + \mathrm{discard})`: how many values come after the middle one, it included.

    Parameters
    ----------
    singular_values : Tensor, shape (n, d), floating point
        Of scores, descending: normal directions first.
    discard : int
        Values dropped at the upper end, 0 to d - 3.
    threshold : float
        In units of the median, > 0.

    Returns
    -------
    tuple of n Tensors, int64
        The estimates of each spectrum, descending, none where no bend is sharp enough. The published code pools those
        of all spectra, and takes d where there is none at all.

    Raises
    ------
    InputError
        Not finite (n, d) floating point, no spectrum, not descending, or ``discard`` or ``threshold`` out of range.

    Notes
    -----
    Source: the published code of Achilli et al. (2024), arXiv:2410.08727, repository
    ``beatriceachilli/losing-dimensions`` at 8f0f195 (``image_experiments/plot_svds_data.ipynb``), read and written
    anew. A step from :math:`d - m` large to :math:`m` small values bends twice, down and up: it gives :math:`m + 1` and
    :math:`m`.

    Examples
    --------
    >>> steps = torch.tensor([[9.0, 9.0, 8.9, 8.9, 8.7, 3.0, 2.9, 2.8]], dtype=torch.float64)
    >>> second_difference(steps, discard=1)
    (tensor([4, 3]),)
    """
    values = check_states(singular_values)
    n, d = values.shape
    if not n:
        raise InputError("got no spectrum, expected shape (n, d) with n >= 1: the median is taken over all")
    if not 0 <= discard <= d - 3:
        raise InputError(f"got discard = {discard} of {d} values, expected 0 to {d - 3}: a bend takes three")
    if not 0 < threshold < np.inf:
        raise InputError(f"got threshold = {threshold}, expected a positive number, in units of the median")
    if (values.diff(dim=1) > 0).any():
        raise InputError("got singular values that ascend, expected each spectrum in descending order; flip it")
    bends = values[:, discard:].diff(n=2, dim=1).abs()
    sharp = bends > threshold * float(np.median(bends.numpy(force=True)))
    return tuple(d - (row.nonzero()[:, 0] + 1 + discard) for row in sharp)

r"""Running the noise backwards with any score.

In the limit of small steps both carry :math:`p_t` to smaller variance exactly; a single path differs.
With :math:`\sigma = \sqrt t`,

.. math::

   \mathrm dx = \frac{x - D(x, \sigma^2)}{\sigma}\,\mathrm d\sigma \quad\text{(probability flow, deterministic)},
   \qquad
   x_{t'} = D + \frac{t'}{t}(x - D) + \sqrt{\frac{t'(t-t')}{t}}\,\varepsilon \quad\text{(reverse diffusion)}.

The second is the Brownian bridge from :math:`x_t` to a clean point :math:`x_0`, with :math:`x_0` replaced by its
posterior mean :math:`D`: exact when the posterior is a point, and otherwise of first order in
:math:`\ln(t/t')`, because the spread of the posterior is left out. For the empirical law the replacement
is not needed: draw the clean point itself, :math:`y^\mu` with probability :math:`w_\mu(x, t)`, and bridge to
it. That chain has no discretization error for any grid, and it can only end on training points: the exact
reverse process of the empirical score *is* memorization. Derived here.

A start at variance :math:`t_{\max}` must be drawn from :math:`p_{t_{\max}}`, by the caller.
"""

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import Score, check_states
from geomem.distributions.empirical import Empirical
from geomem.errors import InputError

__all__ = ["exact_reverse", "log_times", "probability_flow", "reverse_sde"]


def log_times(t_max: float, t_min: float, steps: int) -> Float[Tensor, " times"]:
    r"""Return ``steps + 1`` variances falling geometrically from ``t_max`` to ``t_min``, float64.

    Parameters
    ----------
    t_max, t_min : float
        First and last variance, ``t_max > t_min > 0``.
    steps : int
        Number of steps, >= 1.

    Raises
    ------
    InputError
        The variances are not in that order, or ``steps < 1``.

    Examples
    --------
    >>> log_times(1.0, 0.01, 2)
    tensor([1.0000, 0.1000, 0.0100], dtype=torch.float64)
    """
    if not 0 < t_min < t_max < math.inf or steps < 1:
        raise InputError(
            f"got t_max = {t_max}, t_min = {t_min}, steps = {steps}, expected t_max > t_min > 0 and steps >= 1"
        )
    fraction = torch.arange(steps + 1, dtype=torch.float64) / steps
    times = t_max * (t_min / t_max) ** fraction
    times[-1] = t_min  # exactly, so that grids can be joined
    return times


def reverse_sde(
    score: Score,
    x: Float[Tensor, "batch d"],
    times: Float[Tensor, " times"],
    generator: torch.Generator,
    *,
    trajectory: bool = False,
) -> Float[Tensor, "batch d"] | Float[Tensor, "times batch d"]:
    r"""Return states at ``times[-1]`` by the bridge step to the posterior mean.

    .. math:: x' = D + \frac{t'}{t}(x - D) + \sqrt{\frac{t'(t-t')}{t}}\,\varepsilon .

    Parameters
    ----------
    score : Score
        Anything with ``denoise(x, t)``.
    x : Tensor, shape (batch, d), floating point
        States drawn at variance ``times[0]``.
    times : Tensor, shape (steps + 1,), float64
        Variances, strictly decreasing and > 0; the last may be 0, and then the last step returns :math:`D`.
    generator : torch.Generator
        Source of :math:`\varepsilon`.
    trajectory : bool
        Return every state, shape (steps + 1, batch, d), instead of the last.

    Raises
    ------
    InputError
        ``x`` or ``times`` is not as above.

    Notes
    -----
    First order in the step of :math:`\ln t`: the mean is exact for a Gaussian law, the variance misses the
    posterior's. Derived here.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> generator = torch.Generator().manual_seed(0)
    >>> x = 10 * torch.randn(10_000, 1, generator=generator, dtype=torch.float64)
    >>> end = reverse_sde(LinearManifold.isotropic(1.0, 1), x, log_times(100.0, 1e-4, 1000), generator)
    >>> print(f"{end.var():.1f}")
    1.0
    """

    def step(x: Tensor, t: float, t_next: float) -> Tensor:
        return _bridge(x, score.denoise(x, t), t, t_next, generator)

    return _run(step, x, times, trajectory)


def probability_flow(
    score: Score, x: Float[Tensor, "batch d"], times: Float[Tensor, " times"], *, trajectory: bool = False
) -> Float[Tensor, "batch d"] | Float[Tensor, "times batch d"]:
    r"""Return states at ``times[-1]`` by Heun's method for :math:`\mathrm dx/\mathrm d\sigma = (x - D)/\sigma`.

    Parameters
    ----------
    score : Score
        Anything with ``denoise(x, t)``.
    x : Tensor, shape (batch, d), floating point
        States drawn at variance ``times[0]``.
    times : Tensor, shape (steps + 1,), float64
        Variances, strictly decreasing and > 0; the last may be 0, and then the last step returns :math:`D`.
    trajectory : bool
        Return every state, shape (steps + 1, batch, d), instead of the last.

    Raises
    ------
    InputError
        ``x`` or ``times`` is not as above.

    Notes
    -----
    Second order in the step. Source of the choice of variable and of the last step: Karras, Aittala, Aila, and
    Laine (2022), arXiv:2206.00364.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> x = torch.tensor([[2.0]], dtype=torch.float64)
    >>> end = probability_flow(LinearManifold.isotropic(1.0, 1), x, log_times(3.0, 1e-6, 100))
    >>> print(f"{end.item():.3f}")  # x / sqrt(1 + 3)
    1.000
    """

    def step(x: Tensor, t: float, t_next: float) -> Tensor:
        clean = score.denoise(x, t)
        if t_next == 0:
            return clean  # where the straight line ends; the slope at zero noise is 0/0
        sigma, sigma_next = math.sqrt(t), math.sqrt(t_next)
        slope = (x - clean) / sigma
        predicted = x + (sigma_next - sigma) * slope
        slope_next = (predicted - score.denoise(predicted, t_next)) / sigma_next
        return x + (sigma_next - sigma) * (slope + slope_next) / 2

    return _run(step, x, times, trajectory)


def exact_reverse(
    empirical: Empirical,
    x: Float[Tensor, "batch d"],
    times: Float[Tensor, " times"],
    generator: torch.Generator,
    *,
    trajectory: bool = False,
) -> Float[Tensor, "batch d"] | Float[Tensor, "times batch d"]:
    r"""Return states at ``times[-1]`` of the exact reverse process of an empirical law.

    Each step draws a data point :math:`y^\mu` with probability :math:`w_\mu(x, t)` and bridges to it:

    .. math:: x' = y^\mu + \frac{t'}{t}(x - y^\mu) + \sqrt{\frac{t'(t-t')}{t}}\,\varepsilon .

    This is the conditional law of :math:`x_{t'}` given :math:`x_t` under :math:`p_{N,t}`, so the law of the result
    does not depend on the grid. Derived here.

    Parameters
    ----------
    empirical : Empirical
        The law of a data set.
    x : Tensor, shape (batch, d), floating point
        States drawn at variance ``times[0]``.
    times : Tensor, shape (steps + 1,), float64
        Variances, strictly decreasing and > 0; the last may be 0, and then the drawn data points are returned.
    generator : torch.Generator
        Source of :math:`\mu` and :math:`\varepsilon`.
    trajectory : bool
        Return every state, shape (steps + 1, batch, d), instead of the last.

    Raises
    ------
    InputError
        ``x`` or ``times`` is not as above.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> data = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    >>> times = torch.cat([log_times(100.0, 0.01, 20), torch.zeros(1, dtype=torch.float64)])
    >>> end = exact_reverse(Empirical(data), 10 * torch.randn(100, 1, generator=generator).double(), times, generator)
    >>> end.unique()
    tensor([-1.,  1.], dtype=torch.float64)
    """

    def step(x: Tensor, t: float, t_next: float) -> Tensor:
        return _bridge(x, empirical.posterior_draw(x, t, generator), t, t_next, generator)

    return _run(step, x, times, trajectory)


def _bridge(
    x: Float[Tensor, "batch d"], clean: Float[Tensor, "batch d"], t: float, t_next: float, generator: torch.Generator
) -> Float[Tensor, "batch d"]:
    r"""Draw :math:`x_{t'}` given :math:`x_t` and :math:`x_0`: the Brownian bridge between them."""
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
    return clean + t_next / t * (x - clean) + math.sqrt(t_next * (t - t_next) / t) * noise


def _run(
    step: Callable[[Tensor, float, float], Tensor], x: Float[Tensor, "batch d"], times: Tensor, trajectory: bool
) -> Float[Tensor, "batch d"] | Float[Tensor, "times batch d"]:
    """Return the last state, or all of them, after checking states and grid."""
    check_states(x)
    grid = torch.as_tensor(times, dtype=torch.float64)
    if grid.ndim != 1 or len(grid) < 2:
        raise InputError(f"got times of shape {tuple(grid.shape)}, expected (steps + 1,) with at least one step")
    if not torch.isfinite(grid).all() or not (grid.diff() < 0).all() or grid[-1] < 0:
        raise InputError("got times that are not finite, strictly decreasing, and >= 0; use log_times")
    states = [x]
    for t, t_next in pairwise(grid.tolist()):
        x = step(x, t, t_next)
        if trajectory:
            states.append(x)
    return torch.stack(states) if trajectory else x

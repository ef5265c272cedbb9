r"""The two protocols, the forward process, and the one place where states and variances are checked.

A law :math:`p_0` on :math:`\mathbb R^d` is smoothed by Gaussian noise of variance :math:`t`,

.. math:: x_t = x_0 + \sqrt t\,\varepsilon, \qquad p_t = p_0 * \mathcal N(0, tI).

Two functions of the smoothed law carry everything else in the book, the score and the denoiser:

.. math::

   s(x, t) = \nabla_x \ln p_t(x), \qquad
   D(x, t) = \mathbb E[x_0 \mid x_t = x] = x + t\,s(x, t),

the second equality being Tweedie's formula. Differentiating it once more gives the posterior
covariance, :math:`\mathrm{Cov}[x_0 \mid x_t = x] = t\,(I + tJ)` with :math:`J = \nabla s`, which is why
:math:`I + tJ` is symmetric and positive semi-definite for every law.

A :class:`Sampler` draws :math:`x_0`. A :class:`Score` evaluates :math:`s` and :math:`D`. A Gaussian, a
mixture, and the empirical law of a data set are both; a trained network is a :class:`Score` only.
"""

from typing import Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.errors import InputError

__all__ = ["Sampler", "Score", "Variance", "add_noise", "as_variance", "check_states"]

Variance: TypeAlias = float | int | Float[Tensor, ""] | Float[Tensor, " batch"]
"""A noise variance: one number for the whole batch, or one per row."""


@runtime_checkable
class Sampler(Protocol):
    """A law that can be drawn from."""

    @property
    def ambient_dim(self) -> int:
        """Dimension :math:`d` of the space that the samples live in."""
        ...

    @property
    def intrinsic_dim(self) -> int:
        """Dimension :math:`m` of the set that carries the law."""
        ...

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Draw ``n`` independent points, shape (n, d)."""
        ...


@runtime_checkable
class Score(Protocol):
    """A law whose smoothed score is known."""

    def score(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`s(x, t) = \nabla_x \ln p_t(x)` for each row of ``x``."""
        ...

    def denoise(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`D(x, t) = \mathbb E[x_0 \mid x_t = x]` for each row of ``x``."""
        ...


def check_states(x: Float[Tensor, "batch d"], d: int | None = None) -> Float[Tensor, "batch d"]:
    r"""Return ``x`` in float64, or raise if it is not a finite (batch, d) floating-point tensor.

    Parameters
    ----------
    x : Tensor, shape (batch, d), floating point
        States, one per row.
    d : int, optional
        Dimension that the law expects; any if not given.

    Raises
    ------
    InputError
        Not a tensor, not floating point, not two axes, wrong ``d``, NaN, or infinity.

    Examples
    --------
    >>> import torch
    >>> check_states(torch.ones(2, 3, dtype=torch.float32), 3).dtype
    torch.float64
    >>> check_states(torch.ones(2, 4), 3)
    Traceback (most recent call last):
    geomem.errors.InputError: got states of shape (2, 4), expected (batch, 3); one state per row
    """
    if not isinstance(x, Tensor):
        raise InputError(f"got states of type {type(x).__name__}, expected a torch tensor; use torch.as_tensor")
    expected = f"(batch, {'d' if d is None else d})"
    if x.ndim != 2 or (d is not None and x.shape[1] != d):
        hint = "; pass x[None] for one state" if x.ndim == 1 else "; one state per row"
        raise InputError(f"got states of shape {tuple(x.shape)}, expected {expected}{hint}")
    if not x.is_floating_point():
        raise InputError(f"got states of dtype {x.dtype}, expected floating point; use x.double()")
    if not torch.isfinite(x).all():
        raise InputError(f"got NaN or infinity among states of shape {tuple(x.shape)}, expected finite numbers")
    return x.to(torch.float64)


def as_variance(t: Variance, x: Float[Tensor, "batch d"]) -> Float[Tensor, " batch"]:
    r"""Return the noise variance of each row of ``x``, shape (batch,), float64, on the device of ``x``.

    Parameters
    ----------
    t : float or Tensor, shape () or (batch,)
        Noise variance, > 0 and finite.
    x : Tensor, shape (batch, d)
        The states that the variances belong to.

    Raises
    ------
    InputError
        ``t`` is not a real number or floating-point tensor, has another shape, or is not in (0, inf).

    Examples
    --------
    >>> import torch
    >>> as_variance(0.5, torch.zeros(3, 2))
    tensor([0.5000, 0.5000, 0.5000], dtype=torch.float64)
    >>> as_variance(0.0, torch.zeros(3, 2))
    Traceback (most recent call last):
    geomem.errors.InputError: got t = 0.0, expected a finite variance t > 0 (not a time, not a standard deviation)
    """
    if isinstance(t, bool) or not isinstance(t, (float, int, Tensor)):
        raise InputError(f"got t of type {type(t).__name__}, expected a float or a tensor of variances")
    if isinstance(t, Tensor) and not t.is_floating_point():
        raise InputError(f"got t of dtype {t.dtype}, expected floating point; use t.double()")
    variance = torch.as_tensor(t, dtype=torch.float64, device=x.device)
    if variance.shape not in ((), x.shape[:1]):
        raise InputError(
            f"got t of shape {tuple(variance.shape)} for states of shape {tuple(x.shape)}, "
            f"expected one number or shape ({x.shape[0]},)"
        )
    if not ((variance > 0) & torch.isfinite(variance)).all():
        shown = t if isinstance(t, (float, int)) else f"values in [{variance.min():.3g}, {variance.max():.3g}]"
        raise InputError(f"got t = {shown}, expected a finite variance t > 0 (not a time, not a standard deviation)")
    return variance.expand(x.shape[0])


def add_noise(x0: Float[Tensor, "batch d"], t: Variance, generator: torch.Generator) -> Float[Tensor, "batch d"]:
    r"""Return noisy states :math:`x_t = x_0 + \sqrt t\,\varepsilon`, :math:`\varepsilon \sim \mathcal N(0, I)`.

    Parameters
    ----------
    x0 : Tensor, shape (batch, d), floating point
        Clean states.
    t : float or Tensor, shape () or (batch,)
        Noise variance, > 0.
    generator : torch.Generator
        Source of the noise, on the device of ``x0``.

    Returns
    -------
    Tensor, shape (batch, d), dtype of ``x0``
        States with :math:`\mathbb E[x_t \mid x_0] = x_0` and covariance :math:`tI` given :math:`x_0`.

    Raises
    ------
    InputError
        See :func:`check_states` and :func:`as_variance`.

    Examples
    --------
    >>> import torch
    >>> x0 = torch.ones(100_000, 1, dtype=torch.float64)
    >>> xt = add_noise(x0, 0.25, torch.Generator().manual_seed(0))
    >>> print(f"{xt.mean():.2f} {xt.var():.2f}")
    1.00 0.25
    """
    clean = check_states(x0)
    variance = as_variance(t, x0)
    noise = torch.randn(clean.shape, generator=generator, dtype=torch.float64, device=x0.device)
    return (clean + variance.sqrt()[:, None] * noise).to(x0.dtype)

r"""Noise schedules: the only place where time conventions are converted.

Everywhere else :math:`t` is a variance. Papers and networks instead follow a process

.. math:: x = a\,x_0 + b\,\varepsilon, \qquad \varepsilon \sim \mathcal N(0, I),

in a clock :math:`\tau` of their own, with a signal scale :math:`a(\tau)` and a noise scale
:math:`b(\tau)`. Dividing by :math:`a` gives :math:`x/a = x_0 + (b/a)\,\varepsilon`, so every such
process is the variance-exploding one at

.. math:: t = (b/a)^2, \qquad x_{\mathrm{VE}} = x/a, \qquad
   \nabla\ln p(x) = \frac1a\,\nabla\ln p_{\mathrm{VE}}\!\left(\frac{x}{a}\right),

with no approximation. Each class below holds one convention in use: ``signal`` is :math:`a`, ``noise``
is :math:`b`, ``variance`` is :math:`t(\tau)`, and ``time`` its inverse :math:`\tau(t)`. The formulas are
written with ``expm1`` and ``log1p`` so that nothing is lost near :math:`t = 0`, where
:math:`b^2 = 1 - a^2` is a difference of equal numbers.

===================== ================================== ================================
class                 :math:`a(\tau)`                    :math:`t(\tau)`
===================== ================================== ================================
VarianceExploding     :math:`1`                          :math:`(0.01\cdot 5000^\tau)^2`
OrnsteinUhlenbeck     :math:`e^{-\tau}`                  :math:`e^{2\tau} - 1`
VariancePreserving    :math:`e^{-B(\tau)/2}`             :math:`e^{B(\tau)} - 1`
DDPM                  :math:`\sqrt{\bar\alpha_k}`        :math:`1/\bar\alpha_k - 1`
SquareRoot            :math:`\sqrt{1-\tau^2}`            :math:`\tau^2/(1-\tau^2)`
===================== ================================== ================================
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import check_states
from geomem.errors import InputError

__all__ = [
    "DDPM",
    "OrnsteinUhlenbeck",
    "SquareRoot",
    "VarianceExploding",
    "VariancePreserving",
    "score_from_variance_exploding",
    "to_variance_exploding",
]

Real = float | int | np.ndarray
"""One number, or an array of them."""
Values = np.ndarray | np.float64
"""float64, of the shape of the argument."""


def _in_range(value: Real, name: str, low: float, high: float) -> Values:
    """Return ``value`` in float64, or raise if any of it is outside [low, high]."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise InputError(f"got {name} of dtype {array.dtype}, expected real numbers")
    array = array.astype(np.float64)
    if not np.all((array >= low) & (array <= high)):  # false for NaN too
        raise InputError(
            f"got {name} = {np.array2string(array, threshold=6)}, expected values in [{low:.6g}, {high:.6g}]"
        )
    return array[()]


_LARGEST = 1e150
"""Largest variance that ``time`` accepts; beyond it squares overflow."""


@dataclass(frozen=True)
class VarianceExploding:
    r"""Geometric noise levels of the published networks, :math:`\sigma = \sigma_{\min}\,r^\tau`, :math:`a = 1`.

    Parameters
    ----------
    sigma_min : float
        Noise standard deviation at :math:`\tau = 0`.
    ratio : float
        :math:`r = \sigma_{\max}/\sigma_{\min}`.

    Notes
    -----
    Source: Song, Sohl-Dickstein, Kingma, Kumar, Ermon, and Poole (2021), arXiv:2011.13456; the constants are
    those of the code that accompanies arXiv:2410.08727.

    Examples
    --------
    >>> schedule = VarianceExploding()
    >>> print(f"{schedule.noise(1.0):.4g} {schedule.variance(0.0):.4g} {schedule.time(1.0):.6f}")
    50 0.0001 0.540691
    """

    sigma_min: float = 0.01
    ratio: float = 5000.0

    def __post_init__(self) -> None:
        if not (self.sigma_min > 0 and self.ratio > 1):
            raise InputError(f"got sigma_min = {self.sigma_min}, ratio = {self.ratio}, expected > 0 and > 1")

    def signal(self, tau: Real) -> Values:
        r"""Return :math:`a = 1`, of the shape of ``tau``."""
        return np.ones_like(_in_range(tau, "tau", -10, 10))[()]

    def noise(self, tau: Real) -> Values:
        r"""Return :math:`b = \sigma_{\min} r^\tau`."""
        return self.sigma_min * np.power(self.ratio, _in_range(tau, "tau", -10, 10))

    def variance(self, tau: Real) -> Values:
        r"""Return :math:`t = \sigma_{\min}^2 r^{2\tau}`."""
        return self.noise(tau) ** 2

    def time(self, t: Real) -> Values:
        r"""Return :math:`\tau = \ln(\sqrt t/\sigma_{\min}) / \ln r`."""
        return np.log(np.sqrt(_in_range(t, "t", 1e-150, _LARGEST)) / self.sigma_min) / np.log(self.ratio)


@dataclass(frozen=True)
class OrnsteinUhlenbeck:
    r"""The Ornstein-Uhlenbeck process, :math:`a = e^{-\tau}`, :math:`b^2 = 1 - e^{-2\tau}`.

    Notes
    -----
    Source: the convention of Biroli, Bonnaire, de Bortoli, and Mézard (2024), arXiv:2402.18491.
    Times are accepted up to 150, where :math:`a^2` is below :math:`10^{-130}`: no signal is left.

    Examples
    --------
    >>> schedule = OrnsteinUhlenbeck()
    >>> print(f"{schedule.variance(0.5 * np.log(2)):.12f} {schedule.time(1e-12):.4g}")
    1.000000000000 5e-13
    """

    def signal(self, tau: Real) -> Values:
        r"""Return :math:`a = e^{-\tau}`."""
        return np.exp(-_in_range(tau, "tau", 0, 150))

    def noise(self, tau: Real) -> Values:
        r"""Return :math:`b = \sqrt{1 - e^{-2\tau}}`."""
        return np.sqrt(-np.expm1(-2 * _in_range(tau, "tau", 0, 150)))

    def variance(self, tau: Real) -> Values:
        r"""Return :math:`t = e^{2\tau} - 1`."""
        return np.expm1(2 * _in_range(tau, "tau", 0, 150))

    def time(self, t: Real) -> Values:
        r"""Return :math:`\tau = \tfrac12 \ln(1 + t)`."""
        return 0.5 * np.log1p(_in_range(t, "t", 0, np.expm1(300.0)))


@dataclass(frozen=True)
class VariancePreserving:
    r"""Continuous variance-preserving diffusion with a linear rate.

    .. math:: \beta(\tau) = \beta_{\min} + \tau(\beta_{\max} - \beta_{\min}), \qquad
       B(\tau) = \int_0^\tau \beta, \qquad a = e^{-B/2}, \qquad t = e^{B} - 1.

    Parameters
    ----------
    beta_min, beta_max : float
        Rates at :math:`\tau = 0` and :math:`\tau = 1`, ``0 < beta_min <= beta_max``.

    Notes
    -----
    Source: Song, Sohl-Dickstein, Kingma, Kumar, Ermon, and Poole (2021), arXiv:2011.13456.
    :math:`\tau \in [0, 1]`; a variance beyond :math:`t(1)` is an error.

    Examples
    --------
    >>> schedule = VariancePreserving()
    >>> print(f"{schedule.signal(1.0):.6f} {schedule.time(schedule.variance(0.3)):.12f}")
    0.006572 0.300000000000
    """

    beta_min: float = 0.1
    beta_max: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.beta_min <= self.beta_max < 600:
            raise InputError(
                f"got beta_min = {self.beta_min}, beta_max = {self.beta_max}, expected 0 < beta_min <= beta_max < 600"
            )

    def _rate_integral(self, tau: Real) -> Values:
        r""":math:`B(\tau) = \beta_{\min}\tau + \tfrac12(\beta_{\max} - \beta_{\min})\tau^2`."""
        tau = _in_range(tau, "tau", 0, 1)
        return tau * (self.beta_min + 0.5 * (self.beta_max - self.beta_min) * tau)

    def signal(self, tau: Real) -> Values:
        r"""Return :math:`a = e^{-B/2}`."""
        return np.exp(-0.5 * self._rate_integral(tau))

    def noise(self, tau: Real) -> Values:
        r"""Return :math:`b = \sqrt{1 - e^{-B}}`."""
        return np.sqrt(-np.expm1(-self._rate_integral(tau)))

    def variance(self, tau: Real) -> Values:
        r"""Return :math:`t = e^{B} - 1`."""
        return np.expm1(self._rate_integral(tau))

    def time(self, t: Real) -> Values:
        r"""Return the root :math:`\tau` of :math:`B(\tau) = \ln(1 + t)`."""
        b = np.log1p(_in_range(t, "t", 0, float(self.variance(1.0))))
        # The usual root of the quadratic subtracts equal numbers at small t; this form of it does not.
        tau = 2 * b / (self.beta_min + np.sqrt(self.beta_min**2 + 2 * (self.beta_max - self.beta_min) * b))
        return np.minimum(tau, 1.0)  # rounding must not leave the domain


@dataclass(frozen=True)
class DDPM:
    r"""The discrete process of image networks, by index :math:`k = 0, \dots, K-1`.

    .. math:: \bar\alpha_k = \prod_{j \le k} (1 - \beta_j), \qquad a = \sqrt{\bar\alpha_k}, \qquad
       b = \sqrt{1 - \bar\alpha_k}, \qquad t = 1/\bar\alpha_k - 1,

    with :math:`\beta_j` linear from ``beta_first`` to ``beta_last``. Between two indices, :math:`\ln t` is
    linear in :math:`k`: a definition, which makes ``time`` exact at the indices and monotone between them.

    Parameters
    ----------
    steps : int
        :math:`K`, at least 2.
    beta_first, beta_last : float
        :math:`\beta_0` and :math:`\beta_{K-1}`, in (0, 1).

    Notes
    -----
    Source: Ho, Jain, and Abbeel (2020), arXiv:2006.11239.

    Examples
    --------
    >>> schedule = DDPM()
    >>> print(f"{schedule.signal(0) ** 2:.4f} {schedule.signal(999) ** 2:.4e} {schedule.time(1.0):.1f}")
    0.9999 4.0358e-05 258.1
    """

    steps: int = 1000
    beta_first: float = 1e-4
    beta_last: float = 0.02

    def __post_init__(self) -> None:
        if self.steps < 2 or not (0 < self.beta_first < 1 and 0 < self.beta_last < 1):
            raise InputError(
                f"got steps = {self.steps}, betas {self.beta_first} to {self.beta_last}, "
                "expected at least 2 steps and betas in (0, 1)"
            )

    @cached_property
    def _log_variances(self) -> np.ndarray:
        r""":math:`\ln t_k` for every index, shape (steps,)."""
        betas = np.linspace(self.beta_first, self.beta_last, self.steps)
        return np.log(np.expm1(-np.cumsum(np.log1p(-betas))))

    def signal(self, tau: Real) -> Values:
        r"""Return :math:`a = \sqrt{\bar\alpha} = (1 + t)^{-1/2}`."""
        return 1 / np.sqrt(1 + self.variance(tau))

    def noise(self, tau: Real) -> Values:
        r"""Return :math:`b = \sqrt{1 - \bar\alpha} = (1 + 1/t)^{-1/2}`."""
        return 1 / np.sqrt(1 + 1 / self.variance(tau))

    def variance(self, tau: Real) -> Values:
        r"""Return :math:`t = 1/\bar\alpha - 1` at index ``tau`` in [0, steps - 1]."""
        index = _in_range(tau, "tau", 0, self.steps - 1)
        return np.exp(np.interp(index, np.arange(self.steps), self._log_variances))

    def time(self, t: Real) -> Values:
        r"""Return the (fractional) index whose variance is ``t``."""
        low, high = np.exp(self._log_variances[[0, -1]])
        t = _in_range(t, "t", low * (1 - 1e-12), high * (1 + 1e-12))
        return np.interp(np.log(t), self._log_variances, np.arange(self.steps, dtype=np.float64))


@dataclass(frozen=True)
class SquareRoot:
    r"""The process with :math:`a = \sqrt{1 - \tau^2}`, :math:`b = \tau`, :math:`\tau \in [0, 1)`.

    Notes
    -----
    Source: the convention of Buchanan, Pai, Ma, and De Bortoli (2025), arXiv:2508.17689.
    A double :math:`\tau` near 1 fixes :math:`t` to a relative precision of :math:`2(1+t)\cdot 10^{-16}` only: the
    clock itself is coarse there, not the formula.

    Examples
    --------
    >>> schedule = SquareRoot()
    >>> print(f"{schedule.variance(0.6):.12f} {schedule.time(1e-20):.3g}")
    0.562500000000 1e-10
    """

    def signal(self, tau: Real) -> Values:
        r"""Return :math:`a = \sqrt{(1-\tau)(1+\tau)}`."""
        tau = _in_range(tau, "tau", 0, np.nextafter(1, 0))
        return np.sqrt((1 - tau) * (1 + tau))

    def noise(self, tau: Real) -> Values:
        r"""Return :math:`b = \tau`."""
        return _in_range(tau, "tau", 0, np.nextafter(1, 0))

    def variance(self, tau: Real) -> Values:
        r"""Return :math:`t = \tau^2/(1 - \tau^2)`."""
        return (self.noise(tau) / self.signal(tau)) ** 2

    def time(self, t: Real) -> Values:
        r"""Return :math:`\tau = \sqrt{t/(1 + t)}`."""
        t = _in_range(t, "t", 0, 1e15)
        return np.sqrt(t / (1 + t))


def _column(signal: float | Values | Tensor, x: Float[Tensor, "batch d"]) -> Float[Tensor, "rows 1"]:
    """Return the signal scale as a column that divides the rows of ``x``."""
    a = torch.as_tensor(signal, dtype=x.dtype, device=x.device)
    if a.shape not in ((), x.shape[:1]):
        raise InputError(f"got signal of shape {tuple(a.shape)}, expected one number or shape ({x.shape[0]},)")
    if not ((a > 0) & torch.isfinite(a)).all():
        raise InputError("got a signal scale that is not positive and finite; pass schedule.signal(tau)")
    return a.reshape(-1, 1)


def to_variance_exploding(x: Float[Tensor, "batch d"], signal: float | Values | Tensor) -> Float[Tensor, "batch d"]:
    r"""Return the variance-exploding state :math:`x_{\mathrm{VE}} = x/a`.

    Parameters
    ----------
    x : Tensor, shape (batch, d), floating point
        States of the process :math:`x = a x_0 + b\varepsilon`.
    signal : float or array or Tensor, shape () or (batch,)
        :math:`a > 0` of each row.

    Raises
    ------
    InputError
        ``x`` is not a finite (batch, d) tensor, or ``signal`` is not positive and finite.

    Examples
    --------
    >>> to_variance_exploding(torch.tensor([[1.0, 2.0]]), 0.5)
    tensor([[2., 4.]])
    """
    check_states(x)
    return x / _column(signal, x)


def score_from_variance_exploding(
    score_ve: Float[Tensor, "batch d"], signal: float | Values | Tensor
) -> Float[Tensor, "batch d"]:
    r"""Return :math:`\nabla\ln p(x) = \tfrac1a \nabla\ln p_{\mathrm{VE}}(x/a)`.

    Parameters
    ----------
    score_ve : Tensor, shape (batch, d), floating point
        The variance-exploding score, evaluated at :math:`x/a` and :math:`t = (b/a)^2`.
    signal : float or array or Tensor, shape () or (batch,)
        :math:`a > 0` of each row.

    Raises
    ------
    InputError
        ``score_ve`` is not a finite (batch, d) tensor, or ``signal`` is not positive and finite.

    Examples
    --------
    >>> score_from_variance_exploding(torch.tensor([[1.0, 2.0]]), 0.5)
    tensor([[2., 4.]])
    """
    check_states(score_ve)
    return score_ve / _column(signal, score_ve)

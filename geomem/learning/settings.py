"""What is trained and how: the members of an ensemble and the settings that they share."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from geomem.errors import InputError

__all__ = ["Member", "Settings"]

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": lambda weights, rate: torch.optim.Adam(weights, lr=rate, fused=True),
    "radam": lambda weights, rate: torch.optim.RAdam(weights, lr=rate, foreach=True),
}


@dataclass(frozen=True)
class Member:
    """One network of an ensemble: rows ``start`` to ``start + n_points`` of the data, and a seed for all it draws.

    Two members of one seed and different data start from the same weights and meet the same noise.
    """

    n_points: int
    """Number of training points, >= 1."""
    seed: int
    """From 0 to 2^32 - 1."""
    start: int = 0
    """First row, >= 0."""


@dataclass(frozen=True)
class Settings:
    r"""How every member is trained.

    Parameters
    ----------
    batch : int
        Points in a batch, drawn with replacement.
    levels : int
        Distinct noise levels in a batch, which it divides: one in each of as many equal strata of :math:`\ln t`, shared
        by ``batch / levels`` points. Fewer of them make the embedding of the noise cheaper; the expected gradient is
        the same for any number.
    t_min, t_max : float
        Smallest and largest noise variance.
    optimizer : str
        ``"adam"`` or ``"radam"``.
    learning_rate : float
        Constant.
    ema : float
        Decay :math:`\beta` of the averaged weights, in [0, 1).
    ema_warmup : bool
        At update :math:`n` use :math:`\min(\beta, n/(n+9))`, so that early averages do not hold the first weights.
    clip : float, optional
        Largest norm of a member's gradient; longer ones are shortened to it.

    Raises
    ------
    InputError
        ``levels`` that do not divide ``batch``; noises not in :math:`0 < t_{\min} < t_{\max} < \infty`; an unknown
        optimizer; a learning rate or a clip that is not positive and finite; ``ema`` outside [0, 1).

    Notes
    -----
    Source: as published (Achilli et al. 2024, arXiv:2410.08727, train_spectrum.py read at commit 7eee94c) is
    ``Settings(batch=128, levels=128, t_min=1e-4, t_max=2500.0, optimizer="radam", learning_rate=1e-4, ema=0.9999,
    ema_warmup=False, clip=None)``, but for the strata and for the batches: here each is drawn with replacement, there
    the data are divided into batches once, and these are repeated in their order.

    Examples
    --------
    >>> Settings(batch=100)
    Traceback (most recent call last):
    geomem.errors.InputError: got batch = 100, levels = 16, expected a multiple of levels, >= 1
    """

    batch: int = 128
    levels: int = 16
    t_min: float = 1e-4
    t_max: float = 100.0
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    ema: float = 0.999
    ema_warmup: bool = True
    clip: float | None = 1.0

    def __post_init__(self) -> None:
        if self.levels < 1 or self.batch < 1 or self.batch % self.levels:
            raise InputError(f"got batch = {self.batch}, levels = {self.levels}, expected a multiple of levels, >= 1")
        if not 0 < self.t_min < self.t_max < math.inf:
            raise InputError(f"got t_min = {self.t_min}, t_max = {self.t_max}, expected 0 < t_min < t_max, finite")
        if self.optimizer not in OPTIMIZERS:
            raise InputError(f"got optimizer = {self.optimizer!r}, expected one of {', '.join(OPTIMIZERS)}")
        if not (0 < self.learning_rate < math.inf and 0 <= self.ema < 1):
            raise InputError(f"got learning_rate = {self.learning_rate}, ema = {self.ema}, expected > 0 and in [0, 1)")
        if self.clip is not None and not 0 < self.clip < math.inf:
            raise InputError(f"got clip = {self.clip}, expected a positive finite number, or None for no clipping")

"""Networks small enough for a test."""

import torch
from torch import nn

from geomem.learning.networks import mlp

D = 3


def network(seed: int = 0, *, dtype: torch.dtype = torch.float64, data_variance: float | None = 0.6) -> nn.Module:
    return make(torch.Generator().manual_seed(seed), dtype=dtype, data_variance=data_variance)


def make(
    generator: torch.Generator, *, dtype: torch.dtype = torch.float64, data_variance: float | None = 0.6
) -> nn.Module:
    return mlp(
        D, width=8, n_blocks=1, embedding=(4, 12), data_variance=data_variance, generator=generator, dtype=dtype
    )

"""Networks small enough for a test."""

import torch

from geomem.learning.networks import NoiseMLP, mlp

D = 3


def network(seed: int = 0, *, dtype: torch.dtype = torch.float64, data_variance: float | None = 0.6) -> NoiseMLP:
    return make(torch.Generator().manual_seed(seed), dtype=dtype, data_variance=data_variance)


def make(
    generator: torch.Generator, *, dtype: torch.dtype = torch.float64, data_variance: float | None = 0.6
) -> NoiseMLP:
    return mlp(
        D, width=8, n_blocks=1, embedding=(4, 12), data_variance=data_variance, generator=generator, dtype=dtype
    )

"""One generator for each state, so that what is drawn for one does not depend on the others."""

import torch
from torch import Tensor

from geomem._typing import Float

__all__ = ["for_each"]


def for_each(x: Float[Tensor, "batch d"], generator: torch.Generator | None) -> list[torch.Generator]:
    """Return a generator for each row of ``x``, seeded from the given one; from a generator of seed 0 if None."""
    source = torch.Generator(device=x.device).manual_seed(0) if generator is None else generator
    seeds = torch.randint(2**63 - 1, (len(x),), generator=source, device=x.device)
    return [torch.Generator(device=x.device).manual_seed(seed) for seed in seeds.tolist()]

"""The forward process: noise of variance t added to clean states."""

import math

import pytest
import torch

from geomem.distributions import add_noise
from geomem.errors import InputError


def test_noise_is_centered_on_the_clean_state_and_has_variance_t():
    """E[x_t | x_0] = x_0 and Cov[x_t | x_0] = t, with one variance for each row."""
    n = 100_000
    x0 = torch.tensor([[3.0, -1.0]], dtype=torch.float64).expand(n, 2)
    t = torch.tensor([0.04, 9.0], dtype=torch.float64).repeat_interleave(n // 2)
    xt = add_noise(x0, t, torch.Generator().manual_seed(0))
    for rows, variance in ((slice(None, n // 2), 0.04), (slice(n // 2, None), 9.0)):
        off = (xt - x0)[rows] / math.sqrt(variance)
        assert (off.mean(0).abs() < 4.5 * math.sqrt(2 / n)).all()
        assert ((off.square().mean(0) - 1).abs() < 4.5 * math.sqrt(4 / n)).all()
        assert abs((off[:, 0] * off[:, 1]).mean()) < 4.5 * math.sqrt(2 / n)
    assert add_noise(x0[:2].float(), 1.0, torch.Generator()).dtype == torch.float32


def test_noise_refuses_bad_input(unchecked):
    for x0, t in ((torch.zeros(2), 1.0), (torch.zeros(2, 2), 0.0), (torch.full((1, 1), math.nan), 1.0)):
        with pytest.raises(InputError, match="expected"):
            add_noise(x0, t, torch.Generator())

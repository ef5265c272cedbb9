"""Draws of the clean point from the weights of the empirical law."""

import math

import pytest
import torch
from scipy import stats

from geomem.distributions import _posterior_weights, empirical
from geomem.distributions.empirical import Empirical
from geomem.errors import InputError

F64 = torch.float64


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


DATA = normal(12, 3)


@pytest.mark.parametrize("tolerance", [math.inf, -1.0], ids=["product form", "difference form"])
@pytest.mark.parametrize("t", [0.5, 50.0])
def test_points_are_drawn_with_their_weights(t, tolerance, monkeypatch):
    monkeypatch.setattr(_posterior_weights, "TOLERANCE", tolerance)
    n, x = 20_000, normal(1, 3, seed=1)
    drawn = Empirical(DATA).posterior_draw(x.expand(n, 3), t, torch.Generator().manual_seed(2))
    hits = (drawn[:, None] == DATA).all(2)
    assert hits.any(1).all()
    weights = (-(x - DATA).square().sum(1) / (2 * t)).softmax(0)
    likely = n * weights > 5
    assert likely.sum() >= 5
    seen, expected = hits.sum(0)[likely].double(), n * weights[likely]
    assert stats.chisquare(seen.numpy(), (expected * seen.sum() / expected.sum()).numpy()).pvalue > 1e-3


def test_each_state_has_its_own_draw_whatever_the_passes(monkeypatch):
    """States of both forms, in turn; passes of three states."""
    x, t = DATA.repeat(10, 1), torch.tensor([1e-12, 30.0], dtype=F64).repeat(60)
    law = Empirical(DATA)
    whole = law.posterior_draw(x, t, torch.Generator().manual_seed(3))
    monkeypatch.setattr(empirical, "DENSE_ELEMENTS", 36)
    assert torch.equal(law.posterior_draw(x, t, torch.Generator().manual_seed(3)), whole)
    assert torch.equal(whole[::2], x[::2])  # frozen on their own points
    assert len(whole[1::2].unique(dim=0)) == 12
    assert not torch.equal(law.posterior_draw(x, t, torch.Generator().manual_seed(4)), whole)


def test_a_point_without_weight_is_never_drawn():
    far = torch.cat([DATA, DATA + 1e6])
    drawn = Empirical(far).posterior_draw(DATA.repeat(200, 1), 10.0, torch.Generator().manual_seed(5))
    assert drawn.abs().max() < 1e5


@pytest.mark.usefixtures("unchecked")
def test_bad_states_are_refused():
    for x, t in ((torch.zeros(2, 4), 1.0), (torch.zeros(3), 1.0), (0.5, 1.0), (torch.zeros(2, 3), 0.0)):
        with pytest.raises(InputError, match="expected"):
            Empirical(DATA).posterior_draw(x, t, torch.Generator())

"""Weights against 50-digit arithmetic where the logits are differences of huge numbers."""

import math

import mpmath
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from geomem.distributions import _posterior_weights
from geomem.distributions._posterior_weights import Points, ProductForm, rounding_bound
from geomem.distributions.empirical import Empirical

F64 = torch.float64
SMALLEST_T, LARGEST_D = 1e-4, 3072


def near_tie(d: int, t: float, dtype: torch.dtype, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Six points of unit variance offset by one standard deviation, and a state with log-odds 1.4 for the first two."""
    generator = torch.Generator().manual_seed(seed)
    data = (torch.randn(6, d, generator=generator, dtype=F64) + 1).to(dtype)
    first, second = data[:2].double()
    apart = first - second
    across = 0.5 * torch.randn(d, generator=generator, dtype=F64)
    across -= apart * (across @ apart) / (apart @ apart)
    return data, ((first + second) / 2 + across + 1.4 * t * apart / (apart @ apart))[None]


def exact_weights(data: torch.Tensor, x: torch.Tensor, t: float) -> list[mpmath.mpf]:
    """The definition, in 50 digits, of the numbers as stored."""
    with mpmath.workdps(50):
        state = [mpmath.mpf(v) for v in x[0].tolist()]
        energies = [
            mpmath.fsum((a - b) ** 2 for a, b in zip(state, point, strict=True)) / (2 * mpmath.mpf(t))
            for point in data.double().tolist()
        ]
        factors = [mpmath.exp(min(energies) - e) for e in energies]
        return [f / mpmath.fsum(factors) for f in factors]


def total_variation(data: torch.Tensor, x: torch.Tensor, t: float) -> float:
    values, indices = Empirical(data).weights(x, t, top=len(data))
    found = dict(zip(indices[0].tolist(), values[0].tolist(), strict=True))
    with mpmath.workdps(50):
        return float(sum(abs(w - found[n]) for n, w in enumerate(exact_weights(data, x, t))) / 2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("t", [SMALLEST_T, 1e-2, 1.0])
@pytest.mark.parametrize("d", [64, 784, LARGEST_D])
def test_weights_are_exact_to_one_in_a_billion(d: int, t: float, dtype: torch.dtype) -> None:
    for seed in range(2):
        data, x = near_tie(d, t, dtype, seed)
        assert 0.5 < float(exact_weights(data, x, t)[0]) < 0.9  # a near tie, where errors of the logits show
        assert total_variation(data, x, t) < 1e-9


@pytest.mark.parametrize("offset", [10.0, 1e3, 1e6])
def test_a_common_offset_costs_nothing(offset: float) -> None:
    data, _ = near_tie(64, SMALLEST_T, torch.float64, 2)
    data = data + offset
    first, second = data[:2]
    x = (first + (second - first) / 2)[None]  # its rounding is part of the given state, and of the reference
    assert total_variation(data, x, SMALLEST_T) < 1e-9


def test_products_alone_would_miss_the_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the difference form the same weights are wrong: the refinement is needed, and is what is tested."""
    monkeypatch.setattr(_posterior_weights, "TOLERANCE", math.inf)
    for dtype in (torch.float64, torch.float32):
        errors = [total_variation(*near_tie(LARGEST_D, SMALLEST_T, dtype, seed), SMALLEST_T) for seed in range(4)]
        assert max(errors) > 1e-9


@pytest.mark.parametrize("d", [64, 784, 3072])
def test_the_rounding_bound_holds_and_is_not_idle(d: int) -> None:
    """Constant vectors make the roundings of a sum agree in sign; an error growing slower than d would be exceeded."""
    reached = 0.0
    for c in (1 / 3, 0.7, 0.9, 1.1):
        points = Points(torch.tensor([[c], [-c]], dtype=F64).expand(2, d).contiguous(), 2**18)
        x, t = torch.full((1, d), 1.1 * c, dtype=F64), torch.ones(1, dtype=F64)
        ((_, _, logits),) = ProductForm(points, x, t).blocks()
        for logit, y in zip(logits[0].tolist(), (c, -c), strict=True):
            with mpmath.workdps(50):
                exact = d * (mpmath.mpf(x[0, 0].item()) * y - mpmath.mpf(y) ** 2 / 2)
                reached = max(reached, float(abs(logit - exact)) / float(rounding_bound(points, x, t)))
    assert 1e-3 < reached < 1


@pytest.mark.parametrize("t", [1e-12, 1e-8])
def test_below_the_stated_range_the_winner_is_still_right(t: float) -> None:
    for seed in range(3):
        data, x = near_tie(LARGEST_D, 1e3 * t, torch.float64, seed)  # log-odds 1400 towards the first point
        values, indices = Empirical(data).weights(x, t, top=1)
        assert indices.item() == 0
        assert values.item() == 1.0


class MatrixProducts(TorchDispatchMode):
    """Records the dtypes that enter every matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: list[torch.dtype] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm, torch.ops.aten.bmm):
            self.dtypes += [a.dtype for a in args if isinstance(a, torch.Tensor)]
        return func(*args, **(kwargs or {}))


def test_reduced_precision_products_cannot_enter() -> None:
    data, x = near_tie(LARGEST_D, 1.0, torch.float32, 3)
    x = x.float()
    law = Empirical(data)
    precise = {t: (law.weights(x, t, top=6).values, law.score(x, t)) for t in (SMALLEST_T, 100.0)}
    before, tf32 = torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32
    try:
        torch.set_float32_matmul_precision("medium")
        torch.backends.cuda.matmul.allow_tf32 = True
        for t, (weights, score) in precise.items():
            with MatrixProducts() as products:
                assert torch.equal(law.weights(x, t, top=6).values, weights)
                assert torch.equal(law.score(x, t), score)
            assert products.dtypes
            assert set(products.dtypes) == {torch.float64}
    finally:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.set_float32_matmul_precision(before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("t", [SMALLEST_T, 1.0, 100.0])
def test_the_gpu_agrees_with_the_cpu(t: float) -> None:
    data, x = near_tie(784, t, torch.float32, 4)
    x = x + math.sqrt(t) * torch.randn(50, 784, generator=torch.Generator().manual_seed(5), dtype=F64)
    here, there = Empirical(data), Empirical(data.cuda())
    torch.testing.assert_close(there.score(x.cuda(), t).cpu(), here.score(x, t), rtol=1e-8, atol=1e-8 / t)
    torch.testing.assert_close(there.log_density(x.cuda(), t).cpu(), here.log_density(x, t), rtol=1e-9, atol=0)
    spectrum = there.jacobian_eigenvalues(x.cuda(), t).cpu()
    torch.testing.assert_close(spectrum, here.jacobian_eigenvalues(x, t), rtol=1e-7, atol=1e-8 / t**2)

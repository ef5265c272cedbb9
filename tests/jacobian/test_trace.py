"""Traces, their standard errors, and the distance from a gradient field."""

import math

import pytest
import torch

from geomem.distributions import Empirical, GaussianMixture, LinearManifold
from geomem.errors import InputError
from geomem.jacobian import asymmetry, dense, trace
from tests.jacobian.scores import Attention, Network, Plain, linear


def states(n, d, dtype=torch.float64, seed=1):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


SCORES = {
    "gaussian": lambda: LinearManifold([2.0, 0.3], ambient_dim=8, basis=torch.linalg.qr(states(8, 2)).Q),
    "mixture": lambda: GaussianMixture(states(3, 8, seed=5), [0.0, 0.1, 0.4]),
    "empirical": lambda: Empirical(states(20, 8, seed=6)),
    "network": lambda: Network(8, 9, torch.float64),
    "attention": lambda: Attention(8, 9, torch.float64),
}


@pytest.mark.parametrize("name", SCORES)
def test_exact_and_estimated_traces_are_those_of_the_dense_jacobian(name):
    score, x, t = SCORES[name](), states(3, 8), torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    expected = dense(score, x, t).diagonal(dim1=1, dim2=2).sum(1)
    exact = trace(score, x, t)
    torch.testing.assert_close(exact.value, expected, rtol=1e-10, atol=1e-10)
    assert (exact.standard_error == 0).all()
    estimate = trace(score, x, t, n_probes=300)
    assert ((estimate.value - expected).abs() < 4 * estimate.standard_error + 1e-9).all()


def test_effective_dimension():
    """d + t tr J = sum of sigma^2/(t + sigma^2), also where more than one chunk of columns is needed."""
    law = LinearManifold.isotropic(3.0, 5, ambient_dim=300)
    assert 300 + trace(law, states(1, 300), 1.0).value.item() == pytest.approx(5 * 0.75, rel=1e-12, abs=0)


def test_signs_cost_no_variance_where_k_is_diagonal_and_its_known_variance_elsewhere():
    aligned = LinearManifold([2.0, 0.3], ambient_dim=50)
    estimate = trace(aligned, states(1, 50), 0.5, n_probes=2)
    assert estimate.value.item() == pytest.approx(trace(aligned, states(1, 50), 0.5).value.item(), rel=1e-12, abs=0)
    assert estimate.standard_error.item() < 1e-12
    law, t, n = SCORES["gaussian"](), 0.5, 600
    k = torch.eye(8, dtype=torch.float64) + t * dense(law, states(1, 8), t)[0]
    off = k - torch.diag(k.diagonal())
    expected = (2 * off.square().sum() / n).sqrt() / t
    found = trace(law, states(1, 8), t, n_probes=n)
    assert found.standard_error.item() == pytest.approx(expected.item(), rel=0.1, abs=0)


def test_the_standard_error_covers_as_often_as_it_should():
    law = SCORES["gaussian"]()
    x = states(1, 8).expand(400, 8)
    found = trace(law, x, 0.5, n_probes=200)
    z = (found.value - trace(law, x[:1], 0.5).value) / found.standard_error
    assert z.mean().item() == pytest.approx(0.0, abs=0.2)
    assert z.std().item() == pytest.approx(1.0, abs=0.12)


def test_states_have_their_own_signs_however_many_go_through_at_once():
    law, x = SCORES["gaussian"](), states(3, 8)
    many = trace(law, x, 0.5, n_probes=300, generator=torch.Generator().manual_seed(3))
    assert torch.equal(many.value, trace(law, x, 0.5, n_probes=300, generator=torch.Generator().manual_seed(3)).value)
    few = trace(law, x[:2], 0.5, n_probes=300, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(few.value, many.value[:2], rtol=1e-14, atol=0)
    assert many.value.unique().numel() == 3  # K is the same at each state: only the signs differ


def test_float32():
    network = Network(8, 9, torch.float32)
    x = states(2, 8, torch.float32)
    exact = trace(Network(8, 9, torch.float32).double(), x.double(), 0.5)
    for found in (trace(network, x, 0.5), trace(Plain(lambda y, t: network.score(y, t)), x, 0.5)):
        assert found.value.dtype == torch.float64
        torch.testing.assert_close(found.value, exact.value, rtol=1e-5, atol=1e-5)
    estimate = trace(network, x, 0.5, n_probes=50)
    assert ((estimate.value - exact.value).abs() < 5 * estimate.standard_error).all()


def test_asymmetry():
    rotation = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    t = torch.tensor([0.1, 10.0], dtype=torch.float64)
    torch.testing.assert_close(asymmetry(linear(rotation), states(2, 2), t), torch.full((2,), 2.0, dtype=torch.float64))
    mixed = torch.tensor([[1.0, 0.3], [0.0, 2.0]], dtype=torch.float64)
    expected = 0.3 * math.sqrt(2) / math.sqrt(1 + 0.09 + 4)
    assert asymmetry(linear(mixed), states(1, 2), 0.5).item() == pytest.approx(expected, rel=1e-12, abs=0)
    for name in ("gaussian", "mixture", "empirical"):
        assert (asymmetry(SCORES[name](), states(2, 8), 0.5) < 1e-13).all()
    assert (asymmetry(SCORES["network"](), states(2, 8), 0.5) > 0.1).all()
    assert asymmetry(Plain(lambda x, t: torch.zeros_like(x)), states(1, 2), 0.5).item() == 0
    assert asymmetry(linear(rotation), states(0, 2), 0.5).shape == (0,)


def test_no_states():
    for score in (SCORES["gaussian"](), SCORES["empirical"]()):
        assert trace(score, states(0, 8), 0.5).value.shape == (0,)
        assert trace(score, states(0, 8), 0.5, n_probes=2).standard_error.shape == (0,)


def test_bad_input_is_refused(unchecked):
    law = SCORES["gaussian"]()
    for n in (1, 0, -3):
        with pytest.raises(InputError, match="n_probes"):
            trace(law, states(1, 8), 0.5, n_probes=n)
    for measure in (trace, asymmetry):
        with pytest.raises(InputError, match="t > 0"):
            measure(law, states(1, 8), 0.0)
        with pytest.raises(InputError, match="got states of shape"):
            measure(law, torch.zeros(8), 0.5)
        with pytest.raises(InputError, match="float32 or float64"):
            measure(law, torch.zeros(1, 8, dtype=torch.float16), 0.5)

"""An ensemble is its members, value by value and Jacobian by Jacobian."""

import math
import re

import pytest
import torch
from torch import nn

from geomem import jacobian
from geomem.distributions import Score
from geomem.errors import InputError
from geomem.learning.ensemble import Ensemble
from geomem.learning.networks import NetworkScore, mlp
from geomem.sampling import log_times, probability_flow
from tests.distributions.laws import bad_states, bad_times, normal
from tests.learning.small import D, network

NETWORKS = [network(seed) for seed in range(3)]
ENSEMBLE = Ensemble(NETWORKS)
EYE = torch.eye(D, dtype=torch.float64)


def each_alone(method: str, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    groups = zip(NETWORKS, x.chunk(3), t.chunk(3), strict=True)
    return torch.cat([getattr(NetworkScore(net), method)(rows, times) for net, rows, times in groups]).detach()


@pytest.mark.parametrize("n", [1, 4], ids="{} rows".format)
@pytest.mark.parametrize("method", ["predict_noise", "score", "denoise"])
def test_rows_are_those_of_the_members_in_equal_groups(method, n):
    x, t = normal(3 * n, D, seed=1), 10 ** normal(3 * n, seed=2)
    torch.testing.assert_close(getattr(ENSEMBLE, method)(x, t), each_alone(method, x, t), rtol=1e-12, atol=1e-13)
    shared = getattr(ENSEMBLE, method)(x, 0.3)
    torch.testing.assert_close(shared, each_alone(method, x, torch.full_like(t, 0.3)), rtol=1e-12, atol=1e-13)
    assert isinstance(ENSEMBLE, Score)
    assert len(ENSEMBLE) == 3


def test_members_have_weights_of_their_own():
    x = normal(4, D, seed=1)
    for k, net in enumerate(NETWORKS):
        alone = NetworkScore(net).score(x, 0.3)
        torch.testing.assert_close(ENSEMBLE.member(k).score(x, 0.3), alone, rtol=1e-13, atol=0)
    before = ENSEMBLE.score(x[:3], 0.3)
    for parameter in [*ENSEMBLE.member(-1).network.parameters(), *Ensemble(NETWORKS).weights.values()]:
        assert not parameter.requires_grad
        parameter.fill_(math.nan)
    assert torch.equal(ENSEMBLE.score(x[:3], 0.3), before)
    assert torch.equal(ENSEMBLE.member(-1).score(x, 0.3), ENSEMBLE.member(2).score(x, 0.3))


def test_other_dtypes_are_copies():
    x = normal(6, D, seed=1)
    single = ENSEMBLE.to(torch.float32)
    assert (single.dtype, ENSEMBLE.dtype, single.double().dtype) == (torch.float32, torch.float64, torch.float64)
    assert single.score(x.float(), 0.3).dtype == torch.float32
    assert single.member(0).score(x.float(), 0.3).dtype == torch.float32
    torch.testing.assert_close(single.score(x.float(), 0.3).double(), ENSEMBLE.score(x, 0.3), rtol=1e-4, atol=1e-4)
    double = ENSEMBLE.double()
    before = ENSEMBLE.score(x, 0.3)
    for weights in double.weights.values():
        weights.zero_()
    assert torch.equal(ENSEMBLE.score(x, 0.3), before)


@pytest.mark.parametrize("n", [1, 3], ids="{} rows".format)
@pytest.mark.parametrize("chunk_size", [1, 2, 8])
def test_jacobian_is_that_of_each_member(chunk_size, n):
    x, t = normal(3 * n, D, seed=1), 10 ** normal(3 * n, seed=2)
    members = zip(NETWORKS, x.chunk(3), t.chunk(3), strict=True)
    dense = torch.cat([jacobian.dense(NetworkScore(net), rows, times) for net, rows, times in members])
    whole = ENSEMBLE.denoiser_jacobian(x, t, chunk_size=chunk_size)
    torch.testing.assert_close(whole, EYE + t[:, None, None] * dense, rtol=1e-12, atol=1e-12)
    assert (whole - whole.mT).abs().max() > 1e-4


def test_jacobian_takes_one_noise_for_all():
    x = normal(6, D, seed=1)
    each = ENSEMBLE.denoiser_jacobian(x, torch.full((6,), 0.3, dtype=torch.float64))
    assert torch.equal(ENSEMBLE.denoiser_jacobian(x, 0.3), each)


def test_samplers_run_all_members_at_once():
    x, times = normal(6, D, seed=1) * 3, log_times(10.0, 1e-2, 5)
    alone = [probability_flow(NetworkScore(net), rows, times) for net, rows in zip(NETWORKS, x.chunk(3), strict=True)]
    torch.testing.assert_close(probability_flow(ENSEMBLE, x, times), torch.cat(alone), rtol=1e-11, atol=1e-12)


def with_buffer(value: float) -> nn.Module:
    net = network()
    net.frequencies += value
    return net


def without_bias() -> nn.Module:
    net = network()
    net.leave.bias = None
    return net


OTHERS = {
    "another width": mlp(D, width=9, n_blocks=1, embedding=(4, 12), data_variance=0.6, generator=torch.Generator()),
    "another dtype": network(dtype=torch.float32),
    "another preconditioning": network(data_variance=0.7),
    "none": network(data_variance=None),
    "another buffer": with_buffer(0.1),
    "fewer weights": without_bias(),
    "another kind": nn.Linear(D, D),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_networks_of_another_kind_are_refused(other):
    """Also such as differ in no weight's shape, whose function would silently become that of the first."""
    with pytest.raises(InputError, match="number 2 is not like number 0, expected all alike"):
        Ensemble([network(), network(1), other])


def test_what_is_no_ensemble_is_refused():
    with pytest.raises(InputError, match="got no network, expected"):
        Ensemble([])
    with pytest.raises(InputError, match="a network without weights, Identity, expected"):
        Ensemble([nn.Identity()])


@pytest.mark.parametrize("method", ["score", "denoise", "denoiser_jacobian"])
def test_bad_input_is_refused_as_by_every_score(method, unchecked):
    evaluate, x = getattr(ENSEMBLE, method), torch.zeros(3, D, dtype=torch.float64)
    for bad in bad_states(x):
        with pytest.raises(InputError, match="expected"):
            evaluate(bad, 0.5)
    for bad in bad_times(3):
        with pytest.raises(InputError, match="expected"):
            evaluate(x, bad)
    with pytest.raises(InputError, match=r"states of torch\.float32 for networks of torch\.float64, expected"):
        evaluate(x.float(), 0.5)
    for n in (0, 2, 4):
        with pytest.raises(InputError, match=f"got {n} states for 3 members, expected"):
            evaluate(torch.zeros(n, D, dtype=torch.float64), 0.5)


@pytest.mark.parametrize("k", [3, -4])
def test_no_other_members(k):
    with pytest.raises(InputError, match=re.escape(f"got member {k}, expected one of the 3 from 0 to 2")):
        ENSEMBLE.member(k)


def test_jacobian_needs_a_chunk():
    with pytest.raises(InputError, match="chunk_size = 0, expected"):
        ENSEMBLE.denoiser_jacobian(torch.zeros(3, D, dtype=torch.float64), 0.5, chunk_size=0)

"""Scores that would give wrong or no Jacobians: every function refuses them, and says why."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from geomem.distributions import Empirical, LinearManifold
from geomem.errors import InputError
from geomem.jacobian import asymmetry, denoiser_products, dense, probe, products, spectrum, trace
from tests.jacobian.scores import Attention, Network, Plain

MEASURES = {
    "products": lambda score, x, t: products(score, x, t, x[:, None]),
    "denoiser_products": lambda score, x, t: denoiser_products(score, x, t, x[:, None]),
    "dense": dense,
    "spectrum": spectrum,
    "svd": lambda score, x, t: spectrum(score, x, t, method="svd"),
    "trace": trace,
    "estimate": lambda score, x, t: trace(score, x, t, n_probes=2),
    "asymmetry": asymmetry,
    "probe": lambda score, x, t: probe(score, x, t, torch.Generator().manual_seed(0)),
}


def states(n, d, dtype=torch.float64, seed=1):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.fixture(params=MEASURES)
def measure(request, unchecked):
    return MEASURES[request.param]


ATTENTION = Attention(4, 5, torch.float64)
LAYER = torch.nn.Linear(4, 4)


def without_graph(x, t):
    with torch.no_grad():
        return ATTENTION.score(x, t)


def in_inference(x, t):
    with torch.inference_mode():
        return -x


OPAQUE = {
    "NumPy": lambda x, t: torch.from_numpy(np.tanh(x.numpy())),
    "NumPy of a detached state": lambda x, t: torch.as_tensor(np.tanh(np.asarray(x.detach()))),
    "detached": lambda x, t: -x.detach(),
    "numbers": lambda x, t: torch.tensor([[-y for y in row] for row in x.tolist()], dtype=x.dtype),
    "blind to shifts": lambda x, t: (x - x.mean(1, keepdim=True)).detach(),
    "blind to scales": lambda x, t: (x / x.norm(dim=1, keepdim=True)).detach(),
    "inference": in_inference,
    "attention without a graph": without_graph,
}


@pytest.mark.parametrize("name", OPAQUE)
@pytest.mark.parametrize("which", [name for name in MEASURES if name != "probe"])
def test_what_torch_cannot_follow_is_not_taken_for_a_constant(name, which):
    with pytest.raises(InputError, match="torch cannot differentiate"):
        MEASURES[which](Plain(OPAQUE[name]), states(2, 4), torch.tensor([0.5, 2.0], dtype=torch.float64))


def test_a_constant_is_one_at_any_scale():
    """The displaced state differs also where the noise is below the rounding of the states."""
    opaque = Plain(lambda x, t: -x.detach())
    with pytest.raises(InputError, match="torch cannot differentiate"):
        dense(opaque, states(1, 4, torch.float32) * 1e6, 1e-8)
    with pytest.raises(InputError, match="torch cannot differentiate"):
        dense(opaque, torch.zeros(1, 4), 1e-8)
    constant = Plain(lambda x, t: torch.arange(4.0).expand_as(x) / t)
    assert (spectrum(constant, states(2, 4), 0.3).values == 0).all()


def test_a_derivative_that_vanishes_at_a_state_is_none_that_is_missing():
    cubic = Plain(lambda x, t: -x * x.square().sum(1, keepdim=True))
    assert (dense(cubic, torch.zeros(1, 4), 0.3) == 0).all()
    assert (dense(Plain(lambda x, t: x.sign()), states(1, 4), 0.3) == 0).all()


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (lambda x, t: x[:, 0], r"shape \(2,\)"),
        (lambda x, t: torch.cat([x, x], 1), r"shape \(2, 8\)"),
        (lambda x, t: x[:1], r"shape \(1, 4\)"),
        (lambda x, t: (x > 0).long(), "torch.int64"),
        (lambda x, t: x.numpy(), "of type ndarray"),
    ],
    ids=["one number", "twice as many", "one state", "integers", "an array"],
)
def test_the_score_has_the_shape_of_the_states(measure, score, message):
    with pytest.raises(InputError, match=message + r".*for states of shape \(2, 4\)"):
        measure(Plain(score), states(2, 4), 0.5)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_nan_and_infinity_are_placed(measure, bad):
    t = torch.tensor([0.5, 0.5, 0.25], dtype=torch.float64)
    score = Plain(lambda x, t: -x + torch.where(t == 0.25, bad, 0.0)[:, None])
    with pytest.raises(InputError, match=r"score with NaN or infinity at state 2 \(t = 0.25\)"):
        measure(score, states(3, 4), t)


@pytest.mark.parametrize("which", [name for name in MEASURES if name != "probe"])
@pytest.mark.parametrize("reverse", [False, True])
def test_so_are_those_of_the_derivative(which, reverse):
    """Roots have no derivative at zero."""
    x = states(3, 4).abs()
    x[1] = 0
    attention = ATTENTION.score if reverse else (lambda x, t: 0)
    with pytest.raises(InputError, match=r"derivative is NaN or infinity at state 1 \(t = 0.5\)"):
        MEASURES[which](Plain(lambda x, t: x.sqrt() + attention(x, t)), x, 0.5)


def test_and_those_of_the_products_of_a_law():
    class Law(LinearManifold):
        def posterior_covariance_matvec(self, x, t, v):
            return v / 0

    with pytest.raises(InputError, match="derivative is NaN or infinity at state 0"):
        spectrum(Law([1.0], ambient_dim=4), states(1, 4), 0.5)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (lambda x, t: -x, "got for the score type function"),
        (None, "got for the score type NoneType"),
        (LAYER, "got for the score type Linear"),
        (Network, "got for the score the class Network"),
    ],
    ids=["function", "None", "module", "class"],
)
def test_what_has_no_score_is_refused(measure, score, message):
    with pytest.raises(InputError, match=message):
        measure(score, states(2, 4), 0.5)


def test_a_function_in_a_namespace_is_a_score(measure):
    measure(SimpleNamespace(score=lambda x, t: -x), states(2, 4), 0.5)


def test_states_of_another_dtype_than_the_network(measure):
    with pytest.raises(InputError, match=r"shape \(2, 4\) and torch.float64: .*x.float\(\)") as caught:
        measure(Plain(lambda x, t: LAYER(x)), states(2, 4), 0.5)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_states_of_another_dimension_show_their_shape(measure):
    for law in (LinearManifold([1.0], ambient_dim=400), Empirical(states(3, 400))):
        with pytest.raises(InputError, match=r"shape \(1, 300\), expected \(batch, 400\)"):
            measure(law, states(1, 300), 0.5)
    for t in (0.5, torch.full((300,), 0.5)):
        with pytest.raises(InputError, match=r"shape \(300, 3\)"):
            measure(Plain(lambda x, t: LAYER(x)), states(300, 3, torch.float32), t)


def test_random_scores_are_refused(measure):
    with pytest.raises(InputError, match="evaluation mode"):
        measure(Plain(lambda x, t: torch.nn.functional.dropout(x)), states(2, 40), 0.5)
    seeded = Plain(lambda x, t: x * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)))
    if measure is not MEASURES["probe"]:  # the same at every call, but not in every row
        with pytest.raises(InputError, match="evaluation mode"):
            measure(seeded, states(2, 4), 0.5)

"""Products and dense Jacobians: against reverse mode row by row, by every way that there is."""

import math

import pytest
import torch

from geomem.distributions import Empirical, GaussianMixture, LinearManifold
from geomem.errors import InputError
from geomem.jacobian import denoiser_products, dense, products
from geomem.jacobian._autodiff import find_route
from geomem.jacobian._jacobian import Jacobian
from tests.jacobian.scores import Attention, Network, Plain, Sine, linear


def states(n, d, dtype=torch.float64, seed=1):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def by_jacrev(score, x, t):
    """The Jacobian at each state by torch's reverse mode, one state at a time."""
    each = t.tolist() if isinstance(t, torch.Tensor) else [t] * len(x)

    def at(row, s):
        return torch.autograd.functional.jacobian(lambda y: score.score(y[None], s)[0], row)

    return torch.stack([at(row, s) for row, s in zip(x, each, strict=True)])


LAWS = {
    "gaussian": lambda: LinearManifold([2.0, 0.3], ambient_dim=6),
    "mixture": lambda: GaussianMixture(states(3, 6, seed=5), [0.0, 0.1, 0.4]),
    "empirical": lambda: Empirical(states(20, 6, seed=6)),
    "empirical, in difference form": lambda: Empirical(1e3 + states(20, 6, seed=6), block_elements=50),
    "network": lambda: Network(6, 9, torch.float64),
    "attention": lambda: Attention(8, 9, torch.float64),
    "custom operation": lambda: Plain(lambda x, t: Sine.apply(x.roll(1, 1) * x)),
    "constant": lambda: Plain(lambda x, t: torch.ones_like(x)),
}


@pytest.mark.parametrize("time", [0.4, "one for each"])
@pytest.mark.parametrize("name", LAWS)
def test_all_ways_agree_with_reverse_mode(name, time):
    law, d = LAWS[name](), 8 if name == "attention" else 6
    offset = 1e3 if "difference" in name else 0.0
    for batch, k in ((1, 4), (3, 2)):
        x, v = states(batch, d) + offset, states(batch * k, d, seed=2).reshape(batch, k, d)
        t = time if time == 0.4 else torch.linspace(0.3, 0.9, batch, dtype=torch.float64)
        expected = torch.zeros(batch, d, d, dtype=torch.float64) if name == "constant" else by_jacrev(law, x, t)
        close = {"rtol": 1e-10, "atol": 1e-10}
        for score in (law, Plain(law.score)):
            torch.testing.assert_close(dense(score, x, t, chunk_size=4), expected, **close)
            jv = products(score, x, t, v, chunk_size=2)
            torch.testing.assert_close(jv, torch.einsum("bij,bkj->bki", expected, v), **close)
            variance = t if time == 0.4 else t[:, None, None]
            torch.testing.assert_close(denoiser_products(score, x, t, v, chunk_size=3), v + variance * jv, **close)


@pytest.mark.parametrize(
    ("score", "route"),
    [
        (Network(8, 5, torch.float64), "vectorized"),
        (Plain(LinearManifold([1.0], ambient_dim=8).score), "vectorized"),
        (LAWS["custom operation"](), "forward"),
        (Attention(8, 5, torch.float64), "reverse"),
        (Plain(GaussianMixture(states(3, 8), [0.1] * 3).score), "reverse"),
    ],
    ids=["network", "law with checks", "custom operation", "attention", "distances"],
)
def test_each_score_is_differentiated_in_the_fastest_way_it_allows(score, route):
    assert find_route(score, states(2, 8), torch.ones(2)) == route


def test_forward_mode_evaluates_the_score_at_one_state_for_a_chunk_of_directions():
    network = Network(8, 5, torch.float64)
    products(network, states(1, 8), 0.5, states(100, 8)[None], chunk_size=64)
    assert network.seen == [(1, 8)] * 6  # three to check it, the trial, then two chunks
    network.seen.clear()
    products(network, states(50, 8), 0.5, states(50, 8)[:, None], chunk_size=32)
    assert network.seen == [(50, 8), *[(1, 8)] * 3, (32, 8), (18, 8)]


def test_repeated_states_are_not_copied():
    seen = []

    class Law(LinearManifold):
        def posterior_covariance_matvec(self, x, t, v):
            seen.append((x.shape[0], x.stride(0)))
            return super().posterior_covariance_matvec(x, t, v)

    products(Law([1.0], ambient_dim=4), states(2, 4), 0.5, states(6, 4).reshape(2, 3, 4), chunk_size=2)
    assert seen == [(2, 0), (1, 4)] * 2  # a step of zero between the rows; the last row is alone


def test_no_graph_is_kept():
    network = Network(6, 9, torch.float64)
    v = states(3, 6)[None].requires_grad_()
    assert not products(network, states(1, 6), 0.5, v).requires_grad
    assert not dense(network, states(1, 6), 0.5).requires_grad
    with torch.no_grad():
        assert dense(Attention(8, 5, torch.float64), states(1, 8), 0.5).abs().max() > 0


def test_denoiser_products_keep_their_digits_where_there_are_hardly_any_data():
    law = LinearManifold([1e-14], ambient_dim=2)
    v = torch.ones(1, 1, 2, dtype=torch.float64)
    kv = denoiser_products(law, states(1, 2), 1.0, v)
    assert kv[0, 0].tolist() == pytest.approx([1e-14 / (1 + 1e-14), 0.0], rel=1e-15, abs=0)
    assert (v + products(law, states(1, 2), 1.0, v))[0, 0, 0].item() != pytest.approx(1e-14, rel=1e-4, abs=0)


@pytest.mark.parametrize("score", [LAWS["gaussian"](), Network(6, 9, torch.float32)], ids=["gaussian", "network"])
def test_float32_in_float32_out_to_its_rounding(score):
    x, v = states(2, 6, torch.float32), states(8, 6).reshape(2, 4, 6)
    exact = score if isinstance(score, LinearManifold) else Network(6, 9, torch.float32).double()
    jv = products(score, x, 0.5, v)
    assert jv.dtype == dense(score, x, 0.5).dtype == torch.float32
    torch.testing.assert_close(jv.double(), products(exact, x.double(), 0.5, v.float().double()), rtol=1e-5, atol=2e-6)


def test_reverse_mode_of_float32_states_at_a_float64_variance():
    attention, x = Attention(8, 5, torch.float32), states(1, 8, torch.float32)
    scaled = Plain(lambda x, t: attention.score(x, 0.5) * t[:, None])
    jacobian = dense(scaled, x, torch.tensor([2.0], dtype=torch.float64))
    torch.testing.assert_close(jacobian, 2 * dense(attention, x, 0.5), rtol=1e-5, atol=1e-6)


def test_nothing_in_nothing_out():
    for score in (LAWS["gaussian"](), LAWS["network"]()):
        assert dense(score, states(0, 6), 0.5).shape == (0, 6, 6)
        assert products(score, states(0, 6), 0.5, torch.zeros(0, 3, 6)).shape == (0, 3, 6)
        assert products(score, states(2, 6), 0.5, torch.zeros(2, 0, 6)).shape == (2, 0, 6)


def test_rows_say_that_they_are_rows():
    matrix = torch.arange(16.0, dtype=torch.float64).reshape(4, 4)
    (columns,) = Jacobian.of(linear(matrix), states(1, 4), 0.5).blocks()
    assert not columns.are_rows
    torch.testing.assert_close(columns.values, matrix.T / 0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"v": torch.zeros(2, 4)}, "directions of shape"),
        ({"v": torch.zeros(1, 3, 4)}, "directions of shape"),
        ({"v": torch.zeros(2, 3, 5)}, "directions of shape"),
        ({"v": [1.0]}, "directions of type list"),
        ({"v": torch.zeros(2, 3, 4, dtype=torch.int64)}, "directions of dtype"),
        ({"v": torch.full((2, 3, 4), math.nan)}, "directions of dtype"),
        ({"x": torch.zeros(2, 4, dtype=torch.bfloat16)}, "float32 or float64"),
        ({"x": torch.full((2, 4), math.inf)}, "NaN or infinity"),
        ({"t": 0.0}, "t > 0"),
        ({"t": torch.ones(3)}, "got t of shape"),
        ({"chunk_size": 0}, "chunk_size"),
    ],
)
def test_bad_input_is_refused(change, message, unchecked):
    arguments = {"x": states(2, 4), "t": 0.5, "v": torch.zeros(2, 3, 4), "chunk_size": 8} | change
    for multiply in (products, denoiser_products):
        for score in (LinearManifold([1.0], ambient_dim=4), Plain(lambda x, t: -x)):
            with pytest.raises(InputError, match=message):
                multiply(score, arguments["x"], arguments["t"], arguments["v"], chunk_size=arguments["chunk_size"])

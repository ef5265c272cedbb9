"""The networks against counts by hand and exact algebra; a network as a score among the exact ones."""

import math

import pytest
import torch
from scipy import stats
from torch import nn

from geomem import jacobian
from geomem.distributions import LinearManifold, Score
from geomem.errors import InputError
from geomem.learning.networks import NetworkScore, mlp
from geomem.sampling import log_times, probability_flow
from tests.distributions.laws import bad_states, bad_times, normal

D, SD2 = 4, 0.6
TIMES = torch.tensor([1e-4, 1e-2, 0.3, 5.0, 100.0], dtype=torch.float64)


def network(seed: int = 0, *, data_variance: float | None = SD2, dtype: torch.dtype = torch.float64, d: int = D):
    generator = torch.Generator().manual_seed(seed)
    return mlp(
        d, width=8, embedding=(4, 12), data_variance=data_variance, generator=generator, dtype=dtype
    ).requires_grad_(False)


def constant(value: float):
    """A preconditioned network whose F is a constant."""
    net = network()
    net.leave.weight.zero_()
    net.leave.bias.fill_(value)
    return net


def count(layers: list[tuple[int, int]], norms: list[int]) -> int:
    return sum(n_in * n_out + n_out for n_in, n_out in layers) + sum(2 * width for width in norms)


def test_published_network_has_the_published_parameters():
    """Width 128, two blocks of two norms and three layers, 128 sines and cosines to 512 to 512."""
    embedding, block = [(128, 512), (512, 512)], [(128, 128), (512, 128), (128, 128)]
    by_hand = count([*embedding, (30, 128), *block, *block, (128, 30)], [128] * 5)
    assert by_hand == 535_198
    net = mlp(30, generator=torch.Generator().manual_seed(0))
    assert sum(p.numel() for p in net.parameters()) == by_hand
    assert not [m for m in net.modules() if isinstance(m, nn.Dropout)]


def seen(net: nn.Module, layer: nn.Module, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """What enters a layer of the network."""
    inputs = []
    handle = layer.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    net(x, t)
    handle.remove()
    return inputs[0]


def test_published_network_sees_the_state_as_it_is_and_the_noise_by_its_standard_deviation():
    net, x = mlp(3, width=8, embedding=(128, 8), generator=torch.Generator(), dtype=torch.float64), normal(5, 3, seed=1)
    assert torch.equal(seen(net, net.enter, x, TIMES), x)
    angles = TIMES.sqrt()[:, None] * 10_000 ** (-torch.arange(64, dtype=torch.float64) / 63)
    expected = torch.cat([angles.sin(), angles.cos()], 1)
    torch.testing.assert_close(seen(net, net.embed_in, x, TIMES), expected, rtol=0, atol=1e-13)
    assert torch.equal(net.loss_weight(TIMES), torch.ones(5, dtype=torch.float64))


def test_residual_network_is_the_stated_sequence_of_layers():
    """Written out with the functional forms, for one block."""
    net, x, t = network(data_variance=None), normal(5, D, seed=1), TIMES
    silu, norm = nn.functional.silu, lambda h: nn.functional.layer_norm(h, (8,))
    angles = t.sqrt()[:, None] * torch.tensor([1.0, 1e-4], dtype=torch.float64)
    e = net.embed_out(silu(net.embed_in(torch.cat([angles.sin(), angles.cos()], 1))))
    h = net.enter(x)
    assert len(net.blocks) == 2
    for block in net.blocks:
        h = h + block.leave(silu(norm(block.enter(silu(norm(h))) + block.shift(silu(e)))))
    torch.testing.assert_close(net(x, t), net.leave(silu(norm(h))), rtol=1e-12, atol=1e-13)


def test_preconditioned_network_sees_states_of_unit_variance_and_the_logarithm_of_the_noise():
    net, n = network(), 10_000
    for t in TIMES:
        x = normal(n, D, seed=2) * math.sqrt(SD2) + t.sqrt() * normal(n, D, seed=3)
        given = seen(net, net.enter, x, t.expand(n))
        assert (given.var(0) - 1).abs().max() < 4.5 * math.sqrt(2 / n)
    slow, fast = 0.05, 1.5
    angles = TIMES.log()[:, None] * torch.tensor([slow, fast], dtype=torch.float64)
    expected = torch.cat([angles.sin(), angles.cos()], 1)
    torch.testing.assert_close(seen(net, net.embed_in, normal(5, D, seed=1), TIMES), expected, rtol=0, atol=1e-13)


def test_without_its_residual_a_network_is_the_best_linear_denoiser():
    """That of isotropic data of the stated variance, for states of any size."""
    score, exact = NetworkScore(constant(0.0)), LinearManifold.isotropic(SD2, D)
    x = 10 * normal(5, D, seed=1)
    torch.testing.assert_close(score.denoise(x, TIMES), exact.denoise(x, TIMES), rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(score.score(x, TIMES), exact.score(x, TIMES), rtol=1e-11, atol=1e-13)


def test_target_of_the_residual_has_unit_variance_and_its_error_unit_weight():
    """With eps = a + b F: (noise - a)/b is what F must predict, and b^2 times the weight of the loss is one."""
    n, zero, one = 10_000, constant(0.0), constant(1.0)
    for t in TIMES:
        noise = normal(n, D, seed=3)
        x, time = normal(n, D, seed=2) * math.sqrt(SD2) + t.sqrt() * noise, t.expand(n)
        a, b = zero(x, time), one(x, time) - zero(x, time)
        target = (noise - a) / b
        assert (target.var(0) - 1).abs().max() < 4.5 * math.sqrt(2 / n)
        assert target.mean(0).abs().max() < 4.5 / math.sqrt(n)
        torch.testing.assert_close(b.square() * zero.loss_weight(time)[:, None], torch.ones_like(x), rtol=1e-9, atol=0)


def test_limits_of_little_and_of_much_noise():
    """D -> x as sqrt(t), and D -> sigma F(x/sqrt(t), ln t), which is bounded, as 1/sqrt(t)."""
    net = network()
    score, x = NetworkScore(net), normal(6, D, seed=1)
    steps = [(score.denoise(x, t) - x) / math.sqrt(t) for t in (1e-10, 1e-12)]
    assert all(0.05 < step.abs().max() < 5 for step in steps)
    for t in (1e10, 1e14):
        f = net.residual(x / math.sqrt(1 + SD2 / t), torch.full((6,), math.log(t), dtype=torch.float64))
        error = score.denoise(math.sqrt(t) * x, t) - math.sqrt(SD2) * f
        assert error.abs().max() < 3 * SD2 / math.sqrt(t) * x.abs().max() + 1e-8


def test_weights_are_uniform_and_bounded_by_the_number_of_inputs():
    net = mlp(30, generator=torch.Generator().manual_seed(1))
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            for values in (layer.weight, layer.bias):
                shape = 0.5 + values.detach().flatten().double().numpy() / (2 * bound)
                assert 0 <= shape.min() <= shape.max() <= 1, name
                assert stats.kstest(shape, "uniform").pvalue > 1e-4, name
        if isinstance(layer, nn.LayerNorm):
            assert torch.equal(layer.weight, torch.ones(128))
            assert torch.equal(layer.bias, torch.zeros(128))


def test_weights_come_from_the_generator_alone():
    state = torch.random.get_rng_state()
    first, again, other = (dict(network(seed).named_parameters()) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not [name for name in first if "norm" not in name and torch.equal(first[name], other[name])]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("data_variance", [None, SD2], ids=["published", "preconditioned"])
def test_all_numbers_have_the_dtype(dtype, data_variance):
    net = network(dtype=dtype, data_variance=data_variance)
    assert {value.dtype for value in net.state_dict().values()} == {dtype}
    assert net(torch.zeros(2, D, dtype=dtype), torch.ones(2, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("data_variance", [None, SD2], ids=["published", "preconditioned"])
def test_one_noise_can_be_shared_by_many_states(data_variance):
    net, x = network(data_variance=data_variance), normal(5, 3, D, seed=1)
    alone = net(x.flatten(0, 1), TIMES.repeat_interleave(3)).unflatten(0, (5, 3))
    torch.testing.assert_close(net(x, TIMES[:, None]), alone, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"ambient_dim": 0}, "ambient_dim = 0"),
        ({"width": 0}, "width = 0"),
        ({"n_blocks": -1}, "n_blocks = -1"),
        ({"embedding": (8, 0)}, r"embedding\[1\] = 0"),
        ({"embedding": (2, 8)}, r"embedding\[0\] = 2"),
        ({"embedding": (7, 8)}, r"embedding\[0\] = 7"),
        ({"data_variance": 0.0}, r"data_variance = 0\.0"),
        ({"data_variance": math.nan}, "data_variance = nan"),
        ({"data_variance": math.inf}, "data_variance = inf"),
        ({"dtype": torch.int64}, "dtype = torch.int64"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_impossible_networks_are_refused(settings, named, unchecked):
    with pytest.raises(InputError, match=rf"got {named}, expected"):
        mlp(**{"ambient_dim": 2, "generator": torch.Generator()} | settings)


def test_a_network_is_a_score():
    score, x = NetworkScore(network(dtype=torch.float32)), normal(6, D, seed=1).float()
    assert isinstance(score, Score)
    for value in (score.score(x, 0.5), score.denoise(x, 0.5), score.predict_noise(x, 0.5)):
        assert (value.shape, value.dtype) == ((6, D), torch.float32)


def test_score_and_denoiser_follow_from_the_noise():
    """s = -eps/sqrt(t) and D = x - sqrt(t) eps, which satisfy Tweedie's formula."""
    net, x, root = network(), normal(5, D, seed=1), TIMES.sqrt()[:, None]
    score = NetworkScore(net)
    torch.testing.assert_close(score.score(x, TIMES), -net(x, TIMES) / root, rtol=1e-13, atol=0)
    torch.testing.assert_close(score.denoise(x, TIMES), x - root * net(x, TIMES), rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(score.denoise(x, TIMES), x + TIMES[:, None] * score.score(x, TIMES), rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ["score", "denoise"])
def test_a_batch_is_its_rows_one_by_one(method):
    evaluate, x = getattr(NetworkScore(network()), method), normal(5, D, seed=1)
    alone = torch.cat([evaluate(x[k : k + 1], float(TIMES[k])) for k in range(5)])
    torch.testing.assert_close(evaluate(x, TIMES), alone, rtol=1e-12, atol=1e-13)
    shared = evaluate(x, 0.3)
    torch.testing.assert_close(evaluate(x, torch.full((5,), 0.3, dtype=torch.float64)), shared, rtol=0, atol=0)
    torch.testing.assert_close(evaluate(x, torch.tensor(0.3, dtype=torch.float64)), shared, rtol=0, atol=0)


@pytest.mark.parametrize("method", ["score", "denoise"])
def test_bad_input_is_refused_as_by_every_score(method, unchecked):
    evaluate, x = getattr(NetworkScore(network()), method), torch.zeros(3, D, dtype=torch.float64)
    for bad in bad_states(x):
        with pytest.raises(InputError, match="expected"):
            evaluate(bad, 0.5)
    for bad in bad_times(3):
        with pytest.raises(InputError, match="expected"):
            evaluate(x, bad)
    with pytest.raises(InputError, match=r"states of torch\.float32 for a network of torch\.float64"):
        evaluate(x.float(), 0.5)


def test_any_function_of_states_and_variances_can_be_a_score():
    x = normal(3, D, seed=1).float()
    linear = NetworkScore(lambda x, t: x / (1 + t[:, None]).sqrt())
    torch.testing.assert_close(linear.score(x, 3.0), -x / math.sqrt(12), rtol=1e-6, atol=0)


def test_jacobians_and_samplers_take_a_network_of_known_derivative():
    """Without its residual, J = -1/(t + sigma^2): spectrum, trace, probe, asymmetry, and flow in closed form."""
    score, x, t = NetworkScore(constant(0.3)), normal(3, D, seed=1), 0.4
    response = torch.full((3, D), t / (t + SD2), dtype=torch.float64)
    torch.testing.assert_close(jacobian.spectrum(score, x, t).values, response, rtol=1e-10, atol=0)
    torch.testing.assert_close(jacobian.trace(score, x, t).value, -response.sum(1) / t, rtol=1e-10, atol=0)
    assert jacobian.asymmetry(score, x, t).abs().max() < 1e-12
    probed = jacobian.probe(score, x, t, torch.Generator().manual_seed(0), symmetrized=True)
    torch.testing.assert_close(probed.values, response, rtol=1e-10, atol=0)
    flow = probability_flow(NetworkScore(constant(0.0)), x, log_times(50.0, 1e-3, 200))
    torch.testing.assert_close(flow, x * math.sqrt((1e-3 + SD2) / (50 + SD2)), rtol=1e-3, atol=0)


def test_jacobian_of_a_network_is_that_of_autograd():
    net, x, t = network(), normal(2, D, seed=1), 0.4
    score = NetworkScore(net)
    expected = torch.stack([torch.autograd.functional.jacobian(lambda y: score.score(y[None], t)[0], row) for row in x])
    torch.testing.assert_close(jacobian.dense(score, x, t), expected, rtol=1e-10, atol=1e-11)
    assert (jacobian.asymmetry(score, x, t) > 1e-3).all()

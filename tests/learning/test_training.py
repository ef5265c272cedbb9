"""Training against loops by hand and against itself alone; what it learns; what it draws; what it refuses."""

import math
import time

import pytest
import torch
from scipy import stats

from geomem.distributions import Empirical, LinearManifold, add_noise
from geomem.errors import InputError, TrainingError
from geomem.learning.checkpoint import read
from geomem.learning.networks import mlp
from geomem.learning.training import Member, Settings, Training
from tests.distributions.laws import normal
from tests.learning.small import D, make

DATA = normal(40, D, seed=1)
MEMBERS = [Member(2, 0), Member(20, 0), Member(2, 1), Member(10, 1, 30), Member(40, 2)]
CLIPPED = Settings(batch=12, levels=4, learning_rate=3e-3, clip=0.05)


def training(settings: Settings = CLIPPED, members=MEMBERS, data: torch.Tensor = DATA) -> Training:
    return Training(make, data, members, settings)


def weights(ensemble, k: int) -> torch.Tensor:
    return torch.cat([w[k].flatten() for w in ensemble.weights.values()])


@pytest.mark.parametrize("optimizer", ["adam", "radam"])
def test_each_member_learns_what_it_would_learn_alone(optimizer):
    """Data sizes, seeds, and starts; 50 updates in float64, with most gradients shortened."""
    settings = Settings(batch=12, levels=4, learning_rate=3e-3, clip=0.5, optimizer=optimizer)
    together = training(settings)
    together.advance(50)
    for k in range(5) if optimizer == "adam" else (1, 3):
        alone = training(settings, [MEMBERS[k]])
        alone.advance(50)
        for kind in ("current", "averaged"):
            one, other = weights(getattr(alone, kind), 0), weights(getattr(together, kind), k)
            torch.testing.assert_close(one, other, rtol=0, atol=1e-9)
        moved = weights(together.current, k) - weights(training(settings).current, k)
        assert moved.abs().max() > 0.005


@pytest.mark.parametrize("clip", [None, 0.3, 5.0])
@pytest.mark.parametrize("optimizer", ["adam", "radam"])
@pytest.mark.parametrize("data_variance", [None, 0.6], ids=["published", "preconditioned"])
def test_update_is_a_step_of_torch_on_the_stated_loss(optimizer, clip, data_variance):
    """Member 1 trained by hand on the batches of the ensemble, with torch's own optimizer and clipping."""
    settings = Settings(batch=12, levels=4, learning_rate=1e-2, clip=clip, optimizer=optimizer)

    def of_kind(generator: torch.Generator):
        return make(generator, data_variance=data_variance)

    trained = Training(of_kind, DATA, MEMBERS[:2], settings)
    net = trained.current.member(1).network.requires_grad_()
    by_hand = {"adam": torch.optim.Adam, "radam": torch.optim.RAdam}[optimizer](net.parameters(), lr=1e-2)
    for n in range(12):
        x, t, noise = (values[1].flatten(0, -2) if values.ndim == 4 else values[1] for values in trained._batch())
        t = t.expand(4, 3).flatten()
        weight = torch.ones_like(t) if data_variance is None else 1 + t / data_variance
        by_hand.zero_grad()
        (weight[:, None] * (net(x, t) - noise).square()).mean().backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
        by_hand.step()
        trained.advance(n + 1)
    expected = torch.cat([p.detach().flatten() for p in net.parameters()])
    torch.testing.assert_close(weights(trained.current, 1), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("ema", "warmup"), [(0.9, False), (0.4, True), (0.0, True)])
def test_averages_obey_their_recursion(ema, warmup):
    run = training(Settings(batch=4, levels=4, ema=ema, ema_warmup=warmup), MEMBERS[:2])
    average = weights(run.current, 1)
    for n in range(1, 13):
        run.advance(n)
        beta = min(ema, n / (n + 9)) if warmup else ema
        average = beta * average + (1 - beta) * weights(run.current, 1)
        torch.testing.assert_close(weights(run.averaged, 1), average, rtol=0, atol=1e-13)


def test_losses_are_means_over_a_hundred_updates_without_the_weight_of_the_loss():
    """With learning switched nearly off, the mean squared error of the first network, by hand."""
    settings = Settings(batch=12, levels=4, learning_rate=1e-12)
    run = training(settings, MEMBERS[:2])
    assert run.losses.shape == (0, 2)
    run.advance(205)
    x, t, noise = draws(settings, MEMBERS[:2], 200)
    for k in range(2):
        states, times = x[:, k].flatten(0, 2), t[:, k].expand(200, 4, 3).flatten()
        errors = run.current.member(k).predict_noise(states, times) - noise[:, k].flatten(0, 2)
        torch.testing.assert_close(run.losses[:, k], errors.square().view(2, -1).mean(1), rtol=1e-6, atol=0)


def draws(settings: Settings, members: list[Member], n: int):
    """States, variances, and noise of the first updates, without making them."""
    run = training(settings, members)
    batches = []
    for run.n_updates in range(n):
        batches.append(run._batch())
    return tuple(torch.stack(values) for values in zip(*batches, strict=True))


def test_noise_levels_fill_their_strata_and_are_shared():
    settings = Settings(batch=12, levels=4, t_min=1e-3, t_max=30.0)
    x, t, noise = draws(settings, MEMBERS, 200)
    assert (x.shape, t.shape, noise.shape) == ((200, 5, 4, 3, D), (200, 5, 4, 1), (200, 5, 4, 3, D))
    u = 4 * (t / 1e-3).log() / math.log(30.0 / 1e-3) - torch.arange(4).view(1, 1, 4, 1)
    assert 0 <= u.min() <= u.max() <= 1
    for stratum in range(4):
        assert stats.kstest(u[:, [0, 2, 4], stratum].flatten().numpy(), "uniform").pvalue > 1e-4
    assert stats.kstest(noise[:, [0, 2, 4]].flatten().numpy(), "norm").pvalue > 1e-4


def test_points_are_those_of_the_member_equally_often():
    """Clean states are rows of the data, the member's own, with equal frequencies and independent of the level."""
    x, t, noise = draws(Settings(batch=12, levels=4, t_max=1.0), MEMBERS, 200)
    clean = x - t.sqrt()[..., None] * noise
    for k, member in enumerate(MEMBERS):
        distance = (clean[:, k, ..., None, :] - DATA).norm(dim=-1)
        row = distance.argmin(-1)
        assert distance.min(-1).values.max() < 1e-12
        for level in range(4):
            counts = torch.bincount(row[:, level].flatten() - member.start, minlength=member.n_points)
            assert len(counts) == member.n_points
            assert stats.chisquare(counts.numpy()).pvalue > 1e-4


def test_members_of_one_seed_share_weights_and_noise_and_others_do_not():
    first = training().current
    assert torch.equal(weights(first, 0), weights(first, 1))
    assert not torch.equal(weights(first, 0), weights(first, 2))
    _, t, noise = draws(CLIPPED, MEMBERS, 25)
    assert torch.equal(noise[:, 0], noise[:, 1])
    assert torch.equal(t[:, 2], t[:, 3])
    flat = noise[:, [0, 2, 4]].transpose(0, 1).flatten(1)
    assert (torch.corrcoef(flat) - torch.eye(3)).abs().max() < 4.5 / math.sqrt(flat.shape[1])
    later = noise[:, 0].flatten(1)  # of one update and of another: every one anew
    assert (later @ later.T / later.shape[1] - torch.eye(25)).abs().max() < 6 / math.sqrt(later.shape[1])


def test_global_random_numbers_are_left_alone(tmp_path):
    state = torch.random.get_rng_state()
    run = training()
    run.advance(12, checkpoint=tmp_path / "a", every=5)
    training().resume(tmp_path / "a")
    assert torch.equal(torch.random.get_rng_state(), state)


def test_training_stops_at_its_deadline(tmp_path):
    run = training()
    assert run.advance(1000, deadline=time.time() - 1) == 0
    begin = time.time()
    reached = run.advance(10**7, checkpoint=tmp_path / "a", every=10**6, deadline=begin + 0.3)
    assert 0.3 < time.time() - begin < 5
    assert 0 < reached == run.n_updates < 10**5
    assert read(tmp_path / "a")[1]["n_updates"] == reached
    assert run.advance(reached - 1) == reached  # never back


def test_bar_shows_loss_and_rate(capsys, monkeypatch):
    monkeypatch.setattr("geomem.learning.training.RECORD", 10)
    run = training(members=MEMBERS[:1])
    run.advance(10)
    run.advance(20, progress=True)
    shown = capsys.readouterr().err
    assert f"loss={run.losses[-1].mean():.4g}" in shown
    assert "10/20" in shown
    assert "20/20" in shown
    assert "update/s" in shown or "s/update" in shown
    run.advance(30)
    assert capsys.readouterr().err == ""


def test_a_loss_that_is_not_finite_names_the_member_and_keeps_the_checkpoint(tmp_path):
    path, run = tmp_path / "a", training()
    run.advance(15, checkpoint=path, every=5)
    kept = path.read_bytes()
    run._weights["leave.bias"].data[[1, 3]] = math.nan
    message = rf"members \[1, 3\] between updates 15 and 20, expected finite .*, {path}, is whole; try .* 0\.003"
    with pytest.raises(TrainingError, match=message):
        run.advance(100, checkpoint=path, every=50)
    assert path.read_bytes() == kept
    assert all(tensor.isfinite().all() for tensor in read(path)[0].values())
    untouched = training()
    untouched.advance(22)
    assert run.resume(path) == 15
    run.advance(22)
    assert all(torch.equal(weights(run.averaged, k), weights(untouched.averaged, k)) for k in range(5))


@pytest.mark.parametrize("n", [1, 7], ids="after {} updates".format)
def test_a_weight_that_is_not_finite_never_gets_into_a_checkpoint(n, tmp_path):
    """As after a step along an infinite gradient, when the loss has not met the weight yet."""
    run = training()
    run.advance(n)
    run._weights["blocks.0.enter.weight"].data[2, 0, 0] = math.inf
    with pytest.raises(TrainingError, match=r"members \[2\].*there is no checkpoint"):
        run.save(tmp_path / "a")
    with pytest.raises(TrainingError, match=r"members \[2\].*there is no checkpoint"):
        run.advance(n, checkpoint=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_learning_rate_that_is_too_large_ends_in_a_named_error():
    with pytest.raises(TrainingError, match=r"members \[0, 1\] .* there is no checkpoint; .* smaller learning_rate"):
        training(Settings(batch=4, levels=2, learning_rate=1e200), MEMBERS[:2]).advance(30)


@pytest.mark.parametrize(
    "settings",
    [
        {"levels": 0},
        {"batch": 0},
        {"batch": 10, "levels": 4},
        {"t_min": 0.0},
        {"t_min": 2.0, "t_max": 2.0},
        {"t_max": math.inf},
        {"t_min": math.nan},
        {"optimizer": "sgd"},
        {"learning_rate": 0.0},
        {"learning_rate": math.inf},
        {"ema": 1.0},
        {"ema": -0.1},
        {"clip": 0.0},
        {"clip": math.inf},
        {"clip": math.nan},
    ],
    ids=str,
)
def test_impossible_settings_are_refused(settings):
    name, value = list(settings.items())[-1]
    with pytest.raises(InputError, match=rf"{name} = {value!r}.*, expected"):
        Settings(**settings)


@pytest.mark.parametrize(
    ("members", "got"),
    [
        ([], "no member"),
        ([Member(1, 0), Member(0, 0)], "member 1 with rows 0 to 0"),
        ([Member(2, 0, -1)], "member 0 with rows -1 to 1"),
        ([Member(40, 0, 1)], "member 0 with rows 1 to 41"),
        ([Member(1, -1)], "member 0 with seed -1"),
        ([Member(1, 2**32)], "member 0 with seed 4294967296"),
    ],
)
def test_impossible_members_are_refused(members, got):
    with pytest.raises(InputError, match=rf"got {got}, expected"):
        training(members=members)


def test_impossible_data_are_refused(unchecked):
    nan = DATA.clone()
    nan[3, 1] = math.nan
    for bad in (nan, DATA[0], DATA.long(), DATA.numpy(), DATA[:, :2]):
        with pytest.raises(InputError, match="expected"):
            training(data=bad)
    with pytest.raises(InputError, match="every = 0, expected"):
        training().advance(10, every=0)


def test_data_take_the_dtype_of_the_networks():
    run = Training(lambda g: make(g, dtype=torch.float32), DATA, MEMBERS[:2], CLIPPED)
    run.advance(3)
    assert {run.data.dtype, run.averaged.dtype, run.current.dtype, run.losses.dtype} == {torch.float32}


def follow_the_device(run: Training, n: int, path) -> torch.Tensor:
    """Train, save, resume, and train on; return the weights."""
    run.advance(n, checkpoint=path, every=8)
    run.resume(path)
    run.advance(n + 5, checkpoint=path)
    ensemble = run.averaged
    x = torch.zeros(5, D, dtype=torch.float64, device=run.data.device)
    assert ensemble.denoiser_jacobian(x, 0.5).device == ensemble.member(1).score(x, 0.5).device == run.data.device
    return weights(ensemble, 4)


def test_all_tensors_are_made_where_the_data_are(tmp_path):
    """With another default device, one that holds no numbers, whatever did not follow the data would be lost."""
    run, expected = training(), training()
    with torch.device("meta"):
        followed = follow_the_device(run, 12, tmp_path / "a")
    assert torch.equal(followed, follow_the_device(expected, 12, tmp_path / "b"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("optimizer", ["adam", "radam"])
def test_training_on_a_gpu(optimizer, tmp_path):
    settings = Settings(batch=12, levels=4, optimizer=optimizer)
    run = training(settings, data=DATA.cuda())
    followed = follow_the_device(run, 105, tmp_path / "a")
    whole = training(settings, data=DATA.cuda())
    whole.advance(110)
    torch.testing.assert_close(followed, weights(whole.averaged, 4), rtol=0, atol=1e-9)
    assert training(settings, data=DATA.cuda()).resume(tmp_path / "a") == 110


def test_what_is_learned_is_the_empirical_denoiser_of_two_points_and_the_linear_one_of_many():
    """The minimum of the loss on N points, in either case far from that of the other."""
    law = LinearManifold([1.0, 0.1], ambient_dim=2)
    many = law.sample(4000, torch.Generator().manual_seed(5))
    pair = torch.tensor([[1.0, -0.3], [-1.0, 0.5]], dtype=torch.float64)
    laws = {0: Empirical(pair), 1: law}

    def small(generator: torch.Generator):
        return mlp(2, width=24, n_blocks=1, embedding=(8, 16), data_variance=0.55, generator=generator)

    settings = Settings(batch=128, levels=32, t_min=3e-2, t_max=3.0, learning_rate=1e-2, ema=0.99)
    run = Training(small, torch.cat([pair, many]), [Member(2, 0), Member(4000, 0, 2)], settings)
    run.advance(200)
    averaged = run.averaged.double()

    def distance(k: int, reference, t: float) -> float:
        """E|D - D_ref|^2/(d t) at states of the member's own smoothed law."""
        generator = torch.Generator().manual_seed(6)
        x = add_noise(laws[k].sample(2000, generator), t, generator)
        return (averaged.member(k).denoise(x, t) - reference.denoise(x, t)).square().mean().item() / t

    for t in (0.1, 0.3):
        assert distance(0, laws[0], t) < 0.03 < 0.3 < distance(0, law, t)
        assert distance(1, law, t) < 0.03 < 0.3 < distance(1, laws[0], t)

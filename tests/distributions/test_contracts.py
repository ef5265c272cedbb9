"""The identities that every law satisfies, each for every law to which it applies.

``laws.LAWS`` lists the implementers, ``IDENTITIES`` (by decorator) the identities, of a sampler or of a score, and
``EXCEPTIONS`` the pairs to which an identity does not apply, each with the reason. A new law is one entry in
``LAWS``; one without ``project`` is a sampler only.
"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from geomem.distributions import Sampler, Score, add_noise
from geomem.errors import InputError
from tests.distributions.laws import EYE, LAWS, MEANS, POINTS, ZERO, D, Law, bad_states, bad_times, normal, rotation

TIMES = (0.03, 0.7, 20.0)

EXCEPTIONS = {
    ("posterior narrower than the noise", "mixture"): "not log-concave: between two components the posterior is wide",
    ("posterior narrower than the noise", "mixture of points"): "not log-concave: the posterior jumps between points",
    ("posterior narrower than the noise", "empirical"): "not log-concave: the posterior jumps between points",
    ("translation", "manifold"): "centered by definition: it has no mean to move",
    ("translation", "full Gaussian"): "centered by definition: it has no mean to move",
    ("translation", "random manifold"): "centered by definition: it has no mean to move",
}

IDENTITIES: dict[str, Callable] = {}
OF_SAMPLERS: set[str] = set()


def identity(name: str, *, of: type = Score) -> Callable:
    def register(check: Callable) -> Callable:
        IDENTITIES[name] = check
        if of is Sampler:
            OF_SAMPLERS.add(name)
        return check

    return register


def pairs() -> list[tuple[str, str]]:
    known = [(i, name) for i in IDENTITIES for name, law in LAWS.items() if i in OF_SAMPLERS or law.project]
    return [pair for pair in known if pair not in EXCEPTIONS]


def states(law, t: float, n: int = 6) -> Tensor:
    """States of the smoothed law, where every part of it has a say."""
    generator = torch.Generator().manual_seed(11)
    return add_noise(law.sample(n, generator), t, generator)


def jacobian(law, x: Tensor, t: float) -> Tensor:
    """The Jacobian of the score at each row, by autograd, (batch, d, d)."""
    return torch.stack([torch.autograd.functional.jacobian(lambda y: law.score(y[None], t)[0], row) for row in x])


def posterior_covariance(law, x: Tensor, t: float) -> Tensor:
    """The posterior covariance at each row, column by column, (batch, d, d)."""
    columns = [law.posterior_covariance_matvec(x, t, e.expand(len(x), D).contiguous()) for e in EYE]
    return torch.stack(columns, dim=2)


@identity("Tweedie")
def _(law: Law):
    """score = (denoise(x) - x)/t"""
    p = law.at_rest()
    for t in TIMES:
        x = states(p, t)
        torch.testing.assert_close(p.score(x, t), (p.denoise(x, t) - x) / t, rtol=1e-10, atol=1e-12)


@identity("gradient of the log-density, by autograd")
def _(law: Law):
    p = law.at_rest()
    for t in TIMES:
        x = states(p, t).requires_grad_()
        (gradient,) = torch.autograd.grad(p.log_density(x, t).sum(), x)
        torch.testing.assert_close(p.score(x.detach(), t), gradient, rtol=1e-9, atol=1e-11)


@identity("gradient of the log-density, by differences")
def _(law: Law):
    p, h = law.at_rest(), 1e-5
    for t in TIMES:
        x = states(p, t)
        rise = [(p.log_density(x + h * e, t) - p.log_density(x - h * e, t)) / (2 * h) for e in EYE]
        torch.testing.assert_close(p.score(x, t), torch.stack(rise, 1), rtol=1e-6, atol=1e-6)


@identity("Jacobian is the posterior covariance")
def _(law: Law):
    """I + tJ = Cov[x0 | x]/t, symmetric and positive semi-definite."""
    p = law.at_rest()
    for t in TIMES:
        x = states(p, t)
        covariance = posterior_covariance(p, x, t)
        torch.testing.assert_close(EYE + t * jacobian(p, x, t), covariance / t, rtol=1e-8, atol=1e-9)
        torch.testing.assert_close(covariance, covariance.mT, rtol=1e-9, atol=1e-11)
        assert (torch.linalg.eigvalsh(covariance) > -1e-11).all()
        if hasattr(p, "posterior_covariance"):
            torch.testing.assert_close(p.posterior_covariance(x, t), covariance, rtol=1e-9, atol=1e-12)


@identity("posterior narrower than the noise")
def _(law: Law):
    """Cov[x0 | x] <= t for a log-concave law."""
    p = law.at_rest()
    for t in TIMES:
        assert (torch.linalg.eigvalsh(posterior_covariance(p, states(p, t), t)) <= t * (1 + 1e-12)).all()


@identity("mean score vanishes")
def _(law: Law):
    """E[score] = 0 under p_t, and would be seen not to be if the states were a fifth of the noise off."""
    p, n = law.at_rest(), 20_000
    for t in TIMES:
        x = states(p, t, n)
        score = p.score(x, t)
        assert (score.mean(0).abs() < 4.5 * score.std(0) / math.sqrt(n)).all()
        off = p.score(x + 0.2 * math.sqrt(t), t)
        assert (off.mean(0).abs() > 6 * off.std(0) / math.sqrt(n)).any()


@identity("large t is a Gaussian")
def _(law: Law):
    """p_t -> N(mean, t): score, denoiser, and the normalization of the density, to order 1/sqrt(t)."""
    p, t = law.at_rest(), 1e10
    x = law.mean + math.sqrt(t) * normal(6, D, seed=5)
    torch.testing.assert_close(p.score(x, t), -(x - law.mean) / t, rtol=1e-4, atol=1e-10)
    torch.testing.assert_close(p.denoise(x, t), law.mean.expand(6, D), rtol=0, atol=1e-3)
    gaussian = -0.5 * (x - law.mean).square().sum(1) / t - 0.5 * D * math.log(2 * math.pi * t)
    torch.testing.assert_close(p.log_density(x, t), gaussian, rtol=0, atol=1e-3)


@identity("small t projects onto the support")
def _(law: Law):
    p, t = law.at_rest(), 1e-10
    x = normal(6, D, seed=6)
    torch.testing.assert_close(p.denoise(x, t), law.project(x), rtol=0, atol=1e-8)


@identity("density integrates to one")
def _(law: Law):
    """Importance sampling from a wide Gaussian, within its standard error."""
    p, t, n = law.at_rest(), 1.0, 40_000
    width = (torch.linalg.eigvalsh(law.covariance).max() + t).sqrt().item() * 1.2
    g = normal(n, D, seed=7)
    log_proposal = -0.5 * g.square().sum(1) - D * math.log(width) - 0.5 * D * math.log(2 * math.pi)
    ratio = (p.log_density(law.mean + width * g, t) - log_proposal).exp()
    error = (ratio.std() / math.sqrt(n)).item()
    assert error < 0.03
    assert abs(ratio.mean().item() - 1) < 4.5 * error


@identity("rotation")
def _(law: Law):
    q = rotation(8)
    p, turned = law.at_rest(), law.build(q, ZERO)
    for t in TIMES:
        x, v = states(p, t), normal(6, D, seed=9)
        torch.testing.assert_close(turned.score(x @ q.T, t), p.score(x, t) @ q.T, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(turned.denoise(x @ q.T, t), p.denoise(x, t) @ q.T, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(turned.log_density(x @ q.T, t), p.log_density(x, t), rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(
            turned.posterior_covariance_matvec(x @ q.T, t, v @ q.T),
            p.posterior_covariance_matvec(x, t, v) @ q.T,
            rtol=1e-9,
            atol=1e-10,
        )


@identity("translation")
def _(law: Law):
    c = torch.tensor([3.0, -1.0, 0.5, 10.0], dtype=torch.float64)
    p, moved = law.at_rest(), law.build(EYE, c)
    for t in TIMES:
        x, v = states(p, t), normal(6, D, seed=9)
        torch.testing.assert_close(moved.score(x + c, t), p.score(x, t), rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(moved.denoise(x + c, t), p.denoise(x, t) + c, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(moved.log_density(x + c, t), p.log_density(x, t), rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(
            moved.posterior_covariance_matvec(x + c, t, v),
            p.posterior_covariance_matvec(x, t, v),
            rtol=1e-9,
            atol=1e-10,
        )


@identity("batching")
def _(law: Law):
    """A batch is its rows one by one, with one variance each or one for all."""
    p, x, v = law.at_rest(), normal(6, D, seed=10), normal(6, D, seed=9)
    each = torch.tensor([0.01, 0.1, 1.0, 1.0, 10.0, 100.0], dtype=torch.float64)
    methods = {
        "score": lambda rows, t: p.score(x[rows], t),
        "denoise": lambda rows, t: p.denoise(x[rows], t),
        "log_density": lambda rows, t: p.log_density(x[rows], t),
        "matvec": lambda rows, t: p.posterior_covariance_matvec(x[rows], t, v[rows]),
    }
    everything, same = slice(None), torch.full((6,), 0.4, dtype=torch.float64)
    for name, method in methods.items():
        alone = torch.cat([method(slice(k, k + 1), float(each[k])) for k in range(6)])
        torch.testing.assert_close(method(everything, each), alone, rtol=1e-9, atol=1e-11, msg=name)
        torch.testing.assert_close(method(everything, same), method(everything, 0.4), rtol=1e-12, atol=1e-13, msg=name)
        torch.testing.assert_close(method(everything, same[0]), method(everything, 0.4), rtol=0, atol=0, msg=name)


@identity("sample moments", of=Sampler)
def _(law: Law):
    """Mean and covariance of the samples, within standard errors."""
    n = 40_000
    x = law.at_rest().sample(n, torch.Generator().manual_seed(12))
    deviation = x - law.mean
    outer = deviation[:, :, None] * deviation[:, None, :]
    assert (deviation.mean(0).abs() < 4.5 * x.std(0) / math.sqrt(n)).all()
    assert ((outer.mean(0) - law.covariance).abs() < 4.5 * outer.std(0) / math.sqrt(n) + 1e-12).all()


@identity("shapes of samples", of=Sampler)
def _(law: Law):
    p = law.at_rest()
    assert isinstance(p, Sampler)
    assert isinstance(p, Score) == (law.project is not None)
    assert p.ambient_dim == D
    assert 0 <= p.intrinsic_dim <= D
    x = p.sample(7, torch.Generator().manual_seed(0))
    assert (x.shape, x.dtype) == ((7, D), torch.float64)


@identity("shapes and dtypes")
def _(law: Law):
    p = law.at_rest()
    for dtype in (torch.float32, torch.float64):
        x = normal(5, D, seed=13).to(dtype)
        for result in (p.score(x, 0.5), p.denoise(x, 0.5), p.posterior_covariance_matvec(x, 0.5, x)):
            assert (result.shape, result.dtype) == ((5, D), dtype)
        assert (p.log_density(x, 0.5).shape, p.log_density(x, 0.5).dtype) == ((5,), dtype)
    precise = p.score(x, 0.5)
    torch.testing.assert_close(p.score(x.float(), 0.5).double(), precise, rtol=1e-5, atol=1e-5)


@identity("samples repeat with the generator's seed", of=Sampler)
def _(law: Law):
    p = law.at_rest()
    first, again, other = (p.sample(50, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@identity("bad input is refused")
def _(law: Law):
    p, x = law.at_rest(), torch.zeros(3, D, dtype=torch.float64)
    vector = torch.ones(3, D, dtype=torch.float64)
    for method in (p.score, p.denoise, p.log_density, lambda y, t: p.posterior_covariance_matvec(y, t, vector)):
        for bad in bad_states(x):
            with pytest.raises(InputError, match="expected"):
                method(bad, 0.5)
        for t in bad_times(len(x)):
            with pytest.raises(InputError, match="expected"):
                method(x, t)
    for bad in [*bad_states(x), vector[:2]]:
        with pytest.raises(InputError, match="expected"):
            p.posterior_covariance_matvec(x, 0.5, bad)


@identity("bad numbers of samples are refused", of=Sampler)
def _(law: Law):
    for n in (0, -1):
        with pytest.raises(InputError, match="expected"):
            law.at_rest().sample(n, torch.Generator())


@pytest.mark.parametrize(("name", "law"), pairs())
def test_identity(name: str, law: str, request: pytest.FixtureRequest):
    if name.endswith("refused"):
        request.getfixturevalue("unchecked")
    IDENTITIES[name](LAWS[law])


def test_exceptions_name_identities_and_laws_that_exist():
    assert {name for name, _ in EXCEPTIONS} <= set(IDENTITIES)
    assert {law for _, law in EXCEPTIONS} <= set(LAWS)
    assert all({name for name, law in pairs() if law == one} == OF_SAMPLERS for one in ("sphere", "hidden manifold"))
    assert all(len(reason) > 20 for reason in EXCEPTIONS.values())


@pytest.mark.parametrize("law", [law for name, law in EXCEPTIONS if name == "posterior narrower than the noise"])
def test_laws_that_are_not_log_concave_do_break_the_bound(law: str):
    p, t = LAWS[law].at_rest(), 0.03
    a, b = POINTS[:2] if law == "empirical" else MEANS[:2]
    along = torch.linspace(0, 1, 2001, dtype=torch.float64)[:, None]
    x = a + along * (b - a)
    v = ((b - a) / (b - a).norm()).expand(len(x), D).contiguous()
    assert ((v * p.posterior_covariance_matvec(x, t, v)).sum(1) > 2 * t).any()

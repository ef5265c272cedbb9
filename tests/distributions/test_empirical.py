"""The empirical law: identities, limits, symmetries, and refusals."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geomem.distributions import _posterior_weights
from geomem.distributions.empirical import Empirical
from geomem.errors import InputError

F64 = torch.float64
TIMES = [1e-3, 0.1, 1.0, 30.0]  # from one point to nearly all of them


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def noisy_points(data: torch.Tensor, n: int, t: float, seed: int = 1) -> torch.Tensor:
    """States x = y + sqrt(t) noise around the first n points: the states at which weights are not trivial."""
    return data[:n] + math.sqrt(t) * normal(n, data.shape[1], seed=seed)


def dense_weights(data: torch.Tensor, x: torch.Tensor, t: float) -> torch.Tensor:
    """The definition, by broadcasting."""
    return (-(x[:, None] - data).square().sum(2) / (2 * t)).softmax(1)


@pytest.fixture(params=["product", "difference"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test through each of the two forms of the logits, whatever the rounding bound says."""
    tolerance = {"product": math.inf, "difference": -1.0}[request.param]
    monkeypatch.setattr(_posterior_weights, "TOLERANCE", tolerance)
    return request.param


DATA = normal(150, 5) * torch.tensor([2.0, 1.0, 1.0, 0.5, 0.1], dtype=F64) + 1.0


@pytest.mark.parametrize("offset", [0.0, 50.0], ids=["near zero", "offset"])
@pytest.mark.parametrize("t", TIMES)
def test_observables_equal_their_definitions(form: str, t: float, offset: float) -> None:
    data = DATA + offset
    x, v = noisy_points(data, 40, t), normal(40, 5, seed=2)
    law = Empirical(data, block_elements=2000)
    w = dense_weights(data, x, t)
    mean = w @ data
    centered = data - mean[:, None]
    covariance = torch.einsum("bn,bni,bnj->bij", w, centered, centered)
    log_density = (-(x[:, None] - data).square().sum(2) / (2 * t)).logsumexp(1) - math.log(150) - 2.5 * math.log(
        2 * math.pi * t
    )
    close = {"rtol": 1e-10, "atol": 1e-11}
    torch.testing.assert_close(law.denoise(x, t), mean, **close)
    torch.testing.assert_close(law.score(x, t), (mean - x) / t, rtol=1e-10, atol=1e-11 / t)
    torch.testing.assert_close(law.log_density(x, t), log_density, **close)
    torch.testing.assert_close(law.inverse_participation_ratio(x, t), w.square().sum(1), **close)
    torch.testing.assert_close(law.effective_sample_size(x, t), 1 / w.square().sum(1), **close)
    product = torch.einsum("bij,bj->bi", covariance, v)
    torch.testing.assert_close(law.posterior_covariance_matvec(x, t, v), product, **close)
    values, indices = law.weights(x, t, top=150)
    torch.testing.assert_close(values, w.sort(1, descending=True).values, **close)
    torch.testing.assert_close(torch.zeros_like(w).scatter(1, indices, values), w, **close)


@pytest.mark.parametrize("t", TIMES)
def test_score_is_the_gradient_of_the_log_density(form: str, t: float) -> None:
    law = Empirical(DATA, block_elements=2000)
    x = noisy_points(DATA, 20, t).requires_grad_()
    (gradient,) = torch.autograd.grad(law.log_density(x, t).sum(), x)
    torch.testing.assert_close(law.score(x.detach(), t), gradient, rtol=1e-9, atol=1e-9 / t)


def test_log_density_rises_along_the_score_by_finite_differences() -> None:
    """Independent of autograd: (ln p(x+hu) - ln p(x-hu))/2h = u.s to order h^2."""
    law, t, h = Empirical(DATA), 0.3, 1e-5
    x, u = noisy_points(DATA, 20, t), normal(20, 5, seed=3)
    slope = (law.log_density(x + h * u, t) - law.log_density(x - h * u, t)) / (2 * h)
    torch.testing.assert_close(slope, (law.score(x, t) * u).sum(1), rtol=1e-6, atol=1e-6)


def test_score_is_the_denoised_displacement_over_t(form: str) -> None:
    law = Empirical(DATA)
    for t in TIMES:
        x = noisy_points(DATA, 30, t)
        torch.testing.assert_close(law.score(x, t), (law.denoise(x, t) - x) / t, rtol=1e-11, atol=1e-12 / t)


def test_mean_score_vanishes_under_the_smoothed_law() -> None:
    law, t, n = Empirical(DATA), 0.5, 20_000
    points = law.sample(n, torch.Generator().manual_seed(4))
    s = law.score(points + math.sqrt(t) * normal(n, 5, seed=5), t)
    assert ((s.mean(0) / (s.std(0) / math.sqrt(n))).abs() < 4.5).all()


def test_effective_sample_size_lies_between_one_and_n(form: str) -> None:
    law = Empirical(DATA)
    for t in [1e-12, 1e-4, 0.1, 1.0, 100.0, 1e12]:
        ess = law.effective_sample_size(noisy_points(DATA, 30, t), t)
        assert (ess >= 1 - 1e-12).all()
        assert (ess <= 150 * (1 + 1e-12)).all()


def test_equal_distances_give_the_full_sample_size(form: str) -> None:
    corners = torch.cat([torch.eye(8, dtype=F64), -torch.eye(8, dtype=F64)])
    ess = Empirical(corners).effective_sample_size(torch.zeros(1, 8, dtype=F64), 0.01)
    torch.testing.assert_close(ess, torch.tensor([16.0], dtype=F64), rtol=1e-12, atol=0)


def test_large_t_is_a_gaussian_around_the_mean() -> None:
    """D = mean + C x_c/t + O(1/t^2), and ln p tends to that of N(mean, t I)."""
    t = 1e7
    x = noisy_points(DATA, 10, t)
    law, mean = Empirical(DATA), DATA.mean(0)
    centered = DATA - mean
    covariance = centered.T @ centered / 150
    first_order = (x - mean) @ covariance / t
    # The next term is a third cumulant times |x|^2/t^2 = O(d/t).
    torch.testing.assert_close(law.denoise(x, t), mean + first_order, rtol=0, atol=1e-4)
    assert (law.denoise(x, t) - mean).norm() > 10 * 1e-4  # the first-order term is resolved
    gaussian = -(x - mean).square().sum(1) / (2 * t) - 2.5 * math.log(2 * math.pi * t)
    torch.testing.assert_close(law.log_density(x, t), gaussian, rtol=0, atol=1e-5)


@pytest.mark.parametrize("t", [1e-12, 1e-9])
def test_small_t_is_the_nearest_point(t: float) -> None:
    x = normal(60, 5, seed=6)
    nearest = torch.cdist(x, DATA).argmin(1)
    law = Empirical(DATA)
    assert torch.equal(law.denoise(x, t), DATA[nearest])
    assert torch.equal(law.weights(x, t, top=1).indices[:, 0], nearest)
    assert torch.equal(law.posterior_covariance_matvec(x, t, x), torch.zeros_like(x))


@pytest.mark.parametrize("data", [normal(1, 4), normal(1, 4).repeat(7, 1) * 1e3], ids=["one point", "all equal"])
@pytest.mark.parametrize("t", [1e-12, 1e-3, 1.0, 1e12])
def test_one_place_is_a_gaussian_kernel(form: str, data: torch.Tensor, t: float) -> None:
    law, y = Empirical(data), data[0]
    x = y + math.sqrt(t) * normal(6, 4, seed=7)
    torch.testing.assert_close(law.denoise(x, t), y.expand(6, 4), rtol=1e-12, atol=0)
    torch.testing.assert_close(law.score(x, t), (y - x) / t, rtol=1e-9, atol=1e-12 * y.norm() / t)
    gaussian = -(x - y).square().sum(1) / (2 * t) - 2 * math.log(2 * math.pi * t)
    torch.testing.assert_close(law.log_density(x, t), gaussian, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(law.effective_sample_size(x, t), torch.full((6,), float(len(data)), dtype=F64))
    torch.testing.assert_close(law.jacobian_eigenvalues(x, t), torch.full((6, 4), -1 / t, dtype=F64), rtol=1e-6, atol=0)


@pytest.mark.parametrize("t", TIMES)
def test_a_repeated_point_weighs_double(form: str, t: float) -> None:
    doubled = torch.cat([DATA, DATA[:1]])
    x = noisy_points(DATA, 20, t)
    w = dense_weights(DATA, x, t)
    w[:, 0] *= 2
    w = w / w.sum(1, keepdim=True)
    torch.testing.assert_close(Empirical(doubled).denoise(x, t), w @ DATA, rtol=1e-10, atol=1e-11)
    values, indices = Empirical(doubled).weights(x, t, top=151)
    per_point = torch.zeros(20, 151, dtype=F64).scatter(1, indices, values)
    torch.testing.assert_close(per_point[:, 0] + per_point[:, 150], w[:, 0], rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("t", TIMES)
def test_order_of_the_points_does_not_matter(form: str, t: float) -> None:
    shuffle = torch.randperm(150, generator=torch.Generator().manual_seed(8))
    x = noisy_points(DATA, 20, t)
    law, shuffled = Empirical(DATA, block_elements=500), Empirical(DATA[shuffle], block_elements=500)
    torch.testing.assert_close(law.score(x, t), shuffled.score(x, t), rtol=1e-10, atol=1e-11 / t)
    indices = law.weights(x, t, top=3).indices
    kept = law.weights(x, t, top=3).values > 1e-15  # below that the order is not defined
    assert torch.equal(indices[kept], shuffle[shuffled.weights(x, t, top=3).indices][kept])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), log_t=st.floats(-8, 4), shift=st.floats(-1e3, 1e3))
def test_rotation_and_translation_equivariance(seed: int, log_t: float, shift: float) -> None:
    """s(Qx + b; Qy + b) = Q s(x; y), weights unchanged: to the rounding of the shifted coordinates themselves."""
    t = math.exp(log_t)
    y = normal(60, 4, seed=seed)
    x = noisy_points(y, 10, t, seed=seed + 1)
    q = torch.linalg.qr(normal(4, 4, seed=seed + 2)).Q
    b = shift * normal(4, seed=seed + 3)
    moved_y, moved_x = y @ q.T + b, x @ q.T + b
    rounding = 1e-14 * (1 + abs(shift)) * (1 + 1 / t)
    here, there = Empirical(y), Empirical(moved_y)
    scale = here.score(x, t).abs().max()
    torch.testing.assert_close(
        there.score(moved_x, t), here.score(x, t) @ q.T, rtol=0, atol=float(100 * rounding * (1 + scale))
    )
    torch.testing.assert_close(
        there.effective_sample_size(moved_x, t), here.effective_sample_size(x, t), rtol=1e3 * rounding, atol=0
    )


@pytest.mark.parametrize("t", TIMES)
def test_block_size_does_not_matter(form: str, t: float) -> None:
    x, v = noisy_points(DATA, 20, t), normal(20, 5, seed=9)
    whole = Empirical(DATA)
    for block_elements in (1, 130, 1000):  # one point, an uneven last block, fifty points
        parts = Empirical(DATA, block_elements=block_elements)
        torch.testing.assert_close(parts.score(x, t), whole.score(x, t), rtol=1e-10, atol=1e-11 / t)
        torch.testing.assert_close(parts.log_density(x, t), whole.log_density(x, t), rtol=1e-11, atol=1e-11)
        one, other = (law.posterior_covariance_matvec(x, t, v) for law in (parts, whole))
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-11)
        one, other = (law.weights(x, t, top=4).values for law in (parts, whole))
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-11)


def test_one_variance_for_each_state_and_more_states_than_one_pass() -> None:
    n = 2 * _posterior_weights.QUERIES + 3
    t = torch.logspace(-9, 3, n, dtype=F64)  # both forms occur, interleaved by the shuffle
    t = t[torch.randperm(n, generator=torch.Generator().manual_seed(10))]
    x = DATA[torch.arange(n) % 150] + t.sqrt()[:, None] * normal(n, 5, seed=11)
    law = Empirical(DATA)
    together, v = law.score(x, t), normal(n, 5, seed=12)
    products, spectra = law.posterior_covariance_matvec(x, t, v), law.jacobian_eigenvalues(x, t)
    for i in range(0, n, 37):
        one = slice(i, i + 1)
        torch.testing.assert_close(law.score(x[one], float(t[i])), together[one], rtol=1e-9, atol=1e-10 / float(t[i]))
        alone = law.posterior_covariance_matvec(x[one], t[one], v[one])
        torch.testing.assert_close(alone, products[one], rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(
            law.jacobian_eigenvalues(x[one], t[one]), spectra[one], rtol=1e-8, atol=1e-8 / float(t[i])
        )


def test_an_empty_batch_gives_empty_answers() -> None:
    law, x = Empirical(DATA), torch.empty(0, 5, dtype=F64)
    assert law.score(x, 1.0).shape == (0, 5)
    assert law.jacobian_eigenvalues(x, 1.0).shape == (0, 5)
    assert law.log_density(x, 1.0).shape == (0,)
    assert law.weights(x, 1.0, top=3).indices.shape == (0, 3)


def test_many_points_tend_to_the_population_at_rate_one_half() -> None:
    """For y ~ N(0, I) the population denoiser is x/(1+t); the RMS error falls as N^(-1/2)."""
    t, d, repeats = 1.0, 2, 200
    sizes = torch.tensor([100, 400, 1600, 6400])
    errors = []
    for k, n in enumerate(sizes.tolist()):
        squared = []
        for r in range(repeats):
            x = math.sqrt(1 + t) * normal(8, d, seed=1000 * k + r)
            law = Empirical(normal(n, d, seed=10_000 + 1000 * k + r))
            squared.append((law.denoise(x, t) - x / (1 + t)).square().mean())
        errors.append(torch.stack(squared).mean().sqrt())
    u, v = sizes.log() - sizes.log().mean(), torch.stack(errors).log()
    slope = float((u * v).sum() / u.square().sum())
    # Each RMS is known to about 4 %, so the slope to about 0.02.
    assert abs(slope + 0.5) < 0.06


def test_results_have_the_dtype_of_the_states() -> None:
    law = Empirical(DATA.float())
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        x = noisy_points(DATA, 4, 1.0).to(dtype)
        t = torch.full((4,), 1.0)
        for result in (law.score(x, 1.0), law.denoise(x, t), law.log_density(x, 1), law.weights(x, 1.0, top=2).values):
            assert result.dtype == dtype
        assert law.jacobian_eigenvalues(x, 1.0).dtype == dtype
    assert law.sample(3, torch.Generator().manual_seed(0)).dtype == torch.float32
    assert law.data.dtype == torch.float32


def test_sample_draws_every_point_equally_often() -> None:
    law, n = Empirical(torch.arange(5, dtype=F64)[:, None]), 50_000
    counts = law.sample(n, torch.Generator().manual_seed(13))[:, 0].long().bincount(minlength=5)
    assert float((counts - n / 5).square().sum() / (n / 5)) < 18.5  # chi-squared, 4 degrees of freedom, p = .001
    assert (law.n_points, law.ambient_dim, law.intrinsic_dim) == (5, 1, 0)


@pytest.mark.parametrize("t", [10.0**k for k in range(-12, 13, 3)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_finite_for_every_variance(t: float, dtype: torch.dtype) -> None:
    data = torch.cat([DATA, DATA[:2], 1e3 * DATA[:2]]).to(dtype)
    law = Empirical(data)
    states = [data.double(), noisy_points(DATA, 10, t), torch.zeros(1, 5, dtype=F64), 1e4 * normal(3, 5)]
    x = torch.cat(states)
    for result in (
        law.score(x, t),
        law.denoise(x, t),
        law.log_density(x, t),
        law.effective_sample_size(x, t),
        law.weights(x, t, top=5).values,
        law.posterior_covariance_matvec(x, t, x),
        law.jacobian_eigenvalues(x, t),
    ):
        assert torch.isfinite(result).all()
    torch.testing.assert_close(law.weights(x, t, top=154).values.sum(1), torch.ones(len(x), dtype=F64))


BAD_DATA = {
    "list": ([[0.0]], "of type list"),
    "vector": (torch.zeros(3), r"of shape \(3,\)"),
    "images": (torch.zeros(3, 2, 2), "flatten images"),
    "no points": (torch.zeros(0, 3), "N >= 1"),
    "no dimensions": (torch.zeros(3, 0), "d >= 1"),
    "integers": (torch.zeros(3, 2, dtype=torch.int64), "int64"),
    "half": (torch.zeros(3, 2, dtype=torch.float16), "float16"),
    "NaN": (torch.tensor([[0.0], [math.nan]]), "NaN"),
    "infinity": (torch.tensor([[0.0], [-math.inf]]), "infinity"),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("data", "message"), BAD_DATA.values(), ids=BAD_DATA.keys())
def test_bad_data_are_refused(data: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Empirical(data)


BAD_STATES = {
    "vector": (torch.zeros(5), 1.0, "shape"),
    "other dimension": (torch.zeros(2, 4), 1.0, "shape"),
    "integers": (torch.zeros(2, 5, dtype=torch.int64), 1.0, "dtype"),
    "NaN": (torch.full((2, 5), math.nan), 1.0, "NaN"),
    "infinity": (torch.full((2, 5), math.inf), 1.0, "infinity"),
    "t zero": (torch.zeros(2, 5), 0.0, "t > 0"),
    "t negative": (torch.zeros(2, 5), -1.0, "t > 0"),
    "t NaN": (torch.zeros(2, 5), math.nan, "t > 0"),
    "t infinite": (torch.zeros(2, 5), math.inf, "t > 0"),
    "t too many": (torch.zeros(2, 5), torch.ones(3), "shape"),
    "t integers": (torch.zeros(2, 5), torch.ones(2, dtype=torch.int64), "dtype"),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("x", "t", "message"), BAD_STATES.values(), ids=BAD_STATES.keys())
def test_bad_states_are_refused(x: torch.Tensor, t: object, message: str) -> None:
    law = Empirical(DATA)
    for method in (
        law.score,
        law.denoise,
        law.log_density,
        law.inverse_participation_ratio,
        law.effective_sample_size,
        law.jacobian_eigenvalues,
        lambda x, t: law.weights(x, t, top=1),
        lambda x, t: law.posterior_covariance_matvec(x, t, x),
    ):
        with pytest.raises(InputError, match=message):
            method(x, t)


@pytest.mark.usefixtures("unchecked")
def test_other_bad_arguments_are_refused() -> None:
    law, x = Empirical(DATA), torch.zeros(2, 5)
    for top in (0, 151):
        with pytest.raises(InputError, match="n_points = 150"):
            law.weights(x, 1.0, top=top)
    with pytest.raises(InputError, match="3 directions for 2 states"):
        law.posterior_covariance_matvec(x, 1.0, torch.zeros(3, 5))
    with pytest.raises(InputError, match="NaN"):
        law.posterior_covariance_matvec(x, 1.0, torch.full((2, 5), math.nan))
    for discard in (-0.1, 1.0, math.nan):
        with pytest.raises(InputError, match="discard"):
            law.jacobian_eigenvalues(x, 1.0, discard=discard)
    with pytest.raises(InputError, match="block_elements"):
        Empirical(DATA, block_elements=0)
    with pytest.raises(InputError, match="draw"):
        law.sample(0, torch.Generator())
    with pytest.raises(InputError, match="rescale"):
        Empirical(1e200 * DATA).score(x, 1.0)

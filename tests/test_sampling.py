"""Reverse processes against closed forms, orders of convergence, and the exact empirical kernel."""

import math

import pytest
import torch
from scipy import stats

from geomem.distributions import Empirical, GaussianMixture, LinearManifold
from geomem.errors import InputError
from geomem.sampling import exact_reverse, log_times, probability_flow, reverse_sde

ZERO = torch.zeros(1, dtype=torch.float64)
SIGMA2 = torch.tensor([2.0, 0.1], dtype=torch.float64)
GAUSSIAN = LinearManifold(SIGMA2, ambient_dim=2)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slope(steps: list[int], errors: list[float]) -> float:
    """Least-squares slope of ln(error) against ln(steps)."""
    return stats.linregress([math.log(n) for n in steps], [math.log(e) for e in errors]).slope


def test_times_fall_geometrically_between_exact_ends():
    times = log_times(80.0, 1e-4, 7)
    assert len(times) == 8
    assert (times[0].item(), times[-1].item()) == (80.0, 1e-4)
    ratios = times[1:] / times[:-1]
    torch.testing.assert_close(ratios, ratios[:1].expand(7), rtol=1e-13, atol=0)


def test_flow_of_a_gaussian_is_its_closed_form():
    """Each principal coordinate shrinks by sqrt((t' + sigma^2)/(t + sigma^2)), if the steps are fine."""
    x = normal(5, 2)
    end = probability_flow(GAUSSIAN, x, log_times(50.0, 1e-4, 2000))
    torch.testing.assert_close(end, x * ((1e-4 + SIGMA2) / (50.0 + SIGMA2)).sqrt(), rtol=1e-4, atol=0)


def test_flow_is_of_second_order():
    x, exact = torch.ones(1, 2, dtype=torch.float64), ((0.01 + SIGMA2) / (50.0 + SIGMA2)).sqrt()
    steps = [40, 80, 160, 320]
    errors = [(probability_flow(GAUSSIAN, x, log_times(50.0, 0.01, n)) - exact).norm().item() for n in steps]
    assert slope(steps, errors) == pytest.approx(-2, abs=0.1)


def test_reverse_diffusion_of_a_gaussian_follows_its_variance_step_by_step():
    """One step maps a variance v to ((s + t')/(s + t))^2 v + t'(t - t')/t; the mean shrinks by the same factor."""
    n, times = 100_000, log_times(10.0, 0.05, 8)
    start = normal(n, 2) * (10.0 + SIGMA2).sqrt() + 5.0
    path = reverse_sde(GAUSSIAN, start, times, torch.Generator().manual_seed(1), trajectory=True)
    mean, variance = torch.full((2,), 5.0, dtype=torch.float64), 10.0 + SIGMA2
    for k in range(8):
        t, t_next = times[k], times[k + 1]
        gain = (SIGMA2 + t_next) / (SIGMA2 + t)
        mean, variance = gain * mean, gain**2 * variance + t_next * (t - t_next) / t
        assert ((path[k + 1].mean(0) - mean).abs() < 4.5 * (variance / n).sqrt()).all()
        assert ((path[k + 1].var(0) / variance - 1).abs() < 4.5 * math.sqrt(2 / n)).all()


def test_reverse_diffusion_is_of_first_order_in_the_variance():
    n, steps = 200_000, [20, 40, 80]
    law, start = LinearManifold.isotropic(1.0, 1), normal(n, 1) * math.sqrt(17.0)
    errors = []
    for k in steps:
        end = reverse_sde(law, start, log_times(16.0, 0.01, k), torch.Generator().manual_seed(2))
        errors.append(1.01 - end.var().item())
    assert slope(steps, errors) == pytest.approx(-0.94, abs=0.12)  # the recursion of the test above gives -0.936


SHARES = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
CENTERS, WIDTHS = torch.tensor([[-1.5, 0.5, 2.0], [0.2, 0.05, 0.1]], dtype=torch.float64)
MIXTURE = GaussianMixture(CENTERS[:, None], WIDTHS, SHARES)  # on a line, where distribution functions are known


def below(x: torch.Tensor, t: float) -> torch.Tensor:
    """What the mixture smoothed to t has below each state."""
    return torch.special.ndtr((x - CENTERS) / (t + WIDTHS).sqrt()) @ SHARES


def test_flow_through_a_mixture_is_of_second_order():
    """On a line it keeps what lies below a state; the score is far from linear here."""
    x, steps = torch.linspace(-6, 6, 41, dtype=torch.float64)[:, None], [40, 80, 160, 320]
    ends = [probability_flow(MIXTURE, x, log_times(20.0, 0.01, n)) for n in steps]
    errors = [(below(end, 0.01) - below(x, 20.0)).norm().item() for end in ends]
    assert slope(steps, errors) == pytest.approx(-2, abs=0.05)
    assert errors[-1] < 2e-4


def test_reverse_diffusion_through_a_mixture_is_of_first_order():
    """Its second moment, whose standard error is a tenth of the smallest of the three errors."""
    n, steps, generator = 60_000, [10, 20, 40], torch.Generator().manual_seed(6)
    exact, errors = (SHARES @ (CENTERS.square() + WIDTHS)).item() + 0.01, []
    for k in steps:
        start = MIXTURE.sample(n, generator) + math.sqrt(20.0) * normal(n, 1, seed=k)
        square = reverse_sde(MIXTURE, start, log_times(20.0, 0.01, k), generator).square()
        errors.append(exact - square.mean().item())
        assert square.std() / math.sqrt(n) < 0.1 * errors[-1]
    assert slope(steps, errors) == pytest.approx(-0.97, abs=0.15)


@pytest.mark.parametrize("grid", [[20.0, 0.3], [20.0, 5.0, 1.0, 0.3]], ids=["one step", "three steps"])
def test_only_the_exact_kernel_has_no_error_of_the_step(grid):
    """Against the distribution function of p_{N,t}, which the bridge to the mean misses by far on these grids."""
    points, n = torch.tensor([-1.5, -1.2, 0.5, 2.0, 2.3], dtype=torch.float64), 20_000
    law, generator, times = Empirical(points[:, None]), torch.Generator().manual_seed(7), torch.tensor(grid).double()
    start = law.sample(n, generator) + math.sqrt(20.0) * normal(n, 1, seed=8)

    def of_law(x):
        return stats.norm.cdf((x[:, None] - points.numpy()) / math.sqrt(0.3)).mean(1)

    exact, bridge = (f(law, start, times, generator)[:, 0].numpy() for f in (exact_reverse, reverse_sde))
    assert stats.kstest(exact, of_law).pvalue > 1e-3
    assert stats.kstest(bridge, of_law).pvalue < 1e-50


def test_reverse_diffusion_of_one_point_is_exact_for_any_grid():
    """With a single data point the posterior is that point, and one coarse step leaves no error."""
    point = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    n = 50_000
    start = point + math.sqrt(30.0) * normal(n, 2)
    end = reverse_sde(Empirical(point), start, torch.tensor([30.0, 0.4]).double(), torch.Generator().manual_seed(3))
    assert ((end.mean(0) - point[0]).abs() < 4.5 * math.sqrt(0.4 / n)).all()
    assert ((end.var(0) / 0.4 - 1).abs() < 4.5 * math.sqrt(2 / n)).all()


@pytest.mark.parametrize("grid", [[2.0, 0.0], [2.0, 0.5, 0.0], [2.0, 1.9, 1.0, 0.3, 0.05, 0.0]])
def test_exact_reverse_draws_each_point_with_its_posterior_weight(grid):
    """Whatever the grid, the end given x at the start is y^mu with probability w_mu(x, t)."""
    data = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 3.0], [2.5, 1.0]], dtype=torch.float64)
    empirical, n = Empirical(data), 40_000
    x = torch.tensor([[0.8, 0.7]], dtype=torch.float64)
    end = exact_reverse(empirical, x.expand(n, 2), torch.tensor(grid).double(), torch.Generator().manual_seed(4))
    hits = (end[:, None] == data).all(2)
    assert hits.any(1).all()  # training points, to the last bit
    weights = (-(x - data).square().sum(1) / (2 * grid[0])).softmax(0)
    assert stats.chisquare(hits.sum(0).numpy(), (n * weights).numpy()).pvalue > 1e-4


def test_exact_reverse_passes_through_the_smoothed_law():
    """On the way its states have the variance of p_{N,t}, at every t of a coarse grid."""
    data, n = torch.tensor([[-1.0], [1.0]], dtype=torch.float64), 50_000
    times = torch.tensor([100.0, 4.0, 1.0, 0.1], dtype=torch.float64)
    start = data[torch.arange(n) % 2] + 10 * normal(n, 1)
    path = exact_reverse(Empirical(data), start, times, torch.Generator().manual_seed(5), trajectory=True)
    for state, t in zip(path, times, strict=True):
        square = state.square()
        assert abs(square.mean() - (1 + t)) < 4.5 * square.std() / math.sqrt(n)


def test_flow_of_an_empirical_law_ends_at_a_training_point():
    data = normal(200, 10)
    start = data.mean(0) + math.sqrt(401.0) * normal(30, 10, seed=1)
    end = probability_flow(Empirical(data), start, torch.cat([log_times(400.0, 1e-5, 200), ZERO]))
    distance = torch.cdist(end, data).min(1).values
    assert distance.max() < 1e-6


def test_last_step_to_zero_noise_returns_the_denoised_state():
    law = GaussianMixture(normal(3, 2), [0.1, 0.2, 0.3])
    x, times = normal(6, 2, seed=1), torch.tensor([0.5, 0.0], dtype=torch.float64)
    expected = law.denoise(x, 0.5)
    torch.testing.assert_close(probability_flow(law, x, times), expected, rtol=1e-14, atol=0)
    torch.testing.assert_close(reverse_sde(law, x, times, torch.Generator()), expected, rtol=1e-14, atol=1e-15)


def runs():
    empirical = Empirical(normal(20, 2))
    return {
        "flow": lambda x, times, **how: probability_flow(empirical, x, times, **how),
        "diffusion": lambda x, times, **how: reverse_sde(empirical, x, times, torch.Generator().manual_seed(0), **how),
        "exact": lambda x, times, **how: exact_reverse(empirical, x, times, torch.Generator().manual_seed(0), **how),
    }


@pytest.mark.parametrize("run", runs().values(), ids=runs())
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_trajectory_starts_at_the_start_and_ends_at_the_end(run, dtype):
    x, times = normal(4, 2, seed=1).to(dtype), log_times(9.0, 0.1, 5)
    path, end = run(x, times, trajectory=True), run(x, times)
    assert (path.shape, path.dtype) == ((6, 4, 2), dtype)
    assert torch.equal(path[0], x)
    assert torch.equal(path[-1], end)
    assert not torch.equal(path[1], path[2])


@pytest.mark.parametrize("run", runs().values(), ids=runs())
def test_bad_states_and_grids_are_refused(run, unchecked):
    x, times = normal(4, 2), log_times(9.0, 0.1, 5)
    bad_times = [times[:1], times.flip(0), times * math.nan, times[None], times - 5, torch.tensor([1.0, 1.0])]
    for bad in bad_times:
        with pytest.raises(InputError, match="times"):
            run(x, bad)
    for bad in (x[0], x / 0, x.long()):
        with pytest.raises(InputError, match="states"):
            run(bad, times)


@pytest.mark.parametrize(
    ("t_max", "t_min", "steps"),
    [(1.0, 1.0, 5), (1.0, 2.0, 5), (1.0, 0.0, 5), (math.inf, 1.0, 5), (math.nan, 1.0, 5), (1.0, 0.1, 0)],
)
def test_bad_grids_are_refused(t_max, t_min, steps):
    with pytest.raises(InputError, match="t_max > t_min > 0"):
        log_times(t_max, t_min, steps)

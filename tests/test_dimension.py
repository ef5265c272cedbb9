"""Each estimator of dimension against another route to it, its limits, and refusals."""

import numpy as np
import pytest
import torch

from geomem.dimension import effective_dimension, flipd, second_difference, spectral_gap
from geomem.distributions import Empirical, GaussianMixture, LinearManifold
from geomem.errors import InputError
from geomem.jacobian import spectrum, trace


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


MIXTURE = GaussianMixture(normal(3, 4, seed=5), [0.2, 0.3, 0.5])
PLANE = LinearManifold([2.0, 0.3], ambient_dim=6, basis=torch.linalg.qr(normal(6, 2, seed=6)).Q)
LAWS = {"mixture": MIXTURE, "plane": PLANE, "empirical": Empirical(normal(20, 4, seed=7))}
TIMES = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)

# --- the gap ----------------------------------------------------------------------------------------------------------


def test_the_gap_of_a_linear_manifold_is_its_dimension():
    """At small noise; at larger noise the largest gap is that between the blocks."""
    law = LinearManifold([1.0, 1.0, 0.01, 0.01, 0.01], ambient_dim=8)
    x = torch.zeros(2, 8, dtype=torch.float64)
    found = spectral_gap(spectrum(law, x, torch.tensor([1e-3, 0.1], dtype=torch.float64)).values)
    assert found.position.tolist() == [5, 2]
    assert found.size.tolist() == pytest.approx([1 - 1e-3 / 0.011, 0.1 / 0.11 - 0.1 / 1.1], rel=1e-10, abs=0)


def test_gaps_are_those_of_the_definition():
    values = normal(40, 7).sort(1).values
    differences = np.diff(values.numpy(), axis=1)
    found = spectral_gap(values)
    assert found.position.tolist() == (differences.argmax(1) + 1).tolist()
    assert found.size.tolist() == differences.max(1).tolist()


def test_of_equal_gaps_the_first_counts_and_float32_is_read():
    found = spectral_gap(torch.tensor([[0.0, 0.5, 0.5, 1.0]]))
    assert (found.position.tolist(), found.size.tolist()) == ([1], [0.5])
    assert found.size.dtype == torch.float64


def test_bad_spectra_are_refused(unchecked):
    for values, reason in (
        (torch.zeros(2, 1), "two sides"),
        (torch.tensor([[1.0, 0.0]]), "ascend"),
        (torch.zeros(3), "expected"),
        (torch.zeros(2, 3) / 0, "NaN"),
    ):
        with pytest.raises(InputError, match=reason):
            spectral_gap(values)


# --- the effective dimension ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("t", [1e-6, 0.5, 30.0])
def test_the_effective_dimension_is_that_of_ridge_regression(t):
    expected = sum(v / (t + v) for v in (2.0, 0.3))
    found = effective_dimension(PLANE, normal(3, 6), t)
    assert found.value.tolist() == pytest.approx([expected] * 3, rel=0, abs=1e-12)
    assert found.standard_error.tolist() == [0] * 3


def test_of_the_empirical_law_it_is_the_spread_of_the_points_under_the_weights():
    law, x = LAWS["empirical"], normal(3, 4, seed=8)
    weights = law.weights(x, TIMES, top=20)
    points = law.data[weights.indices]
    mean = (weights.values[..., None] * points).sum(1, keepdim=True)
    spread = (weights.values[..., None] * (points - mean).square()).sum((1, 2))
    torch.testing.assert_close(effective_dimension(law, x, TIMES).value, spread / TIMES, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("estimate", [effective_dimension, flipd], ids=lambda f: f.__name__)
def test_estimates_by_probes_are_those_of_the_trace(estimate, generator):
    """In units of the dimension: the value and its error are t times those of the trace."""
    x = normal(3, 4, seed=8)
    exact = estimate(MIXTURE, x, TIMES)
    found = estimate(MIXTURE, x, TIMES, n_probes=100, generator=generator)
    traced = trace(MIXTURE, x, TIMES, n_probes=100, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.standard_error, TIMES * traced.standard_error, rtol=1e-12, atol=0)
    assert (found.standard_error > 0).all()
    assert ((found.value - exact.value).abs() < 4 * found.standard_error).all()
    torch.testing.assert_close(
        found.value - exact.value, TIMES * (traced.value - trace(MIXTURE, x, TIMES).value), rtol=1e-9, atol=1e-12
    )


# --- FLIPD ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAWS)
def test_flipd_is_the_growth_of_the_mass_within_the_noise(name):
    """d + the derivative of ln p_t by ln sqrt t, by finite differences."""
    law, h = LAWS[name], 1e-4
    x = normal(3, law.ambient_dim, seed=8)
    slope = (law.log_density(x, TIMES * np.exp(2 * h)) - law.log_density(x, TIMES * np.exp(-2 * h))) / (2 * h)
    torch.testing.assert_close(flipd(law, x, TIMES).value, law.ambient_dim + slope, rtol=1e-6, atol=1e-6)


def test_of_the_empirical_law_it_is_the_mean_squared_distance_over_the_noise():
    law, x = LAWS["empirical"], normal(3, 4, seed=8)
    weights = law.weights(x, TIMES, top=20)
    squares = (x[:, None] - law.data[weights.indices]).square().sum(2)
    expected = (weights.values * squares).sum(1) / TIMES
    torch.testing.assert_close(flipd(law, x, TIMES).value, expected, rtol=1e-10, atol=0)


def test_at_clean_points_of_a_manifold_it_tends_to_the_rank_and_beside_it_to_infinity():
    clean, generator = PLANE.sample(4, torch.Generator().manual_seed(1)), torch.Generator().manual_seed(2)
    errors = [(flipd(PLANE, clean, t).value - 2).abs().max().item() for t in (1e-2, 1e-4, 1e-6)]
    assert errors[2] < 1e-4
    assert errors[0] > 50 * errors[1] > 2500 * errors[2] > 0  # of first order in t
    beside = clean + 0.1 * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    normal_part = (beside - PLANE.denoise(beside, 1e-9)).square().sum(1)
    torch.testing.assert_close(1e-9 * flipd(PLANE, beside, 1e-9).value, normal_part, rtol=1e-6, atol=0)


def test_at_a_training_point_it_tends_to_zero():
    law = LAWS["empirical"]
    values = [flipd(law, law.data[:5], t).value.abs().max().item() for t in (1.0, 0.05, 1e-3)]
    assert values[0] > 1
    assert values[2] < 1e-10


def test_at_noisy_states_it_is_the_ambient_dimension_on_average():
    """By quadrature in one dimension; the effective dimension averages to less."""
    law = GaussianMixture(torch.tensor([[-1.0], [0.4], [2.0]], dtype=torch.float64), [0.0, 0.1, 0.3])
    x = torch.linspace(-9, 12, 211, dtype=torch.float64)[:, None]
    for t in (0.2, 1.0):
        density = law.log_density(x, t).exp()
        mean = torch.trapezoid(density * flipd(law, x, t).value, x[:, 0]).item()
        assert mean == pytest.approx(1, rel=1e-9, abs=0)
        assert torch.trapezoid(density * effective_dimension(law, x, t).value, x[:, 0]).item() < 0.9


def test_states_of_float32_are_read(generator):
    x = normal(3, 6).float()
    for estimate in (effective_dimension, flipd):
        found = estimate(PLANE, x, 0.5)
        assert found.value.dtype == torch.float64
        torch.testing.assert_close(found.value, estimate(PLANE, x.double(), 0.5).value, rtol=1e-5, atol=1e-5)


# --- second differences -----------------------------------------------------------------------------------------------


def by_the_rule(spectra: np.ndarray, discard: int, threshold: float) -> list[list[int]]:
    """The published rule, index by index."""
    d = spectra.shape[1]
    bends = [
        [abs((row[i] - row[i + 1]) - (row[i + 1] - row[i + 2])) for i in range(discard, d - 2)] for row in spectra
    ]
    median = np.median([b for row in bends for b in row])
    return [[d - (i + 1 + discard) for i, b in enumerate(row) if b > threshold * median] for row in bends]


@pytest.mark.parametrize(("discard", "threshold"), [(5, 10.0), (0, 3.0), (12, 1.0), (17, 0.5)])
def test_second_differences_follow_the_published_rule(discard, threshold):
    spectra = normal(6, 20).abs().pow(3).sort(1, descending=True).values
    found = second_difference(spectra, discard=discard, threshold=threshold)
    expected = by_the_rule(spectra.numpy(), discard, threshold)
    assert [row.tolist() for row in found] == expected
    assert 0 < sum(map(len, expected)) < 6 * (18 - discard)


def test_a_step_bends_twice():
    """And what is discarded still counts in the dimension; defaults of the published code."""
    smooth = torch.linspace(0.1, 0, 30, dtype=torch.float64).square()
    spectra = smooth + torch.cat([torch.full((23,), 10.0), torch.ones(7)])
    assert [row.tolist() for row in second_difference(spectra[None])] == [[8, 7]]
    assert second_difference(spectra[None])[0].tolist() == second_difference(spectra[None], discard=5)[0].tolist()
    at_fifth = smooth + torch.cat([torch.full((5,), 10.0), torch.ones(25)])
    assert [row.tolist() for row in second_difference(at_fifth[None])] == [[]]
    assert [row.tolist() for row in second_difference(at_fifth[None], discard=4)] == [[25]]


def test_the_threshold_is_ten_medians_of_all_spectra_together():
    """One bend of 9.9, 10.1 in units of the median of its own spectrum; a rough spectrum beside it hides both."""
    flat = torch.arange(40, 0, -1, dtype=torch.float64).square() / 2  # second difference 1
    bent = torch.stack([flat, flat])
    bent[0, :20] += 8.9 * torch.arange(20, 0, -1)
    bent[1, :20] += 9.1 * torch.arange(20, 0, -1)
    assert [row.tolist() for row in second_difference(bent)] == [[], [20]]
    rough = torch.cat([bent, (1.1 * flat).expand(9, 40)])
    assert [row.tolist() for row in second_difference(rough)][:2] == [[], []]


def test_bad_singular_values_are_refused(unchecked):
    falling = torch.arange(8, 0, -1).double()[None]
    for values, reason in (
        (falling.flip(1), "descending"),
        (falling[:0], "no spectrum"),
        (falling[0], "expected"),
        (falling[:, :5], "a bend takes three"),
    ):
        with pytest.raises(InputError, match=reason):
            second_difference(values)
    for discard in (-1, 6):
        with pytest.raises(InputError, match="expected 0 to 5"):
            second_difference(falling, discard=discard)
    for threshold in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="threshold"):
            second_difference(falling, threshold=threshold)

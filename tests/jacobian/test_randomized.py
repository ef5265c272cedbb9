"""The certificate of the range finder: what it accepts is right, and what it should not accept it refuses."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from geomem.errors import ConvergenceError
from geomem.jacobian._randomized import FAILURE, PROBES, QUANTILE, captured_eigenvalues, participation_rank


def capture(eigenvalues, *, tolerance=1e-6, seed=0, unit=2.2e-16):
    """Captured eigenvalues of a diagonal matrix, the bound, and the largest error, the missing ones being zero."""
    k = torch.as_tensor(eigenvalues, dtype=torch.float64).sort().values
    calls = []

    def multiply(v):
        calls.append(len(v))
        return v * k

    generator = torch.Generator().manual_seed(seed)
    values, bound = captured_eigenvalues(multiply, len(k), generator, tolerance=tolerance, unit=unit)
    estimate = torch.cat([torch.zeros(len(k) - len(values), dtype=torch.float64), values]).sort().values
    return values, bound, (estimate - k).abs().max().item(), calls


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-6])
@pytest.mark.parametrize(
    "tail",
    [
        0.5 ** np.arange(400),
        np.exp(-np.arange(400) / 4),
        1 / (1 + np.arange(400)) ** 6,
        np.r_[[1.0] * 20, [1e-10] * 380],
    ],
    ids=["halving", "exponential", "power", "step with a floor"],
)
def test_errors_stay_below_the_bound_and_the_bound_below_the_tolerance(tail, tolerance):
    for seed in range(5):
        _, bound, error, _ = capture(tail, tolerance=tolerance, seed=seed)
        assert error <= bound <= tolerance


def test_what_is_left_out_is_counted_together():
    """380 eigenvalues of 1e-5 are each below the tolerance, their sum is not."""
    with pytest.raises(ConvergenceError, match="no gap"):
        capture(np.r_[[1.0] * 20, [1e-5] * 380], tolerance=1e-3)
    _, bound, error, _ = capture(np.r_[[1.0] * 20, [1e-5] * 380], tolerance=1e-1)
    assert error == pytest.approx(1e-5, rel=0.01, abs=0)
    assert bound > 380e-5


def test_ritz_values_never_exceed_the_eigenvalues():
    k = np.exp(-np.arange(300) / 5)
    values, *_ = capture(k, tolerance=1e-2)
    assert (values.flip(0).numpy() <= k[: len(values)] + 1e-14).all()


class Hiding:
    """Ten directions, and one more from the first test of a basis on: only its probes can see that one."""

    def __init__(self, eigenvalue):
        self.eigenvalue, self.calls = eigenvalue, 0

    def __call__(self, v):
        self.calls += 1
        product = torch.zeros_like(v)
        product[:, :10] = v[:, :10]
        if self.calls >= 4:  # after the rank, the sketch, and the basis
            product[:, 150] = self.eigenvalue * v[:, 150]
        return product


def test_a_direction_that_the_basis_missed_is_noticed(generator):
    matrix = Hiding(1e-3)
    values, _ = captured_eigenvalues(matrix, 200, generator, tolerance=1e-3, unit=0.0)
    assert matrix.calls == 7  # one more sketch, basis, and test
    assert values[-11].item() == pytest.approx(1e-3, rel=1e-9, abs=0)
    with pytest.raises(ConvergenceError, match="negative eigenvalue"):
        captured_eigenvalues(Hiding(-0.1), 200, generator, tolerance=1e-3, unit=0.0)


def test_the_bound_is_the_formula():
    """From the basis and the probes as they were multiplied, and the matrix, with a leak that counts."""
    k, seen = torch.as_tensor(np.exp(-np.arange(300) / 3)), []

    def multiply(v):
        seen.append(v)
        return v * k

    _, bound = captured_eigenvalues(multiply, 300, torch.Generator().manual_seed(0), tolerance=0.1, unit=0.0)
    q, probes = seen[-2], seen[-1]
    b = (q * k - (q * k) @ q.T @ q).norm().item()
    c = (probes.square() @ k).mean().item() / QUANTILE
    assert (probes @ q.T).abs().max() < 1e-12
    assert b > 0.01 * c
    assert bound == pytest.approx(c / 2 + math.sqrt(c**2 / 4 + b**2), rel=1e-9, abs=0)


def test_the_quantile_is_that_of_the_worst_case():
    """All of the trace in one direction, where the mean of the probes is chi-squared: below, but not far."""
    exact = stats.chi2.cdf(PROBES * QUANTILE, PROBES)
    assert 1e-3 * FAILURE < exact < FAILURE
    assert (math.e * QUANTILE) ** (PROBES / 2) == pytest.approx(FAILURE, rel=1e-9, abs=0)


def test_the_bound_on_the_trace_fails_as_rarely_as_it_should_for_spread_out_spectra(generator):
    """At a quantile that can be seen: with 4 probes delta = .1 fails in at most (.1 e^.9)^2 of the draws."""
    limit = (0.1 * math.exp(0.9)) ** 2
    for spread in ([1.0], [1.0] * 3, [1.0, 0.1, 0.01]):
        weights = torch.tensor(spread, dtype=torch.float64)
        g = torch.randn(20_000, 4, len(spread), generator=generator, dtype=torch.float64)
        q = (g.square() * weights).sum(2).mean(1)
        assert (q <= 0.1 * weights.sum()).double().mean().item() <= limit


def test_participation_rank_is_below_the_rank_and_equal_for_a_projection(generator):
    def of(values):
        k = torch.as_tensor(values, dtype=torch.float64)
        probes = torch.randn(4000, len(k), generator=generator, dtype=torch.float64)
        return participation_rank(lambda v: v * k, probes)

    assert of([0.3] * 12 + [0.0] * 30) == pytest.approx(12, rel=0.02, abs=0)
    assert of([0.9, 0.1, 0.1, 0.0]) == pytest.approx(1.1**2 / 0.83, rel=0.05, abs=0)
    assert of([0.0] * 5) == 0.0


def test_the_first_basis_suffices_for_a_band_of_eigenvalues():
    *_, calls = capture(np.r_[np.linspace(0.5, 0.99, 40), [0.0] * 360])
    assert len(calls) == 4  # rank, sketch, basis, probes
    assert 40 <= calls[2] < 62


def test_the_basis_grows_where_eigenvalues_are_spread_and_keeps_what_it_has():
    values, bound, error, calls = capture(np.r_[np.logspace(-5, 0, 60), [0.0] * 640])
    assert error <= bound < 1e-6
    bases = calls[2::3]
    assert len(bases) >= 2
    assert bases[1] == min(2 * bases[0], 175)
    assert sum(calls[1::3]) == bases[-1] == len(values)  # each random vector was multiplied once


def test_an_empty_matrix_has_nothing_to_capture():
    values, bound, error, _ = capture([0.0] * 100)
    assert error == bound == 0.0
    assert (values == 0).all()


def test_negative_eigenvalues_are_refused():
    with pytest.raises(ConvergenceError, match="negative eigenvalue"):
        capture([0.9] * 5 + [-0.5] + [0.0] * 200)


def test_rounding_of_the_products_is_part_of_the_bound():
    k = np.r_[[0.9] * 10, [0.0] * 190]
    _, fine, *_ = capture(k, tolerance=1e-3)
    _, coarse, *_ = capture(k, tolerance=1e-3, unit=1e-6)
    size = math.sqrt(10) * 0.9 + math.sqrt(21) * 0.9  # Frobenius norm of KQ, and norm of K times that of Q
    assert coarse - fine == pytest.approx(1e-6 * size, rel=0.05, abs=0)
    with pytest.raises(ConvergenceError, match="no gap"):
        capture(k, tolerance=1e-6, unit=1e-6)


def test_an_antisymmetric_part_is_part_of_the_bound(generator):
    k = torch.diag(torch.tensor([0.9] * 4 + [0.0] * 96, dtype=torch.float64))
    k[0, 1], k[1, 0] = 1e-4, -1e-4
    _, bound = captured_eigenvalues(lambda v: v @ k.T, 100, generator, tolerance=1e-3, unit=2.2e-16)
    assert bound == pytest.approx(math.sqrt(2) * 1e-4, rel=1e-6, abs=0)

"""The spectrum of the score's Jacobian: Gram matrix against automatic differentiation and singular values."""

import torch
from rich.table import Table
from torch import Tensor

from benchmarks.timing import REPEATS, bisect, side_by_side
from geomem.distributions.empirical import Empirical

__all__ = ["run", "table"]

N_POINTS, D, STATES = 2000, 784, 8
DISCARD, FEW = 1e-12, 50
AUTODIFF, GRAM, BATCH = "jacrev + svdvals", "geomem, one state", f"geomem, each of {STATES} states"
TARGET = 50.0


def autodiff(law: Empirical, half_norms: Tensor, x: Tensor, t: float) -> Tensor:
    """Singular values of the Jacobian of the score written as a softmax, the usual way."""

    def score(z: Tensor) -> Tensor:
        return (((law.data @ z - half_norms) / t).softmax(0) @ law.data - z) / t

    return torch.linalg.svdvals(torch.func.jacrev(score)(x))


def run() -> list[dict[str, object]]:
    """Time the routes where at most 50 points count, and at effective sample size 50."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(N_POINTS, D, generator=generator, dtype=torch.float64)
    noise = torch.randn(STATES, D, generator=generator, dtype=torch.float64)
    law, half_norms = Empirical(y), y.square().sum(1) / 2

    def states(t: float) -> Tensor:
        return y[:STATES] + t**0.5 * noise

    def points_that_count(t: float) -> float:
        weights = law.weights(states(t), t, top=N_POINTS).values
        return float((weights.flip(1).cumsum(1) > DISCARD).sum(1).max())

    def sample_size(t: float) -> float:
        return float(law.effective_sample_size(states(t)[:1], t))

    rows = []
    for where, t in (
        (f"at most {FEW} points count", bisect(points_that_count, FEW + 1, 1.0, 1e4)),
        ("effective sample size 50", bisect(sample_size, 50, 1.0, 1e4)),
    ):
        x = states(t)
        expected = autodiff(law, half_norms, x[0], t)
        found = law.jacobian_eigenvalues(x[:1], t, discard=DISCARD)[0].abs().sort(descending=True).values
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)
        seconds = side_by_side(
            {
                AUTODIFF: lambda x=x, t=t: autodiff(law, half_norms, x[0], t),
                GRAM: lambda x=x, t=t: law.jacobian_eigenvalues(x[:1], t, discard=DISCARD),
                BATCH: lambda x=x, t=t: law.jacobian_eigenvalues(x, t, discard=DISCARD),
            },
            f"spectrum, {where}",
        )
        seconds[BATCH] /= STATES
        rows.append(
            {
                "where": where,
                "n_points": N_POINTS,
                "d": D,
                "dtype": "float64",
                "repeats": REPEATS,
                "t": t,
                "points_that_count": points_that_count(t),
                "effective_sample_size": sample_size(t),
                "seconds": seconds,
                "speedup": {name: seconds[AUTODIFF] / s for name, s in seconds.items()},
            }
        )
    return rows


def table(rows: list[dict[str, object]]) -> Table:
    """Lay the rows out: milliseconds, and in brackets how many times faster than automatic differentiation."""
    title = f"Spectrum of the Jacobian, N = {N_POINTS}, d = {D}, ms (speed-up; target for few points: {TARGET:g})"
    shown = Table(title=title)
    for heading in ("where", "points", "sample size", AUTODIFF, GRAM, BATCH):
        shown.add_column(heading, justify="right")
    for row in rows:
        cells = [f"{1e3 * s:.2f} ({row['speedup'][name]:.0f}x)" for name, s in row["seconds"].items()]
        sizes = (f"{row['points_that_count']:.0f}", f"{row['effective_sample_size']:.3g}")
        missed = row["points_that_count"] <= FEW and row["speedup"][GRAM] < TARGET
        shown.add_row(row["where"], *sizes, *cells, style="bold red" if missed else None)
    return shown

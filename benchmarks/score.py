"""The empirical score against broadcasting, cdist, fused attention, and two bare matrix products."""

from collections.abc import Callable

import torch
from rich.table import Table
from torch import Tensor

from benchmarks.timing import REPEATS, bisect, side_by_side
from geomem.distributions.empirical import Empirical

__all__ = ["run", "table"]

SHAPES = [(256, 20_000, 30), (256, 50_000, 784), (64, 200_000, 100)]  # batch, N, d
LARGEST = 4 * 2**30  # bytes: a route that needs more is not run
FLOOR, OURS = "two products", "geomem"
TARGET = 3.0


def broadcasting(x: Tensor, y: Tensor, t: float) -> Tensor:
    weights = (-(x[:, None] - y).square().sum(2) / (2 * t)).softmax(1)
    return (weights @ y - x) / t


def by_cdist(x: Tensor, y: Tensor, t: float) -> Tensor:
    weights = (-torch.cdist(x, y).square() / (2 * t)).softmax(1)
    return (weights @ y - x) / t


def attention(x: Tensor, keys: Tensor, y: Tensor, t: float) -> Tensor:
    """Scaled dot-product attention with the query [x, 1]/t and the key [y, -|y|^2/2] of the softmax identity."""
    query = torch.cat([x, torch.ones_like(x[:, :1])], 1) / t
    mean = torch.nn.functional.scaled_dot_product_attention(query[None, None], keys[None, None], y[None, None], scale=1)
    return (mean[0, 0] - x) / t


def routes(law: Empirical, keys: Tensor, x: Tensor, t: float) -> dict[str, Callable[[], Tensor]]:
    """Every route to the score that fits into memory, and the floor."""
    y = law.data
    runs = {
        FLOOR: lambda: (x @ y.T) @ y,
        OURS: lambda: law.score(x, t),
        "attention": lambda: attention(x, keys, y, t),
        "cdist": lambda: by_cdist(x, y, t),
    }
    if 2 * x.shape[0] * y.numel() * 8 <= LARGEST:  # the differences and their squares
        runs["broadcasting"] = lambda: broadcasting(x, y, t)
    return runs


def run() -> list[dict[str, object]]:
    """Time every route at every shape, where the effective sample size is about 2, 50, and N/2."""
    rows = []
    for batch, n_points, d in SHAPES:
        generator = torch.Generator().manual_seed(0)
        y = torch.randn(n_points, d, generator=generator, dtype=torch.float64)
        noise = torch.randn(batch, d, generator=generator, dtype=torch.float64)
        law = Empirical(y)
        keys = torch.cat([y, -y.square().sum(1, keepdim=True) / 2], 1)

        def sample_size(t: float, law: Empirical = law, noise: Tensor = noise, states: int = 16) -> float:
            x = law.data[:states] + t**0.5 * noise[:states]
            return float(law.effective_sample_size(x, t).log().mean().exp())

        for target in (2, 50, n_points / 2):
            t = bisect(sample_size, target, 1e-2, 1e6)
            x = y[:batch] + t**0.5 * noise
            runs = routes(law, keys, x, t)
            for name in runs.keys() - {FLOOR, OURS}:
                torch.testing.assert_close(runs[name](), law.score(x, t), rtol=1e-6, atol=1e-6)
            seconds = side_by_side(runs, f"batch {batch}, N {n_points}, d {d}, sample size {target:g}")
            rows.append(
                {
                    "batch": batch,
                    "n_points": n_points,
                    "d": d,
                    "dtype": "float64",
                    "repeats": REPEATS,
                    "t": t,
                    "effective_sample_size": sample_size(t),
                    "seconds": seconds,
                    "over_floor": {name: s / seconds[FLOOR] for name, s in seconds.items()},
                    "skipped": {} if "broadcasting" in runs else {"broadcasting": "would need more than 4 GiB"},
                }
            )
    return rows


def table(rows: list[dict[str, object]]) -> Table:
    """Lay the rows out: milliseconds, and in brackets the multiple of the floor."""
    names = [FLOOR, OURS, "attention", "cdist", "broadcasting"]
    shown = Table(title=f"Empirical score, ms (multiple of two matrix products; target for {OURS}: {TARGET:g})")
    for heading in ("batch", "N", "d", "sample size", *names):
        shown.add_column(heading, justify="right")
    for row in rows:
        cells = [
            f"{1e3 * row['seconds'][name]:.0f} ({row['over_floor'][name]:.2f})" if name in row["seconds"] else "> 4 GiB"
            for name in names
        ]
        sizes = (row["batch"], row["n_points"], row["d"], f"{row['effective_sample_size']:.3g}")
        shown.add_row(*map(str, sizes), *cells, style=None if row["over_floor"][OURS] <= TARGET else "bold red")
    return shown

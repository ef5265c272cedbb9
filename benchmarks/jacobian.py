"""The spectrum of -tJ for any score: the certified default against autodiff, probes, and stacked noisy scores.

The linear score has its own values; a network is held to the singular values of its Jacobian in float64, which the
eigenvalues of the symmetric part miss by its asymmetry. Each error is the largest over all d values (but the largest
value of probes and noisy scores, which is their mean), each peak that of a whole process that computes one spectrum
and nothing else.
"""

import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.table import Table
from torch import Tensor

from benchmarks.timing import side_by_side
from geomem import jacobian
from geomem.distributions import LinearManifold, Score

__all__ = ["linear", "network", "peak", "run", "table"]

LINEAR = [(3072, 16), (3072, 256)]  # d, tangent directions
NETWORKS = [(784, torch.float32), (784, torch.float64), (3072, torch.float32), (3072, torch.float64)]
WIDTH, T, NOISY = 512, 0.3, 4
DEFAULT, SVD = "geomem", "geomem, svd"
AUTODIFF, ROWS, PROBES, STACKED = "jacrev + svdvals", "row by row + svdvals", "orthogonal probes", "4d noisy scores"
SPEEDUP, ERROR, MEMORY = 20.0, 1e-6, 1.5 * 2**30
REPEATS = {784: 5, 3072: 2}


@dataclass(frozen=True)
class Case:
    """A score for geomem, the same written by hand for its rivals, and a state."""

    name: str
    law: Score
    score: Callable[[Tensor], Tensor]
    """Of one state or of a batch."""
    x: Tensor
    exact: Tensor | None
    """The values of -tJ, ascending, where they are known."""


class Network:
    """The score (D - x)/t of a random denoiser D: three hidden layers, the noise as one more input."""

    def __init__(self, d: int, dtype: torch.dtype) -> None:
        generator = torch.Generator().manual_seed(0)
        sizes = (d + 1, WIDTH, WIDTH, WIDTH, d)
        self.layers = [
            torch.randn(n_out, n_in, generator=generator, dtype=torch.float64).to(dtype) / n_in**0.5
            for n_in, n_out in itertools.pairwise(sizes)
        ]

    def denoise(self, x: Tensor, t: float | Tensor) -> Tensor:
        log_t = torch.as_tensor(t, dtype=x.dtype).log().expand(x.shape[:-1])
        hidden = torch.cat([x, log_t[..., None]], -1)
        for weight in self.layers[:-1]:
            hidden = torch.nn.functional.silu(hidden @ weight.T)
        return hidden @ self.layers[-1].T

    def score(self, x: Tensor, t: float | Tensor) -> Tensor:
        return (self.denoise(x, t) - x) / torch.as_tensor(t, dtype=x.dtype)[..., None]


def linear(d: int, m: int) -> Case:
    """A manifold in a random position whose tangent values of K = I + tJ run from .5 to .99."""
    generator = torch.Generator().manual_seed(0)
    kappa = torch.linspace(0.5, 0.99, m, dtype=torch.float64)
    sigma2 = T * kappa / (1 - kappa)
    u = torch.linalg.qr(torch.randn(d, m, generator=generator, dtype=torch.float64)).Q
    law = LinearManifold(sigma2, ambient_dim=d, basis=u)
    x = law.sample(1, generator) + T**0.5 * torch.randn(1, d, generator=generator, dtype=torch.float64)

    def score(y: Tensor) -> Tensor:
        z = y @ u
        return -(z / (T + sigma2)) @ u.T - (y - z @ u.T) / T

    exact = torch.cat([1 - kappa, torch.ones(d - m, dtype=torch.float64)]).sort().values
    return Case(f"linear, {m} tangent", law, score, x, exact)


def network(d: int, dtype: torch.dtype) -> Case:
    """The same network and state in either precision."""
    net = Network(d, dtype)
    x = torch.randn(1, d, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)
    return Case("network", net, lambda y: net.score(y, T), x, None)


def singular(rows: Tensor) -> Tensor:
    """Singular values, ascending."""
    return torch.linalg.svdvals(rows).flip(0).double()


def by_autodiff(case: Case) -> Tensor:
    return singular(T * torch.func.jacrev(case.score)(case.x[0]))


def row_by_row(case: Case) -> Tensor:
    x = case.x[0].clone().requires_grad_()
    s = case.score(x)
    return singular(T * torch.stack([torch.autograd.grad(s_i, x, retain_graph=True)[0] for s_i in s]))


def by_probes(case: Case, q: Tensor) -> Tensor:
    """As published: scores at d orthogonal displacements of the length of the noise, here in units of tJ."""
    return singular(T**0.5 * case.score(case.x + T**0.5 * q))


def by_stacking(case: Case, noise: Tensor) -> Tensor:
    """Scores at 4d noisy copies of the state, in the same units."""
    return singular((T / len(noise)) ** 0.5 * case.score(case.x + T**0.5 * noise))


def routes(case: Case) -> dict[str, Callable[[], Tensor]]:
    """Every route to the d values, ascending. What the rivals draw at random is drawn before the clock starts."""
    d, generator = case.x.shape[1], torch.Generator().manual_seed(2)
    noise = torch.randn(NOISY * d, d, generator=generator, dtype=torch.float64).to(case.x.dtype)
    runs = {DEFAULT: lambda: jacobian.spectrum(case.law, case.x, T).values[0]}
    if case.exact is not None:
        q = torch.linalg.qr(noise[:d]).Q
        runs |= {AUTODIFF: lambda: by_autodiff(case), PROBES: lambda: by_probes(case, q)}
    else:
        runs |= {
            SVD: lambda: jacobian.spectrum(case.law, case.x, T, method="svd").values[0],
            ROWS: lambda: row_by_row(case),
        }
    return runs | {STACKED: lambda: by_stacking(case, noise)}


def peak() -> int:
    """Return the largest memory that this process has held, in bytes (0 where the system does not say)."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 if found else 0


def peak_alone(case: str) -> dict[str, int]:
    """Return the peak of a fresh process before and after one spectrum by the default."""
    program = (
        "import torch\n"
        "from benchmarks import jacobian as b\n"
        f"case, before = b.{case}, b.peak()\n"
        "b.jacobian.spectrum(case.law, case.x, b.T)\n"
        "print(before, b.peak())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    return {"before": before, "peak": after}


def measure(case: Case, call: str) -> dict[str, object]:
    """Time every route of one case, and hold its values to those that are known."""
    d, dtype = case.x.shape[1], str(case.x.dtype).removeprefix("torch.")
    exact = by_autodiff(network(d, torch.float64)) if case.exact is None else case.exact
    runs = routes(case)
    errors = {}
    for name, run in runs.items():
        miss = (run().abs().sort().values - exact).abs()
        errors[name] = (miss[:-1] if name in (PROBES, STACKED) else miss).max().item()
    found = jacobian.spectrum(case.law, case.x, T)
    seconds = side_by_side(runs, f"Jacobian, {case.name}, d {d}, {dtype}", repeats=REPEATS[d], warm_up=False)
    return {
        "case": case.name,
        "d": d,
        "dtype": dtype,
        "repeats": REPEATS[d],
        "t": T,
        "method": found.method[0],
        "residual": found.residual[0].item(),
        "asymmetry": jacobian.asymmetry(case.law, case.x, T)[0].item(),
        "seconds": seconds,
        "error": errors,
        "speedup": {name: s / seconds[DEFAULT] for name, s in seconds.items()},
        "memory": peak_alone(call),
    }


def run() -> list[dict[str, object]]:
    """Time every case."""
    rows = [measure(linear(d, m), f"linear({d}, {m})") for d, m in LINEAR]
    return rows + [measure(network(d, dtype), f"network({d}, {dtype})") for d, dtype in NETWORKS]


def missed(row: dict[str, object]) -> bool:
    """Whether a row misses what is asked: speed and error of the linear score, memory of both."""
    slow = min(ratio for name, ratio in row["speedup"].items() if name != DEFAULT) < SPEEDUP
    return row["memory"]["peak"] > MEMORY or (row["case"] != "network" and (slow or row["error"][DEFAULT] > ERROR))


def table(rows: list[dict[str, object]]) -> Table:
    """Lay the rows out: seconds, how many times the default's, and the error."""
    title = (
        "Spectrum of -tJ, s (times the default; error). "
        f"Targets for a linear score: {SPEEDUP:g} times, {ERROR:g}, {MEMORY / 2**30:g} GiB"
    )
    shown = Table(title=title)
    for heading in ("score", "d", "dtype", "method", "peak GiB", DEFAULT, "rivals"):
        shown.add_column(heading, justify="right")
    for row in rows:
        speedup, error = row["speedup"], row["error"]
        cells = {name: f"{s:.3g} ({speedup[name]:.3g}x; {error[name]:.1g})" for name, s in row["seconds"].items()}
        rivals = "\n".join(f"{name}: {cell}" for name, cell in cells.items() if name != DEFAULT)
        sizes = (str(row["d"]), row["dtype"], row["method"], f"{row['memory']['peak'] / 2**30:.2f}")
        shown.add_row(row["case"], *sizes, cells[DEFAULT], rivals, style="bold red" if missed(row) else None)
    return shown

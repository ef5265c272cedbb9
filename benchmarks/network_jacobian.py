"""Spectra of the Jacobians of trained networks, against row-by-row autograd and 4d noisy scores.

All networks are the published one with preconditioning, after a short training. Times are of one spectrum. Errors are
the largest over the d values of the first state, against the same quantity in float64: for eigenvalues those of the
symmetric part, for singular values those of tJ; of noisy scores, whose largest value is their mean, the others.
"""

from collections.abc import Callable

import torch
from rich.table import Table
from torch import Tensor

from benchmarks.timing import side_by_side
from geomem import jacobian
from geomem.distributions import LinearManifold
from geomem.learning.ensemble import Ensemble
from geomem.learning.networks import NetworkScore, mlp
from geomem.learning.training import Member, Training

__all__ = ["run", "table"]

D, WIDTH, MEMBERS, STATES, NOISY = 30, 128, 32, 8, 4
N_POINTS, UPDATES = 1000, 200
NOISES = (0.01, 1.0)
REPEATS = 3
TOGETHER, ALONE = f"geomem, {MEMBERS} members", "geomem, 1 member"
ROWS, STACKED = "row by row + svdvals", "4d noisy scores"


def trained() -> tuple[Ensemble, Tensor]:
    """Networks after a short training on 10 directions of variance one and 5 of .09, and new points of that law."""
    law = LinearManifold(torch.tensor([1.0] * 10 + [0.09] * 5, dtype=torch.float64), ambient_dim=D)
    generator = torch.Generator().manual_seed(0)
    data = law.sample(N_POINTS, generator)
    variance = data.square().mean().item()
    members = [Member(N_POINTS, seed) for seed in range(MEMBERS)]
    training = Training(lambda g: mlp(D, width=WIDTH, data_variance=variance, generator=g), data.float(), members)
    training.advance(UPDATES)
    return training.averaged, law.sample(MEMBERS * STATES, generator)


def singular(matrix: Tensor) -> Tensor:
    """Singular values, ascending."""
    return torch.linalg.svdvals(matrix).flip(0).double()


def eigenvalues(ensemble: Ensemble, x: Tensor, t: float) -> Tensor:
    """Eigenvalues of the symmetric part of -tJ for every member at its states, ascending."""
    k = ensemble.denoiser_jacobian(x, t).double()
    return 1 - torch.linalg.eigvalsh((k + k.mT) / 2).flip(1)


def row_by_row(law: NetworkScore, x: Tensor, t: float) -> Tensor:
    """Singular values of tJ for each state, one backward pass for each row of each Jacobian."""
    found = []
    for state in x:
        y = state[None].clone().requires_grad_()
        s = law.score(y, t)[0]
        found.append(singular(t * torch.cat([torch.autograd.grad(s_i, y, retain_graph=True)[0] for s_i in s])))
    return torch.stack(found)


def by_stacking(law: NetworkScore, x: Tensor, noise: Tensor, t: float) -> Tensor:
    """Singular values of scores at 4d noisy copies of each state, in the units of tJ."""
    return torch.stack([singular((t / len(noise)) ** 0.5 * law.score(y + t**0.5 * noise, t)) for y in x])


def measure(ensemble: Ensemble, clean: Tensor, t: float) -> dict[str, object]:
    """Time every route to the spectra at noisy states."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(NOISY * D, D, generator=generator)
    x = (clean + t**0.5 * torch.randn(clean.shape, generator=generator, dtype=clean.dtype)).float()
    own, law, exact = x[:STATES], ensemble.member(0), ensemble.double().member(0)
    runs: dict[str, Callable[[], Tensor]] = {
        TOGETHER: lambda: eigenvalues(ensemble, x, t),
        ALONE: lambda: jacobian.spectrum(law, own, t).values,
        ROWS: lambda: row_by_row(law, own, t),
        STACKED: lambda: by_stacking(law, own, noise, t),
    }
    of_symmetric, of_all = (jacobian.spectrum(exact, own[:1].double(), t, method=m) for m in ("symmetric", "svd"))
    errors = {}
    for name, route in runs.items():
        miss = (route()[0] - (of_all if name in (ROWS, STACKED) else of_symmetric).values[0]).abs()
        errors[name] = (miss[:-1] if name == STACKED else miss).max().item()
    seconds = side_by_side(runs, f"Jacobians of networks, t {t:g}", repeats=REPEATS, warm_up=False)
    seconds = {name: s / (len(x) if name == TOGETHER else STATES) for name, s in seconds.items()}
    return {
        "d": D,
        "width": WIDTH,
        "members": MEMBERS,
        "states_of_each": STATES,
        "updates": UPDATES,
        "dtype": "float32",
        "repeats": REPEATS,
        "t": t,
        "asymmetry": jacobian.asymmetry(exact, own[:1].double(), t).item(),
        "seconds_per_spectrum": seconds,
        "error": errors,
        "speedup": {name: s / seconds[TOGETHER] for name, s in seconds.items()},
    }


def run() -> list[dict[str, object]]:
    """Time every route at a small and at a large noise."""
    ensemble, clean = trained()
    return [measure(ensemble, clean, t) for t in NOISES]


def table(rows: list[dict[str, object]]) -> Table:
    """Lay the rows out: milliseconds for one spectrum, how many times the ensemble's, and the error."""
    shown = Table(title=f"Spectra of -tJ of networks, d = {D}, width {WIDTH}, ms for one (times that of all; error)")
    for heading in ("t", "asymmetry", TOGETHER, ALONE, ROWS, STACKED):
        shown.add_column(heading, justify="right")
    for row in rows:
        speedup, error = row["speedup"], row["error"]
        seconds = row["seconds_per_spectrum"]
        cells = [f"{1e3 * s:.3g} ({speedup[name]:.3g}x; {error[name]:.1g})" for name, s in seconds.items()]
        shown.add_row(f"{row['t']:g}", f"{row['asymmetry']:.2g}", *cells)
    return shown

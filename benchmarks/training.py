"""Many networks trained in one batched step, against the published loop and our own training of one network.

The published loop is written from its facts: one network at a time, batches of a shuffling ``DataLoader`` inside
``itertools.cycle`` (which keeps the batches of the first pass: those that are timed come from memory), RAdam, and
averages of every entry of the state dict in a loop. All routes train the published network, of two widths and with two
embeddings of the noise. What is compared is the time of one update of one member.
"""

from collections.abc import Callable, Iterator
from itertools import cycle

import torch
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.timing import side_by_side
from geomem.learning.networks import mlp
from geomem.learning.training import Member, Settings, Training

__all__ = ["run", "table"]

D, N_POINTS, BATCH, MEMBERS = 30, 1024, 128, 32
THREADS, REPEATS = 2, 3
WIDTHS, EMBEDDINGS = (128, 64), ((128, 512), (32, 64))  # the first of each is the published one
T_MIN, T_MAX, RATE, DECAY = 1e-4, 2500.0, 1e-4, 0.9999
SETTINGS = (
    Settings(clip=None),  # the published loop does not clip either
    Settings(BATCH, BATCH, T_MIN, T_MAX, "radam", RATE, DECAY, ema_warmup=False, clip=None),
)
PUBLISHED, ALONE, TOGETHER = "published loop", "geomem, 1 member", f"geomem, {MEMBERS} members"
UPDATES = {PUBLISHED: 60, ALONE: 60, TOGETHER: 20}
TARGETS = {("cpu", 128): 2.0, ("cpu", 64): 5.0, ("cuda", 128): 30.0, ("cuda", 64): 30.0}


def published(network: torch.nn.Module, data: Tensor) -> Iterator[None]:
    """One network, one update after another, for as long as one asks."""
    optimizer = torch.optim.RAdam(network.parameters(), lr=RATE)
    averages = {name: value.detach().clone() for name, value in network.state_dict().items()}
    batches = DataLoader(TensorDataset(data.cpu()), batch_size=BATCH, shuffle=True)
    for (x0,) in cycle(batches):
        x0 = x0.to(data.device)
        t = T_MIN * (T_MAX / T_MIN) ** torch.rand(len(x0), device=x0.device)
        noise = torch.randn_like(x0)
        loss = (network(x0 + t.sqrt()[:, None] * noise, t) - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for name, value in network.state_dict().items():
                averages[name].mul_(DECAY).add_(value, alpha=1 - DECAY)
        yield


def routes(width: int, embedding: tuple[int, int], settings: Settings, device: str) -> dict[str, Callable[[], object]]:
    """What makes the updates of ``UPDATES``, each route going on from where it was."""
    data = torch.randn(N_POINTS, D, generator=torch.Generator().manual_seed(0)).to(device)

    def make(generator: torch.Generator) -> torch.nn.Module:
        return mlp(D, width=width, embedding=embedding, generator=generator)

    def training(n_members: int) -> Training:
        return Training(make, data, [Member(N_POINTS, seed) for seed in range(n_members)], settings)

    loop = published(make(torch.Generator().manual_seed(0)).to(device), data)
    alone, together = training(1), training(MEMBERS)
    steps = {
        PUBLISHED: lambda n: [next(loop) for _ in range(n)],
        ALONE: lambda n: alone.advance(alone.n_updates + n),
        TOGETHER: lambda n: together.advance(together.n_updates + n),
    }

    def timed(name: str) -> Callable[[], None]:
        def run() -> None:
            steps[name](UPDATES[name])
            if device == "cuda":
                torch.cuda.synchronize()

        return run

    return {name: timed(name) for name in steps}


def measure(width: int, embedding: tuple[int, int], settings: Settings, device: str) -> dict[str, object]:
    """Time one update of one member by every route."""
    title = f"training, {device}, width {width}, embedding {embedding}, {settings.optimizer}"
    seconds = side_by_side(routes(width, embedding, settings, device), title, repeats=REPEATS)
    seconds = {name: s / UPDATES[name] / (MEMBERS if name == TOGETHER else 1) for name, s in seconds.items()}
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "cuda": torch.version.cuda if device == "cuda" else None,
        "threads": THREADS,
        "members": MEMBERS,
        "batch": BATCH,
        "d": D,
        "width": width,
        "embedding": embedding,
        "optimizer": settings.optimizer,
        "levels": settings.levels,
        "dtype": "float32",
        "repeats": REPEATS,
        "seconds_per_update_of_a_member": seconds,
        "speedup": {name: s / seconds[TOGETHER] for name, s in seconds.items()},
        "target": TARGETS[device, width],
    }


def run() -> list[dict[str, object]]:
    """Time every width, embedding, and optimizer on two threads, and on a GPU where there is one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        return [
            measure(width, embedding, settings, device)
            for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else []))
            for width in WIDTHS
            for embedding in EMBEDDINGS
            for settings in SETTINGS
        ]
    finally:
        torch.set_num_threads(threads)


def table(rows: list[dict[str, object]]) -> Table:
    """Lay the rows out: milliseconds, and how many times as fast the ensemble is; red where a baseline is too close."""
    title = f"One update of one member, batch {BATCH}, d = {D}, {THREADS} threads, ms (times that of {MEMBERS} members)"
    shown = Table(title=title)
    for heading in ("device", "width", "embedding", "optimizer", "levels", "target", PUBLISHED, ALONE, TOGETHER):
        shown.add_column(heading, justify="right")
    for row in rows:
        speedup = row["speedup"]
        seconds = row["seconds_per_update_of_a_member"]
        cells = [f"{1e3 * s:.3g} ({speedup[name]:.1f}x)" for name, s in seconds.items()]
        sizes = [str(row[name]) for name in ("device", "width", "embedding", "optimizer", "levels")]
        missed = min(speedup[PUBLISHED], speedup[ALONE]) < row["target"]
        shown.add_row(*sizes, f"{row['target']:g}x", *cells, style="bold red" if missed else None)
    return shown

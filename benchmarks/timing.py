"""Best of several interleaved runs, the machine they ran on, and where the record goes."""

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.progress import track

from geomem.report.files import atomic_write

__all__ = ["REPEATS", "bisect", "machine", "record", "side_by_side"]

REPEATS = 5
FOLDER = Path("_build/bench")


def side_by_side(
    routes: dict[str, Callable[[], object]], title: str, *, repeats: int = REPEATS, warm_up: bool = True
) -> dict[str, float]:
    """Return the best seconds of each route. Routes take turns, so that a busy moment hits all of them alike."""
    if warm_up:
        for run in routes.values():
            run()  # allocations, first-call set-up
    best = dict.fromkeys(routes, float("inf"))
    for _ in track(range(repeats), description=title, transient=True):
        for name, run in routes.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def bisect(measure: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Return t in [low, high] at which the increasing ``measure(t)`` reaches the target, by halving ln t."""
    for _ in range(25):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if measure(middle) < target else (low, middle)
    return low


def machine() -> dict[str, object]:
    """Return what all timings of a run depend on, and nothing that names the machine.

    Precision and number of repeats differ between benchmarks: every row has its own ``dtype`` and ``repeats``.
    """
    info = Path("/proc/cpuinfo")
    models = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cpus": len(models),
        "threads": torch.get_num_threads(),
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
    }


def record(name: str, rows: list[dict[str, object]]) -> Path:
    """Write the rows with the machine to ``_build/bench``."""
    path = FOLDER / f"{name}.json"
    atomic_write(path, json.dumps({"machine": machine(), "rows": rows}, indent=2) + "\n")
    return path

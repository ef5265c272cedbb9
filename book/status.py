"""What each chapter cost, and whether its last run still stands."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from book.execute import stale_chapters
from book.freshness import read_state
from book.paths import BookPaths

__all__ = ["print_costs", "print_status"]


def print_status(paths: BookPaths, parameters: dict, console: Console) -> None:
    """A table of every chapter: fresh, or stale and why; last seconds and memory."""
    _print(paths, stale_chapters(paths, parameters), console)


def print_costs(paths: BookPaths, console: Console) -> None:
    """The same table after a build, when every chapter is fresh."""
    _print(paths, dict.fromkeys(paths.slugs()), console)


def _print(paths: BookPaths, reasons: dict[str, str | None], console: Console) -> None:
    table = Table("chapter", box=None)
    for heading in ("wall time", "process time", "budget", "peak memory"):
        table.add_column(heading, justify="right")
    table.add_column("state")
    notes = []
    for slug, reason in reasons.items():
        state = read_state(paths, slug)
        costs = ("", "", "", "")
        if state:
            costs = (
                f"{state['seconds']:.1f} s",
                f"{state['cpu_seconds']:.1f} s",
                f"{state['budget_seconds']:g} s",
                f"{state['peak_mib']} MiB",
            )
            notes += state["notes"]
        table.add_row(slug, *costs, "[red]stale" if reason else "[green]fresh")
    console.print(table)
    for slug, reason in reasons.items():
        if reason:
            console.print(f"{slug} is stale: {reason}", style="red", markup=False, highlight=False, soft_wrap=True)
    for note in notes:
        console.print(note, style="yellow", markup=False, highlight=False, soft_wrap=True)
    for slug, reason in reasons.items():
        if reason and paths.failure(slug).exists():
            console.print(
                paths.failure(slug).read_text("utf-8"), style="red", markup=False, highlight=False, soft_wrap=True
            )

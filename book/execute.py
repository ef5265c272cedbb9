"""Execute the stale chapters, two at a time, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from book.chapter import Chapter, read_chapter
from book.closure import import_graph
from book.errors import BookError
from book.freshness import parts_before, stale_reason
from book.paths import BookPaths
from geomem.report.files import atomic_write

__all__ = ["execute", "stale_chapters"]

_PIPELINE_ROOT = Path(__file__).parent.parent


def stale_chapters(paths: BookPaths, parameters: dict) -> dict[str, str | None]:
    """Each chapter, in reading order, with why it is stale, or None when it is fresh."""
    graph = import_graph(paths.root)
    chapters = [read_chapter(paths.chapter(slug)) for slug in paths.slugs()]
    return {c.slug: stale_reason(paths, c, graph, parameters) for c in chapters}


def execute(
    paths: BookPaths,
    parameters: dict,
    *,
    only: str | None = None,
    force: bool = False,
    jobs: int = 2,
    console: Console | None = None,
) -> list[str]:
    """Execute every stale chapter and return the slugs that were executed.

    Parameters
    ----------
    only : str, optional
        Look at this chapter alone.
    force : bool
        Execute fresh chapters too.

    Raises
    ------
    BookError
        With one sentence for each chapter that failed; the other chapters are executed all the same.
    """
    console = console or Console()
    slugs = paths.slugs()
    if only is not None and only not in slugs:
        raise BookError(f"There is no chapter '{only}' in _toc.yml; it names {', '.join(slugs)}.")
    graph = import_graph(paths.root)
    chapters = [read_chapter(paths.chapter(slug)) for slug in slugs if only in (None, slug)]
    for chapter in chapters:
        chapter.check_parameters(parameters)
    stale = [c for c in chapters if force or stale_reason(paths, c, graph, parameters)]
    if not stale:
        return []

    commit = current_commit(paths.root)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("cells"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(jobs) as pool:

        def run(chapter: Chapter) -> BookError | None:
            task = progress.add_task(chapter.slug, total=len(chapter.code_cells))
            parts = parts_before(paths, chapter, graph, parameters)
            job = {"slug": chapter.slug, "parameters": parameters, "parts": parts, "commit": commit}
            try:
                _run_worker(paths, job, lambda done: progress.update(task, completed=done))
            except BookError as error:
                atomic_write(paths.failure(chapter.slug), str(error))
                return error
            return None

        errors = [error for error in pool.map(run, stale) if error is not None]
    if errors:
        raise BookError(*(str(e) for e in errors), details="\n\n".join(e.details for e in errors if e.details))
    return [chapter.slug for chapter in stale]


def _run_worker(paths: BookPaths, job: dict, advance) -> None:
    """Start ``book.worker`` on one chapter and follow it to its end."""
    job |= {"root": str(paths.root), "build": str(paths.build), "parent": os.getpid()}
    paths.runs.mkdir(parents=True, exist_ok=True)
    log = paths.runs / f".{job['slug']}.log"
    reader, writer = os.pipe()
    with open(log, "wb") as output, open(reader) as channel:
        worker = subprocess.Popen(
            [sys.executable, "-m", "book.worker", str(writer)],
            cwd=paths.root,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(_PIPELINE_ROOT), str(paths.root)])},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[writer],
            text=True,
        )
        os.close(writer)
        worker.stdin.write(json.dumps(job))
        worker.stdin.close()
        failure = None
        for message in map(json.loads, channel):
            if "done" in message:
                advance(message["done"])
            else:
                failure = BookError(message["sentence"], details=message["details"])
        code = worker.wait()
    if failure is not None:
        raise failure
    if code != 0:
        tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-12:])
        raise BookError(f"Chapter {job['slug']}: its process ended with code {code}.", details=tail)


def current_commit(root: Path) -> str:
    """The commit of the book's folder, with ``-dirty`` when files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "not under version control"

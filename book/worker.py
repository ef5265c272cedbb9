"""Execute one chapter in this process and leave a finished run folder.

Started by :mod:`book.execute` as ``python -m book.worker <descriptor>``, with the job as JSON on standard input;
progress and outcome go to the descriptor as JSON lines. The process has one child, the kernel, so that the resources
that the operating system charges to its children are the kernel's.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
import shutil
import sys
import time
from pathlib import Path

import papermill
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from book.chapter import Chapter, read_chapter
from book.errors import BookError
from book.freshness import key_of, opened_files, written_files
from book.lifeline import die_with_parent
from book.normalize import normalize
from book.paths import BookPaths
from geomem.report.files import atomic_write, json_text

__all__ = ["THREADS", "execute_chapter"]

OVERRUN = 1.5
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_VERSIONS = ("geomem", "numpy", "scipy", "torch", "matplotlib", "xarray", "scikit-learn", "scikit-image")
_VERSIONS += ("safetensors", "dask", "distributed")


class ShortLivedKernel(AsyncKernelManager):
    """A kernel that does not outlive the process that started it."""

    async def _async_start_kernel(self, **options):
        await super()._async_start_kernel(preexec_fn=die_with_parent, **options)

    start_kernel = _async_start_kernel


def execute_chapter(paths: BookPaths, slug: str, parameters: dict, parts: dict, commit: str, report) -> None:
    """Execute a chapter into ``.<slug>.tmp`` and rename it when everything has been written.

    Parameters
    ----------
    parts : dict
        Parts of the freshness key, taken before the execution: a file edited meanwhile makes the chapter stale.
    report : callable
        Called with the number of finished code cells and their total.
    """
    chapter = read_chapter(paths.chapter(slug))
    chapter.check_parameters(parameters)
    parts = parts | {"source": chapter.sha256}
    run = paths.unfinished_run(slug)
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)

    start = time.perf_counter()
    executed = _run_kernel(chapter, parameters, _environment(paths, run, slug, parameters, commit), report)
    seconds = time.perf_counter() - start
    shutil.rmtree(run / ".ipython", ignore_errors=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    if parameters["profile"] == "quick" and cpu > OVERRUN * chapter.budget_seconds:
        raise BookError(
            f"Chapter {slug} took {cpu:.1f} s of process time; its header states {chapter.budget_seconds:g} s, "
            f"and more than {OVERRUN} times that stops the build."
        )
    notebook, notes = normalize(executed, chapter)
    atomic_write(run / "notebook.ipynb", notebook)

    parts = parts | {"opened": opened_files(run)}
    state = {
        "slug": slug,
        "title": chapter.title,
        "key": key_of(parts),
        "parts": parts,
        "written": written_files(run),
        "cells": len(chapter.code_cells),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu, 2),
        "peak_mib": round(used.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)),
        "budget_seconds": chapter.budget_seconds,
        "commit": commit,
        "versions": _versions(),
        "notes": notes,
    }
    atomic_write(run / "state.json", json_text(state))
    _rename_into_place(run, paths.run(slug))
    paths.failure(slug).unlink(missing_ok=True)


def _run_kernel(chapter: Chapter, parameters: dict, environment: dict, report):
    """Execute the notebook with papermill and check that every code cell was executed."""
    total, finished = len(chapter.code_cells), 0

    def one_more(cell, cell_index, **_):
        nonlocal finished
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", []):
            finished += 1
            report(finished, total)

    os.environ.update(environment)
    try:
        executed = papermill.execute_notebook(
            chapter.notebook,
            None,
            parameters=parameters,
            progress_bar=False,
            kernel_manager_class=ShortLivedKernel,
            on_cell_executed=one_more,
        )
    except PapermillExecutionError as error:
        raise _failed_cell(chapter, error) from None
    except DeadKernelError:
        raise BookError(_sentence(chapter, finished + 1, "the kernel died (memory?)")) from None
    for number, cell in enumerate(_own_code_cells(executed), start=1):
        if cell.execution_count is None:
            raise BookError(_sentence(chapter, number, "was not executed"))
    return executed


def _failed_cell(chapter: Chapter, error: PapermillExecutionError) -> BookError:
    # papermill counts every cell and adds one of its own after the parameters; a reader counts code cells.
    number = next(i for i, cell in enumerate(chapter.code_cells, start=1) if cell.source == error.source)
    details = "\n".join("\n".join(error.traceback).splitlines()[-12:])
    return BookError(_sentence(chapter, number, f"raised {error.ename}: {error.evalue}"), details=details)


def _sentence(chapter: Chapter, number: int, what: str) -> str:
    first = next((line for line in chapter.code_cells[number - 1].source.splitlines() if line.strip()), "")
    return f"Chapter {chapter.slug}, cell {number} ({first.strip()}): {what}."


def _own_code_cells(notebook):
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and "injected-parameters" not in cell.metadata.get("tags", [])
    ]


def _environment(paths: BookPaths, run: Path, slug: str, parameters: dict, commit: str) -> dict[str, str]:
    """One thread, the geomem of this book, no user configuration, and what ``publish`` records."""
    return dict.fromkeys(THREADS, "1") | {
        "PYTHONPATH": str(paths.root),
        "PYTHONHASHSEED": "0",
        "MPLBACKEND": "agg",
        "TQDM_DISABLE": "1",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "IPYTHONDIR": str(run / ".ipython"),
        "GEOMEM_RUN": str(run),
        "GEOMEM_CHAPTER": slug,
        "GEOMEM_PARAMETERS": json.dumps(parameters),
        "GEOMEM_COMMIT": commit,
    }


def _versions() -> dict[str, str]:
    installed = {d.metadata["Name"].lower(): d.version for d in importlib.metadata.distributions()}
    return {"python": platform.python_version()} | {name: installed[name] for name in _VERSIONS if name in installed}


def _rename_into_place(run: Path, target: Path) -> None:
    """Replace a run by a finished one; killed in between, the chapter counts as never executed."""
    discarded = target.with_name(f".{target.name}.old")
    shutil.rmtree(discarded, ignore_errors=True)
    if target.exists():
        target.rename(discarded)
    run.rename(target)
    shutil.rmtree(discarded, ignore_errors=True)


def main() -> int:
    die_with_parent()
    job = json.load(sys.stdin)
    if os.getppid() != job["parent"]:  # it died before the line above the last one
        return 1
    with open(int(sys.argv[1]), "w", buffering=1) as channel:

        def report(done: int, total: int) -> None:
            print(json.dumps({"done": done, "total": total}), file=channel)

        paths = BookPaths(Path(job["root"]), Path(job["build"]))
        try:
            execute_chapter(paths, job["slug"], job["parameters"], job["parts"], job["commit"], report)
        except BookError as error:
            print(json.dumps({"sentence": str(error), "details": error.details}), file=channel)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

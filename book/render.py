"""Stage the sources and let Jupyter Book render them, strictly, clean, and offline.

The stage holds nothing but the book: pages, executed notebooks, generated pages, and the files that go to the site as
they are. Jupyter Book only renders; a warning is an error, and so is a missing reference. The site replaces the old
one when all of it has been written.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat

from book.api import write_api_pages
from book.errors import BookError
from book.fill import fill_pages
from book.generated_pages import write_pages
from book.lifeline import die_with_parent
from book.paths import BookPaths
from book.records import Publication

__all__ = ["render"]

_COLOR = re.compile(r"\x1b\[[0-9;]*m")

STATIC = Path(__file__).parent / "static"
# One file draws every formula as SVG, so no web font must be fetched; the folders hold what it loads on demand.
MATHJAX = ("tex-svg.js", "input/tex/extensions", "a11y", "sre", "ui")


def render(paths: BookPaths, publication: Publication) -> None:
    """Render the book into ``html``; the figures and claims are those of ``publication``."""
    replace(paths.source, lambda stage: _write_stage(paths, publication, stage))
    replace(paths.html, lambda html: _run_jupyter_book(paths, html))


def replace(target: Path, write: Callable[[Path], None]) -> None:
    """Fill a new folder and put it in the place of ``target``, which is never half-written."""
    fresh, discarded = (target.with_name(f".{target.name}.{end}") for end in ("tmp", "old"))
    for folder in (fresh, discarded):
        shutil.rmtree(folder, ignore_errors=True)
    fresh.mkdir(parents=True)
    write(fresh)
    if target.exists():
        target.rename(discarded)
    fresh.rename(target)
    shutil.rmtree(discarded, ignore_errors=True)


def _write_stage(paths: BookPaths, publication: Publication, stage: Path) -> None:
    shutil.copytree(paths.pages, stage, dirs_exist_ok=True)
    fill_pages(sorted(stage.glob("*.md")), publication)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy(paths.root / name, stage / name)
    shutil.copytree(STATIC, stage / "_static", dirs_exist_ok=True)
    (stage / "chapters").mkdir(exist_ok=True)
    for slug in paths.slugs():
        shutil.copy(paths.run(slug) / "notebook.ipynb", stage / "chapters" / f"{slug}.ipynb")
    write_pages(stage, publication)
    write_api_pages(stage, paths.package)

    extra = stage / "_extra"
    for figure in publication.figures:
        target = extra / "figures" / figure.slug
        target.mkdir(parents=True)
        for name in (*figure.record["files"], "record.json"):
            shutil.copy(figure.folder / name, target / name)
    (extra / "chapters").mkdir(parents=True, exist_ok=True)
    for slug in paths.slugs():
        shutil.copy(paths.chapter(slug), extra / "chapters" / f"{slug}.md")
    _copy_mathjax(extra / "mathjax")
    (extra / ".nojekyll").touch()


def _copy_mathjax(target: Path) -> None:
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    if package is None:
        raise BookError("MathJax is not installed; install the requirements again: pip install sphinx-mathjax-offline.")
    source = Path(package.submodule_search_locations[0]) / "static" / "mathjax"
    for name in MATHJAX:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        else:
            shutil.copy(source / name, target / name)


def _run_jupyter_book(paths: BookPaths, html: Path) -> None:
    work = paths.build / ".jupyter-book"
    shutil.rmtree(work, ignore_errors=True)
    script = Path(sys.executable).with_name("jupyter-book")
    done = subprocess.run(
        [script, "build", paths.source, "--path-output", work, "-W", "-n", "--keep-going", "--all", "-q"],
        cwd=paths.root,
        env=os.environ | {"PYTHONPATH": str(paths.root)},
        capture_output=True,
        text=True,
        preexec_fn=die_with_parent,
    )
    if done.returncode:
        raise BookError(*_problems(paths, done.stderr), details=_traceback_tail(done.stderr))
    shutil.rmtree(html)
    (work / "_build" / "html").rename(html)
    shutil.rmtree(work)


def _problems(paths: BookPaths, output: str) -> list[str]:
    """One sentence for each warning, naming chapter and cell where the warning comes from a chapter."""
    sentences = []
    for line in dict.fromkeys(_COLOR.sub("", output).splitlines()):
        if match := re.match(r"(?:(.*?):(?:(\d+):)? )?(?:WARNING|ERROR|CRITICAL): (.*)", line):
            where, number, what = match.groups()
            sentences.append(f"{_place(paths, where, int(number or 0))}: {what}")
    return sentences or ["Jupyter Book failed."]


def _place(paths: BookPaths, where: str | None, line: int) -> str:
    """A place in words; MyST-NB numbers the lines of cell k from 10000 k."""
    if where is None:
        return "The book"
    name = Path(where)
    if name.suffix != ".ipynb":
        place = name.relative_to(paths.source).as_posix() if name.is_relative_to(paths.source) else where
        return f"{place}, line {line}" if line else place
    notebook = nbformat.read(paths.source / "chapters" / name.name, as_version=4)
    cell = notebook.cells[max(line // 10000 - 1, 0)]
    first = next((text for text in cell.source.splitlines() if text.strip()), "")
    return f"Chapter {name.stem}, {cell.id.replace('-', ' ')} ({first.strip()})"


def _traceback_tail(output: str) -> str:
    lines = output.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("Traceback")), None)
    return "" if start is None else "\n".join(lines[start:][-12:])

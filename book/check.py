"""The checks that a book passes before it is called built."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from bs4 import Tag

from book.chapter import Chapter
from book.errors import BookError
from book.paths import BookPaths
from book.prose import prose_sentences
from book.records import Figure, Publication, check_identifiers
from book.site import Page, external_requests, read_pages, unresolved_links

__all__ = ["check", "check_before_rendering"]

EXPLORER = "explorer.json"


def check_before_rendering(paths: BookPaths, publication: Publication) -> None:
    """What the sources and the runs show without the site: prose, cells, identifiers."""
    problems = [s for chapter in publication.chapters for s in prose_sentences(chapter)]
    problems += [s for chapter in publication.chapters for s in _unexecuted(paths, chapter)]
    if problems:
        raise BookError(*problems)
    check_identifiers(paths, publication)


def check(paths: BookPaths, publication: Publication) -> str:
    """Check sources, runs, and site; return one line that counts what was found.

    Raises
    ------
    BookError
        With a sentence for each problem.
    """
    check_before_rendering(paths, publication)
    if not (paths.html / "index.html").is_file():
        raise BookError("There is no site yet; run python -m book build.")
    pages = read_pages(paths.html)
    problems = [*_missing_pages(paths), *_figures(paths, pages, publication)]
    for page in pages.values():
        problems += _page_problems(page)
    problems += external_requests(paths.html, pages)
    problems += unresolved_links(pages)
    if problems:
        raise BookError(*dict.fromkeys(problems))
    cells = sum(len(chapter.code_cells) for chapter in publication.chapters)
    return (
        f"Checked {len(pages)} pages: {len(publication.chapters)} chapters, {cells} executed cells, "
        f"{len(publication.figures)} figures with records, {len(publication.claims)} claims, no external request."
    )


def _unexecuted(paths: BookPaths, chapter: Chapter) -> list[str]:
    """Code fences in the source, one by one, against the cells that were executed."""
    cells = json.loads((paths.run(chapter.slug) / "notebook.ipynb").read_text("utf-8"))["cells"]
    cells = [
        c for c in cells if c["cell_type"] == "code" and "injected-parameters" not in c["metadata"].get("tags", [])
    ]
    if len(cells) != len(chapter.code_cells):
        return [f"Chapter {chapter.slug} has {len(chapter.code_cells)} code cells, its run {len(cells)}."]
    return [
        f"Chapter {chapter.slug}, cell {number}: was not executed."
        for number, cell in enumerate(cells, start=1)
        if cell["execution_count"] is None
    ]


def _missing_pages(paths: BookPaths) -> list[str]:
    """Every staged document has a page."""
    documents = [p for kind in ("*.md", "*.ipynb") for p in paths.source.rglob(kind) if "_extra" not in p.parts]
    pages = [document.relative_to(paths.source).with_suffix(".html") for document in documents]
    return [f"{page.as_posix()} is missing from the site." for page in pages if not (paths.html / page).is_file()]


def _figures(paths: BookPaths, pages: dict, publication: Publication) -> list[str]:
    """Every figure stands in its chapter, captioned and described, and has a record."""
    problems = []
    for figure in publication.figures:
        place = f"Chapter {figure.chapter.slug}, cell {figure.cell_number}"
        page = pages.get((paths.html / "chapters" / f"{figure.chapter.slug}.html").resolve())
        drawn = page and page.soup.find("figure", id=figure.slug)
        if not drawn:
            problems.append(f"{place}: {figure.slug} is not on the page.")
        elif len(drawn.find_all("img")) != 2 or drawn.find("figcaption") is None:
            problems.append(f"{place}: {figure.slug} lacks its light and dark picture or its caption.")
        else:
            problems += [f"{place}: {figure.slug} {sentence}" for sentence in _explorer_problems(figure, drawn, page)]
        if (paths.html / "figures" / f"{figure.slug}.html").resolve() not in pages:
            problems.append(f"{place}: {figure.slug} has no record page.")
    return problems


def _explorer_problems(figure: Figure, drawn: Tag, page: Page) -> Iterator[str]:
    """The interactive twin is on the page if the record has one, with the recorded numbers and the script for them."""
    twins = drawn.select("div.explorer[hidden]")
    if EXPLORER not in figure.record["files"]:
        if drawn.select(".explorer"):
            yield "is interactive on the page, but its record has no explorer.json."
        return
    numbers = twins[0].find("script", type="application/json") if len(twins) == 1 else None
    if numbers is None:
        yield "lacks its interactive twin, or has more than one."
        return
    text = numbers.get_text()
    if hashlib.sha256(text.encode()).hexdigest() != figure.record["files"][EXPLORER]:
        yield "draws other numbers interactively than those of its record."
    try:
        json.loads(text)
    except ValueError:
        yield "has an interactive twin whose numbers are no JSON."
    if not page.soup.select('script[src*="_static/explorer.js"]'):
        yield "is interactive, but the page does not load explorer.js."


def _page_problems(page: Page) -> list[str]:
    problems = []
    if page.soup.select(".output.traceback") or any(
        "Traceback (most recent call last)" in output.get_text() for output in page.soup.select(".cell_output")
    ):
        problems.append(f"{page.name} shows a traceback.")
    for image in page.soup.find_all("img"):
        if not image.get("alt", "").strip():
            problems.append(f"{page.name}: the image {image.get('src')} has no alt text.")
    return problems

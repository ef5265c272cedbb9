"""What the runs published: figures, claims, and the identifiers that must never vanish."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from book.chapter import Chapter, read_chapter
from book.errors import BookError
from book.freshness import read_state
from book.paths import BookPaths
from geomem.report.files import atomic_write, sha256

__all__ = ["Claim", "Figure", "Publication", "add_identifiers", "check_identifiers", "read_publication"]

MINIMUM_TEXT = 40


@dataclass(frozen=True)
class Figure:
    """A published figure: its files, its record, and the cell that drew it."""

    slug: str
    chapter: Chapter
    folder: Path
    record: dict
    cell_number: int

    @property
    def lines(self) -> tuple[int, int]:
        """First and last line of its cell in the chapter's source."""
        return self.chapter.source_lines(self.cell_number)

    @property
    def first_code_line(self) -> int:
        """Line of the source where the code begins, below the fence and its options."""
        first, last = self.lines
        fence = "\n".join(self.chapter.text.splitlines()[first - 1 : last])
        return first + fence[: fence.index(self.code)].count("\n")

    @property
    def code(self) -> str:
        return self.chapter.code_cells[self.cell_number - 1].source


@dataclass(frozen=True)
class Claim:
    """A number that the text states, with the interval in which it was asserted to lie."""

    slug: str
    chapter: str
    value: float
    low: float | None
    high: float | None
    sentence: str
    basis: str


@dataclass(frozen=True)
class Publication:
    """Everything that the runs of a book publish, in reading order."""

    chapters: list[Chapter]
    states: dict[str, dict]
    figures: list[Figure]
    claims: list[Claim]


def read_publication(paths: BookPaths) -> Publication:
    """Read every run and check what only the whole book can show: nothing is published twice, nothing undescribed."""
    chapters = [read_chapter(paths.chapter(slug)) for slug in paths.slugs()]
    states = {c.slug: read_state(paths, c.slug) for c in chapters}
    for slug, state in states.items():
        if state is None:
            raise BookError(f"Chapter {slug} was never executed; run python -m book build.")
    figures = [figure for chapter in chapters for figure in _figures(paths, chapter)]
    claims = [claim for chapter in chapters for claim in _claims(paths, chapter.slug)]
    problems = [
        *_repeated("figure", [(f.slug, f.chapter.slug) for f in figures]),
        *_repeated("claim", [(c.slug, c.chapter) for c in claims]),
        *_undescribed(figures),
    ]
    if problems:
        raise BookError(*problems)
    return Publication(chapters, states, figures, claims)


def _figures(paths: BookPaths, chapter: Chapter) -> list[Figure]:
    run = paths.run(chapter.slug)
    cells = {
        output["metadata"]["geomem"]["id"]: number
        for number, cell in enumerate(_own_code_cells(run / "notebook.ipynb"), start=1)
        for output in cell["outputs"]
        if "geomem" in output.get("metadata", {})
    }
    written = {folder.name for folder in (run / "figures").glob("fig-*")}
    if written != set(cells):
        odd = ", ".join(sorted(written ^ set(cells)))
        raise BookError(f"Chapter {chapter.slug}: {odd} has files or a place in the text, but not both.")
    figures = []
    for slug, number in cells.items():
        folder = run / "figures" / slug
        record = json.loads((folder / "record.json").read_text("utf-8"))
        for name, digest in record["files"].items():
            if sha256(folder / name) != digest:
                raise BookError(f"Chapter {chapter.slug}: {slug}/{name} is not the file that its record names.")
        figures.append(Figure(slug, chapter, folder, record, number))
    return figures


def _own_code_cells(path: Path) -> list[dict]:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return [c for c in cells if c["cell_type"] == "code" and "injected-parameters" not in c["metadata"].get("tags", [])]


def _claims(paths: BookPaths, slug: str) -> list[Claim]:
    claims = []
    for path in sorted((paths.run(slug) / "claims").glob("*.json")):
        record = json.loads(path.read_text("utf-8"))
        if not record["holds"]:
            raise BookError(f"Chapter {slug}: claim {path.stem} does not hold; nothing that failed is published.")
        claims.append(Claim(path.stem, slug, *(record[key] for key in ("value", "low", "high", "sentence", "basis"))))
    return claims


def _repeated(kind: str, named: list[tuple[str, str]]) -> list[str]:
    seen: dict[str, str] = {}
    problems = []
    for name, chapter in named:
        if name in seen:
            problems.append(
                f"Chapter {chapter} publishes the {kind} {name}, and so does chapter {seen[name]}; rename one."
            )
        seen[name] = chapter
    return problems


def _undescribed(figures: list[Figure]) -> list[str]:
    """Alt text is needed, is not the caption, and is each figure's own."""
    problems, seen = [], {}
    for figure in figures:
        place = f"Chapter {figure.chapter.slug}, cell {figure.cell_number}"
        alt, caption = (" ".join(figure.record[key].split()).casefold() for key in ("alt", "caption"))
        if len(alt) < MINIMUM_TEXT or alt == caption:
            problems.append(f"{place}: {figure.slug} needs an alt text of its own, at least {MINIMUM_TEXT} characters.")
        if alt in seen:
            problems.append(f"{place}: {figure.slug} has the alt text of {seen[alt]}; say how they differ.")
        seen[alt] = figure.slug
    return problems


def read_identifiers(paths: BookPaths) -> tuple[set[str], set[str]]:
    """Identifiers in use, and tombstones: lines of the form ``fig-old: removed in 0.2.0, shown better by fig-new``."""
    path = paths.reference / "ids.txt"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    lines = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    tombstones = {m.group(1) for line in lines if (m := re.fullmatch(r"(fig-[a-z0-9-]+): +\S.*", line))}
    return {line for line in lines if re.fullmatch(r"fig-[a-z0-9-]+", line)}, tombstones


def check_identifiers(paths: BookPaths, publication: Publication) -> None:
    """An identifier that was ever published stays, or leaves a tombstone; a new one is written down."""
    known, tombstones = read_identifiers(paths)
    published = {figure.slug: figure for figure in publication.figures}
    problems = [
        f"Figure {slug} was published and has vanished; restore it, or write 'fig-...: why' in book/reference/ids.txt "
        "in its place."
        for slug in sorted(known - published.keys())
    ]
    for slug, figure in published.items():
        place = f"Chapter {figure.chapter.slug}, cell {figure.cell_number}"
        if slug in tombstones:
            problems.append(f"{place}: the identifier {slug} belonged to a figure that was removed; take another.")
        elif slug not in known:
            problems.append(
                f"{place}: {slug} is new, and identifiers are permanent; to keep it run "
                "python -m book identifiers --add."
            )
    if problems:
        raise BookError(*problems)


def add_identifiers(paths: BookPaths, publication: Publication, *, write: bool) -> list[str]:
    """Append the new identifiers to ``book/reference/ids.txt`` and return them; without ``write`` list them all."""
    known, tombstones = read_identifiers(paths)
    slugs = [figure.slug for figure in publication.figures]
    if not write:
        return slugs
    new = [slug for slug in slugs if slug not in known | tombstones]
    path = paths.reference / "ids.txt"
    before = path.read_text("utf-8") if path.exists() else ""
    atomic_write(path, before + "".join(f"{slug}\n" for slug in new))
    return new

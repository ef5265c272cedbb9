"""Pages written from the records: one for each figure, the index of figures, the ledger of claims, the status page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from book.fill import caption, plain
from book.normalize import picture_pair
from book.records import Claim, Figure, Publication

__all__ = ["INDEX", "LEDGER", "STATUS", "write_pages"]

INDEX, LEDGER, STATUS = "index-of-figures", "ledger-of-claims", "status"
DATA_FILES = {
    "data.nc": "the plotted arrays, labeled (netCDF)",
    "data.csv": "the same arrays as a table",
    "explorer.json": "what the interactive figure in the chapter draws",
    "fig.svg": "the figure for light paper",
    "fig-dark.svg": "the figure for dark paper",
    "fig.png": "the figure as pixels",
    "record.json": "this record, for machines",
}
_TOLERANCES = {
    "deterministic": "relative 1e-9",
    "stochastic": "three standard errors; 1e-9 relative for arrays without one",
}


@dataclass(frozen=True)
class Imprint:
    """Title and year of the book, as citations give them."""

    title: str
    year: str

    @classmethod
    def read(cls, config: Path) -> Imprint:
        settings = yaml.safe_load(config.read_text("utf-8"))
        return cls(settings["title"], str(settings["copyright"]))


def write_pages(stage: Path, publication: Publication) -> None:
    """Write every generated page into the staged tree."""
    imprint = Imprint.read(stage / "_config.yml")
    values = {claim.slug: claim.value for claim in publication.claims}
    (stage / "figures").mkdir(exist_ok=True)
    for figure in publication.figures:
        state = publication.states[figure.chapter.slug]
        _write(stage / "figures" / f"{figure.slug}.md", _record_page(figure, state, imprint, values))
    _write(stage / f"{INDEX}.md", _index_page(publication, values))
    _write(stage / f"{LEDGER}.md", _ledger_page(publication))
    _write(stage / f"{STATUS}.md", _status_page(publication))


def bibtex(figure: Figure, imprint: Imprint) -> str:
    """The entry that cites one figure."""
    record = figure.record
    return "\n".join((
        f"@misc{{geomem-{figure.slug},",
        "  author  = {{The geomem developers}},",
        f"  title   = {{{{{imprint.title}: figure {figure.slug}}}}},",
        f"  year    = {{{imprint.year}}},",
        f"  version = {{{record['versions']['geomem']}}},",
        f"  note    = {{Chapter {figure.chapter.slug}, commit {record['commit']}, arrays {record['array_hash']}}}",
        "}",
    ))  # fmt: skip


def _record_page(figure: Figure, state: dict, imprint: Imprint, values: dict[str, float]) -> str:
    slug, chapter, record = figure.slug, figure.chapter, figure.record
    first, last = figure.lines
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", figure.code)), 3)
    files = [
        (f'<a href="{slug}/{name}" download>{name}</a>', what, _size(figure.folder / name), _digest(record, name))
        for name, what in DATA_FILES.items()
        if (figure.folder / name).exists()
    ]
    facts = {
        "identifier": _code(slug),
        "chapter": f"{{doc}}`{chapter.title} </chapters/{chapter.slug}>`",
        "source": f"{_code(f'chapters/{chapter.slug}.md')}, lines {first} to {last}",
        "commit": _code(record["commit"]),
        "version of geomem": record["versions"]["geomem"],
        "profile": record["profile"],
        "parameters": ", ".join(_code(f"{key} = {value!r}") for key, value in record["parameters"].items()),
        "seeds": ", ".join(map(str, record["seeds"])) or "none: deterministic",
        "device": record["device"],
        "wall time since the previous figure": f"{record['wall_time_seconds']:.1f} s",
        "versions": ", ".join(f"{name} {version}" for name, version in sorted(state["versions"].items())),
        "hash of constraints.txt": _code(state["parts"]["constraints"]),
        "files opened": ", ".join(
            f"{_code(Path(name).name)} {_code(digest)}" for name, digest in state["parts"]["opened"].items()
        )
        or "none",
        "hash of data.nc": _code(record["data_hash"]),
        "hash of the arrays": _code(record["array_hash"]),
        "tolerance": _tolerance(record["tolerance"]),
    }
    return f"""---
orphan: true
---
# Record of {slug}

```{{raw}} html
<p>{picture_pair(slug, record["alt"])}</p>
```

{caption(figure, values)}

In the text: {{numref}}`{slug}` of {{doc}}`/chapters/{chapter.slug}`.

## In words

{plain(record["alt"])}

## Data

{_html_table(("file", "content", "size", "SHA-256"), files)}

## Code

Cell {figure.cell_number} of the chapter, lines {first} to {last} of its source
(<a href="../chapters/{chapter.slug}.md" download>chapters/{chapter.slug}.md</a>).
It uses what the cells above it define.

{fence}{{code-block}} python
:lineno-start: {figure.first_code_line}
{figure.code}
{fence}

## Provenance

{_table(("fact", "value"), facts.items())}

## Verify

This executes the chapter again and compares the arrays:

```{{code-block}} shell
python -m book verify {slug}
```

## Cite

```{{code-block}} bibtex
{bibtex(figure, imprint)}
```
"""


def _index_page(publication: Publication, values: dict[str, float]) -> str:
    parts = ["# Index of figures", "Each figure has a permanent identifier and a record of its own."]
    for chapter in publication.chapters:
        figures = [figure for figure in publication.figures if figure.chapter.slug == chapter.slug]
        if not figures:
            continue
        parts += [f"## {chapter.title}", "::::{div} figure-index"]
        for figure in figures:
            picture = picture_pair(f"figures/{figure.slug}", figure.record["alt"])
            parts += [
                ":::{div}",
                f'```{{raw}} html\n<a href="figures/{figure.slug}.html">{picture}</a>\n```',
                f"{{doc}}`{figure.slug} </figures/{figure.slug}>`",
                caption(figure, values),
                ":::",
            ]
        parts.append("::::")
    return "\n\n".join(parts)


def _ledger_page(publication: Publication) -> str:
    parts = [
        "# Ledger of claims",
        "Every number that the text of a chapter states as a result, with the interval in which it was asserted to lie "
        "and where that interval comes from. Most claims say that two things agree; the value is then the largest "
        "difference found, counted in standard errors where these are the basis. A claim that fails stops the build.",
    ]
    for chapter in publication.chapters:
        claims = [claim for claim in publication.claims if claim.chapter == chapter.slug]
        if claims:
            header = ("claim", "identifier", "value", "interval", "basis")
            rows = [(_cell(c.sentence), c.slug, _number(c.value), _interval(c), c.basis) for c in claims]
            parts += [f"## {{doc}}`{chapter.title} </chapters/{chapter.slug}>`", _table(header, rows)]
    return "\n\n".join(parts)


def _status_page(publication: Publication) -> str:
    header = ("chapter", "wall time", "process time", "budget", "peak memory", "cells", "figures", "claims")
    rows = []
    for chapter in publication.chapters:
        state = publication.states[chapter.slug]
        rows.append((
            f"{{doc}}`{chapter.title} </chapters/{chapter.slug}>`",
            f"{state['seconds']:.1f} s",
            f"{state['cpu_seconds']:.1f} s",
            f"{state['budget_seconds']:g} s",
            f"{state['peak_mib']} MiB",
            state["cells"],
            sum(figure.chapter.slug == chapter.slug for figure in publication.figures),
            sum(claim.chapter == chapter.slug for claim in publication.claims),
        ))  # fmt: skip
    versions = {name: v for state in publication.states.values() for name, v in state["versions"].items()}
    first = publication.states[publication.chapters[0].slug]
    parameters = ", ".join(_code(f"{name} = {value!r}") for name, value in first["parts"]["parameters"].items())
    return "\n\n".join((
        "# Status",
        f"Every chapter on this site was executed from its present source ({parameters}); a stale chapter is never "
        "published. Process time is that of the chapter's one kernel, on one thread; a chapter that takes more than "
        "1.5 times its budget stops the build.",
        _table(header, rows),
        "## Versions",
        _table(("package", "version"), sorted(versions.items())),
    ))  # fmt: skip


def _tolerance(tolerance: str | float) -> str:
    return f"{tolerance}: {_TOLERANCES[tolerance]}" if isinstance(tolerance, str) else f"relative {tolerance:g}"


def _interval(claim: Claim) -> str:
    low = "(−∞" if claim.low is None else f"[{_number(claim.low)}"
    high = "∞)" if claim.high is None else f"{_number(claim.high)}]"
    return f"{low},\N{NO-BREAK SPACE}{high}"


def _number(x: float) -> str:
    """Five digits, with the sign that no line break may follow."""
    return f"{x:.5g}".replace("-", "−")


def _digest(record: dict, name: str) -> str:
    return f"<code>{record['files'][name]}</code>" if name in record["files"] else ""


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size} bytes" if size < 10_000 else f"{size / 1000:.0f} kB"


def _code(text: str) -> str:
    return f"`{text}`"


def _cell(text: str) -> str:
    return plain(text).replace("|", r"\|")


def _table(header: tuple, rows) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(entry) for entry in line) + " |" for line in lines)


def _html_table(header: tuple, rows) -> str:
    """A table that may hold links with the attribute ``download``."""
    head = "".join(f'<th scope="col">{entry}</th>' for entry in header)
    body = "".join("<tr>" + "".join(f"<td>{entry}</td>" for entry in row) + "</tr>" for row in rows)
    return f'```{{raw}} html\n<table class="table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>\n```'


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")

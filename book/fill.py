"""What the pages outside the chapters take from the records: published figures, and the values of claims.

A page may show a figure of any chapter,

.. code-block:: md

   ```{published-figure} fig-weights-against-noise
   ```

and read any claim as ``{glue:text}`slug:.3f```. MyST-NB knows neither outside the notebook that made it, so both are
written out before the pages are rendered.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from book.errors import BookError
from book.normalize import picture_pair
from book.records import Figure, Publication

__all__ = ["caption", "fill_pages", "plain"]

_GLUE = re.compile(r"\{glue:(?:text)?\}`([^`:]*)(?::([^`]*))?`")
_FIGURE = re.compile(r"^```\{published-figure\}[ \t]*(\S*)[ \t]*\n```[ \t]*$", re.MULTILINE)


def fill_pages(pages: list[Path], publication: Publication) -> None:
    """Write the figures and values into staged pages, which lie in the folder that holds ``figures``.

    Raises
    ------
    BookError
        With a sentence for each name that nothing was published under, and each format that is none.
    """
    figures = {figure.slug: figure for figure in publication.figures}
    values = {claim.slug: claim.value for claim in publication.claims}
    problems: list[str] = []
    for page in pages:
        text = page.read_text("utf-8")
        place = f"{page.name}, line {{}}"
        filled = _replace(_GLUE, lambda match: _value(match, values), text, place, problems)
        filled = _replace(_FIGURE, lambda match: _figure(match.group(1), figures, values), filled, place, problems)
        if filled != text:
            page.write_text(filled, "utf-8")
    if problems:
        raise BookError(*problems)


def caption(figure: Figure, values: dict[str, float]) -> str:
    """The caption; values that only the chapter knows by name are written out."""
    place, problems = f"Chapter {figure.chapter.slug}, cell {figure.cell_number}, caption of {figure.slug}", []
    text = _replace(_GLUE, lambda match: _value(match, values), plain(figure.record["caption"]), place, problems)
    if problems:
        raise BookError(*problems)
    return text


def plain(text: str) -> str:
    """One paragraph: a caption or an alt text may be written over several lines."""
    return " ".join(text.split())


def _replace(pattern: re.Pattern, write: Callable, text: str, place: str, problems: list[str]) -> str:
    """Replace each match by what ``write`` makes of it; what that refuses is noted, with the place and its line."""

    def replacement(match: re.Match) -> str:
        try:
            return write(match)
        except (LookupError, ValueError) as error:
            problems.append(f"{place.format(text.count(chr(10), 0, match.start()) + 1)}: {error.args[0]}.")
            return match.group()

    return pattern.sub(replacement, text)


def _value(match: re.Match, values: dict[str, float]) -> str:
    slug, form = match.groups()
    if slug not in values:
        raise LookupError(f"no chapter makes a claim {slug!r}; take one that the ledger of claims lists")
    try:
        return format(values[slug], form or "")
    except ValueError:
        raise ValueError(f"the value of {slug} has no format {form!r}; write one such as .3f") from None


def _figure(slug: str, figures: dict[str, Figure], values: dict[str, float]) -> str:
    if slug not in figures:
        raise LookupError(f"no chapter publishes a figure {slug!r}; take one that python -m book identifiers lists")
    figure = figures[slug]
    chapter = figure.chapter
    # The theme hides a caption that is a sibling of the picture for the other paper.
    return f"""```{{raw}} html
<figure class="align-default"><div>{picture_pair(f"figures/{slug}", figure.record["alt"])}</div><figcaption>
```

{caption(figure, values)}

From {{doc}}`{chapter.title} </chapters/{chapter.slug}>`, {{numref}}`{slug}`; {{doc}}`its record </figures/{slug}>`.

```{{raw}} html
</figcaption></figure>
```"""

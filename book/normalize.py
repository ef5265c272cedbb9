"""Make an executed notebook the same for every execution, and its published figures into captioned figures.

What papermill and the kernel leave of this one execution (times, identifiers, paths) is removed. The output of
``publish`` carries caption, alt text, and identifier in its metadata; they move to the cell, where MyST-NB looks for
them, and the picture becomes a pair for light and dark paper with a row of links. An interactive twin is hidden until
``explorer.js`` draws it from the numbers that stand beside it.
"""

from __future__ import annotations

import html
import re

import nbformat
from nbformat import NotebookNode

from book.chapter import Chapter
from book.errors import BookError

__all__ = ["IDENTIFIER", "explorer", "normalize", "picture_pair"]

IDENTIFIER = "geomem"  # key of the output metadata that publish writes
_ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")
_KEPT_LANGUAGE = ("name", "file_extension", "mimetype", "pygments_lexer")


def normalize(notebook: NotebookNode, chapter: Chapter) -> tuple[str, list[str]]:
    """Return the text of the notebook to publish, and what its cells wrote to standard error.

    Raises
    ------
    BookError
        If a cell shows a picture that is not published, shows anything beside a figure, or shows a memory address.
    """
    notes, number = [], 0
    for position, cell in enumerate(notebook.cells, start=1):
        cell.id = f"cell-{position}"
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.metadata.tags = ["injected-parameters", "remove-cell"]
            continue
        number += 1
        place = f"Chapter {chapter.slug}, cell {number} ({cell.source.strip().partition(chr(10))[0]})"
        notes += [f"{place} wrote to standard error: {o.text.strip()}" for o in cell.outputs if _is_stderr(o)]
        cell.outputs = [output for output in cell.outputs if not _is_stderr(output)]
        _check_outputs(cell, place)
        _lift_figure(cell)
    for name in ("papermill", "jupytext", "widgets", "geomem"):
        notebook.metadata.pop(name, None)
    language = notebook.metadata.language_info
    notebook.metadata.language_info = {key: language[key] for key in _KEPT_LANGUAGE}
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n", notes


def picture_pair(folder: str, alt: str) -> str:
    """HTML of one picture in its light and its dark variant."""
    text = html.escape(alt, quote=True)
    return "".join(
        f'<img class="figure only-{paper}" src="{folder}/{name}" alt="{text}">'
        for paper, name in (("light", "fig.svg"), ("dark", "fig-dark.svg"))
    )


def explorer(slug: str, numbers: str) -> str:
    """HTML of an interactive twin: inert until a script finds it; ``numbers`` is JSON that holds no ``<``."""
    return f'<div class="explorer" id="explore-{slug}" hidden><script type="application/json">{numbers}</script></div>'


def _is_stderr(output: NotebookNode) -> bool:
    return output.output_type == "stream" and output.name == "stderr"


def _is_figure(output: NotebookNode) -> bool:
    return IDENTIFIER in output.get("metadata", {})


def _check_outputs(cell: NotebookNode, place: str) -> None:
    shown = [o for o in cell.outputs if o.output_type in ("display_data", "execute_result")]
    shown = [o for o in shown if "scrapbook" not in o.metadata]  # values for the text are not displayed
    for output in shown:
        if any(kind.startswith("image/") for kind in output.data) and not _is_figure(output):
            raise BookError(
                f"{place}: shows a picture that is not published; hand it to publish(...) with its alt text."
            )
        if _ADDRESS.search(str(output.data.get("text/plain", ""))):
            raise BookError(f"{place}: its output shows a memory address; end the cell without that value.")
    if any(_is_figure(o) for o in shown) and len(shown) > 1:
        raise BookError(f"{place}: displays {len(shown)} things; a cell that publishes a figure displays nothing else.")


def _lift_figure(cell: NotebookNode) -> None:
    for output in filter(_is_figure, cell.outputs):
        about = output.metadata[IDENTIFIER]
        cell.metadata["mystnb"] = {"figure": {"name": about["id"], "caption": about["caption"]}}
        folder = f"../figures/{about['id']}"
        links = (
            f'<a href="{folder}.html#code">code</a>',
            f'<a href="{folder}/data.nc" download>data (netCDF)</a>',
            f'<a href="{folder}/data.csv" download>data (CSV)</a>',
            f'<a href="{folder}.html">record</a>',
            f'<a href="{folder}.html#cite">cite</a>',
        )
        row = f'<div class="figure-links">{" · ".join(links)}</div>'
        twin = explorer(about["id"], about["explorer"]) if "explorer" in about else ""
        output.data = {"text/html": picture_pair(folder, about["alt"]) + twin + row}
        output.metadata = {IDENTIFIER: {"id": about["id"], "array_hash": about["array_hash"]}}

"""A chapter as it is written: a MyST-Markdown notebook whose cells are counted."""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from book.errors import BookError

__all__ = ["Chapter", "read_chapter"]

CODE_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,}|:{3,}) *\{code-cell\}", re.MULTILINE)


@dataclass(frozen=True)
class Chapter:
    """One chapter: its source text, its notebook before execution, and what its header promises."""

    slug: str
    text: str
    notebook: NotebookNode
    budget_seconds: float

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def code_cells(self) -> list[NotebookNode]:
        return [cell for cell in self.notebook.cells if cell.cell_type == "code"]

    @property
    def title(self) -> str:
        heading = re.search(r"^# +(.+)$", self.text, re.MULTILINE)
        if heading is None:
            raise BookError(f"Chapter {self.slug} has no title; its first heading must be '# ...'.")
        return heading.group(1).strip()

    def parameters(self) -> set[str]:
        """Names assigned in the cell tagged ``parameters``."""
        tagged = [c for c in self.code_cells if "parameters" in c.metadata.get("tags", [])]
        if len(tagged) != 1:
            raise BookError(
                f"Chapter {self.slug} has {len(tagged)} cells tagged 'parameters'; "
                "it needs one, that sets profile and seed."
            )
        assignments = [node for node in ast.parse(tagged[0].source).body if isinstance(node, ast.Assign)]
        return {target.id for node in assignments for target in node.targets if isinstance(target, ast.Name)}

    def check_parameters(self, given: dict) -> None:
        """Refuse a parameter that the chapter does not know."""
        known = self.parameters()
        for name in given:
            if name not in known:
                raise BookError(
                    f"Chapter {self.slug} has no parameter '{name}'; its parameters cell sets {sorted(known)}."
                )

    def source_lines(self, cell_number: int) -> tuple[int, int]:
        """First and last line, in the source file, of the fence that holds a code cell.

        Parameters
        ----------
        cell_number : int
            Counted from 1 over the code cells.
        """
        opening = list(CODE_FENCE.finditer(self.text))[cell_number - 1]
        fence = re.match(r" {0,3}([`~:]{3,})", opening.group(0)).group(1)
        closing = re.compile(rf"^ {{0,3}}{re.escape(fence)}[ \t]*$", re.MULTILINE).search(self.text, opening.end())
        first = self.text.count("\n", 0, opening.start()) + 1
        return first, self.text.count("\n", 0, closing.start()) + 1


def read_chapter(path: Path) -> Chapter:
    """Read a chapter, check its header, and compare its code fences with the cells that Jupytext found."""
    slug, text = path.stem, path.read_text("utf-8")
    notebook = jupytext.reads(text, fmt="md:myst")
    budget = notebook.metadata.get("geomem", {}).get("budget_seconds")
    if not isinstance(budget, int | float):
        raise BookError(
            f"The header of chapter {slug} states no budget; add 'geomem: {{budget_seconds: 60}}' "
            "(process time of its kernel)."
        )
    kernel = notebook.metadata.get("kernelspec", {})
    if not (kernel.get("name") == "python3" and kernel.get("language") == "python"):
        raise BookError(f"The header of chapter {slug} needs a kernelspec with name python3 and language python.")
    chapter = Chapter(slug, text, notebook, float(budget))
    fences, cells = len(CODE_FENCE.findall(text)), len(chapter.code_cells)
    if fences != cells:
        raise BookError(
            f"Chapter {slug} has {fences} code-cell fences, but {cells} of them were read as cells; "
            "look for a fence inside another directive or a fence that is not closed."
        )
    return chapter

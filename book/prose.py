"""Numbers typed into prose: a decimal must come from a claim, not from the keyboard.

A chapter's Markdown is parsed, and only running text is searched: not mathematics, code, roles, link targets, or the
options of directives. Directives whose body is prose (an exercise, a note) are parsed in turn. The caption and the alt
text of a figure are prose too: of an f-string only what was typed is searched, not what it computes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin
from mdit_py_plugins.myst_role import myst_role_plugin

from book.chapter import Chapter

__all__ = ["bare_decimals", "prose_sentences"]

DECIMAL = re.compile(r"(?<![\w.])\d+\.\d+(?!\.?\d)")
# Identifiers, not results: versions, licenses, arXiv numbers.
ALLOWED = re.compile(r"(?:Python|CC BY|PyTorch|NumPy|version) \d+(?:\.\d+)+|\b\d{4}\.\d{5}(?:v\d+)?\b")

_NOT_PROSE = {
    "math", "code", "code-block", "code-cell", "literalinclude", "eval-rst", "raw", "bibliography", "toctree",
    "image", "glue", "glue:figure", "glue:math", "contents", "include", "solution-start", "solution-end",
}  # fmt: skip
_DIRECTIVE = re.compile(r"\{([\w:-]+)\}\s*(.*)")
_PARSER = (
    MarkdownIt("commonmark")
    .enable("table")
    .use(dollarmath_plugin, allow_labels=True, double_inline=True)
    .use(amsmath_plugin)
    .use(myst_role_plugin)
    .use(myst_block_plugin)
    .use(colon_fence_plugin)
    .use(deflist_plugin)
    .use(footnote_plugin)
)


def bare_decimals(text: str) -> list[str]:
    """The decimals in the running text of a piece of MyST Markdown."""
    return [number for run in _running_text(text) for number in DECIMAL.findall(ALLOWED.sub("", run))]


def prose_sentences(chapter: Chapter) -> list[str]:
    """One sentence for each Markdown cell, caption, or alt text of a chapter that holds a bare decimal."""
    return [*_text_sentences(chapter), *_figure_sentences(chapter)]


def _text_sentences(chapter: Chapter) -> list[str]:
    return [
        f"Chapter {chapter.slug}, Markdown cell {number} ({cell.source.strip().splitlines()[0]}): "
        f"the prose states {', '.join(found)}; let claim(...) compute it and write {{glue:text}}`slug`, "
        "or set it as mathematics."
        for number, cell in enumerate(_markdown_cells(chapter), start=1)
        if (found := bare_decimals(cell.source))
    ]


def _figure_sentences(chapter: Chapter) -> list[str]:
    return [
        f"Chapter {chapter.slug}, code cell {number} ({cell.source.strip().splitlines()[0]}): "
        f"the {argument} states {', '.join(found)}; write the computed value with an f-string."
        for number, cell in enumerate(chapter.code_cells, start=1)
        for argument, typed in _published_words(cell.source)
        if (found := bare_decimals(typed))
    ]


def _published_words(source: str) -> Iterator[tuple[str, str]]:
    """The typed text of every ``caption`` and ``alt`` that a cell gives to a call."""
    keywords = (k for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) for k in node.keywords)
    for keyword in keywords:
        if keyword.arg in ("caption", "alt"):
            parts = keyword.value.values if isinstance(keyword.value, ast.JoinedStr) else [keyword.value]
            # A letter stands for a computed value, so that the digits around it do not meet.
            yield keyword.arg, "".join(str(p.value) if isinstance(p, ast.Constant) else "x" for p in parts)


def _markdown_cells(chapter: Chapter) -> list:
    return [cell for cell in chapter.notebook.cells if cell.cell_type == "markdown"]


def _running_text(text: str) -> Iterator[str]:
    for token in _PARSER.parse(text):
        if token.type == "inline":
            # A soft break ends a word; code, math, roles, and HTML interrupt the text.
            yield "".join(c.content if c.type == "text" else "\n" for c in token.children)
        elif token.type in ("fence", "colon_fence") and (directive := _DIRECTIVE.match(token.info.strip())):
            name, argument = directive.groups()
            if name not in _NOT_PROSE:
                yield from _running_text(argument)
                yield from _running_text(_without_options(token.content))


def _without_options(body: str) -> str:
    """A directive's body without its ``:key: value`` lines or its ``---`` block."""
    lines = body.splitlines()
    if lines and lines[0].strip() == "---":
        end = next((i for i, line in enumerate(lines[1:], start=1) if line.strip() == "---"), 0)
        return "\n".join(lines[end + 1 :])
    while lines and re.match(r"\s*:[\w-]+:", lines[0]):
        lines.pop(0)
    return "\n".join(lines)

"""Which modules of geomem a chapter reaches by imports."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

from book.chapter import Chapter
from book.errors import BookError

__all__ = ["import_graph", "reached_modules"]

# In a process of its own, because grimp finds a package where it is importable, and this process may hold another copy.
_SCRIPT = """
import json, grimp
graph = grimp.build_graph("geomem", cache_dir=None)
print(json.dumps({m: sorted(graph.find_modules_directly_imported_by(m)) for m in graph.modules}))
"""


def import_graph(root: Path) -> dict[str, list[str]]:
    """Each module of ``root/geomem`` with the modules of geomem that it imports."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise BookError("The imports of geomem could not be read.", details=done.stderr.strip())
    return json.loads(done.stdout)


def reached_modules(chapter: Chapter, graph: dict[str, list[str]]) -> list[str]:
    """The import closure of a chapter; importing ``geomem.a.b`` runs ``geomem`` and ``geomem.a`` as well."""
    reached: set[str] = set()
    pending = _imported_names(chapter)
    while pending:
        name = pending.pop()
        parent, _, _ = name.rpartition(".")
        if parent:
            pending.add(parent)
        if name in graph and name not in reached:
            reached.add(name)
            pending.update(graph[name])
    return sorted(reached)


def _imported_names(chapter: Chapter) -> set[str]:
    """Dotted names that the code cells import; ``from a import b`` may name a module ``a.b``."""
    names: set[str] = set()
    for number, cell in enumerate(chapter.code_cells, start=1):
        try:
            tree = ast.parse(_without_magics(cell.source))
        except SyntaxError as error:
            raise BookError(f"Chapter {chapter.slug}, cell {number}, line {error.lineno}: {error.msg}.") from None
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _without_magics(source: str) -> str:
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())

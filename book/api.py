"""Pages of the programming interface, one for each public module of geomem, from its docstrings."""

from __future__ import annotations

import ast
from pathlib import Path

__all__ = ["public_modules", "write_api_pages"]


def public_modules(package: Path) -> dict[str, str]:
    """Each public module with the first line of its docstring."""
    modules = {}
    for path in sorted(package.rglob("*.py")):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if not any(part.startswith("_") for part in parts):
            docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            modules[".".join(parts)] = docstring.partition("\n")[0].replace(":math:", "{math}")  # the index is MyST
    return dict(sorted(modules.items()))


def write_api_pages(stage: Path, package: Path) -> None:
    """Write ``api/<module>.md`` and the index that lists them."""
    folder = stage / "api"
    folder.mkdir(exist_ok=True)
    modules = public_modules(package)
    for name in modules:
        # What a package passes on from its modules is described there, once.
        members = "" if package.parent.joinpath(*name.split(".")).is_dir() else "\n   :members:"
        text = f"---\norphan: true\n---\n# {name}\n\n```{{eval-rst}}\n.. automodule:: {name}{members}\n```\n"
        (folder / f"{name}.md").write_text(text, "utf-8")
    rows = "\n".join(f"* {{doc}}`{name} <{name}>`: {line}" for name, line in modules.items())
    (folder / "index.md").write_text(f"# The package, module by module\n\n{rows}\n", "utf-8")

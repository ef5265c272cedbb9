"""When a chapter must be executed again, and why.

The key of a chapter is a hash over everything that its output depends on: its source, the modules of geomem in its
import closure, ``constraints.txt``, the data and archive files that it opened, its parameters, the Python version, and
the steps of this pipeline that write a run. The unit is the file. The parts of the key are kept beside it, so that a
difference can be named.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from book.chapter import Chapter
from book.closure import reached_modules
from book.paths import BookPaths
from geomem.report.files import sha256

__all__ = ["key_of", "opened_files", "parts_before", "read_state", "stale_reason", "written_files"]

_PIPELINE = ("worker.py", "normalize.py")
# Wall time makes these differ between two executions; the files that a record names are hashed themselves.
_UNHASHED = {"state.json", "record.json", "opened.json"}


def parts_before(paths: BookPaths, chapter: Chapter, graph: dict[str, list[str]], parameters: dict) -> dict:
    """The parts of the key that are known before the chapter is executed."""
    here = Path(__file__).parent
    return {
        "source": chapter.sha256,
        "modules": {name: sha256(_module_file(paths, name)) for name in reached_modules(chapter, graph)},
        "constraints": sha256(paths.constraints),
        "parameters": parameters,
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "pipeline": {name: sha256(here / name) for name in _PIPELINE},
    }


def opened_files(run: Path) -> dict[str, str]:
    """Files that the chapter opened while it ran, relative to its run folder, with their hashes."""
    record = run / "opened.json"
    return json.loads(record.read_text("utf-8")) if record.exists() else {}


def written_files(run: Path) -> dict[str, str]:
    """Hashes of what an execution wrote, so that a damaged run is never read."""
    files = (path for path in sorted(run.rglob("*")) if path.is_file() and path.name not in _UNHASHED)
    return {path.relative_to(run).as_posix(): sha256(path) for path in files}


def key_of(parts: dict) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def read_state(paths: BookPaths, slug: str) -> dict | None:
    """What the last finished execution of a chapter left, or None."""
    path = paths.run(slug) / "state.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def stale_reason(paths: BookPaths, chapter: Chapter, graph: dict[str, list[str]], parameters: dict) -> str | None:
    """Why a chapter must be executed, or None when its last run stands."""
    slug, run = chapter.slug, paths.run(chapter.slug)
    if paths.failure(slug).exists():
        return "its last execution failed"
    state = read_state(paths, slug)
    if state is None:
        return "never executed"
    now = parts_before(paths, chapter, graph, parameters)
    now["opened"] = {name: sha256(run / name) if (run / name).is_file() else None for name in state["parts"]["opened"]}
    if key_of(now) != state["key"]:
        return "; ".join(_differences(state["parts"], now, slug))
    if damaged := _changed(state["written"], written_files(run)):
        return f"its run is damaged: {damaged[0]}"
    return None


def _differences(before: dict, now: dict, slug: str) -> list[str]:
    reasons = []
    if before["source"] != now["source"]:
        reasons.append(f"chapters/{slug}.md changed")
    reasons += _changed(before["modules"], now["modules"])
    if before["constraints"] != now["constraints"]:
        reasons.append("constraints.txt changed")
    reasons += [
        f"data file {Path(name).name} {'is gone' if digest is None else 'changed'}"
        for name, digest in now["opened"].items()
        if before["opened"][name] != digest
    ]
    reasons += [
        f"parameter {name}: {before['parameters'].get(name)!r} became {now['parameters'].get(name)!r}"
        for name in sorted(before["parameters"].keys() | now["parameters"].keys())
        if before["parameters"].get(name) != now["parameters"].get(name)
    ]
    if before["python"] != now["python"]:
        reasons.append(f"Python {before['python']} became {now['python']}")
    reasons += [f"book/{text}" for text in _changed(before["pipeline"], now["pipeline"])]
    return reasons


def _changed(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """One phrase for each name that was added, removed, or has another hash."""
    words = [f"{name} changed" for name in before.keys() & now.keys() if before[name] != now[name]]
    words += [f"{name} is new" for name in now.keys() - before.keys()]
    words += [f"{name} is gone" for name in before.keys() - now.keys()]
    return sorted(words)


def _module_file(paths: BookPaths, name: str) -> Path:
    base = paths.root.joinpath(*name.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")

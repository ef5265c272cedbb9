"""What imports what: optional libraries stay optional, and dependencies run one way."""

import ast
import pkgutil
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OPTIONAL = "jaxtyping beartype sklearn skimage rich typer pytest hypothesis mpmath jupytext papermill sphinx grimp"
OPTIONAL += " safetensors dask distributed"
MODULES = sorted(
    module.name for module in pkgutil.walk_packages([str(ROOT / "geomem")], "geomem.") if "__main__" not in module.name
)


def import_without(modules: list[str], blocked: str) -> subprocess.CompletedProcess:
    """Import modules in a fresh interpreter in which some libraries cannot be found."""
    code = (
        "import sys, importlib\n"
        f"for name in {blocked.split()!r}: sys.modules[name] = None\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(len({modules!r}), 'imported')"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_every_module_imports_without_the_optional_libraries():
    done = import_without(MODULES, OPTIONAL)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{len(MODULES)} imported\n"
    assert len(MODULES) > 10


def test_blocking_a_library_works():
    assert "import of numpy halted" in import_without(["geomem.noise"], "numpy").stderr


def test_report_imports_without_torch():
    report = [name for name in MODULES if name.startswith("geomem.report")]
    assert "geomem.report.figure" in report
    done = import_without(report, f"torch {OPTIONAL}")
    assert done.returncode == 0, done.stderr


def test_without_jaxtyping_annotations_are_plain_types(monkeypatch):
    monkeypatch.setitem(sys.modules, "jaxtyping", None)
    typing = runpy.run_path(str(ROOT / "geomem" / "_typing.py"))
    assert typing["Float"][dict, "batch d"] is dict
    assert typing["Int"][list, "n"] is list


def imported_by(path: Path) -> set[str]:
    """The modules that a file names in its import statements, at any depth of indentation."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relative to itself: write the module's full name"
            names |= {node.module or ""}
    return names


@pytest.mark.parametrize("path", sorted((ROOT / "geomem").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_geomem_never_imports_book(path):
    assert not {name for name in imported_by(path) if name.split(".")[0] in ("book", "tests", "benchmarks", "chapters")}


def test_only_learning_imports_learning():
    others = [path for path in (ROOT / "geomem").rglob("*.py") if path.parent.name != "learning"]
    assert not [path.name for path in others if any("geomem.learning" in name for name in imported_by(path))]
    assert len(others) > 10


@pytest.mark.parametrize("path", sorted((ROOT / "book").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_book_imports_of_geomem_only_report_and_errors(path):
    geomem = {name for name in imported_by(path) if name.split(".")[0] == "geomem"}
    assert all(name in ("geomem", "geomem.errors") or name.startswith("geomem.report") for name in geomem)


@pytest.mark.parametrize("path", sorted((ROOT / "chapters").glob("*.md")), ids=lambda p: p.name)
def test_chapters_never_import_book(path):
    lines = path.read_text().splitlines()
    assert not [line for line in lines if line.strip().startswith(("import book", "from book"))]

"""One small book, built once; each test gets a copy of its sources and runs."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from book.paths import BookPaths
from tests.book.small_book import ROOT, write_book


def run_book(root: Path, *arguments: str, **options) -> subprocess.CompletedProcess:
    """``python -m book`` as a user runs it, on the book in ``root``."""
    return subprocess.run(book_command(root, *arguments), **book_options(), capture_output=True, **options)


def book_command(root: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "book", "--root", str(root), *arguments]


def book_options() -> dict:
    return {"cwd": ROOT, "text": True, "env": os.environ | {"COLUMNS": "200"}}


@pytest.fixture(scope="session")
def timed_build(tmp_path_factory) -> tuple[BookPaths, float]:
    """The small book, built, and how many seconds that took."""
    paths = write_book(tmp_path_factory.mktemp("built") / "book")
    start = time.perf_counter()
    done = run_book(paths.root, "build")
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stdout + done.stderr
    assert (paths.html / "index.html").as_uri() in done.stdout
    assert "process time" in done.stdout
    return paths, seconds


@pytest.fixture(scope="session")
def built(timed_build) -> BookPaths:
    """The small book, built; not to be changed."""
    return timed_build[0]


@pytest.fixture
def book(built, tmp_path) -> BookPaths:
    """A copy of the small book with fresh runs, to be changed at will."""
    shutil.copytree(built.root, tmp_path / "book", ignore=shutil.ignore_patterns("html", "source"))
    return BookPaths.of(tmp_path / "book")

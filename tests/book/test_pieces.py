"""A chapter at full size, made in pieces by ``make full``."""

import os
import subprocess
import sys

import pytest

from tests.book.small_book import ROOT

pytestmark = pytest.mark.pipeline
PIECE = """\
import os
from pathlib import Path
kept = Path(os.environ["GEOMEM_RUN"]).parents[2] / "sweep" / "squares"
kept.mkdir(parents=True, exist_ok=True)
told = {name: os.environ.get(f"GEOMEM_{name}") for name in ("MINUTES", "WORKERS", "SCHEDULER")}
(kept / f"{len(list(kept.iterdir()))}.txt").write_text(str(told))
raise RuntimeError(f"unfinished points: 1 after {told['MINUTES']} minutes; run again to go on")
"""


def make_full(root, *variables):
    """``make full`` with the project's Makefile in another book's folder, in the environment of this test."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GEOMEM")}
    ready = ["-o", f"{sys.prefix}/.ready"]  # the environment is this one, whatever the age of its files
    return subprocess.run(
        ["make", "-f", ROOT / "Makefile", f"VENV={sys.prefix}", *ready, "full", "EXPERIMENT=squares", *variables],
        cwd=root,
        env=clean | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )


def test_what_make_is_given_reaches_the_chapter_and_what_a_piece_leaves_stays(book):
    chapter = book.chapter("squares")
    chapter.write_text(chapter.read_text().replace('claim("squares-sum"', PIECE + 'claim("squares-sum"'))
    assert chapter.read_text().count("run again to go on") == 1
    first = make_full(book.root, "MINUTES=7", "WORKERS=2", "SCHEDULER=tcp://localhost:1")
    assert first.returncode != 0
    assert "raised RuntimeError: unfinished points: 1 after 7 minutes; run again to go on." in first.stdout
    second = make_full(book.root)  # a chapter that stopped is executed again
    assert "unfinished points: 1 after None minutes" in second.stdout
    kept = book.root / "_build" / "sweep" / "squares"
    assert [path.read_text() for path in sorted(kept.iterdir())] == [
        "{'MINUTES': '7', 'WORKERS': '2', 'SCHEDULER': 'tcp://localhost:1'}",
        "{'MINUTES': None, 'WORKERS': None, 'SCHEDULER': None}",
    ]

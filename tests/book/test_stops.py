"""What stops a build, and the sentence that it stops with."""

import json
import re

import pytest

from book.__main__ import _publish
from book.check import check_before_rendering
from book.errors import BookError
from book.execute import execute, stale_chapters
from book.records import add_identifiers, read_publication
from tests.book.conftest import run_book

pytestmark = pytest.mark.pipeline
QUICK = {"profile": "quick", "seed": 0}
CLAIM_CELL = 'claim("squares-sum", y.mean(), 0.3, 0.4'


def edit(book, slug, old, new):
    text = book.chapter(slug).read_text()
    assert old in text
    book.chapter(slug).write_text(text.replace(old, new))


EXECUTION = {
    "a chapter that raises": (
        CLAIM_CELL,
        "1 / 0\n" + CLAIM_CELL,
        "Chapter squares, cell 3 (1 / 0): raised ZeroDivisionError: division by zero.",
    ),
    "a claim that fails": (
        CLAIM_CELL,
        'claim("squares-sum", y.mean(), 0.5, 0.6',
        r"Chapter squares, cell 3 \(claim.*raised ClaimError: claim 'squares-sum' fails",
    ),
    "a missing alt text": (
        'alt="A smooth parabola rising from zero to one, with a second line that jitters around it."',
        'alt=""',
        r"Chapter squares, cell 4 \(rng .*raised FigureError: fig-squares: got the alt text ''",
    ),
    "a cell that is skipped": (
        ":tags: [hide-input]",
        ":tags: [hide-input, skip-execution]",
        r"Chapter squares, cell 4 \(rng .*: was not executed",
    ),
    "an exit that looks like success": (
        CLAIM_CELL,
        "raise SystemExit(0)\n" + CLAIM_CELL,
        r"Chapter squares, cell 4 .*: was not executed",
    ),
    "a kernel that dies": (
        CLAIM_CELL,
        "import os; os._exit(1)\n" + CLAIM_CELL,
        r"Chapter squares, cell 3 \(import os; os._exit\(1\)\): the kernel died",
    ),
    "a picture without a record": (
        CLAIM_CELL,
        "from IPython.display import display, Image\ndisplay(Image(bytes.fromhex('89504e470d0a1a0a')))\n" + CLAIM_CELL,
        r"Chapter squares, cell 3 .*shows a picture that is not published",
    ),
    "a memory address": (
        CLAIM_CELL,
        "object()\n```\n\n```{code-cell} ipython3\n" + CLAIM_CELL,
        r"Chapter squares, cell 3 \(object\(\)\): its output shows a memory address",
    ),
    "a budget overrun": (
        "budget_seconds: 60",
        "budget_seconds: 0.01",
        r"Chapter squares took .* its header states 0.01 s",
    ),
}


@pytest.mark.parametrize("case", EXECUTION)
def test_execution_stops(book, case):
    old, new, sentence = EXECUTION[case]
    before = (book.run("squares") / "state.json").read_bytes()
    edit(book, "squares", old, new)
    with pytest.raises(BookError) as stop:
        execute(book, QUICK, only="squares")
    assert re.search(sentence, str(stop.value)) or sentence in str(stop.value), str(stop.value)
    # The previous good run is still there, but it is not what the chapter says now.
    assert (book.run("squares") / "state.json").read_bytes() == before
    assert stale_chapters(book, QUICK)["squares"] == "its last execution failed"
    with pytest.raises(BookError, match="its last execution failed"):
        _publish(book, 0)


def test_a_failed_chapter_ends_the_command_and_the_others_are_executed(book):
    edit(book, "squares", CLAIM_CELL, "1 / 0\n" + CLAIM_CELL)
    edit(book, "cubes", "Here $x^3$", "There $x^3$")
    done = run_book(book.root, "build")
    assert done.returncode == 1
    assert "Chapter squares, cell 3 (1 / 0): raised ZeroDivisionError" in done.stdout
    assert "----> 1 1 / 0" in done.stdout or "1 / 0" in done.stdout.split("ZeroDivisionError", 1)[1]
    assert not book.html.exists()
    assert stale_chapters(book, QUICK) == {"squares": "its last execution failed", "cubes": None}
    # Once mended, the chapter is executed and fresh again.
    edit(book, "squares", "1 / 0\n" + CLAIM_CELL, CLAIM_CELL)
    assert execute(book, QUICK) == ["squares"]
    assert set(stale_chapters(book, QUICK).values()) == {None}


SOURCES = {
    "no budget": ("geomem:\n  budget_seconds: 60\n", "", "states no budget"),
    "a fence inside a directive": (
        "```{code-cell} ipython3\nassert",
        "````{note}\n```{code-cell} ipython3\n1\n```\n````\n\n```{code-cell} ipython3\nassert",
        "has 6 code-cell fences, but 5 of them were read as cells",
    ),
    "an unknown parameter": ('profile = "quick"\n', "", "Chapter squares has no parameter 'profile'"),
    "a syntax error": (CLAIM_CELL, "1 +\n" + CLAIM_CELL, r"Chapter squares, cell 3, line 1: invalid syntax"),
    "no kernel": ("  name: python3\n", "  name: julia\n", "needs a kernelspec with name python3"),
}


@pytest.mark.parametrize("case", SOURCES)
def test_reading_stops(book, case):
    old, new, sentence = SOURCES[case]
    edit(book, "squares", old, new)
    with pytest.raises(BookError, match=sentence):
        execute(book, QUICK)


def test_a_bare_decimal_stops(book):
    edit(book, "squares", "integrates", "integrates to 0.333 by $0.5 < 1$ and `0.7`")
    with pytest.raises(BookError, match=r"Chapter squares, Markdown cell 1 \(# Squares\): the prose states 0.333;"):
        check_before_rendering(book, read_publication(book))


def test_an_unexecuted_cell_stops(book):
    path = book.run("squares") / "notebook.ipynb"
    notebook = json.loads(path.read_text())
    notebook["cells"][3]["execution_count"] = None
    path.write_text(json.dumps(notebook))
    with pytest.raises(BookError, match="Chapter squares, cell 2: was not executed"):
        check_before_rendering(book, read_publication(book))


def test_nothing_is_published_twice(book):
    folder = book.run("cubes") / "figures" / "fig-cubes"
    record = json.loads((folder / "record.json").read_text())
    other = json.loads((book.run("squares") / "figures" / "fig-squares" / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps(record | {"alt": other["alt"].upper()}))
    with pytest.raises(BookError, match="Chapter cubes, cell 3: fig-cubes has the alt text of fig-squares"):
        read_publication(book)
    (folder / "record.json").write_text(json.dumps(record | {"alt": "short"}))
    with pytest.raises(BookError, match="Chapter cubes, cell 3: fig-cubes needs an alt text of its own"):
        read_publication(book)
    (folder / "record.json").write_text(json.dumps(record))
    (book.run("cubes") / "claims").mkdir()
    claim = (book.run("squares") / "claims" / "squares-sum.json").read_text()
    (book.run("cubes") / "claims" / "squares-sum.json").write_text(claim)
    with pytest.raises(BookError, match="Chapter cubes publishes the claim squares-sum, and so does chapter squares"):
        read_publication(book)


def test_identifiers_are_permanent(book):
    publication = read_publication(book)
    ids = book.reference / "ids.txt"
    ids.write_text("fig-squares\nfig-lost\n")
    with pytest.raises(BookError) as stop:
        check_before_rendering(book, publication)
    assert "Figure fig-lost was published and has vanished" in str(stop.value)
    assert "Chapter cubes, cell 3: fig-cubes is new" in str(stop.value)
    assert "python -m book identifiers --add" in str(stop.value)
    ids.write_text("fig-squares\nfig-lost: merged into fig-squares\n")
    assert add_identifiers(book, publication, write=True) == ["fig-cubes"]
    check_before_rendering(book, publication)
    assert ids.read_text() == "fig-squares\nfig-lost: merged into fig-squares\nfig-cubes\n"
    ids.write_text("fig-squares: no longer\nfig-cubes\n")
    with pytest.raises(BookError, match="fig-squares belonged to a figure that was removed"):
        check_before_rendering(book, publication)


def test_there_is_nothing_to_serve_before_a_build(book):
    done = run_book(book.root, "serve")
    assert done.returncode == 1
    assert "There is no site yet" in done.stdout


def test_broken_references_stop(book):
    edit(
        book,
        "cubes",
        "Here $x^3$",
        "See {numref}`fig-nowhere`, {cite}`nobody`, {eq}`eq-none`, {doc}`/absent`. Here $x^3$",
    )
    edit(book, "squares", "Differentiate the square.", "Use {ref}`no-such-place` and {glue:text}`no-such-claim`.")
    edit(book, "cubes", 'caption="The cube is odd', 'caption="By {ref}`lost-theorem` the cube is odd')
    done = run_book(book.root, "build")
    assert done.returncode == 1
    for missing in ("fig-nowhere", "nobody", "eq-none", "absent"):
        assert re.search(rf"Chapter cubes, cell 1 \(# Cubes\): .*{missing}", done.stdout), missing
    assert re.search(r"Chapter cubes, cell 5 \(fig, ax = .*\): .*lost-theorem", done.stdout)
    for missing in ("no-such-place", "no-such-claim"):
        assert re.search(rf"Chapter squares, cell 7 \(.*\): .*{missing}", done.stdout), missing
    assert not book.html.exists()

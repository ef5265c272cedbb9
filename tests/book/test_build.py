"""A book from its sources to its site: complete, repeatable, and executed no more than needed."""

import json
import os
import shutil

import pytest

from book.check import check
from book.execute import execute, stale_chapters
from book.lock import locked
from book.paths import BookPaths
from book.records import read_publication
from book.site import Page
from geomem.report.figure import VOLATILE
from tests.book.conftest import run_book
from tests.book.small_book import write_offset

pytestmark = pytest.mark.pipeline
QUICK = {"profile": "quick", "seed": 0}


def files(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def page(paths, name) -> Page:
    return Page(paths.html, paths.html / name)


def test_everything_is_published(built):
    summary = check(built, read_publication(built))
    assert "2 chapters, 8 executed cells, 2 figures with records, 1 claims" in summary
    assert (built.html / ".nojekyll").exists()
    assert "0.3 s" not in page(built, "ledger-of-claims.html").soup.get_text()
    ledger = page(built, "ledger-of-claims.html").soup.get_text()
    assert "squares-sum" in ledger
    assert "[0.3,\N{NO-BREAK SPACE}0.4]" in ledger
    assert "60 s" in page(built, "status.html").soup.get_text()


def test_the_text_reads_the_claim_and_the_figure_leads_to_its_record(built):
    chapter = page(built, "chapters/squares.html")
    value = json.loads((built.run("squares") / "claims" / "squares-sum.json").read_text())["value"]
    assert f"The sum over the grid is {value:.2f}" in chapter.soup.get_text()
    figure = chapter.soup.find("figure", id="fig-squares")
    assert [image["src"] for image in figure.find_all("img")] == [
        "../figures/fig-squares/fig.svg",
        "../figures/fig-squares/fig-dark.svg",
    ]
    assert f"the mean is {value:.2f}" in figure.find("figcaption").get_text()
    assert [a.get_text() for a in figure.select(".figure-links a")] == [
        "code",
        "data (netCDF)",
        "data (CSV)",
        "record",
        "cite",
    ]
    assert not chapter.soup.select(".tag_injected-parameters")


def test_an_interactive_figure_reaches_its_page_and_its_record(built):
    figure = next(f for f in read_publication(built).figures if f.slug == "fig-cubes")
    text = (figure.folder / "explorer.json").read_text("utf-8")
    drawn = page(built, "chapters/cubes.html").soup.find("figure", id="fig-cubes")
    twin = drawn.find("div", id="explore-fig-cubes")
    assert twin.has_attr("hidden")
    assert twin.find("script")["type"] == "application/json"
    assert twin.find("script").get_text() == text
    assert len(drawn.find_all("img")) == 2
    assert (built.html / "figures" / "fig-cubes" / "explorer.json").read_text("utf-8") == text
    record = page(built, "figures/fig-cubes.html").soup
    assert record.find("a", href="fig-cubes/explorer.json").has_attr("download")
    assert figure.record["files"]["explorer.json"] in record.get_text()
    assert not record.select(".explorer")
    assert "explorer.json" not in page(built, "figures/fig-squares.html").soup.get_text()
    assert not (built.html / "figures" / "fig-squares" / "explorer.json").exists()
    assert (built.html / "_static" / "explorer.js").is_file()
    assert page(built, "chapters/cubes.html").soup.select('link[href*="explorer.css"]')


def test_a_page_shows_a_figure_and_a_value_of_a_chapter(built):
    soup = page(built, "introduction.html").soup
    value = json.loads((built.run("squares") / "claims" / "squares-sum.json").read_text())["value"]
    assert f"whose mean is {value:.3f}" in soup.get_text()
    figure = soup.find("article").find("figure")
    assert [image["src"] for image in figure.find_all("img")] == [
        "figures/fig-squares/fig.svg",
        "figures/fig-squares/fig-dark.svg",
    ]
    words = figure.find("figcaption").get_text()
    assert f"the mean is {value:.2f} and (1) the limit" in words
    assert "Fig. 1" in words
    links = [link["href"] for link in figure.find_all("a")]
    assert links == ["chapters/squares.html#equation-eq-squares", "chapters/squares.html",
                     "chapters/squares.html#fig-squares", "figures/fig-squares.html"]  # fmt: skip


def test_a_record_names_everything_that_made_the_figure(built):
    figure = next(f for f in read_publication(built).figures if f.slug == "fig-cubes")
    text = page(built, "figures/fig-cubes.html").soup.get_text()
    state = json.loads((built.run("cubes") / "state.json").read_text())
    named = [
        figure.record["alt"],
        figure.record["caption"],
        figure.record["array_hash"],
        figure.record["data_hash"],
        figure.record["device"],
        state["parts"]["constraints"],
        *state["parts"]["opened"].values(),
        "The geomem developers",
        "python -m book verify fig-cubes",
        "seed = 0",
    ]
    assert [item for item in named if item not in text] == []
    first, last = figure.lines
    lines = figure.chapter.text.splitlines()[first - 1 : last]
    assert lines[0] == "```{code-cell} ipython3"
    assert lines[-1] == "```"
    assert lines[figure.first_code_line - first] == figure.code.splitlines()[0]
    assert any("fig-cubes" in line for line in lines)


def test_a_second_build_executes_nothing(book):
    before = {name: path.stat().st_mtime_ns for name, path in files(book.runs).items()}
    assert execute(book, QUICK) == []
    assert {name: path.stat().st_mtime_ns for name, path in files(book.runs).items()} == before


def test_two_executions_give_the_same_bytes(book):
    again = BookPaths(book.root, book.root / "_again")
    assert execute(again, QUICK) == ["squares", "cubes"]
    first, second = files(book.runs), files(again.runs)
    first, second = ({k: v for k, v in side.items() if not k.startswith(".")} for side in (first, second))
    assert first.keys() == second.keys()
    for name, path in first.items():
        if path.name not in ("record.json", "state.json"):
            assert path.read_bytes() == second[name].read_bytes(), name
    timed = {"record.json": set(VOLATILE), "state.json": {"seconds", "cpu_seconds", "peak_mib"}}
    for name in (n for n in first if n.endswith(tuple(timed))):
        old, new = (json.loads(side[name].read_text()) for side in (first, second))
        differing = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        assert differing <= timed[first[name].name], name


def test_another_seed_has_its_own_folder(book):
    done = run_book(book.root, "execute", "squares", "--seed", "1")
    assert done.returncode == 0, done.stdout
    state = json.loads((book.root / "_build" / "seed-1" / "run" / "squares" / "state.json").read_text())
    assert state["parts"]["parameters"] == {"profile": "quick", "seed": 1}
    one, two = (
        json.loads((runs / "squares" / "figures" / "fig-squares" / "record.json").read_text())
        for runs in (book.runs, book.root / "_build" / "seed-1" / "run")
    )
    assert one["array_hash"] != two["array_hash"]


def test_the_full_profile_has_its_own_folder_and_no_budget(book):
    before = {name: path.read_bytes() for name, path in files(book.runs).items()}
    chapter = book.chapter("squares")
    chapter.write_text(chapter.read_text().replace("budget_seconds: 60", "budget_seconds: 0.01"))
    done = run_book(book.root, "execute", "squares", "--profile", "full")
    assert done.returncode == 0, done.stdout
    run = book.root / "_build" / "full" / "run" / "squares"
    assert json.loads((run / "state.json").read_text())["parts"]["parameters"] == {"profile": "full", "seed": 0}
    assert json.loads((run / "figures" / "fig-squares" / "record.json").read_text())["profile"] == "full"
    assert {name: path.read_bytes() for name, path in files(book.runs).items()} == before
    assert BookPaths.of(book.root, 1, "full").build == book.root / "_build" / "full" / "seed-1"
    assert run_book(book.root, "execute", "squares", "--profile", "huge").returncode == 2


def test_a_module_makes_exactly_the_chapters_stale_that_reach_it(book):
    def append(name):
        with open(book.package / name, "a") as handle:
            handle.write("\n# edited\n")

    append("report/archive.py")
    assert stale_chapters(book, QUICK) == {"squares": None, "cubes": "geomem.report.archive changed"}
    listed = run_book(book.root, "status")
    assert listed.returncode == 0
    rows = {line.split()[0]: line for line in listed.stdout.splitlines() if line.strip()}
    assert "fresh" in rows["squares"]
    assert "stale: geomem.report.archive changed" in rows["cubes"]
    append("report/svg.py")  # reached by both, through geomem.report.figure
    reasons = stale_chapters(book, QUICK)
    assert reasons["squares"] == "geomem.report.svg changed"
    assert reasons["cubes"] == "geomem.report.archive changed; geomem.report.svg changed"


def test_every_other_reason_is_named(book):
    write_offset(book.root, 0.25)
    assert stale_chapters(book, QUICK) == {"squares": None, "cubes": "data file offset.nc changed"}
    write_offset(book.root, 0.0)
    assert stale_chapters(book, QUICK) == {"squares": None, "cubes": None}
    assert stale_chapters(book, QUICK | {"seed": 3})["cubes"] == "parameter seed: 0 became 3"
    book.chapter("squares").write_text(book.chapter("squares").read_text() + "\nMore.\n")
    assert stale_chapters(book, QUICK) == {"squares": "chapters/squares.md changed", "cubes": None}
    book.constraints.write_text("numpy==2.4.5\n")
    assert stale_chapters(book, QUICK)["cubes"] == "constraints.txt changed"
    shutil.rmtree(book.run("cubes"))
    assert stale_chapters(book, QUICK)["cubes"] == "never executed"


@pytest.mark.parametrize("name", ["notebook.ipynb", "figures/fig-cubes/data.nc"])
def test_a_damaged_run_is_not_read(book, name):
    path = book.run("cubes") / name
    path.write_bytes(path.read_bytes()[:-1])
    assert stale_chapters(book, QUICK)["cubes"] == f"its run is damaged: {name} changed"
    done = run_book(book.root, "render")
    assert done.returncode == 1
    assert "Chapter cubes is stale (its run is damaged" in done.stdout


def test_two_builds_do_not_mix(book):
    with locked(book.build):
        done = run_book(book.root, "execute")
    assert done.returncode == 1
    assert "Another build is running" in done.stdout
    assert run_book(book.root, "execute").returncode == 0


def test_verify_tells_identical_from_different(book):
    done = run_book(book.root, "verify", "fig-cubes")
    assert done.returncode == 0, done.stdout
    assert "fig-cubes against the last run: identical" in done.stdout
    text = book.chapter("cubes").read_text()
    book.chapter("cubes").write_text(text.replace("x**3 + offset", "(1 + 1e-6) * x**3 + offset"))
    done = run_book(book.root, "verify", "fig-cubes")
    assert done.returncode == 1
    assert "different (max |Δ| = 1e-06 in y)" in done.stdout
    assert os.listdir(book.build / "run")  # the last run is left as it was
    assert run_book(book.root, "verify", "fig-nowhere").returncode == 1

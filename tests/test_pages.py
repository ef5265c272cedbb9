"""What the pages and the files at the root say about the rest of the repository."""

import re
from pathlib import Path

import pytest
import yaml
from pybtex.database import parse_file

import geomem

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "book" / "pages"
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_citation_agrees_with_the_package_the_configuration_and_the_page():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    page = (PAGES / "how-to-cite.md").read_text("utf-8")
    assert citation["version"] == geomem.__version__
    assert citation["title"] == yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["title"]
    assert f"version = {{{citation['version']}}}" in page
    assert f"title   = {{{citation['title']}}}" in page
    assert f"booktitle = {{{citation['title']}}}" in page


@pytest.mark.parametrize("document", [ROOT / "README.md", PAGES / "how-to-execute.md"], ids=lambda path: path.name)
def test_the_commands_are_those_of_the_makefile(document):
    text = document.read_text("utf-8")
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE))
    documented = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))
    assert named <= documented, f"{document.name} names targets that do not exist: {named - documented}"
    parts_of_test = {"test-unit", "test-pipeline"}
    assert documented - named <= parts_of_test, f"{document.name} leaves out {documented - named - parts_of_test}"
    variables = set(re.findall(r"\b([A-Z_]+)=", text))
    assert variables <= set(re.findall(r"\$\(([A-Z_]+)\)", MAKEFILE))


def test_every_reference_was_checked_and_has_its_note_on_what_was_read():
    notes = (PAGES / "sources.md").read_text("utf-8")
    entries = parse_file(str(PAGES / "references.bib")).entries
    assert len(entries) > 30
    for key, entry in entries.items():
        assert entry.fields.get("checked"), f"{key} does not say against what it was checked"
        assert f"`{key}`" in notes, f"nothing is said in sources.md of what was read of {key}"


def test_every_page_is_in_the_table_of_contents():
    toc = (ROOT / "_toc.yml").read_text("utf-8")
    for page in PAGES.glob("*.md"):
        assert re.search(rf"^.*(?:file|root): {re.escape(page.stem)}$", toc, re.MULTILINE), (
            f"{page.name} is not in _toc.yml"
        )

"""Figures and values of chapters in the pages around them."""

from types import SimpleNamespace

import pytest

from book.errors import BookError
from book.fill import caption, fill_pages

FIGURE = SimpleNamespace(
    slug="fig-line",
    cell_number=3,
    chapter=SimpleNamespace(slug="lines", title="Lines"),
    record={"caption": "A line of slope\n{glue:text}`slope:.1f`, by {eq}`eq-line`.", "alt": 'A "straight" line.'},
)
PUBLICATION = SimpleNamespace(figures=[FIGURE], claims=[SimpleNamespace(slug="slope", value=0.5)])


def filled(tmp_path, text):
    page = tmp_path / "story.md"
    page.write_text(text)
    fill_pages([page], PUBLICATION)
    return page.read_text()


def test_a_figure_comes_with_both_pictures_its_caption_and_its_record(tmp_path):
    text = filled(tmp_path, "# Story\n\nBefore.\n\n```{published-figure} fig-line\n```\n\nAfter.\n")
    assert text.startswith("# Story\n\nBefore.\n\n```{raw} html\n<figure")
    assert text.endswith("</figcaption></figure>\n```\n\nAfter.\n")
    for part in (
        '<img class="figure only-light" src="figures/fig-line/fig.svg" alt="A &quot;straight&quot; line.">',
        '<img class="figure only-dark" src="figures/fig-line/fig-dark.svg" alt="A &quot;straight&quot; line.">',
        "\nA line of slope 0.5, by {eq}`eq-line`.\n",
        "{doc}`Lines </chapters/lines>`, {numref}`fig-line`; {doc}`its record </figures/fig-line>`.",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("{glue:text}`slope:.3f`", "0.500"),
        ("{glue:}`slope`", "0.5"),
        ("{glue:text}`slope:.0%` of it", "50% of it"),
        ("`slope` and {doc}`slope`", "`slope` and {doc}`slope`"),
        ("````md\n```{published-figures} fig-line\n```\n````", "````md\n```{published-figures} fig-line\n```\n````"),
    ],
)
def test_values_are_written_out_and_nothing_else_is_touched(tmp_path, written, read):
    assert filled(tmp_path, written) == read


def test_every_unknown_name_is_a_sentence_with_its_line(tmp_path):
    page = tmp_path / "story.md"
    page.write_text("one\n{glue:text}`slop:.3f`\n{glue:text}`slope:.3q`\n\n```{published-figure} fig-lime\n```\n")
    with pytest.raises(BookError) as stop:
        fill_pages([page], PUBLICATION)
    assert stop.value.sentences == (
        "story.md, line 2: no chapter makes a claim 'slop'; take one that the ledger of claims lists.",
        "story.md, line 3: the value of slope has no format '.3q'; write one such as .3f.",
        "story.md, line 5: no chapter publishes a figure 'fig-lime'; take one that python -m book identifiers lists.",
    )
    assert "slop:" in page.read_text()


def test_a_caption_names_its_cell():
    with pytest.raises(BookError, match="Chapter lines, cell 3, caption of fig-line: no chapter makes a claim 'slope'"):
        caption(FIGURE, {})
    assert caption(FIGURE, {"slope": 2.0}) == "A line of slope 2.0, by {eq}`eq-line`."

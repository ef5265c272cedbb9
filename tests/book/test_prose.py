"""Decimals in running text are found; those in mathematics, code, roles, and identifiers are not."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from book.chapter import Chapter
from book.prose import bare_decimals, prose_sentences


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is 1.73 here, 10.5% there, and 2.5s.", ["1.73", "10.5", "2.5"]),
        ("$t = 1.73$, `1.2`, {glue:text}`a:.3f`, {numref}`b 1.2`", []),
        ("**1.5** *2.5* [3.5](http://host/4.5)", ["1.5", "2.5", "3.5"]),
        ("arXiv 2410.08727v2, Python 3.11, version 0.1.0, CC BY 4.0", []),
        ("$$\n1.2\n$$ (eq-1.5)\n\n\\begin{align}1.2\\end{align}", []),
        ("```{exercise} Halve 2.5\n:label: ex-1.5\nFind 3.25.\n```", ["2.5", "3.25"]),
        (":::{note}\n---\nclass: c-1.5\n---\n0.5\n:::", ["0.5"]),
        ("```{code-block} python\n1.5\n```\n\n```\n1.5\n```", []),
        ("````{note}\n```{math}\n1.2\n```\n````", []),
        ("| a | b |\n|---|---|\n| 1.5 | $1.7$ |", ["1.5"]),
        ("term\n: 0.25 of it\n\nnote[^1]\n\n[^1]: says 0.75", ["0.25", "0.75"]),
        ("% a comment on 1.5\n\nSections 2 and 3.", []),
    ],
)
def test_bare_decimals(text, found):
    assert bare_decimals(text) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ('caption="The sum is 1.73 here.", alt="A curve."', ["the caption states 1.73"]),
        ('caption=f"Up to {high:.2f}, not 2.5.", alt=f"From {low} to 0.5"',
         ["the caption states 2.5", "the alt states 0.5"]),
        ('caption=f"Up to {high:.2f}$\\\\,$, $t=1.5$.", alt=words', []),
    ],
)
def test_decimals_typed_into_captions(words, found):
    notebook = new_notebook(cells=[new_code_cell(f'x = 1.5\npublish(fig, "fig-a", {words})')])
    sentences = prose_sentences(Chapter("sums", "", notebook, 60))
    assert len(sentences) == len(found)
    for sentence, part in zip(sentences, found, strict=True):
        assert part in sentence
        assert "Chapter sums, code cell 1 (x = 1.5)" in sentence

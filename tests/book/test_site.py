"""What a page loads and where it leads, on small pages written for the purpose."""

import hashlib
from types import SimpleNamespace

import pytest

from book.check import _explorer_problems, _page_problems
from book.normalize import explorer
from book.site import external_requests, read_pages, unresolved_links


def write(site, body, name="index.html"):
    (site / name).parent.mkdir(parents=True, exist_ok=True)
    (site / name).write_text(f"<html><head></head><body>{body}</body></html>")


@pytest.mark.parametrize(
    "body",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<script src="//cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="https://example.org/x.css">',
        '<link rel="preload" href="https://example.org/font.woff2">',
        '<img src="http://example.org/x.png" alt="a">',
        '<img src="a.png" srcset="a.png 1x, https://example.org/b.png 2x" alt="a">',
        '<iframe src="https://example.org"></iframe>',
        '<p style="background: url(https://example.org/x.png)">a</p>',
        '<style>@import "https://example.org/x.css";</style>',
        '<script>fetch("https://example.org/data")</script>',
    ],
)
def test_an_external_request_is_found(tmp_path, body):
    write(tmp_path, body)
    assert len(list(external_requests(tmp_path, read_pages(tmp_path)))) == 1


@pytest.mark.parametrize(("name", "text"), [
    ("a.css", "p { background: url('https://example.org/x.png') }"),
    ("a.js", 'import("https://example.org/x.mjs")'),
    ("a.js", 's.src = "https://example.org/x.js"'),
])  # fmt: skip
def test_an_external_request_of_a_loaded_file_is_found(tmp_path, name, text):
    write(tmp_path, "")
    (tmp_path / name).write_text(text)
    assert len(list(external_requests(tmp_path, read_pages(tmp_path)))) == 1


def test_a_link_to_follow_is_no_request(tmp_path):
    write(tmp_path, '<a href="https://example.org">x</a><link rel="canonical" href="https://example.org">')
    assert list(external_requests(tmp_path, read_pages(tmp_path))) == []


def test_dead_links_and_anchors_are_found(tmp_path):
    write(tmp_path, '<a href="other.html#there">x</a><a href="#here">x</a><p id="here"></p><a href="a%20b.txt">x</a>')
    write(tmp_path, '<p id="there"></p>', "other.html")
    (tmp_path / "a b.txt").touch()
    assert list(unresolved_links(read_pages(tmp_path))) == []
    write(tmp_path, '<a href="../index.html#nowhere">x</a><a href="gone.html">y</a>', "sub/page.html")
    assert list(unresolved_links(read_pages(tmp_path))) == [
        "sub/page.html links to ../index.html#nowhere, but that page has no anchor 'nowhere'.",
        "sub/page.html links to gone.html, which does not exist.",
    ]


def test_tracebacks_and_undescribed_images_are_found(tmp_path):
    write(tmp_path, '<div class="cell_output">Traceback (most recent call last)</div><img src="x.png" alt=" ">')
    (page,) = read_pages(tmp_path).values()
    assert _page_problems(page) == ["index.html shows a traceback.", "index.html: the image x.png has no alt text."]


NUMBERS = '{"x":[1,2]}'
TWIN = explorer("fig-x", NUMBERS)
LACKS = ["lacks its interactive twin, or has more than one."]


def explorer_problems(tmp_path, body, recorded, script="explorer.js"):
    write(tmp_path, f'<script src="../_static/{script}?v=1"></script><figure id="fig-x">{body}</figure>')
    (page,) = read_pages(tmp_path).values()
    files = {} if recorded is None else {"explorer.json": hashlib.sha256(recorded.encode()).hexdigest()}
    figure = SimpleNamespace(slug="fig-x", record={"files": files})
    return list(_explorer_problems(figure, page.soup.find("figure"), page))


@pytest.mark.parametrize(
    ("body", "recorded", "problems"),
    [
        (TWIN, NUMBERS, []),
        ("", None, []),
        ("", NUMBERS, LACKS),
        (TWIN + TWIN, NUMBERS, LACKS),
        (TWIN.replace("hidden", ""), NUMBERS, LACKS),
        (TWIN.replace("application/json", "text/plain"), NUMBERS, LACKS),
        (TWIN, None, ["is interactive on the page, but its record has no explorer.json."]),
        (TWIN, "{}", ["draws other numbers interactively than those of its record."]),
        (explorer("fig-x", "{"), "{", ["has an interactive twin whose numbers are no JSON."]),
    ],
)
def test_a_broken_explorer_is_found(tmp_path, body, recorded, problems):
    assert explorer_problems(tmp_path, body, recorded) == problems


def test_an_explorer_without_its_script_is_found(tmp_path):
    problems = explorer_problems(tmp_path, TWIN, NUMBERS, script="other.js")
    assert problems == ["is interactive, but the page does not load explorer.js."]

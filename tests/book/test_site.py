"""What a page loads and where it leads, on small pages written for the purpose."""

import pytest

from book.check import _page_problems
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

"""A finished site, read as a reader's browser would: what it loads, and whether its links lead anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

__all__ = ["Page", "external_requests", "read_pages", "unresolved_links"]

_LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
}
_NOT_LOADED = {"canonical", "license", "author", "next", "prev", "search", "index"}
_CSS_URL = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")
_JS_REQUEST = re.compile(
    r"""(?:\bfetch\(|\bimport\(|\bimportScripts\(|\bfrom\s*|\bimport\s*|\.src\s*=\s*)["'`]((?:https?:)?//[^"'`\s]+)"""
)


class Page:
    """One HTML file of the site."""

    def __init__(self, site: Path, path: Path):
        self.site, self.path = site, path
        self.name = path.relative_to(site).as_posix()
        self.soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")

    @cached_property
    def anchors(self) -> set[str]:
        named = self.soup.find_all(attrs={"id": True}), self.soup.find_all("a", attrs={"name": True})
        return {tag["id"] for tag in named[0]} | {tag["name"] for tag in named[1]}


def read_pages(site: Path) -> dict[Path, Page]:
    """Every page of the site by its path (the theme's own templates are no pages)."""
    files = sorted(p for p in site.rglob("*.html") if "_static" not in p.parts and "_sources" not in p.parts)
    return {path.resolve(): Page(site, path) for path in files}


def external_requests(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """A sentence for each thing that opening a page would fetch from the network (links to follow are fine)."""
    for page in pages.values():
        for url in _loads(page.soup):
            if _is_external(url):
                yield f"{page.name} loads {url}; the site must work without a network."
    for suffix, pattern in ((".css", _CSS_URL), (".js", _JS_REQUEST)):
        for path in sorted(site.rglob(f"*{suffix}")):
            for url in pattern.findall(path.read_text("utf-8", "replace")):
                yield f"{path.relative_to(site).as_posix()} loads {url}; the site must work without a network."


def _loads(soup: BeautifulSoup) -> Iterator[str]:
    for tag, attribute in _LOADED.items():
        for element in soup.find_all(tag):
            yield element.get(attribute, "")
            for candidate in element.get("srcset", "").split(","):
                yield candidate.strip().partition(" ")[0]
    for link in soup.find_all("link"):
        if not _NOT_LOADED.intersection(link.get("rel", [])):
            yield link.get("href", "")
    for script in soup.find_all("script", src=False):
        yield from _JS_REQUEST.findall(script.get_text())
    for style in soup.find_all("style"):
        yield from _CSS_URL.findall(style.get_text())
    for element in soup.find_all(style=True):
        yield from _CSS_URL.findall(element["style"])


def _is_external(url: str) -> bool:
    return url.startswith("//") or urlsplit(url).scheme in ("http", "https", "ws", "wss")


def unresolved_links(pages: dict[Path, Page]) -> Iterator[str]:
    """A sentence for each internal link whose file or anchor does not exist."""
    for page in pages.values():
        targets = {tag["href"] for tag in page.soup.find_all("a", href=True)}
        targets |= {tag["src"] for tag in page.soup.find_all(("img", "script"), src=True)}
        targets |= {tag["href"] for tag in page.soup.find_all("link", href=True)}
        for target in sorted(targets):
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            path = (page.path.parent / unquote(url.path)).resolve() if url.path else page.path.resolve()
            anchor = unquote(url.fragment)
            if not path.is_file():
                yield f"{page.name} links to {target}, which does not exist."
            elif anchor and path in pages and anchor not in pages[path].anchors:
                yield f"{page.name} links to {target}, but that page has no anchor '{anchor}'."

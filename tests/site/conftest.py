"""The built site in Debian's chromium, from disk, with the network cut off."""

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

DEFAULT_SITE = "_build/html"
LOCAL_SCHEMES = ("file:", "data:", "blob:", "about:")


def pytest_addoption(parser):
    parser.addoption("--site", default=DEFAULT_SITE, help=f"folder of the built site (default: {DEFAULT_SITE})")


def site_folder(config) -> Path:
    return Path(config.getoption("--site", default=DEFAULT_SITE)).resolve()


def content_pages(site: Path) -> list[str]:
    """Every page a reader can open; the index only forwards to the first of them."""
    names = (path.relative_to(site) for path in site.rglob("*.html"))
    return sorted(str(name) for name in names if name.parts[0] not in {"_static", "mathjax", "index.html"})


def pytest_generate_tests(metafunc):
    """One test for each page; where there is no site, one that says so."""
    if "page_name" in metafunc.fixturenames:
        metafunc.parametrize("page_name", content_pages(site_folder(metafunc.config)) or ["index.html"])


@pytest.fixture(scope="session")
def site(request) -> Path:
    folder = site_folder(request.config)
    if not (folder / "index.html").is_file():
        pytest.fail(f"There is no site in {folder}: run 'make book', or name another folder with --site.")
    return folder


@pytest.fixture(scope="session")
def browser():
    executable = shutil.which("chromium")
    if executable is None:
        pytest.fail("There is no chromium: install Debian's package, apt-get install chromium.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page that may touch nothing but files; what it tried, and what went wrong in it, fails the test."""
    context = browser.new_context(color_scheme="light", reduced_motion="reduce")
    requests, complaints = [], []

    def refuse(route):
        requests.append(route.request.url)
        route.abort()

    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.route(re.compile(rf"^(?!{'|'.join(LOCAL_SCHEMES)})"), refuse)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    yield page
    context.close()
    assert not requests, f"the page asked the network for {requests}"
    assert not complaints, f"the console says {complaints}"

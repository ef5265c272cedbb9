"""What a reader does with a figure: from the first page to a chapter, to the record, its data, and its citation."""

import re
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.browser


def test_from_the_first_page_to_a_figures_data_and_citation(page, site):
    page.goto((site / "index.html").as_uri())
    page.wait_for_url("**/introduction.html")
    page.locator("article a[href^='chapters/']").first.click()
    page.wait_for_url("**/chapters/*.html")

    figure = page.locator("article figure[id^='fig-']").first
    slug = figure.get_attribute("id")
    figure.get_by_role("link", name="record", exact=True).click()
    page.wait_for_url(f"**/figures/{slug}.html")

    for name in ("data.csv", "data.nc"):
        target = page.locator(f"article a[download][href$='/{name}']").first.evaluate("link => link.href")
        path = site.joinpath(unquote(urlsplit(target).path))
        assert path.is_file(), f"{slug}: {name} leads to {path}, which does not exist"
        assert path.stat().st_size > 0, f"{slug}: {name} is empty"

    block = page.locator(".highlight-bibtex")
    entry = block.locator("pre").inner_text()
    assert re.match(rf"@\w+\{{[\w-]*{slug},", entry), f"no BibTeX entry for {slug}: {entry}"
    block.hover()
    block.get_by_role("button", name="Copy").click()
    page.wait_for_selector(".highlight-bibtex button.success")
    assert page.evaluate("navigator.clipboard.readText()").split() == entry.split()


def test_the_chosen_mode_stays_on_the_next_page(page, site):
    page.goto((site / "introduction.html").as_uri())
    switch = page.get_by_role("button", name="Color mode").first
    while page.evaluate("localStorage.getItem('mode')") != "dark":
        switch.click()
    page.goto((site / "notation.html").as_uri())
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"

"""Interactive figures: what a reader sets by keyboard is what the curve, the numbers, and the sentence then show."""

import itertools
import json

import numpy as np
import pytest
import xarray as xr
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.browser

SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
DRAWN = """root => {
  const number = (node, name) => Number(node.getAttribute(name));
  const lines = (selector) => [...root.querySelectorAll(":scope > svg " + selector)];
  const vertical = lines("line.grid").filter(line => number(line, "x1") === number(line, "x2"));
  return {
    frame: {
      left: Math.min(...vertical.map(line => number(line, "x1"))),
      right: Math.max(...vertical.map(line => number(line, "x1"))),
      top: number(vertical[0], "y1"), bottom: number(vertical[0], "y2"),
    },
    points: lines(".curve")[0].getAttribute("points").split(" ").map(point => point.split(",").map(Number)),
    point: [number(lines(".point")[0], "cx"), number(lines(".point")[0], "cy")],
    marks: lines(".mark").map(line => number(line, "x1")),
    readouts: [...root.querySelectorAll("dd output")].map(output => output.textContent),
    summary: root.querySelector("[aria-live=polite]").textContent,
    width: root.querySelector(":scope > svg").viewBox.baseVal.width,
  };
}"""


@pytest.fixture(scope="session")
def explorers(site):
    """Every interactive figure of the site: its page, its slug, what its page draws, and its data."""
    found = {}
    for path in sorted(site.glob("figures/fig-*/explorer.json")):
        slug = path.parent.name
        page = next(p for p in site.glob("chapters/*.html") if f'id="explore-{slug}"' in p.read_text("utf-8"))
        found[slug] = page, json.loads(path.read_text("utf-8")), xr.load_dataset(path.with_name("data.nc"))
    assert found, "the site has no interactive figure"
    return found


def number(text):
    """A number as the page writes it."""
    digits, _, exponent = text.partition(" × 10")
    return float(digits) * 10.0 ** int(exponent.translate(SUPERSCRIPTS) or 0)


def move(control, position, size):
    """Go to a position with the keyboard alone."""
    control.focus()
    if control.evaluate("node => node.tagName") == "SELECT":
        control.press("Home")
        for _ in range(position):
            control.press("ArrowDown")
    elif position > size / 2:
        control.press("End")
        for _ in range(size - 1 - position):
            control.press("ArrowLeft")
    else:
        control.press("Home")
        for _ in range(position):
            control.press("ArrowRight")


def settings(about):
    """Positions to go through: every one of every control, each time with other ones of the others."""
    sizes = {control["dim"]: len(control["texts"]) for control in about["controls"]}
    for k in range(max(sizes.values())):
        places = {dim: (k + axis) % size for axis, (dim, size) in enumerate(sizes.items())}
        yield places | {about["x_dim"]: 7 * k % len(about["x"])}


def check(drawn, about, data, places):
    """Compare what is drawn with the published data."""
    at = data.isel({dim: place for dim, place in places.items() if dim != about["x_dim"]})
    curve, along = at[about["curve"]].values, places[about["x_dim"]]
    frame, x = drawn["frame"], np.log(data[about["x_dim"]].values)
    points = np.array(drawn["points"])
    across = frame["left"] + (frame["right"] - frame["left"]) * (x - x[0]) / (x[-1] - x[0])
    up = frame["bottom"] - (frame["bottom"] - frame["top"]) * curve / about["y_max"]
    assert np.abs(points[:, 0] - across).max() < 0.5
    assert np.abs(points[:, 1] - up).max() < 0.5
    assert drawn["point"] == pytest.approx([across[along], up[along]], abs=0.5)
    marks = {mark["variable"]: at[mark["variable"]].item() for mark in about["marks"]}
    shown = [np.log(t) for t in marks.values() if np.exp(x[0]) <= t <= np.exp(x[-1])]
    expected = [frame["left"] + (frame["right"] - frame["left"]) * (t - x[0]) / (x[-1] - x[0]) for t in shown]
    assert drawn["marks"] == pytest.approx(expected, abs=0.5)
    values = marks | {"x": np.exp(x[along]), "y": curve[along], "1/y": 1 / curve[along]}
    absent = {mark["variable"]: mark["absent"] for mark in about["marks"]}
    for readout, text in zip(about["readouts"], drawn["readouts"], strict=True):
        value = values[readout["value"]]
        if np.isnan(value):
            assert text == absent[readout["value"]]
        else:
            assert number(text) == pytest.approx(value, rel=5.5e-3, abs=0)
        assert text in drawn["summary"] or "{" + readout["value"] + "}" not in about["summary"]
    for control in about["controls"]:
        if "{" + control["dim"] + "}" in about["summary"]:
            assert control["texts"][places[control["dim"]]] in drawn["summary"]


def test_the_keyboard_reaches_every_position_and_the_page_shows_the_published_numbers(page, explorers):
    for slug, (chapter, about, data) in explorers.items():
        page.goto(chapter.as_uri())
        root = page.locator(f"#explore-{slug}")
        root.locator("svg .curve").wait_for()
        assert page.locator(f"figure#{slug} img").first.is_visible(), "the picture stays"
        check(root.evaluate(DRAWN), about, data, {
            **{control["dim"]: control["start"] for control in about["controls"]}, about["x_dim"]: about["x_start"],
        })  # fmt: skip
        curves = []
        for places in settings(about):
            for dim, place in places.items():
                move(page.locator(f"[id='explore-{slug}-{dim}']"), place, data.sizes[dim])
            drawn = root.evaluate(DRAWN)
            check(drawn, about, data, places)
            curves.append(drawn["points"])
        assert all(a != b for a, b in itertools.pairwise(curves)), "a change that changes nothing tests nothing"


def test_it_is_named_seen_and_fits_in_both_modes_and_widths(page, explorers):
    for slug, (chapter, about, data) in explorers.items():
        page.goto(chapter.as_uri())
        root = page.locator(f"#explore-{slug}")
        for control in about["controls"]:
            role = "combobox" if control["kind"] == "list" else "slider"
            assert root.get_by_role(role, name=control["label"], exact=True).count() == 1
        last = root.get_by_role("slider", name=about["x_label"], exact=True)
        last.focus()
        assert last.evaluate("node => getComputedStyle(node).outline").endswith(" solid 2px")
        places = {control["dim"]: control["start"] for control in about["controls"]} | {about["x_dim"]: 0}
        move(last, 0, data.sizes[about["x_dim"]])
        assert last.get_attribute("aria-valuetext")
        colors = {}
        for width, mode in itertools.product((1280, 390), ("light", "dark")):
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate("mode => Object.assign(document.documentElement.dataset, {theme: mode, mode})", mode)
            page.wait_for_timeout(400)
            drawn = root.evaluate(DRAWN)
            check(drawn, about, data, places)
            assert drawn["width"] <= width
            assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
            colors[mode] = root.locator(".curve").evaluate("node => getComputedStyle(node).stroke")
            options = {"resultTypes": ["violations"], "preload": False}
            found = Axe().run(page, context=f"#explore-{slug}", options=options).response["violations"]
            assert not found, [(f["id"], f["help"]) for f in found]
        assert colors["light"] != colors["dark"]


def test_on_paper_and_without_scripts_the_picture_serves(page, browser, explorers):
    for slug, (chapter, *_) in explorers.items():
        page.goto(chapter.as_uri())
        page.locator(f"#explore-{slug} svg .curve").wait_for()
        page.emulate_media(media="print")
        assert not page.locator(f"#explore-{slug}").is_visible()
        assert page.locator(f"figure#{slug} img").first.is_visible()
        page.emulate_media(media="screen")
        context = browser.new_context(java_script_enabled=False, offline=True)
        bare = context.new_page()
        bare.goto(chapter.as_uri())
        assert not bare.locator(f"#explore-{slug}").is_visible()
        image = bare.locator(f"figure#{slug} img.only-light")
        assert image.is_visible()
        assert image.bounding_box()["height"] > 100
        context.close()

"""Every page of the built site, wide and narrow, light and dark: readable by all, rendered, and self-contained."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.browser

WIDTHS = (1280, 390)
MODES = ("light", "dark")
SEVERE = ("serious", "critical")
AXE = Axe()
# The theme waits 300 ms after a change of width before it makes what scrolls reachable by keyboard.
SETTLED = 400

RENDERED = "() => !window.MathJax?.startup?.promise || MathJax.startup.promise.then(() => true)"

MATH = r"""() => {
  const formulas = [...document.querySelectorAll("span.math, div.math")];
  const prose = (document.querySelector("article") ?? document.body).cloneNode(true);
  prose.querySelectorAll("pre, code, script, style, mjx-container").forEach(node => node.remove());
  return {
    missing: formulas.filter(f => !f.querySelector("mjx-container")).map(f => f.textContent),
    wrong: [...document.querySelectorAll("[data-mjx-error]")].map(e => e.getAttribute("data-mjx-error")),
    undefined: [...document.querySelectorAll('mjx-assistive-mml mtext[mathcolor="red"]')].map(e => e.textContent),
    raw: prose.textContent.match(/\\\(.*|\\\[.*|\$\$.*/g) || [],
  };
}"""

IMAGES = """() => [...document.querySelectorAll("article img")].map(image => ({
  source: image.getAttribute("src"),
  loaded: image.complete && image.naturalWidth > 0,
  visible: image.checkVisibility(),
  modes: ["light", "dark"].filter(mode => image.closest(".only-" + mode)),
}))"""

HIDDEN_CAPTIONS = """() => [...document.querySelectorAll("article figcaption")]
  .filter(caption => !caption.checkVisibility()).map(caption => caption.textContent.slice(0, 80))"""

OVERFLOW = """() => {
  const {scrollWidth, clientWidth} = document.documentElement;
  const right = element => element.getBoundingClientRect().right;
  const wide = [...document.querySelectorAll("article *")].filter(element => right(element) > clientWidth + 1);
  return {excess: scrollWidth - clientWidth, widest: wide.slice(0, 3).map(e => e.outerHTML.slice(0, 160))};
}"""


def set_mode(page, mode):
    """What the theme's switch does, without the wait."""
    page.evaluate("mode => Object.assign(document.documentElement.dataset, {theme: mode, mode})", mode)


def severe_findings(page):
    # Preloading style sheets would need requests that a page from disk may not make.
    response = AXE.run(page, options={"resultTypes": ["violations"], "preload": False}).response
    severe = [finding for finding in response["violations"] if finding["impact"] in SEVERE]
    return [
        f"{f['id']} ({f['impact']}): {f['help']}: {[node['html'][:160] for node in f['nodes'][:3]]}" for f in severe
    ]


def test_page(page, site, page_name):
    page.goto((site / page_name).as_uri())
    page.wait_for_function(RENDERED)
    problems = [f"math: {kind}: {found}" for kind, found in page.evaluate(MATH).items() if found]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(SETTLED)
        for mode in MODES:
            set_mode(page, mode)
            where = f"{width} px, {mode}"
            for image in page.evaluate(IMAGES):
                if not image["loaded"]:
                    problems.append(f"{where}: {image['source']} does not load")
                if image["visible"] != (not image["modes"] or image["modes"] == [mode]):
                    problems.append(f"{where}: {image['source']} is {'' if image['visible'] else 'not '}shown")
            problems += [f"{where}: a caption is hidden: {text}" for text in page.evaluate(HIDDEN_CAPTIONS)]
            overflow = page.evaluate(OVERFLOW)
            if overflow["excess"] > 0:
                problems.append(f"{where}: {overflow['excess']} px of sideways scroll: {overflow['widest']}")
            problems += [f"{where}: {finding}" for finding in severe_findings(page)]
    assert not problems, "\n".join([page_name, *problems])

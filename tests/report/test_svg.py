import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from geomem.report.style import COLORS, LIGHT_TO_DARK
from geomem.report.svg import colors, exchange_colors, figure_to_svg

NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'


def draw(title="A title for screen readers", salt="fig-salt", **line):
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1], **line)
    ax.set(xlabel="abscissa $x^2$", ylabel="ordinate")
    ax.imshow(np.eye(3), extent=(0, 1, 0, 1))
    return figure_to_svg(fig, salt=salt, title=title, dpi=72)


def test_the_same_figure_gives_the_same_text():
    assert draw() == draw()


def test_ids_belong_to_one_figure():
    first, second = (set(re.findall(r'id="(p[0-9a-f]{10})"', draw(salt=s))) for s in ("one", "two"))
    assert first
    assert not first & second


def test_no_date_no_program_no_foreign_address():
    svg = draw()
    assert "metadata" not in svg
    assert set(re.findall(r"https?://[^\"<]*", svg)) == {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_letters_are_outlines_and_the_title_is_read_aloud():
    svg = draw(title="Less < more & 'quoted'")
    assert "<text" not in svg
    assert 'role="img"' in svg
    assert svg.index("<title>Less &lt; more &amp; 'quoted'</title>") < svg.index("<g")


def test_style_gives_only_its_own_colors():
    assert set(colors(draw())) <= set(LIGHT_TO_DARK)


@pytest.mark.parametrize(
    ("line", "color"),
    [
        ({"color": "#ff0000"}, "#ff0000"),
        ({"color": "black"}, "#000000"),
        ({"color": COLORS["blue"], "marker": "o", "markerfacecolor": "black"}, "#000000"),
        ({"color": COLORS["blue"], "marker": "o", "markeredgecolor": "#00ff00"}, "#00ff00"),
    ],
)
def test_a_foreign_color_is_found_with_what_draws_it(line, color):
    found = colors(draw(**line))
    assert found[color].startswith("line2d")


def test_a_hollow_marker_is_not_black():
    assert "#000000" not in colors(draw(marker="o", markerfacecolor="none"))


def test_black_text_and_black_faces_are_found_though_svg_does_not_name_them():
    fig, ax = plt.subplots()
    ax.text(0.5, 0.5, "black", color="black")
    assert colors(figure_to_svg(fig, salt="s", title="t", dpi=72))["#000000"].startswith("text")
    fig, ax = plt.subplots()
    ax.fill([0, 1, 1], [0, 0, 1], facecolor="black", edgecolor="none")
    assert colors(figure_to_svg(fig, salt="s", title="t", dpi=72))["#000000"].startswith("patch")


def test_colors_of_attributes_gradients_and_hatches():
    svg = (
        f'<svg {NAMESPACE}><defs><path d="" /><linearGradient><stop stop-color="#0000ff"/></linearGradient></defs>'
        '<g id="a" fill="none"><path/><use style="fill:url(#h); stroke : #00ff00"/></g></svg>'
    )
    assert colors(svg) == {"#0000ff": "figure", "#00ff00": "a"}


def test_the_dark_variant_differs_in_colors_only():
    svg = draw()
    dark = exchange_colors(svg, LIGHT_TO_DARK)
    assert set(colors(dark)) == {LIGHT_TO_DARK[color] for color in colors(svg)}
    without = [re.sub(r"(fill|stroke): #[0-9a-f]{6}", r"\1", text) for text in (svg, dark)]
    assert without[0] == without[1]


@given(st.lists(st.sampled_from(sorted(LIGHT_TO_DARK)), max_size=20))
def test_exchanging_twice_gives_the_figure_back(drawn):
    shapes = "".join(f'<path style="fill: {c}; stroke: {c}" />' for c in drawn)
    svg = f"<svg {NAMESPACE}>{shapes}</svg>\n" if shapes else f"<svg {NAMESPACE} />\n"
    back = {dark: light for light, dark in LIGHT_TO_DARK.items()}
    assert exchange_colors(exchange_colors(svg, LIGHT_TO_DARK), back) == svg

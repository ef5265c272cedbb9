"""The palette, measured: WCAG contrast, color-vision deficiency, grayscale, and its dark partner."""

import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import same_color, to_rgb

from geomem.errors import InputError
from geomem.report import style
from geomem.report.style import COLORS, CURVES, DARK, DARK_SEQUENCE, LIGHT_TO_DARK, SEQUENCE

# Machado, Oliveira, Fernandes (2009), severity 1, on linear RGB
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
THEMES = {"light": (COLORS, SEQUENCE), "dark": (DARK, DARK_SEQUENCE)}


def linear(color):
    c = np.array(to_rgb(color))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def luminance(color):
    return float(TO_XYZ[1] @ linear(color))


def contrast(a, b):
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def lab(color, vision="normal"):
    seen = np.clip(np.array(VISION[vision]) @ linear(color), 0, 1)
    u = TO_XYZ @ seen / (TO_XYZ @ np.ones(3))
    f = np.where(u > (6 / 29) ** 3, np.cbrt(u), u / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_the_measures_know_black_and_white():
    assert contrast("black", "white") == pytest.approx(21)
    assert lab("white") == pytest.approx([100, 0, 0], abs=1e-3)
    red, green = ("#c00000", "#607000")  # seen alike without the long-wavelength cones, not with them
    assert np.linalg.norm(lab(red) - lab(green)) > 70
    assert np.linalg.norm(lab(red, "deuteranopia") - lab(green, "deuteranopia")) < 30


@pytest.mark.parametrize("theme", THEMES)
def test_curves_and_ink_stand_out_from_the_paper(theme):
    colors, shades = THEMES[theme]
    assert min(contrast(colors[name], colors["paper"]) for name in CURVES) >= 3
    assert min(contrast(shade, colors["paper"]) for shade in shades) >= 3
    assert contrast(colors["ink"], colors["paper"]) >= 7
    assert contrast(colors["gray"], colors["paper"]) >= 4.5  # gray serves for notes, too
    assert contrast(colors["grid"], colors["paper"]) < 2  # the grid stays behind


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("vision", VISION)
def test_any_two_curves_differ_in_color_vision_deficiency(theme, vision):
    colors, _ = THEMES[theme]
    seen = [lab(colors[name], vision) for name in (*CURVES, "ink")]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen[:-1], 2)) > 20


@pytest.mark.parametrize("theme", THEMES)
def test_any_two_curves_differ_in_grayscale(theme):
    colors, _ = THEMES[theme]
    lightness = np.sort([lab(colors[name])[0] for name in CURVES])
    assert np.diff(lightness).min() > 5


@pytest.mark.parametrize("vision", VISION)
def test_the_ramp_grows_stronger_in_both_themes(vision):
    for shades, sign in ((SEQUENCE, -1), (DARK_SEQUENCE, 1)):
        steps = sign * np.diff([lab(shade, vision)[0] for shade in shades])
        assert steps.min() > 4


def test_every_color_has_one_partner():
    assert set(LIGHT_TO_DARK) == {*COLORS.values(), *SEQUENCE}
    assert len(LIGHT_TO_DARK) == len(COLORS) + len(SEQUENCE) == len(set(LIGHT_TO_DARK.values()))
    assert all(LIGHT_TO_DARK[COLORS[name]] == DARK[name] for name in COLORS)
    for color in (*LIGHT_TO_DARK, *LIGHT_TO_DARK.values()):
        assert color == color.lower() != "#000000"  # black is what SVG draws where nothing is said


def test_curves_differ_without_color():
    assert len(set(style.LINESTYLES)) == len(set(style.MARKERS)) == len(CURVES)
    _, ax = plt.subplots()
    lines = [ax.plot([0, 1], [0, k])[0] for k in range(len(CURVES))]
    assert [line.get_color() for line in lines] == [COLORS[name] for name in CURVES]
    assert len({str(line._unscaled_dash_pattern) for line in lines}) == len(CURVES)


def test_the_ramp_is_spread_evenly():
    assert style.sequence(len(SEQUENCE)) == list(SEQUENCE)
    assert style.sequence(1) == [SEQUENCE[-1]]
    assert style.sequence(3)[::2] == [SEQUENCE[0], SEQUENCE[-1]]
    assert all(len(set(style.sequence(n))) == n for n in range(1, len(SEQUENCE) + 1))
    for n in (0, len(SEQUENCE) + 1):
        with pytest.raises(InputError, match=f"got n = {n} shades"):
            style.sequence(n)


def test_panels_fill_the_column_and_rows_add_height():
    assert style.figsize(1, 1)[0] < style.figsize(1, 2)[0] == style.figsize(4, 3)[0] == 7.0
    assert style.figsize(3, 2)[1] == pytest.approx(3 * style.figsize(1, 2)[1])


def test_a_band_takes_names_and_colors():
    _, ax = plt.subplots()
    named = style.band(ax, [0, 1], [0, 1], [2, 3], "orange", label="two standard errors")
    given = style.band(ax, [0, 1], [0, 1], [2, 3], SEQUENCE[2])
    assert same_color(named.get_facecolor()[0], (*to_rgb(COLORS["orange"]), 0.25))
    assert same_color(given.get_facecolor()[0], (*to_rgb(SEQUENCE[2]), 0.25))
    assert named.get_label() == "two standard errors"
    assert named.get_paths()[0].get_extents().extents.tolist() == [0, 0, 1, 3]


def test_use_starts_from_the_defaults():
    mpl.rcParams["lines.linewidth"] = 20
    mpl.rcParams["axes.xmargin"] = 0.4
    style.use()
    assert mpl.rcParams["axes.xmargin"] == mpl.rcParamsDefault["axes.xmargin"]
    assert mpl.rcParams["lines.linewidth"] < 3

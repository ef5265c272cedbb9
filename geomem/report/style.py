"""The look of every figure, and the only place where it is decided.

Six colors serve curves, one ramp of six shades serves a family of curves (the same quantity at
several noise levels), and ink, grid, and paper serve the rest. They were chosen by maximizing the
smallest CIELAB distance between any two curve colors, over normal vision and simulated protanopia
and deuteranopia, with lightnesses spread so that the order survives grayscale printing; curves keep
a contrast of at least 3:1 and text 4.5:1 against the paper (WCAG 2.2, success criteria 1.4.3 and
1.4.11). Line styles and markers repeat the distinction without color.

Every color of the light palette has one partner in the dark palette, and no two share a partner: the
dark variant of a figure is its SVG with the colors exchanged. A color from outside cannot be
exchanged and is therefore refused when the figure is published.
"""

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from numpy.typing import ArrayLike

from geomem.errors import InputError

__all__ = [
    "CMAP",
    "COLORS",
    "DARK",
    "IMAGE_CMAP",
    "LIGHT_TO_DARK",
    "LINESTYLES",
    "MARKERS",
    "SEQUENCE",
    "band",
    "figsize",
    "sequence",
    "use",
]

COLORS = {
    "blue": "#4b96d4",
    "orange": "#af6f16",
    "green": "#137038",
    "red": "#880e03",
    "purple": "#773a8b",
    "gray": "#736e6f",
    "ink": "#1c1c1c",
    "grid": "#d9d9d9",
    "paper": "#ffffff",
}
DARK = {
    "blue": "#4e84fa",
    "orange": "#fbc170",
    "green": "#9ff5c0",
    "red": "#c45348",
    "purple": "#e596e8",
    "gray": "#9f9a9b",
    "ink": "#ececec",
    "grid": "#3d3d3d",
    "paper": "#121212",
}
SEQUENCE = ("#23a383", "#07898a", "#0f7084", "#04587c", "#033e7b", "#372056")
DARK_SEQUENCE = ("#8a68b2", "#5b8dda", "#0fafe7", "#32cbdf", "#78e3d2", "#bdf5ca")
LIGHT_TO_DARK = {COLORS[name]: DARK[name] for name in COLORS} | dict(zip(SEQUENCE, DARK_SEQUENCE, strict=True))

CURVES = ("blue", "orange", "green", "red", "purple", "gray")
LINESTYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P")
CMAP = "cividis"
IMAGE_CMAP = "gray"


def use() -> None:
    """Make this style the default of every figure drawn from here on.

    Curves drawn without an explicit color take the six colors, each with its own line style. Note
    that a call which gives a color but no line style still takes the next line style.

    Examples
    --------
    >>> use()
    >>> mpl.rcParams["axes.edgecolor"] == COLORS["ink"]
    True
    """
    ink, grid, paper = COLORS["ink"], COLORS["grid"], COLORS["paper"]
    mpl.rcdefaults()
    mpl.rcParams.update(
        {
            "axes.axisbelow": True,
            "axes.edgecolor": ink,
            "axes.facecolor": paper,
            "axes.grid": True,
            "axes.labelcolor": ink,
            "axes.prop_cycle": cycler(color=[COLORS[name] for name in CURVES], linestyle=LINESTYLES),
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlecolor": ink,
            "axes.titlesize": "medium",
            "boxplot.boxprops.color": ink,
            "boxplot.capprops.color": ink,
            "boxplot.flierprops.color": ink,
            "boxplot.flierprops.markeredgecolor": ink,
            "boxplot.meanprops.color": COLORS["green"],
            "boxplot.meanprops.markeredgecolor": COLORS["green"],
            "boxplot.meanprops.markerfacecolor": COLORS["green"],
            "boxplot.medianprops.color": COLORS["orange"],
            "boxplot.whiskerprops.color": ink,
            "figure.constrained_layout.use": True,
            "figure.edgecolor": paper,
            "figure.facecolor": paper,
            "figure.figsize": figsize(1, 1),
            "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
            "font.size": 9.5,
            "grid.color": grid,
            "grid.linewidth": 0.6,
            "hatch.color": ink,
            "image.cmap": CMAP,
            "legend.edgecolor": grid,
            "legend.facecolor": paper,
            "legend.fontsize": "small",
            "legend.framealpha": 0.85,
            "lines.linewidth": 1.7,
            "lines.markersize": 4.5,
            "patch.edgecolor": ink,
            "patch.facecolor": COLORS["blue"],
            "text.color": ink,
            "xtick.color": ink,
            "ytick.color": ink,
        }
    )


def figsize(rows: int = 1, cols: int = 1) -> tuple[float, float]:
    """Return the size in inches of a figure with a grid of panels.

    Figures fill a text column of about 7 inches; a single panel is narrower, so that letters keep
    one size across the book.

    Examples
    --------
    >>> figsize(1, 2)
    (7.0, 2.9)
    """
    width, height = {1: (5.4, 3.5), 2: (7.0, 2.9)}.get(cols, (7.0, 2.4))
    return width, height * rows


def sequence(n: int) -> list[str]:
    """Return n shades of the ramp, from faint to strong, evenly spread.

    Parameters
    ----------
    n
        Number of curves in the family, 1 to 6: more shades cannot be told apart.

    Raises
    ------
    InputError
        If n is not between 1 and the length of :data:`SEQUENCE`.

    Examples
    --------
    >>> sequence(2) == [SEQUENCE[0], SEQUENCE[-1]]
    True
    """
    if not 1 <= n <= len(SEQUENCE):
        raise InputError(f"got n = {n} shades, expected 1 to {len(SEQUENCE)}; draw fewer curves")
    return [SEQUENCE[round(k)] for k in np.linspace(len(SEQUENCE) - 1, 0, n)[::-1]]


def band(
    ax: Axes,
    x: ArrayLike,
    lo: ArrayLike,
    hi: ArrayLike,
    color: str,
    label: str | None = None,
) -> PolyCollection:
    """Draw the region between two curves and return it.

    Parameters
    ----------
    ax
        Axes to draw on.
    x, lo, hi
        Abscissas, lower and upper curve, each (n,).
    color
        A name in :data:`COLORS`, or one of the palette's colors.
    label
        Legend entry.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> _ = band(Figure().subplots(), [0, 1], [0, 0], [1, 2], "blue")
    """
    return ax.fill_between(x, lo, hi, color=COLORS.get(color, color), alpha=0.25, linewidth=0, label=label)

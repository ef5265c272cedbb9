"""A figure as SVG text: the same bytes every time, its colors listed, its dark variant.

Matplotlib names clip paths and glyphs by hashing them with a salt, stamps the date, and by default
writes text as letters of a font that the reader may not have. Here the salt is the figure's id, no
date is written, and letters are outlines, so equal figures are equal bytes and look the same
anywhere, offline. The alt text becomes the image's title for screen readers.

In SVG a shape that states no fill is black, and matplotlib makes use of that; so black is found by
its absence.
"""

import io
import re
from collections.abc import Mapping
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.figure import Figure

__all__ = ["colors", "exchange_colors", "figure_to_svg"]

SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", SVG)
ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
PAINTS = ("fill", "stroke", "stop-color", "color")
SHAPES = {f"{{{SVG}}}{name}" for name in ("path", "use", "rect", "circle", "polygon", "text")}


def figure_to_svg(fig: Figure, *, salt: str, title: str, dpi: int) -> str:
    """Return the figure as SVG text, byte-stable, with letters as outlines.

    Parameters
    ----------
    fig
        The figure.
    salt
        Makes the ids inside the drawing reproducible, and its own.
    title
        Text for screen readers.
    dpi
        Resolution of images inside the drawing.

    Examples
    --------
    >>> svg = figure_to_svg(Figure(), salt="a", title="Nothing is drawn.", dpi=72)
    >>> "<title>Nothing is drawn.</title>" in svg
    True
    """
    stream = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": salt, "svg.fonttype": "path"}):
        fig.savefig(stream, format="svg", dpi=dpi, metadata={"Date": None})
    root = ElementTree.fromstring(stream.getvalue())
    for metadata in root.findall(f"{{{SVG}}}metadata"):  # the drawing program and its address
        root.remove(metadata)
    root.set("role", "img")
    root.insert(0, ElementTree.Element(f"{{{SVG}}}title"))
    root[0].text = title
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def colors(svg: str) -> dict[str, str]:
    """Return every color that the drawing uses, with the id of the first group that uses it.

    Pixels of embedded images are not looked at.

    Examples
    --------
    >>> colors(f'<svg xmlns="{SVG}"><g id="line_1" style="fill: #ff0000"><path/></g><path/></svg>')
    {'#ff0000': 'line_1', '#000000': 'figure'}
    """
    found: dict[str, str] = {}

    def visit(element: ElementTree.Element, fill: str, group: str) -> None:
        paint = _paint(element)
        if element.tag == f"{{{SVG}}}defs":
            fill = "none"  # what is defined here is filled where it is used
        elif element.tag == f"{{{SVG}}}g":
            group = element.get("id", group)
        fill = paint.get("fill", fill)
        used = set(paint.values()) | ({fill} if element.tag in SHAPES else set())
        for color in sorted(used):
            if color != "none" and not color.startswith("url("):
                found.setdefault(color, group)
        for child in element:
            visit(child, fill, group)

    visit(ElementTree.fromstring(svg), "#000000", "figure")
    return found


def exchange_colors(svg: str, exchange: Mapping[str, str]) -> str:
    """Return the drawing with every color replaced by its partner; images keep their pixels.

    Examples
    --------
    >>> exchange_colors('<g style="fill: #ffffff; stroke: none"/>', {"#ffffff": "#121212"})
    '<g style="fill: #121212; stroke: none" />\\n'
    """
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        for attribute in set(element.attrib) & {"style", *PAINTS}:
            value = element.attrib[attribute]
            element.set(attribute, re.sub(r"#[0-9a-f]{6}\b", lambda m: exchange[m[0]], value))
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _paint(element: ElementTree.Element) -> dict[str, str]:
    """Return the paints that an element states itself, as attributes or in its style."""
    rules = (rule.partition(":") for rule in element.get("style", "").split(";"))
    stated = element.attrib | {name.strip(): value.strip() for name, _, value in rules}
    if stated.get("fill-opacity") == "0":
        stated.setdefault("fill", "none")  # a hollow marker
    return {name: stated[name] for name in PAINTS if name in stated}

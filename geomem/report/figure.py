"""Publish a figure: the picture, the arrays it shows, and the record of where it came from.

A picture alone cannot be checked or cited. So :func:`publish` keeps, under the figure's permanent id,
its files in ``$GEOMEM_RUN/figures/<id>/``:

``fig.svg``, ``fig-dark.svg``, ``fig.png``
    the drawing, on light and on dark paper, and as pixels;
``data.nc``, ``data.csv``
    the arrays shown, exact and labeled, and as a tidy table;
``explorer.json``
    only where the figure has an interactive twin (:mod:`geomem.report.explorer`): what the page draws;
``record.json``
    caption, alt text, chapter, parameters, seeds, tolerance, hashes, versions, and in the fields of
    :data:`VOLATILE` what differs between two executions of the same source on the same machine.

All but the record are byte-stable. The folder appears at once, by a rename, when it is complete. It
refuses what a reader could not use: a missing, short, or repeated description, a color without a
partner on dark paper, an axis without a label, data that do not say what they are.
"""

import base64
import io
import json
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

import geomem
from geomem.errors import FigureError
from geomem.report._display import show
from geomem.report.arrays import array_hash, check_dataset, netcdf_bytes, tidy_csv
from geomem.report.explorer import Explorer
from geomem.report.files import atomic_write, json_text, run_folder
from geomem.report.style import CMAP, IMAGE_CMAP, LIGHT_TO_DARK
from geomem.report.svg import colors, exchange_colors, figure_to_svg

__all__ = ["VOLATILE", "publish"]

VOLATILE = ("commit", "device", "wall_time_seconds")
MINIMUM_TEXT = 40
DPI = 180
Tolerance = Literal["deterministic", "stochastic"] | float

_clock = {"last": time.perf_counter()}  # when this module was imported, then the last publish


def publish(
    fig: Figure,
    id: str,
    *,
    caption: str,
    alt: str,
    data: xr.Dataset,
    seeds: Sequence[int | np.integer],
    tolerance: Tolerance = "deterministic",
    explorer: Explorer | None = None,
) -> None:
    """Check a figure, write its files, display it once, and close it.

    Parameters
    ----------
    fig
        The figure, drawn in the colors of :mod:`geomem.report.style`.
    id
        Permanent id, ``fig-`` followed by lower-case letters, digits, hyphens.
    caption
        What the figure shows and what to conclude, at least 40 characters; may hold MyST markup.
    alt
        What can be seen, in plain words, for a reader who cannot see it; at least 40 characters,
        other than the caption and than every other figure's.
    data
        The plotted arrays, see :func:`geomem.report.arrays.check_dataset`.
    seeds
        Seeds of every generator that the arrays depend on; empty only if deterministic.
    tolerance
        How far a repetition may be: ``"deterministic"``, ``"stochastic"``, or a relative deviation.
    explorer
        An interactive twin, drawn from the same ``data`` below the figure, which stays as it is: the picture must
        serve a reader on paper, or without scripts.

    Raises
    ------
    FigureError
        If anything is missing, repeated, or outside the style; nothing has been written then.

    Examples
    --------
    >>> from geomem.report import style
    >>> style.use()
    >>> fig, ax = plt.subplots()
    >>> _ = ax.plot([1.0, 2.0], [1.0, 4.0]); _ = ax.set(xlabel="x", ylabel="square of x")
    >>> i = ("i", [1.0, 2.0], {"long_name": "x", "units": "1"})
    >>> publish(fig, "fig-square", data=xr.Dataset({"x": i}), seeds=[],
    ...         caption="The square grows faster than its argument does.",
    ...         alt="One rising curve from one at one to four at two.")
    """
    run = run_folder()
    _check_words(id, caption, alt)
    _check_seeds(id, seeds, tolerance)
    if run is not None:
        _check_unpublished(run, id, alt)
    check_dataset(data)
    if explorer is not None and not isinstance(explorer, Explorer):
        raise FigureError(f"{id}: got the explorer {explorer!r:.80}, expected an Explorer")
    interactive = {} if explorer is None else {"explorer": explorer.json(data)}

    fig.draw_without_rendering()
    fig.set_layout_engine("none")  # the layout is settled: all files show the same one
    svg = figure_to_svg(fig, salt=id, title=alt, dpi=DPI)
    png = io.BytesIO()
    fig.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
    _check_drawing(fig, svg)
    plt.close(fig)

    about = {"id": id, "caption": caption, "alt": alt, "array_hash": array_hash(data)}
    if run is not None:
        about_data = {"figure": id, "geomem": geomem.__version__, "seeds": ", ".join(map(str, seeds)) or "none"}
        files = {
            "fig.svg": svg.encode(),
            "fig-dark.svg": exchange_colors(svg, LIGHT_TO_DARK).encode(),
            "fig.png": png.getvalue(),
            "data.nc": netcdf_bytes(data.assign_attrs(about_data)),
            "data.csv": tidy_csv(data).encode(),
        }
        files |= {f"{name}.json": text.encode() for name, text in interactive.items()}
        hashes = {name: sha256(content).hexdigest() for name, content in files.items()}
        record = {
            **about,
            "seeds": [int(seed) for seed in seeds],
            "tolerance": tolerance,
            "files": hashes,
            "data_hash": hashes["data.nc"],
            **_origin(),
        }
        _write(run / "figures", id, files | {"record.json": json_text(record).encode()})
    width, height = (round(inches * DPI / 2) for inches in fig.get_size_inches())  # two dots a pixel
    show(
        {"image/png": base64.b64encode(png.getvalue()).decode(), "text/plain": f"{id}: {alt}"},
        {"geomem": about | interactive, "image/png": {"width": width, "height": height}},
    )


def _check_words(id: str, caption: str, alt: str) -> None:
    """Raise FigureError unless id, caption, and alt text can be published."""
    if not re.fullmatch(r"fig-[a-z0-9-]+", id):
        raise FigureError(f"got the id {id!r}, expected 'fig-' and then lower-case letters, digits, or hyphens")
    for name, text in (("caption", caption), ("alt text", alt)):
        if not isinstance(text, str) or len(text.strip()) < MINIMUM_TEXT:
            raise FigureError(f"{id}: got the {name} {text!r}, expected at least {MINIMUM_TEXT} characters")
    if _plain(alt) == _plain(caption):
        raise FigureError(f"{id}: the alt text repeats the caption; say there what can be seen")


def _check_seeds(id: str, seeds: Sequence[int | np.integer], tolerance: Tolerance) -> None:
    """Raise FigureError unless seeds are integers and the tolerance is one of the three kinds."""
    if isinstance(seeds, str) or not all(isinstance(seed, int | np.integer) for seed in seeds):
        raise FigureError(f"{id}: got seeds {seeds!r}, expected a list of integers")
    named = tolerance in ("deterministic", "stochastic")
    if not named and not (isinstance(tolerance, float) and 0 < tolerance < np.inf):
        raise FigureError(
            f"{id}: got tolerance {tolerance!r}, expected 'deterministic', 'stochastic', or a "
            "positive relative deviation"
        )
    if tolerance == "stochastic" and len(seeds) == 0:
        raise FigureError(f"{id}: a stochastic figure needs the seeds that it was drawn with")


def _check_unpublished(run: Path, id: str, alt: str) -> None:
    """Raise FigureError if the run already holds this id, or a figure with this alt text."""
    for path in sorted(run.glob("figures/fig-*/record.json")):
        other = json.loads(path.read_text())
        if other["id"] == id:
            raise FigureError(f"{id} is published twice in this run; give each figure its own id")
        if _plain(other["alt"]) == _plain(alt):
            raise FigureError(f"{id}: the alt text is that of {other['id']}; say how they differ")


def _check_drawing(fig: Figure, svg: str) -> None:
    """Raise FigureError for a color outside the style, or an axis with numbers but no label."""
    for color, group in colors(svg).items():
        if color not in LIGHT_TO_DARK:
            raise FigureError(
                f"color {color} (drawn by {group!r}) is not in the style; use style.COLORS, "
                "style.sequence(n), or, for a color scale, an image or rasterized=True"
            )
    pictures = AxesImage | QuadMesh
    for picture in (artist for artist in fig.findobj() if isinstance(artist, pictures)):
        values, scale = picture.get_array(), picture.get_cmap().name.removesuffix("_r")
        if values is not None and values.ndim < 3 and scale not in (CMAP, IMAGE_CMAP):  # the third axis would be RGB
            raise FigureError(f"got the color scale {scale!r}, expected style.CMAP or style.IMAGE_CMAP")
    if fig.findobj(lambda a: a.get_rasterized() and not isinstance(a, pictures)):
        raise FigureError("only images and meshes may be rasterized: pixels have no dark variant")
    axes: list[Any] = fig.findobj(lambda artist: hasattr(artist, "xaxis"))  # insets and second axes too
    for ax in axes:
        if not (ax.get_visible() and ax.axison):
            continue
        for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
            shared = getattr(ax.figure, f"get_sup{name}label")()
            numbers = [label.get_text() for label in axis.get_ticklabels() if label.get_visible()]
            if axis.get_visible() and any(numbers) and not (axis.get_label_text().strip() or shared.strip()):
                raise FigureError(
                    f"a {name} axis with the numbers {' '.join(numbers)} has no label; call ax.set_{name}label, "
                    "or ax.set_axis_off for a picture"
                )


def _plain(text: str) -> str:
    """Return a text without differences in case and white space."""
    return " ".join(text.casefold().split())


def _origin() -> dict:
    """Return where and with what a figure was made, and the seconds since the previous one."""
    parameters = json.loads(os.environ.get("GEOMEM_PARAMETERS", "{}"))
    now = time.perf_counter()
    seconds, _clock["last"] = now - _clock["last"], now
    torch = sys.modules.get("torch")  # only if the chapter itself has imported it
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "matplotlib": mpl.__version__,
        "xarray": xr.__version__,
        "geomem": geomem.__version__,
    }
    device = f"{platform.machine()}, {os.cpu_count()} CPUs"
    if torch is not None:
        versions["torch"] = torch.__version__
        if torch.cuda.is_available():
            device += f", {torch.cuda.get_device_name()}"
    return {
        "chapter": os.environ.get("GEOMEM_CHAPTER"),
        "profile": parameters.get("profile"),
        "parameters": parameters,
        "versions": versions,
        "device": device,
        "wall_time_seconds": round(seconds, 3),
        "commit": os.environ.get("GEOMEM_COMMIT"),
    }


def _write(folder: Path, id: str, files: dict[str, bytes]) -> None:
    """Write a figure's folder so that it is there with all of its files, or not at all."""
    unfinished = folder / f".{id}.tmp"
    shutil.rmtree(unfinished, ignore_errors=True)  # of an execution that was killed
    for name, content in files.items():
        atomic_write(unfinished / name, content)
    os.rename(unfinished, folder / id)

"""A book of two chapters in a temporary folder: real pipeline, real figures, no torch."""

import shutil
from pathlib import Path

import xarray as xr

from book.paths import BookPaths
from geomem.report import archive

ROOT = Path(__file__).parents[2]

HEADER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
geomem:
  budget_seconds: 60
---
"""

PARAMETERS = """\
```{code-cell} ipython3
:tags: [parameters]
profile = "quick"
seed = 0
```
"""

SQUARES = """\
# Squares

The sum over the grid is {glue:text}`squares-sum:.2f`, see {numref}`fig-squares` and {doc}`cubes`; {cite:t}`someone`
integrates

```{math}
:label: eq-squares
\\int_0^1 x^2\\,dx = 1/3 .
```

PARAMETERS
```{code-cell} ipython3
import numpy as np
import xarray as xr
from matplotlib import pyplot as plt

from geomem.report import style
from geomem.report.claim import claim
from geomem.report.figure import publish

style.use()
x = np.linspace(0, 1, 101)
y = x**2
```

```{code-cell} ipython3
claim("squares-sum", y.mean(), 0.3, 0.4, "The mean of the squares on the grid.", basis="theory")
```

```{code-cell} ipython3
:tags: [hide-input]
rng = np.random.default_rng(seed)
noisy = y + 0.01 * rng.standard_normal(x.size)
fig, ax = plt.subplots(figsize=style.figsize())
ax.plot(x, y, color=style.COLORS["blue"], label="square")
ax.plot(x, noisy, color=style.COLORS["orange"], label="with noise")
ax.set(xlabel="x", ylabel="y")
ax.legend()
publish(
    fig,
    "fig-squares",
    caption="The square and its noisy copy; the mean is {glue:text}`squares-sum:.2f` and {eq}`eq-squares` the limit.",
    alt="A smooth parabola rising from zero to one, with a second line that jitters around it.",
    data=xr.Dataset(
        {
            "y": ("x", y, {"long_name": "square", "units": "1"}),
            "noisy": ("x", noisy, {"long_name": "noisy square", "units": "1"}),
            "noisy_se": ("x", np.full(x.size, 0.01), {"long_name": "standard error", "units": "1"}),
        },
        coords={"x": ("x", x, {"long_name": "x", "units": "1"})},
    ),
    seeds=[seed],
    tolerance="stochastic",
)
```

```{exercise} Where it fails
:label: ex-squares
Differentiate the square.
```

```{solution-start} ex-squares
:class: dropdown
```

```{code-cell} ipython3
assert np.allclose(np.gradient(y, x)[1:-1], 2 * x[1:-1])
```

```{solution-end}
```
"""

CUBES = """\
# Cubes

Here $x^3$ is drawn, where {numref}`fig-squares` draws $x^2$.

PARAMETERS
```{code-cell} ipython3
import numpy as np
import xarray as xr
from matplotlib import pyplot as plt

from geomem.report import archive, style
from geomem.report.explorer import Control, Explorer, Mark, Readout
from geomem.report.figure import publish

style.use()
size, exponent = np.geomspace(0.01, 1, 21), np.array([1, 2, 3])
offset = float(archive.load("data/offset.nc")["offset"])
x = np.linspace(-1, 1, 51)
```

```{code-cell} ipython3
fig, ax = plt.subplots(figsize=style.figsize())
ax.plot(x, x**3 + offset, color=style.COLORS["green"])
ax.set(xlabel="x", ylabel="cube of x")
publish(
    fig,
    "fig-cubes",
    caption="The cube is odd: it falls on the left of the origin as it rises on the right.",
    alt="A curve that is steep at both ends and flat in the middle, from minus one to one.",
    data=xr.Dataset(
        {
            "y": ("x", x**3 + offset, {"long_name": "cube", "units": "1"}),
            "power": (("exponent", "size"), size ** exponent[:, None], {"long_name": "power", "units": "1"}),
            "tenth": ("exponent", [0.1, 0.1 ** (1 / 2), np.nan], {"long_name": "size of one tenth", "units": "1"}),
        },
        coords={
            "x": ("x", x, {"long_name": "x", "units": "1"}),
            "size": ("size", size, {"long_name": "size", "units": "1"}),
            "exponent": ("exponent", exponent, {"long_name": "exponent", "units": "1"}),
        },
    ),
    seeds=[],
    explorer=Explorer(
        curve="power", x="size", x_label="size", y_label="power of the size",
        controls=(Control("exponent", "exponent", ("line", "square <x>", "cube"), kind="list", start=2),),
        readouts=(Readout("power", "y"), Readout("its inverse", "1/y"), Readout("one tenth", "tenth")),
        summary="At size {x} the {exponent} is {y}, and its inverse {1/y}; one tenth is at {tenth}.",
        marks=(Mark("tenth", "one tenth", "a place that was not computed"),), x_start=10,
    ),
)
```
"""

TOC = """\
format: jb-book
root: introduction
chapters:
  - file: chapters/squares
  - file: chapters/cubes
  - file: index-of-figures
  - file: ledger-of-claims
  - file: status
  - file: bibliography
  - file: api/index
"""

PAGES = {
    "introduction.md": (
        "# A small book\n\nStart with {doc}`/chapters/squares`, whose mean is {glue:text}`squares-sum:.3f`.\n\n"
        "```{published-figure} fig-squares\n```\n"
    ),
    "bibliography.md": "# Bibliography\n\n```{bibliography}\n```\n",
    "references.bib": "@book{someone, author = {Some One}, title = {Something}, year = {1900}, publisher = {Any}}\n",
}


def write_offset(root: Path, value: float) -> None:
    """The archived number that one chapter opens."""
    provenance = {"device": "cpu", "seeds": [], "versions": {}, "wall_time_seconds": 0.0}
    archive.save(xr.Dataset({"offset": ((), value)}), root / "data" / "offset.nc", provenance=provenance)


def write_book(root: Path) -> BookPaths:
    """Write the book's sources, with a copy of the part of geomem that needs no torch."""
    (root / "chapters").mkdir(parents=True)
    (root / "book" / "pages").mkdir(parents=True)
    (root / "book" / "reference").mkdir(parents=True)
    for name, text in PAGES.items():
        (root / "book" / "pages" / name).write_text(text)
    (root / "book" / "reference" / "ids.txt").write_text("fig-squares\nfig-cubes\n")
    (root / "_toc.yml").write_text(TOC)
    shutil.copy(ROOT / "_config.yml", root)
    (root / "constraints.txt").write_text("numpy==2.4.6\n")
    for slug, text in (("squares", SQUARES), ("cubes", CUBES)):
        (root / "chapters" / f"{slug}.md").write_text(HEADER + "\n" + text.replace("PARAMETERS\n", PARAMETERS + "\n"))
    (root / "geomem").mkdir()
    (root / "geomem" / "__init__.py").write_text('"""A copy of a part of the package."""\n\n__version__ = "0.1.0"\n')
    shutil.copy(ROOT / "geomem" / "errors.py", root / "geomem")
    shutil.copytree(
        ROOT / "geomem" / "report", root / "geomem" / "report", ignore=shutil.ignore_patterns("__pycache__")
    )
    write_offset(root, 0.0)
    return BookPaths.of(root)

r"""An interactive twin of a figure: a table of curves, and the controls that choose one of them.

Everything that a reader can reach is computed ahead and published as the figure's data, so the twin needs no server, no
network, and no code of the chapter. It is a curve over one axis of the data set; every other axis of the curve belongs
to a control, which offers the values of that axis and nothing between them. Marks are values over the same axes, drawn
as vertical lines. :meth:`Explorer.json` writes what the page draws, in two parts that keep it small:

* the logarithm of the curve, on a grid of step :data:`STEP`, so that each value is kept to a relative
  :math:`2 \cdot 10^{-4}`. Along the axis fourth differences are small numbers (the curve is smooth), and each takes a
  byte or two: zigzag (0, -1, 1, -2, ...), seven bits a byte, least first, the eighth bit set where more follow. Equal
  curves are kept once, beside the index of each combination;
* the marks, as 32-bit floats; NaN where there is none.
"""

import base64
import json
import re
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import xarray as xr

from geomem.errors import FigureError

__all__ = ["LARGEST", "STEP", "Control", "Explorer", "Mark", "Readout"]

STEP = 4e-4
DIFFERENCES = 4
LARGEST = 100_000  # bytes that a page takes for one explorer
PLACE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Control:
    """One axis of the curve, offered to the reader.

    Parameters
    ----------
    dim
        Name of the axis.
    label
        What is chosen, in words.
    texts
        The values as they are shown and read out, one for each position.
    kind
        ``"slider"`` for an ordered quantity, ``"list"`` for names.
    start
        Position at first.
    """

    dim: str
    label: str
    texts: tuple[str, ...]
    kind: Literal["slider", "list"] = "slider"
    start: int = 0


@dataclass(frozen=True)
class Mark:
    """A vertical line at a value of the abscissa that depends on the controls.

    Parameters
    ----------
    variable
        Name in the data set; its axes are axes of controls.
    label
        Its name in the plot.
    absent
        What is said where the value is NaN.
    """

    variable: str
    label: str
    absent: str = "none"


@dataclass(frozen=True)
class Readout:
    """A number below the plot.

    Parameters
    ----------
    label
        What the number is.
    value
        ``"y"``, ``"1/y"``, ``"x"``, or the variable of a mark.
    """

    label: str
    value: str


@dataclass(frozen=True)
class Explorer:
    r"""A curve with controls, to be published with a figure.

    Parameters
    ----------
    curve
        Variable of the data set, positive and finite everywhere.
    x
        Axis of the curve that is the abscissa, with a rising, positive coordinate; it is drawn logarithmically, and a
        slider moves along it.
    x_label, y_label
        What the plot's axes say. The ordinate runs from 0 to ``y_max``.
    controls
        One for each other axis of the curve, in the order in which they are shown.
    readouts
        Numbers below the plot.
    summary
        The state of the plot in one sentence; ``{name}`` stands for the text of a control's axis, or for a number as
        in :class:`Readout`.
    marks
        At most four: more dashes cannot be told apart.
    x_start
        Position on the abscissa at first.

    Examples
    --------
    >>> x, power = np.geomspace(0.1, 1, 7), np.array([1, 2])
    >>> def variable(dims, values):
    ...     return dims, values, {"long_name": "number", "units": "1"}
    >>> data = xr.Dataset({"y": variable(("p", "x"), x ** power[:, None])}, {"x": variable("x", x)})
    >>> explorer = Explorer(curve="y", x="x", x_label="x", y_label="power of x",
    ...                     controls=(Control("p", "exponent", ("one", "two")),),
    ...                     readouts=(Readout("power", "y"),), summary="At {x}, to the power of {p}: {y}.")
    >>> json.loads(explorer.json(data))["index"]  # equal curves are kept once, sorted
    'AQAAAA=='
    """

    curve: str
    x: str
    x_label: str
    y_label: str
    controls: tuple[Control, ...]
    readouts: tuple[Readout, ...]
    summary: str
    marks: tuple[Mark, ...] = ()
    x_start: int = 0
    y_max: float = 1.0

    def json(self, data: xr.Dataset) -> str:
        """Return what the page draws, as one line of JSON that may stand in an HTML script.

        Raises
        ------
        FigureError
            If the data set does not hold what is described, a description is missing, or the text exceeds
            :data:`LARGEST` bytes.
        """
        self._check(data)
        dims = [control.dim for control in self.controls]
        levels = np.rint(np.log(data[self.curve].transpose(*dims, self.x).values) / STEP).astype(np.int64)
        rows, index = np.unique(levels.reshape(-1, levels.shape[-1]), axis=0, return_inverse=True)
        about = asdict(self) | {
            "x": data[self.x].values.astype(float).tolist(),
            "x_dim": self.x,
            "step": STEP,
            "rows": _base64(_packed(rows)),
            "index": _base64(index.astype("<u2").tobytes()),
            "marks": [
                asdict(mark)
                | {
                    "dims": [dims.index(str(dim)) for dim in data[mark.variable].dims],
                    "values": _base64(data[mark.variable].values.astype("<f4").tobytes()),
                }
                for mark in self.marks
            ],
        }
        text = json.dumps(about, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text = text.replace("<", "\\u003c")  # no tag ends inside a script
        if len(text.encode()) > LARGEST:
            raise FigureError(
                f"the explorer of {self.curve!r} takes {len(text.encode())} bytes, expected at most {LARGEST}; offer "
                "fewer values"
            )
        return text

    def _check(self, data: xr.Dataset) -> None:
        """Raise FigureError unless the data set holds what is described."""
        variables = [self.curve, *(mark.variable for mark in self.marks)]
        if missing := [name for name in variables if name not in data.data_vars]:
            raise FigureError(f"the explorer shows {', '.join(missing)}, which the data do not hold")
        dims = [control.dim for control in self.controls]
        curve = data[self.curve]
        if sorted([*dims, self.x]) != sorted(map(str, curve.dims)):
            raise FigureError(
                f"the explorer has controls for {dims} and the abscissa {self.x!r}, expected one of either for each "
                f"axis of {self.curve!r}, which has {list(curve.dims)}"
            )
        if not (np.isfinite(curve.values).all() and (curve.values > 0).all()):
            raise FigureError(f"the explorer's curve {self.curve!r} is not positive and finite everywhere")
        if self.x not in data.coords or not (data[self.x] > 0).all() or not (np.diff(data[self.x]) > 0).all():
            raise FigureError(f"the explorer's abscissa {self.x!r} needs a coordinate that is positive and rises")
        for mark in self.marks:
            if odd := [dim for dim in data[mark.variable].dims if dim not in dims]:
                raise FigureError(f"the mark {mark.variable!r} depends on {odd}, expected controls: {dims}")
            if np.isinf(data[mark.variable].values).any():
                raise FigureError(f"the mark {mark.variable!r} is infinite somewhere; write NaN where there is none")
        for control in self.controls:
            size = curve.sizes[control.dim]
            if len(set(control.texts)) != size or len(control.texts) != size:
                raise FigureError(
                    f"the control of {control.dim!r} has the texts {control.texts}, expected {size} different ones"
                )
        for name, start, size in (
            *((control.dim, control.start, len(control.texts)) for control in self.controls),
            (self.x, self.x_start, curve.sizes[self.x]),
        ):
            if not 0 <= start < size:
                raise FigureError(f"the explorer starts {name!r} at {start}, expected a position from 0 to {size - 1}")
        self._check_words(dims)

    def _check_words(self, dims: list[str]) -> None:
        """Raise FigureError for a blank label or a name that stands for nothing."""
        labels = [self.x_label, self.y_label, self.summary, *(readout.label for readout in self.readouts)]
        labels += [text for control in self.controls for text in (control.label, *control.texts)]
        labels += [text for mark in self.marks for text in (mark.label, mark.absent)]
        if not all(label.strip() for label in labels):
            raise FigureError("a label, a text, or the summary of the explorer is blank; name everything")
        numbers = {"x", "y", "1/y"} | {mark.variable for mark in self.marks}
        named = [readout.value for readout in self.readouts]
        if odd := [name for name in named if name not in numbers]:
            raise FigureError(f"a readout of the explorer shows {odd}, expected names among {sorted(numbers)}")
        if odd := [name for name in PLACE.findall(self.summary) if name not in numbers | set(dims)]:
            raise FigureError(f"the explorer's summary names {odd}, expected names among {sorted(numbers)} and {dims}")
        if len(self.marks) > 4:
            raise FigureError(f"the explorer has {len(self.marks)} marks, expected at most 4")


def _packed(rows: np.ndarray) -> bytes:
    """Return rows of integers as fourth differences, zigzag, seven bits a byte."""
    steps = np.diff(rows, DIFFERENCES, axis=1, prepend=np.zeros((len(rows), DIFFERENCES), dtype=rows.dtype))
    packed = bytearray()
    for number in np.where(steps < 0, -2 * steps - 1, 2 * steps).ravel().tolist():
        while number > 127:
            packed.append(number & 127 | 128)
            number >>= 7
        packed.append(number)
    return bytes(packed)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()

import base64
import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
import xarray as xr

from geomem.errors import FigureError
from geomem.report.explorer import LARGEST, STEP, Control, Explorer, Mark, Readout
from tests.report.test_figure import ALT, CAPTION, FILES, bare, publish, record

ABOUT = {"long_name": "a number", "units": "1"}
EXPLORER = Explorer(
    curve="y",
    x="x",
    x_label="abscissa",
    y_label="ordinate",
    controls=(Control("sign", "direction", ("up", "down <b>"), kind="list"), Control("power", "exponent", ("1", "3"))),
    readouts=(Readout("value", "y"), Readout("inverse", "1/y"), Readout("middle", "half")),
    summary="At {x}, going {sign} with {power}: {y}, {1/y}; half at {half}.",
    marks=(Mark("half", "half", "nowhere"),),
    x_start=4,
)


@pytest.fixture
def table():
    x, power = np.geomspace(1e-3, 10, 41), np.array([1, 3])
    up = 1 / (1 + x ** -power[:, None])
    half = [1.0, np.nan]
    return xr.Dataset(
        {
            "y": (("x", "sign", "power"), np.stack([up, 1 - up]).transpose(2, 0, 1), ABOUT),
            "half": ("power", half, ABOUT),
        },
        {"x": ("x", x, ABOUT), "power": ("power", power, ABOUT), "sign": ("sign", ["up", "down"], ABOUT)},
    )


def unpack(text, length):
    """Rows of integers, read back by arithmetic of another kind than the writer's."""
    numbers, digits = [], []
    for byte in base64.b64decode(text):
        digits.append(byte % 128)
        if byte < 128:
            zigzag = sum(digit * 128**k for k, digit in enumerate(digits))
            numbers.append(-(zigzag // 2) - 1 if zigzag % 2 else zigzag // 2)
            digits = []
    assert not digits
    row, rows = [], []
    for number in numbers:  # a fourth difference is y_n - 4 y_(n-1) + 6 y_(n-2) - 4 y_(n-3) + y_(n-4)
        before = [0, 0, 0, 0, *row]
        row.append(number + 4 * before[-1] - 6 * before[-2] + 4 * before[-3] - before[-4])
        if len(row) == length:
            rows.append(row)
            row = []
    return rows


def curves(text):
    about = json.loads(text)
    rows = np.exp(STEP * np.array(unpack(about["rows"], len(about["x"]))))
    return rows[np.frombuffer(base64.b64decode(about["index"]), "<u2")]


def test_every_curve_and_every_mark_can_be_read_back(table):
    about = json.loads(EXPLORER.json(table))
    expected = table["y"].transpose("sign", "power", "x").values
    assert curves(EXPLORER.json(table)).reshape(expected.shape) == pytest.approx(expected, rel=STEP / 2 + 1e-12, abs=0)
    [mark] = about["marks"]
    assert mark["dims"] == [1]
    values = np.frombuffer(base64.b64decode(mark["values"]), "<f4")
    assert np.array_equal(values, np.float32([1, np.nan]), equal_nan=True)
    assert about["x"] == table["x"].values.tolist()
    assert [control["start"] for control in about["controls"]] == [0, 0]


@pytest.mark.parametrize("length", [1, 2, 3, 60])
def test_short_long_and_steep_curves_are_kept(length):
    values = np.exp(np.random.default_rng(0).uniform(-600, 600, (5, length)))
    table = xr.Dataset({"y": (("k", "x"), values)}, {"x": np.arange(1.0, length + 1)})
    explorer = Explorer(
        curve="y", x="x", x_label="x", y_label="y", controls=(Control("k", "row", tuple("abcde")),),
        readouts=(), summary="{y}",
    )  # fmt: skip
    assert curves(explorer.json(table)) == pytest.approx(values, rel=STEP / 2 + 1e-12, abs=0)


def test_equal_curves_are_written_once(table):
    table["y"][:] = table["y"].isel(power=0, sign=0).values[:, None, None]
    about = json.loads(EXPLORER.json(table))
    assert len(unpack(about["rows"], 41)) == 1
    assert base64.b64decode(about["index"]) == bytes(8)


def test_the_text_ends_no_script_and_is_the_same_every_time(table):
    text = EXPLORER.json(table)
    assert "<" not in text
    assert json.loads(text)["controls"][0]["texts"] == ["up", "down <b>"]
    assert text == EXPLORER.json(table.copy(deep=True))


def test_a_figure_keeps_its_explorer_beside_its_data(run, table, displayed):
    publish(bare(), "fig-square", caption=CAPTION, alt=ALT, data=table, seeds=[], explorer=EXPLORER)
    folder = run / "figures" / "fig-square"
    assert {path.name for path in folder.iterdir()} == FILES | {"explorer.json"}
    text = (folder / "explorer.json").read_text("utf-8")
    assert text == EXPLORER.json(table)
    found = record(run)
    assert found["files"]["explorer.json"] == sha256(text.encode()).hexdigest()
    assert "explorer" not in found
    [(output, metadata)] = displayed
    assert metadata["geomem"]["explorer"] == text
    assert "image/png" in output


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_explorer_is_refused(run, table):
    with pytest.raises(FigureError, match="fig-square: got the explorer 'y', expected an Explorer"):
        publish(bare(), "fig-square", caption=CAPTION, alt=ALT, data=table, seeds=[], explorer="y")
    assert not (run / "figures").exists()


BAD = {
    "no curve": ({"curve": "z"}, "shows z, which the data do not hold"),
    "no mark": ({"marks": (Mark("third", "third"),)}, "shows third, which"),
    "a missing control": ({"controls": EXPLORER.controls[:1]}, r"controls for \['sign'\] and the abscissa 'x'"),
    "a control too many": ({"controls": EXPLORER.controls * 2}, "expected one of either for each"),
    "another abscissa": ({"x": "t"}, "abscissa 't'"),
    "too few texts": (
        {"controls": (EXPLORER.controls[0], Control("power", "exponent", ("1",)))},
        "control of 'power' has the texts .* expected 2 different ones",
    ),
    "equal texts": (
        {"controls": (EXPLORER.controls[0], Control("power", "exponent", ("1", "1")))},
        "control of 'power' has the texts .* expected 2 different ones",
    ),
    "a start outside": (
        {"controls": (EXPLORER.controls[0], replace(EXPLORER.controls[1], start=2))},
        "starts 'power' at 2, expected a position from 0 to 1",
    ),
    "an abscissa outside": ({"x_start": -1}, "starts 'x' at -1, expected a position from 0 to 40"),
    "a blank label": ({"y_label": " "}, "is blank"),
    "a blank word for nothing": ({"marks": (Mark("half", "half", ""),)}, "is blank"),
    "a readout of nothing": ({"readouts": (Readout("value", "z"),)}, r"readout of the explorer shows \['z'\]"),
    "a readout of a control": ({"readouts": (Readout("value", "sign"),)}, "readout of the explorer shows"),
    "an unknown name": ({"summary": "At {t}."}, r"summary names \['t'\]"),
    "too many marks": ({"marks": EXPLORER.marks * 5}, "has 5 marks, expected at most 4"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_description_is_refused(run, table, case):
    change, message = BAD[case]
    with pytest.raises(FigureError, match=message):
        publish(
            bare(), "fig-square", caption=CAPTION, alt=ALT, data=table, seeds=[], explorer=replace(EXPLORER, **change)
        )
    assert not (run / "figures").exists()


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_curve_is_positive_and_finite(table, value):
    table["y"][3, 0, 0] = value
    with pytest.raises(FigureError, match="curve 'y' is not positive and finite"):
        EXPLORER.json(table)


@pytest.mark.parametrize("x", [np.linspace(0, 1, 41), np.linspace(2, 1, 41), np.ones(41)])
def test_an_abscissa_is_positive_and_rises(table, x):
    with pytest.raises(FigureError, match="abscissa 'x' needs a coordinate that is positive and rises"):
        EXPLORER.json(table.assign_coords(x=x))
    with pytest.raises(FigureError, match="abscissa 'x' needs a coordinate"):
        EXPLORER.json(table.drop_vars("x"))


def test_a_mark_depends_on_controls_and_is_finite_or_absent(table):
    with pytest.raises(FigureError, match=r"mark 'half' depends on \['x'\], expected controls: \['sign', 'power'\]"):
        EXPLORER.json(table.assign(half=("x", np.ones(41))))
    with pytest.raises(FigureError, match="mark 'half' is infinite"):
        EXPLORER.json(table.assign(half=("power", [1.0, np.inf])))


def test_a_page_is_kept_small():
    values = np.exp(np.random.default_rng(0).normal(size=(1000, 40)))
    table = xr.Dataset({"y": (("k", "x"), values)}, {"x": np.arange(1.0, 41)})
    explorer = Explorer(
        curve="y", x="x", x_label="x", y_label="y", controls=(Control("k", "row", tuple(map(str, range(1000)))),),
        readouts=(), summary="{y}",
    )  # fmt: skip
    with pytest.raises(FigureError, match=f"takes .* bytes, expected at most {LARGEST}; offer fewer values"):
        explorer.json(table)

import io

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geomem.errors import FigureError
from geomem.report.arrays import array_hash, check_dataset, netcdf_bytes, tidy_csv

ABOUT = {"long_name": "a quantity", "units": "1"}
DTYPES = ("bool", "int8", "int64", "uint16", "float32", "float64")


def dataset(values, **coords):
    values = np.asarray(values)
    return xr.Dataset({"v": ([f"d{k}" for k in range(values.ndim)], values, ABOUT)}, coords)


@st.composite
def arrays(draw):
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=4))
    return draw(hnp.arrays(dtype, shape))


def read(content):
    return xr.load_dataset(io.BytesIO(content), engine="h5netcdf")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"v": [1.0]}, "is a dict, expected an xarray.Dataset"),
        (xr.Dataset(), "holds no variable"),
        (xr.Dataset({"v": ("v", [1.0], ABOUT)}), "holds no variable"),  # a coordinate alone
        (dataset(np.zeros((3, 0))), r"'v' is empty: got shape \(3, 0\)"),
        (dataset(np.array([1.0, None], dtype=object)), "'v' has dtype object"),
        (dataset(np.array(["a", "b"], dtype=object)), "'v' has dtype object"),
        (dataset([1j]), "'v' has dtype complex128"),
        (dataset(np.ones(2, dtype="float16")), "'v' has dtype float16"),
        (dataset(np.array(["2026-01-01"], dtype="datetime64[ns]")), "'v' has dtype datetime64"),
        (dataset([np.nan, np.nan]), "'v' is NaN in every value"),
        (xr.Dataset({"v": ("i", [1.0], {"units": "1"})}), "'v' lacks the attribute 'long_name'"),
        (xr.Dataset({"v": ("i", [1.0], {"long_name": "x"})}), "'v' lacks the attribute 'units'"),
        (xr.Dataset({"v": ("i", [1.0], {"long_name": "x", "units": " "})}), "'v' lacks the attribute 'units'"),
        (xr.Dataset({"v": ("i", [1.0], ABOUT)}, {"i": [3]}), "'i' lacks the attribute 'long_name'"),
        (xr.Dataset({"v": ("i", ["word"])}), "'v' lacks the attribute 'long_name'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_data_that_do_not_say_what_they_are_are_refused(data, message):
    with pytest.raises(FigureError, match=message):
        check_dataset(data)


@pytest.mark.parametrize("values", [[1.0, np.nan], [True], [3], np.float32(2)])
def test_honest_data_are_accepted(values):
    check_dataset(dataset(values))
    check_dataset(dataset(values).assign(word=("j", ["a"], {"long_name": "a label without units"})))


@settings(max_examples=40, deadline=None)
@given(arrays())
def test_the_hash_survives_netcdf(values):
    data = dataset(values)
    if values.ndim:
        data = data.assign_coords(d0=("d0", np.arange(len(values)) * 0.1, ABOUT))
    assert array_hash(read(netcdf_bytes(data))) == array_hash(data)


def test_the_hash_of_words_survives_netcdf():
    data = xr.Dataset({"v": (("i", "j"), [["ä", "long"], ["", "x"]])}, {"i": ["one", "two"]})
    assert array_hash(read(netcdf_bytes(data))) == array_hash(data)


def test_the_hash_sees_names_dimensions_dtypes_shapes_and_values():
    base = xr.Dataset({"v": (("i", "j"), np.arange(4.0).reshape(2, 2))})
    others = [
        base.rename(v="w"),
        base.rename(i="k"),
        base.transpose("j", "i"),
        base.astype("float32"),
        xr.Dataset({"v": (("i", "j"), np.arange(4.0).reshape(1, 4))}),
        base + np.array([[0, 0], [0, 1e-15]]),
        base.assign(w=1.0),
        base.assign_coords(i=[0, 1]),
        base.astype("int64"),
        base.astype("str"),
    ]
    hashes = {array_hash(data) for data in (base, *others)}
    assert len(hashes) == 1 + len(others)


def test_the_hash_ignores_layout_order_byte_order_and_labels():
    values = np.arange(6.0).reshape(2, 3)
    base = array_hash(xr.Dataset({"v": (("i", "j"), values), "w": 1.0}))
    assert array_hash(xr.Dataset({"w": 1.0, "v": (("i", "j"), np.asfortranarray(values), ABOUT)})) == base
    assert array_hash(xr.Dataset({"w": 1.0, "v": (("i", "j"), values.astype(">f8"))})) == base


def test_netcdf_is_byte_stable_and_keeps_labels():
    data = dataset([[1.0, 2.0], [np.nan, 4.0]], d0=("d0", [10, 20], {"long_name": "row", "units": "m"}))
    content = netcdf_bytes(data)
    assert content == netcdf_bytes(data.copy(deep=True)) == netcdf_bytes(read(content))
    xr.testing.assert_identical(read(content), data)
    data.v.encoding = {"dtype": "float32", "zlib": True}  # how it was stored elsewhere
    assert netcdf_bytes(data) == content


def test_tables_of_different_dimensions_do_not_multiply():
    data = xr.Dataset(
        {"curve": (("k", "t"), [[1.5, 2.5], [3.5, np.nan]], ABOUT), "total": ((), 7, {"units": "nat"})},
        {"t": ("t", [0.1, 0.2], ABOUT), "name": ("k", ["one", "two, three"])},
    )
    table = pd.read_csv(io.StringIO(tidy_csv(data)))
    assert list(table) == ["variable", "k", "t", "value", "units"]
    assert len(table) == 4 + 1 + 2
    curve = table[table.variable == "curve"].astype({"value": float}).set_index(["k", "t"]).value
    assert curve.to_dict() == pytest.approx(
        {(0, 0.1): 1.5, (0, 0.2): 2.5, (1, 0.1): 3.5, (1, 0.2): np.nan}, nan_ok=True
    )
    total = table[table.variable == "total"]
    assert total.t.isna().all()
    assert total.units.item() == "nat"
    assert list(table[table.variable == "name"].value) == ["one", "two, three"]


@settings(max_examples=40, deadline=None)
@given(hnp.arrays("float64", hnp.array_shapes(max_dims=2, max_side=5), elements=st.floats(allow_subnormal=False)))
def test_tables_give_every_double_back(values):
    table = pd.read_csv(io.StringIO(tidy_csv(dataset(values))))
    np.testing.assert_array_equal(table.value.to_numpy(dtype=float), values.ravel())

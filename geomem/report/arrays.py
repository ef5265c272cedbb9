"""Labeled arrays behind a figure: what is accepted, their hash, and their two file formats.

The arrays that a figure shows are published with it, so they must say what they are (every variable
carries ``long_name``, every number ``units``), and two of them must be comparable. The array hash is
the SHA-256 of names, dimensions, dtypes, shapes, and values in that order; attributes are left out,
so rewording a label is not a different result, and netCDF's own housekeeping is left out, so the
hash survives writing and reading. netCDF is the exact copy; the CSV is the tidy, long form: one row
for every value, so that variables on different dimensions share one table without repeating.
"""

import csv
import hashlib
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

from geomem.errors import FigureError

__all__ = ["array_hash", "check_dataset", "labeled", "netcdf_bytes", "tidy_csv"]

NUMBERS = {np.dtype(name) for name in ("bool", "float32", "float64")} | {
    np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def labeled(
    dims: str | tuple[str, ...], values: np.typing.ArrayLike, long_name: str, units: str = "1"
) -> tuple[str | tuple[str, ...], np.ndarray, dict[str, str]]:
    """Return a variable for an ``xarray.Dataset`` that says what it holds.

    Parameters
    ----------
    dims
        Name of each axis.
    values
        Numbers, booleans, or strings, one axis per name.
    long_name
        What the numbers are, in words.
    units
        Their unit, ``"1"`` for a pure number.

    Examples
    --------
    >>> xr.Dataset({"t": labeled("step", [0.1, 1.0], "noise variance")})["t"].attrs["units"]
    '1'
    """
    return dims, np.asarray(values), {"long_name": long_name, "units": units}


def check_dataset(dataset: xr.Dataset) -> None:
    """Raise FigureError unless the data set can be published.

    Parameters
    ----------
    dataset
        Variables and coordinates of real numbers, booleans, or strings; each with the attribute
        ``long_name``, numbers also with ``units`` (``"1"`` for a pure number).

    Raises
    ------
    FigureError
        If there is no value, a dtype other than those, only NaN in a variable, or no such attribute.

    Examples
    --------
    >>> check_dataset(xr.Dataset({"t": labeled("step", [0.1, 1.0], "noise variance")}))
    """
    if not isinstance(dataset, xr.Dataset):
        raise FigureError(f"data is a {type(dataset).__name__}, expected an xarray.Dataset")
    if not dataset.data_vars:
        raise FigureError("data holds no variable; give the arrays that the figure shows")
    for name, variable in dataset.variables.items():
        if variable.size == 0:
            raise FigureError(f"variable {name!r} is empty: got shape {variable.shape}")
        if variable.dtype not in NUMBERS and variable.dtype.kind not in "UT":
            raise FigureError(
                f"variable {name!r} has dtype {variable.dtype}, expected real numbers, booleans, or "
                "fixed-length strings; convert it"
            )
        if variable.dtype.kind == "f" and np.isnan(variable.values).all():
            raise FigureError(f"variable {name!r} is NaN in every value; nothing is shown by it")
        for attribute in ("long_name",) if _is_text(variable) else ("long_name", "units"):
            if not str(variable.attrs.get(attribute, "")).strip():
                raise FigureError(
                    f"variable {name!r} lacks the attribute {attribute!r}; pass (dims, values, "
                    '{"long_name": "...", "units": "1"})'
                )


def array_hash(dataset: xr.Dataset) -> str:
    """Return the SHA-256 over names, dimensions, dtypes, shapes, and values, in hexadecimal.

    Examples
    --------
    >>> a = xr.Dataset({"x": ("i", [1.0, 2.0]), "y": ("i", [3.0, 4.0])})
    >>> array_hash(a) == array_hash(a[["y", "x"]]), array_hash(a) == array_hash(a + 1e-15)
    (True, False)
    """
    digest = hashlib.sha256()
    for name, variable in sorted(dataset.variables.items(), key=lambda item: str(item[0])):
        if _is_text(variable):
            dtype, content = "str", json.dumps(variable.values.tolist()).encode()
        else:
            little = variable.dtype.newbyteorder("<")
            dtype, content = little.str, variable.values.astype(little).tobytes()
        digest.update(json.dumps([name, variable.dims, dtype, variable.shape]).encode() + b"\0")
        digest.update(content + b"\0")
    return digest.hexdigest()


def netcdf_bytes(dataset: xr.Dataset) -> bytes:
    """Return the data set as a netCDF-4 file; equal data sets give equal bytes.

    Examples
    --------
    >>> netcdf_bytes(xr.Dataset({"x": ("i", [1.0])}))[1:4]
    b'HDF'
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.nc"
        dataset.drop_encoding().to_netcdf(path, engine="h5netcdf")
        return path.read_bytes()


def tidy_csv(dataset: xr.Dataset) -> str:
    """Return one row for every value: variable, its coordinates, value, units.

    A dimension's column holds its coordinate where there is one, else the index from 0, and is empty
    where the variable does not have that dimension. Numbers are written so that reading them gives
    the same double.

    Examples
    --------
    >>> print(tidy_csv(xr.Dataset({"x": ("i", [1.5, 2.5]), "c": 3}, {"i": [10, 20]})), end="")
    variable,i,value,units
    x,10,1.5,
    x,20,2.5,
    c,,3,
    """
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    dims = list(dict.fromkeys(dim for v in dataset.variables.values() for dim in v.dims))
    table.writerow(["variable", *dims, "value", "units"])
    for name, variable in dataset.variables.items():
        if name in dims:
            continue  # a dimension's coordinate is a column
        units = variable.attrs.get("units", "")
        axes = {dim: dataset[dim].values.tolist() for dim in variable.dims}
        for index, value in zip(np.ndindex(variable.shape), variable.values.flat, strict=True):
            place = dict(zip(variable.dims, index, strict=True))
            row = [axes[dim][place[dim]] if dim in place else "" for dim in dims]
            table.writerow([name, *row, value.item() if hasattr(value, "item") else value, units])
    return stream.getvalue()


def _is_text(variable: xr.Variable) -> bool:
    """Tell whether a variable holds strings; netCDF gives them back as objects or StringDType."""
    kind = variable.dtype.kind
    return kind in "UT" or (kind == "O" and all(isinstance(v, str) for v in variable.values.flat))

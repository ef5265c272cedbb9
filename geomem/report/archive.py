"""Labeled arrays that are kept: netCDF, with provenance inside and a checksum beside.

Results too expensive for every reader's machine are computed once and read by the book. Such a file
must say where it came from, so :func:`save` requires device, versions, seeds, and wall time; and it
must still be what was written, so the SHA-256 stands beside it, in the format of ``sha256sum -c``,
and :func:`load` compares it: HDF5 can read past a flipped byte without a word. The bytes that were
compared are the bytes that are parsed, and netCDF holds numbers and text only, so opening a file
runs no code of its author.
"""

import io
import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import xarray as xr

from geomem.errors import ArchiveError, DataNotFoundError
from geomem.report.arrays import netcdf_bytes
from geomem.report.files import atomic_write, json_text, record_opened

__all__ = ["PROVENANCE", "load", "save"]

PROVENANCE = ("device", "seeds", "versions", "wall_time_seconds")


def save(dataset: xr.Dataset, path: str | os.PathLike, *, provenance: Mapping) -> None:
    """Write arrays, their provenance, and their checksum.

    Parameters
    ----------
    dataset
        The arrays; its attribute ``provenance`` is replaced.
    path
        File to write, ending in ``.nc``; ``<path>.sha256`` is written beside it.
    provenance
        What the arrays came from: the keys of :data:`PROVENANCE`, and any other that JSON can hold.

    Raises
    ------
    ArchiveError
        If a required key is missing, or the name does not end in ``.nc``.

    Examples
    --------
    >>> import tempfile
    >>> a = xr.Dataset({"x": ("i", [1.0, 2.0])})
    >>> made = {"device": "cpu", "seeds": [0], "versions": {}, "wall_time_seconds": 1.5}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(a, Path(folder) / "a.nc", provenance=made)
    ...     load(Path(folder) / "a.nc").attrs["provenance"]["seeds"]
    [0]
    """
    path = Path(path)
    if missing := [key for key in PROVENANCE if key not in provenance]:
        raise ArchiveError(f"{path.name}: the provenance lacks {', '.join(missing)}; state it")
    if path.suffix != ".nc":
        raise ArchiveError(f"got the file name {path.name!r}, expected one that ends in .nc")
    content = netcdf_bytes(dataset.assign_attrs(provenance=json_text(dict(provenance))))
    atomic_write(path, content)
    # A kill between the two leaves a checksum that does not match, which load refuses.
    atomic_write(_sidecar(path), f"{sha256(content).hexdigest()}  {path.name}\n")


def load(path: str | os.PathLike) -> xr.Dataset:
    """Return archived arrays, in memory, after comparing the checksum.

    Parameters
    ----------
    path
        A file written by :func:`save`. The running chapter is noted to depend on it.

    Raises
    ------
    DataNotFoundError
        If the file is not there.
    ArchiveError
        If the checksum is missing or not that of the file, or the provenance is missing.

    Examples
    --------
    >>> load("nowhere.nc")
    Traceback (most recent call last):
        ...
    geomem.errors.DataNotFoundError: no archived arrays at nowhere.nc; ...
    """
    path = Path(path)
    if not path.is_file():
        raise DataNotFoundError(f"no archived arrays at {path}; restore the file, or compute it")
    if not _sidecar(path).is_file():
        raise ArchiveError(f"{path} has no checksum beside it; write archives with save()")
    content = path.read_bytes()
    expected = _sidecar(path).read_text().split()[:1]
    if (got := sha256(content).hexdigest()) not in expected:
        raise ArchiveError(
            f"{path} is not what was saved: got SHA-256 {got}, expected {' '.join(expected)}; "
            "restore it from version control or compute it again"
        )
    record_opened(path)
    dataset = xr.load_dataset(io.BytesIO(content), engine="h5netcdf")
    if "provenance" not in dataset.attrs:
        raise ArchiveError(f"{path} says nothing of its provenance; write archives with save()")
    return dataset.assign_attrs(provenance=json.loads(dataset.attrs["provenance"]))


def _sidecar(path: Path) -> Path:
    """Return the path of the checksum."""
    return path.with_name(f"{path.name}.sha256")

import hashlib
import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from geomem.errors import ArchiveError, DataNotFoundError
from geomem.report import archive
from geomem.report.arrays import netcdf_bytes

PROVENANCE = {"device": "a GPU", "versions": {"torch": "2"}, "seeds": [0, 1], "wall_time_seconds": 3600.5}


@pytest.fixture
def saved(tmp_path, data):
    path = tmp_path / "sweep.nc"
    archive.save(data, path, provenance=PROVENANCE)
    return path


def test_arrays_labels_and_provenance_come_back(saved, data):
    loaded = archive.load(saved)
    assert loaded.attrs.pop("provenance") == PROVENANCE
    xr.testing.assert_identical(loaded, data)


def test_saving_what_was_loaded_gives_the_same_bytes(saved, tmp_path):
    again = tmp_path / "again.nc"
    archive.save(archive.load(saved), again, provenance=PROVENANCE)
    assert again.read_bytes() == saved.read_bytes()


def test_the_checksum_is_one_that_sha256sum_reads(saved):
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    subprocess.run(
        ["sha256sum", "-c", "--strict", f"{saved.name}.sha256"], cwd=saved.parent, check=True, capture_output=True
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_flipped_bit_is_found(tmp_path_factory, draws):
    path = tmp_path_factory.getbasetemp() / "flipped.nc"
    archive.save(xr.Dataset({"v": ("i", np.arange(5.0))}), path, provenance=PROVENANCE)
    content = bytearray(path.read_bytes())
    position = draws.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << draws.draw(st.integers(0, 7))
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"flipped\.nc is not what was saved"):
        archive.load(path)


@pytest.mark.parametrize("content", ["", "0" * 64 + "  sweep.nc\n"])
def test_an_empty_or_foreign_checksum_is_refused(saved, content):
    Path(f"{saved}.sha256").write_text(content)
    with pytest.raises(ArchiveError, match="not what was saved"):
        archive.load(saved)


def test_a_missing_checksum_or_file_is_named(saved):
    Path(f"{saved}.sha256").unlink()
    with pytest.raises(ArchiveError, match=r"sweep\.nc has no checksum"):
        archive.load(saved)
    saved.unlink()
    with pytest.raises(DataNotFoundError, match=r"sweep\.nc"):
        archive.load(saved)


@pytest.mark.parametrize("key", sorted(PROVENANCE))
def test_provenance_is_complete(tmp_path, data, key):
    incomplete = {name: value for name, value in PROVENANCE.items() if name != key}
    with pytest.raises(ArchiveError, match=f"lacks {key}"):
        archive.save(data, tmp_path / "a.nc", provenance=incomplete)
    assert not any(tmp_path.iterdir())


def test_only_netcdf_names(tmp_path, data):
    with pytest.raises(ArchiveError, match=r"expected one that ends in \.nc"):
        archive.save(data, tmp_path / "a.pickle", provenance=PROVENANCE)


def test_the_file_must_say_where_it_came_from(tmp_path, data):
    path = tmp_path / "anonymous.nc"
    content = netcdf_bytes(data)
    path.write_bytes(content)
    Path(f"{path}.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  {path.name}\n")
    with pytest.raises(ArchiveError, match="says nothing of its provenance"):
        archive.load(path)


def test_a_failed_save_keeps_the_old_file(saved, data, monkeypatch):
    def refusing(source, target):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", refusing)
    with pytest.raises(OSError, match="disk is full"):
        archive.save(data + 1, saved, provenance=PROVENANCE)
    xr.testing.assert_equal(archive.load(saved), data)


def test_what_is_parsed_is_what_was_compared(saved, monkeypatch):
    """A file exchanged between comparison and parsing cannot slip in: the bytes are read once."""
    opened = []
    load = xr.load_dataset
    monkeypatch.setattr(xr, "load_dataset", lambda source, **how: (opened.append(type(source)), load(source, **how))[1])
    archive.load(saved)
    assert opened == [io.BytesIO]


def test_the_running_chapter_depends_on_the_archive(saved, run):
    archive.load(saved)
    assert list(json.loads((run / "opened.json").read_text())) == ["../../sweep.nc"]


def test_a_damaged_archive_is_not_noted_as_read(saved, run):
    saved.write_bytes(saved.read_bytes()[:-1])
    with pytest.raises(ArchiveError):
        archive.load(saved)
    assert not (run / "opened.json").exists()

import hashlib
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomem.report.files import atomic_write, json_text, record_opened, run_folder, sha256


def test_writes_text_and_bytes_into_new_folders(tmp_path):
    path = tmp_path / "deep" / "er" / "file"
    atomic_write(path, "σ")
    assert path.read_bytes() == "σ".encode()
    atomic_write(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_failed_write_keeps_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file"
    atomic_write(path, "old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("the disk is full")))
    with pytest.raises(OSError, match="disk is full"):
        atomic_write(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_the_file_appears_only_when_all_bytes_are_on_disk(tmp_path, monkeypatch):
    path, steps = tmp_path / "file", []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda d: (steps.append(("fsync", path.exists())), fsync(d)))
    monkeypatch.setattr(os, "replace", lambda a, b: (steps.append(("replace", os.path.getsize(a))), replace(a, b)))
    atomic_write(path, b"x" * 100_000)
    assert steps == [("fsync", False), ("replace", 100_000)]


@given(st.binary(max_size=1000))
def test_sha256_is_that_of_the_content(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "content"
    path.write_bytes(content)
    assert sha256(path) == hashlib.sha256(content).hexdigest()


def test_json_is_strict_and_sorted():
    assert json_text({"b": "é", "a": 1}) == '{\n  "a": 1,\n  "b": "é"\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text(float("nan"))


def test_no_run_folder_by_hand(monkeypatch, tmp_path):
    assert run_folder() is None
    monkeypatch.setenv("GEOMEM_RUN", "")
    assert run_folder() is None
    record_opened(tmp_path / "not there")  # not even looked at


def test_opened_files_are_noted_relative_to_the_run_and_survive_its_renaming(run, tmp_path):
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    first.write_text("a")
    second.write_text("b")
    for path in (first, second, first):
        record_opened(path)
    renamed = run.rename(run.with_name("another"))
    opened = json.loads((renamed / "opened.json").read_text())
    assert opened == {"../../a.npz": sha256(first), "../../b.npz": sha256(second)}
    assert all(sha256(renamed / path) == digest for path, digest in opened.items())


def test_a_file_that_is_not_there_cannot_be_noted(run):
    with pytest.raises(FileNotFoundError):
        record_opened(run / "nowhere")
    assert not (run / "opened.json").exists()


def test_the_report_needs_no_torch():
    code = (
        "import sys; import geomem.report.figure, geomem.report.claim, geomem.report.archive;"
        "sys.exit(bool({'torch', 'IPython'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

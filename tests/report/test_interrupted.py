"""Killed between any two steps of writing, nothing half-written is accepted by a reader."""

import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from geomem.errors import ArchiveError
from geomem.report import archive

# Forks once for each step k; the child kills itself at its k-th flush or rename (half of the step done), until one gets
# to the end. Prints the folder of each child. A fork has to happen in a process without threads, so not in pytest's.
PROGRAM = """
import itertools, os, signal, sys
from pathlib import Path
from matplotlib.figure import Figure
import xarray as xr
from geomem.report import archive
from geomem.report.claim import claim
from geomem.report.figure import publish

about = {"long_name": "a number", "units": "1"}
def figure():
    publish(Figure(figsize=(0.3, 0.3)), "fig-one", caption="A caption, " * 5, alt="An alt text, " * 5, seeds=[],
            data=xr.Dataset({"v": ("i", [1.0, 2.0], about)}))
def a_claim():
    claim("one", 1, 1, 1, "One is one, in every run.", basis="theory")
def arrays():
    made = dict.fromkeys(archive.PROVENANCE, 0)
    archive.save(xr.Dataset({"v": ("i", [2.0])}), Path(os.environ["GEOMEM_RUN"], "a.nc"), provenance=made)

def dying(function, steps, after):
    def wrapped(*arguments):
        alive = next(steps) > 0
        if alive or after:
            function(*arguments)
        if not alive:
            os.kill(os.getpid(), signal.SIGKILL)
    return wrapped

write = {"figure": figure, "claim": a_claim, "archive": arrays}[sys.argv[1]]
for k, after in itertools.product(range(100), (False, True)):
    run = Path(sys.argv[2], f"{k}-{after:d}")
    os.environ["GEOMEM_RUN"] = str(run)
    run.mkdir()
    if sys.argv[1] == "archive":
        archive.save(xr.Dataset({"v": ("i", [1.0])}), run / "a.nc", provenance=dict.fromkeys(archive.PROVENANCE, 0))
    if (pid := os.fork()) == 0:
        steps = itertools.count(k, -1)
        for name in ("fsync", "replace", "rename"):
            setattr(os, name, dying(getattr(os, name), steps, after))
        write()
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    print(run)
    if status == 0:
        break
    assert os.WIFSIGNALED(status), status
"""


@pytest.fixture
def killed(request, tmp_path):
    """Return the folders that the killed writers left, and that of the one which was not killed."""
    command = [sys.executable, "-c", PROGRAM, request.param, str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    *killed, whole = map(Path, done.stdout.split())
    return killed, whole


@pytest.mark.parametrize("killed", ["figure"], indirect=True)
def test_a_figure_is_there_with_all_of_its_files_or_not_at_all(killed):
    killed, whole = killed
    assert len(killed) == 2 * 13  # six files, flushed and renamed, and then their folder

    def accepted(run):
        for path in run.glob("figures/fig-*"):
            record = json.loads((path / "record.json").read_text())
            assert {name: sha256((path / name).read_bytes()).hexdigest() for name in record["files"]} == record["files"]
            return True
        return False

    assert accepted(whole)
    assert [accepted(run) for run in killed] == 25 * [False] + [True]  # the last was killed after the last step


@pytest.mark.parametrize("killed", ["claim"], indirect=True)
def test_a_claim_is_there_or_not(killed):
    killed, whole = killed
    assert len(killed) == 4
    found = [[json.loads(path.read_text())["value"] for path in run.glob("claims/*.json")] for run in (*killed, whole)]
    assert found == [[], [], [], [1.0], [1.0]]


@pytest.mark.parametrize("killed", ["archive"], indirect=True)
def test_an_archive_is_the_old_one_the_new_one_or_refused(killed):
    killed, whole = killed
    found = []
    for run in (*killed, whole):
        try:
            found.append(archive.load(run / "a.nc").v.item())
        except ArchiveError:
            found.append("refused")
    assert found == [1.0, 1.0, 1.0, "refused", "refused", "refused", "refused", 2.0, 2.0]

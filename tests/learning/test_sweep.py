"""Sweeps: what is done stays done, what fails is told and stops nothing, and a killed worker loses nothing."""

import multiprocessing
import os
import signal
import time

import numpy as np
import pytest
import xarray as xr
from distributed import LocalCluster

from geomem.errors import InputError, SweepError
from geomem.learning.sweep import grid, sweep
from geomem.report.files import atomic_write


def square(point, *, earlier, checkpoint, deadline):
    """The square, one step of several at a time: each call adds n until n have been added."""
    steps = point.get("steps", 1)
    done = 1 + (0 if earlier is None else int(earlier.done))
    values = {"square": point["n"] * done / steps * point["n"], "done": done, "by": os.getpid()}
    return xr.Dataset(values, attrs={"finished": int(done == steps)})


def fragile(point, *, earlier, checkpoint, deadline):
    """Count to n, each step into the checkpoint; its process dies once, or the point fails."""
    start = int(checkpoint.read_text()) if checkpoint.exists() else 0
    for step in range(start + 1, point["n"] + 1):
        atomic_write(checkpoint, str(step))
        if step == 2 and start == 0 and point["ends"] == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if point["ends"] == "failed":
            raise ArithmeticError("the loss is infinite")
    return xr.Dataset({"counted": step, "began": start}, attrs={"finished": 1})


def values(outcome):
    return {name: xr.load_dataset(path) for name, path in outcome.results.items()}


@pytest.fixture
def quiet(tmp_path):
    def run(function, points, **options):
        return sweep(function, points, tmp_path / "sweep", progress=False, **options)

    return run


def test_a_grid_is_every_combination_with_the_last_axis_fastest():
    assert grid(width=[16, 64], seed=range(2)) == [
        {"width": 16, "seed": 0},
        {"width": 16, "seed": 1},
        {"width": 64, "seed": 0},
        {"width": 64, "seed": 1},
    ]


def test_every_point_has_a_file_named_by_its_values(quiet, tmp_path):
    outcome = quiet(square, [{"n": 2, "variances": (1.0, 0.09)}, {"n": 3, "variances": "a/b"}])
    assert outcome.results == {
        "n=2,variances=_1.0_0.09_": tmp_path / "sweep" / "n=2,variances=_1.0_0.09_.nc",
        "n=3,variances=a_b": tmp_path / "sweep" / "n=3,variances=a_b.nc",
    }
    assert [float(found.square) for found in values(outcome).values()] == [4.0, 9.0]
    assert (outcome.unfinished, outcome.failures) == ([], {})
    outcome.require_finished()
    assert {int(found.by) for found in values(outcome).values()} == {os.getpid()}  # in this process by default


def test_a_rerun_skips_the_finished_and_goes_on_with_the_others(quiet, tmp_path):
    called = []

    def watched(point, **rest):
        called.append((point["n"], rest["checkpoint"], rest["deadline"]))
        return square(point, **rest)

    points = [{"n": 2, "steps": 1}, {"n": 3, "steps": 2}]
    first = quiet(watched, points)
    assert first.unfinished == ["n=3,steps=2"]
    assert [float(found.square) for found in values(first).values()] == [4.0, 4.5]
    with pytest.raises(SweepError, match=r"unfinished points: 1, failed: 0; .* run again to go on$"):
        first.require_finished()
    second = quiet(watched, points)
    assert second.unfinished == []
    assert [float(found.square) for found in values(second).values()] == [4.0, 9.0]
    path = tmp_path / "sweep" / "n=3,steps=2.checkpoint"
    assert called == [(2, tmp_path / "sweep" / "n=2,steps=1.checkpoint", None), (3, path, None), (3, path, None)]


def test_an_interruption_keeps_what_was_done(quiet):
    def interrupted(point, **rest):
        if point["n"] == 3:
            raise KeyboardInterrupt
        return square(point, **rest)

    with pytest.raises(KeyboardInterrupt):
        quiet(interrupted, grid(n=[2, 3, 4]))
    outcome = quiet(interrupted, grid(n=[2]))
    assert float(values(outcome)["n=2"].square) == 4.0
    assert outcome.unfinished == []


def test_failures_are_told_with_their_traceback_and_stop_nothing(quiet, capsys):
    def some(point, **rest):
        if point["n"] == 2:
            raise ArithmeticError("the loss is infinite")
        return square(point, **rest)

    outcome = quiet(some, grid(n=[2, 3]))
    assert list(outcome.results) == ["n=3"]
    assert outcome.unfinished == []
    assert list(outcome.failures) == ["n=2"]
    assert 'raise ArithmeticError("the loss is infinite")' in outcome.failures["n=2"]
    assert outcome.failures["n=2"] in capsys.readouterr().err
    with pytest.raises(SweepError, match=r"(?s)unfinished points: 0, failed: 1; .*n=2: Traceback .* is infinite"):
        outcome.require_finished()
    again = quiet(square, grid(n=[2, 3]))  # the reason removed, a failed point is computed
    assert list(again.results) == ["n=2", "n=3"]
    assert again.failures == {}


@pytest.mark.parametrize(
    "result",
    [3.0, xr.Dataset({"x": 1.0}), xr.Dataset({"x": 1.0}, attrs={"finished": "yes"})],
    ids=["no data set", "does not say", "says neither"],
)
def test_a_result_that_cannot_be_kept_is_a_failure(quiet, result):
    outcome = quiet(lambda point, **rest: result, [{"n": 1}])
    assert outcome.results == {}
    assert "SweepError: run returned" in outcome.failures["n=1"]


def test_finished_may_be_any_truth_value(quiet):
    points, results = grid(n=[0, 1]), (False, np.True_)
    outcome = quiet(lambda p, **rest: xr.Dataset({"x": 1.0}, attrs={"finished": results[p["n"]]}), points)
    assert [int(found.finished) for found in values(outcome).values()] == [0, 1]
    assert outcome.unfinished == ["n=0"]


def test_no_point_is_begun_after_the_deadline(quiet, monkeypatch):
    clock, deadlines = [1000.0], []
    monkeypatch.setattr(time, "time", lambda: clock[0])

    def slow(point, *, deadline, **rest):
        deadlines.append(deadline)
        clock[0] += 60
        return square(point, deadline=deadline, **rest)

    first = quiet(slow, grid(n=[2, 3, 4]), minutes=1.5)
    assert deadlines == [1090.0, 1090.0]
    assert (list(first.results), first.unfinished) == (["n=2", "n=3"], ["n=4"])
    assert quiet(slow, grid(n=[2, 3, 4]), minutes=0).unfinished == ["n=4"]
    assert quiet(slow, grid(n=[2, 3, 4]), minutes=0.5).unfinished == []


@pytest.mark.parametrize(
    "points",
    [grid(n=[1, 2, 1]), grid(x=["a/b", "a b"]), [{}], [{"x": "long" * 51}]],
    ids=["twice", "alike", "no value", "long"],
)
def test_points_that_cannot_be_told_apart_are_refused(quiet, points):
    with pytest.raises(InputError, match="tell points apart"):
        quiet(square, points)


@pytest.mark.parametrize(
    "options",
    [{"workers": -1}, {"workers": 1, "address": "tcp://x"}, {"minutes": -1}, {"minutes": float("nan")}],
    ids=["fewer than none", "both", "negative", "NaN"],
)
def test_contradicting_options_are_refused(quiet, options):
    with pytest.raises(InputError, match="expected workers or an address"):
        quiet(square, grid(n=[1]), **options)


def test_a_killed_worker_loses_nothing_and_a_failure_stops_nothing(quiet):
    points = grid(n=[3], ends=["killed", "failed", "well"])
    outcome = quiet(fragile, points, workers=1)
    found = values(outcome)
    assert list(found) == ["n=3,ends=killed", "n=3,ends=well"]
    assert [int(f.counted) for f in found.values()] == [3, 3]
    assert [int(f.began) for f in found.values()] == [2, 0]  # the killed one went on from its checkpoint
    assert outcome.unfinished == []
    assert list(outcome.failures) == ["n=3,ends=failed"]
    assert "ArithmeticError: the loss is infinite" in outcome.failures["n=3,ends=failed"]
    assert not multiprocessing.active_children()  # nothing is left running


class Unreadable:
    """A function that a worker cannot read: what Dask itself raises is a failure of the point too."""

    def __call__(self, point, **rest): ...

    def __reduce__(self):
        return int, ("no number",)


def test_a_running_scheduler_computes_and_must_share_the_folder(quiet, monkeypatch):
    options = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options, protocol="tcp") as cluster:
        outcome = quiet(square, grid(n=[2, 3]), address=cluster.scheduler_address)
        assert [float(found.square) for found in values(outcome).values()] == [4.0, 9.0]
        unread = quiet(Unreadable(), grid(n=[4]), address=cluster.scheduler_address)
        assert list(unread.failures) == ["n=4"]
        assert unread.failures["n=4"].startswith("RuntimeError: Error during deserialization")
        monkeypatch.setattr("geomem.learning.sweep.atomic_write", lambda path, content: None)  # elsewhere
        with pytest.raises(SweepError, match=r"\['n=4'\] left no file in .* that all workers share"):
            quiet(square, grid(n=[4]), address=cluster.scheduler_address)

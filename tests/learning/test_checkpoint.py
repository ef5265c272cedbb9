"""Training killed at any step and resumed is training uninterrupted, bit for bit; what is no checkpoint is refused."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from geomem.errors import ArchiveError, InputError
from geomem.learning.checkpoint import read, write
from geomem.learning.training import Member, Settings, Training
from tests.distributions.laws import normal
from tests.learning.small import D, make

DATA = normal(8, D, seed=1)
MEMBERS = [Member(2, 0), Member(6, 5, 1)]
SETTINGS = {name: Settings(batch=4, levels=2, optimizer=name, learning_rate=1e-2) for name in ("adam", "radam")}
ENDS = (25, 120)


def training(optimizer: str = "adam") -> Training:
    return Training(make, DATA, MEMBERS, SETTINGS[optimizer])


def state(run: Training) -> dict[str, torch.Tensor]:
    """All that a training goes on from."""
    tensors = {f"weights {name}": w for name, w in run.current.weights.items()}
    tensors |= {f"average {name}": w for name, w in run.averaged.weights.items()}
    for i, moments in run._optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer {i} {name}": value.clone() for name, value in moments.items()}
    return tensors | {"sum": run._sum.clone(), "losses": run.losses, "n_updates": torch.tensor(run.n_updates)}


def assert_same_bits(run: Training, expected: dict[str, torch.Tensor]) -> None:
    found = state(run)
    assert found.keys() == expected.keys()
    assert not [name for name in expected if not torch.equal(found[name], expected[name])]


class Uninterrupted:
    """One training that was never stopped, and what it was at some updates on its way."""

    def __init__(self, optimizer: str, stops: tuple[int, ...], folder: Path) -> None:
        run, self.paths, self.states = training(optimizer), {}, {}
        for n in sorted({*stops, *ENDS}):
            run.advance(n)
            self.paths[n], self.states[n] = folder / str(n), state(run)
            run.save(self.paths[n])


STOPS = {"adam": (0, 1, 7, 10, 57, 100, 111), "radam": (3, 99)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return {name: Uninterrupted(name, stops, tmp_path_factory.mktemp(name)) for name, stops in STOPS.items()}


@pytest.mark.parametrize(("optimizer", "stop"), [(name, stop) for name in STOPS for stop in STOPS[name]])
def test_resumed_from_any_update_is_uninterrupted(optimizer, stop, whole):
    run, end = training(optimizer), min(n for n in ENDS if n > stop)
    assert run.resume(whole[optimizer].paths[stop]) == run.n_updates == stop
    assert_same_bits(run, whole[optimizer].states[stop])
    assert run.advance(end) == end
    assert_same_bits(run, whole[optimizer].states[end])


@pytest.mark.parametrize(("optimizer", "stops"), [("adam", (4, 60, 101, 120)), ("radam", (4, 13, 25))])
def test_resumed_again_and_again_is_uninterrupted(optimizer, stops, whole, tmp_path):
    """Each piece in a training of its own, which saves what it resumed."""
    training(optimizer).save(tmp_path / "a")
    for stop in stops:
        run = training(optimizer)
        run.resume(tmp_path / "a")
        run.advance(stop, checkpoint=tmp_path / "a")
    assert_same_bits(run, whole[optimizer].states[stops[-1]])


def test_a_training_can_go_back(whole):
    """To its own past, also when it was stopped in the middle of an update."""
    run = training()
    run.advance(13)
    run._optimizer.param_groups[0]["params"][0].grad.fill_(7.0)
    run.resume(whole["adam"].paths[111])
    run.advance(120)
    assert_same_bits(run, whole["adam"].states[120])


KILLED = """
import sys
from pathlib import Path
from tests.learning.test_checkpoint import training
training().advance(10**9, checkpoint=Path(sys.argv[1]), every=3)
"""


def test_killed_while_it_trains_and_resumed_is_uninterrupted(tmp_path):
    """By a signal that no program can catch, at no update that was chosen."""
    path, root = tmp_path / "a", Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], cwd=root, env=environment)
    try:
        give_up = time.monotonic() + 60
        while not path.exists() or read(path)[1]["n_updates"] < 20:
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    resumed, never_killed = training(), training()
    reached = resumed.resume(path)
    assert reached >= 20
    assert reached % 3 == 0
    assert resumed.advance(reached + 15) == never_killed.advance(reached + 15)
    assert_same_bits(resumed, state(never_killed))


OTHERS = {
    "data": {"data": DATA + 1e-12},
    "members": {"members": [*MEMBERS[:1], Member(6, 6, 1)]},
    "settings": {"settings": replace(SETTINGS["adam"], ema=0.99)},
    "networks": {"make": lambda g: make(g, data_variance=0.7)},
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_checkpoint_of_another_training_is_refused(what, whole):
    """Where the other network differs in no weight's shape, too."""
    same = {"make": make, "data": DATA, "members": MEMBERS, "settings": SETTINGS["adam"]}
    run = Training(**same | OTHERS[what])
    run.advance(12)
    before, path = state(run), whole["adam"].paths[57]
    with pytest.raises(InputError, match=rf"got {path}, a checkpoint of other {what}: .*, expected .* begin anew"):
        run.resume(path)
    assert_same_bits(run, before)


def noted(**changes) -> Callable[[Path], bytes]:
    """The checkpoint with changes of its note."""

    def content(path: Path) -> bytes:
        tensors, note = read(path)
        return save(tensors, {"note": json.dumps(note | changes)})

    return content


def holding(**changes: torch.Tensor | None) -> Callable[[Path], bytes]:
    """The checkpoint with other tensors, or without some."""

    def content(path: Path) -> bytes:
        tensors, note = read(path)
        changed = {name: value for name, value in (tensors | changes).items() if value is not None}
        return save(changed, {"note": json.dumps(note)})

    return content


def foreign(note: str | None) -> Callable[[Path], bytes]:
    return lambda path: save({"a": torch.zeros(1)}, note and {"note": note})


NO_CHECKPOINTS = {
    "truncated": (lambda path: path.read_bytes()[:-1], "not whole"),
    "cut in its head": (lambda path: path.read_bytes()[:100], "not whole"),
    "empty": (lambda path: b"", "not whole"),
    "text": (lambda path: b"weights\n" * 100, "not whole"),
    "no note": (foreign(None), "no checkpoint"),
    "note of another form": (foreign("{"), "no checkpoint"),
    "note that is a list": (foreign("[3]"), "the note is no dictionary"),
    "note of another program": (foreign('{"n_updates": 3}'), "no checkpoint of a training"),
    "note with more": (noted(more=1), "no checkpoint of a training"),
    "updates not counted": (noted(n_updates="57"), "no checkpoint of a training"),
    "another number of updates": (noted(n_updates=157), "other tensors"),
    "fewer tensors": (holding(sum=None), "other tensors"),
    "a moment is missing": (holding(**{"optimizer.3.exp_avg_sq": None}), "other tensors"),
    "more tensors": (holding(more=torch.zeros(1)), "other tensors"),
    "another shape": (holding(**{"average.enter.bias": torch.zeros(2, 9).double()}), "other tensors"),
    "another dtype": (holding(**{"weights.enter.bias": torch.zeros(2, 8)}), "other tensors"),
}


@pytest.mark.parametrize("kind", NO_CHECKPOINTS)
def test_what_is_no_checkpoint_is_refused_and_changes_nothing(kind, whole, tmp_path):
    content, reason = NO_CHECKPOINTS[kind]
    path, run = tmp_path / "a", training()
    path.write_bytes(content(whole["adam"].paths[57]))
    run.advance(2)
    before = state(run)
    with pytest.raises(ArchiveError, match=rf"got {re.escape(str(path))}.*{reason}.*expected"):
        run.resume(path)
    assert_same_bits(run, before)


@pytest.mark.parametrize("place", ["nothing", "folder"])
def test_where_no_file_is_that_is_said(place, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ArchiveError, match=rf"{tmp_path / place}, where no file is, expected"):
        training().resume(tmp_path / place)


def test_tensors_and_note_come_back_as_they_were(tmp_path):
    tensors = {
        "transposed": torch.arange(6.0).view(2, 3).T,
        "with a gradient": torch.ones(2, dtype=torch.float64, requires_grad=True),
        "none": torch.empty(0, 4),
        "number": torch.tensor(3),
    }
    note = {"n": 3, "x": 0.1, "names": ["a", None]}
    write(tmp_path / "new" / "a", tensors, note)
    assert os.listdir(tmp_path / "new") == ["a"]
    found, found_note = read(tmp_path / "new" / "a")
    assert found_note == note
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) and found[name].dtype == tensors[name].dtype for name in tensors)


def test_a_note_that_json_cannot_hold_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "a"
    write(path, {}, {"n": 1})
    with pytest.raises(ValueError, match="JSON"):
        write(path, {}, {"n": float("nan")})
    assert read(path) == ({}, {"n": 1})
    assert os.listdir(tmp_path) == ["a"]

"""Run every mutant of tests/mutants.toml against the test that must catch it.

Imports cost more than tests, so the heavy libraries are imported once, here, and each mutant runs in a
forked child in which the import system serves the mutated source in place of the file; nothing on disk
changes. geomem itself is never imported in the parent. A mutant is *caught* when its test fails (pytest's
exit code 1), *survived* when it passes, and *broken* when anything else happens: no such test, an error at
import, a text that does not occur exactly once, no end within the time limit. First each test must pass
unmutated.

    python tests/run_mutants.py [mutants.toml] [--only TEXT] [--jobs 2] [--timeout 60]
"""

import argparse
import importlib
import importlib._bootstrap_external
import io
import os
import selectors
import shlex
import signal
import sys
import time
import tomllib
import traceback
from collections.abc import Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ["scipy.stats", "torch", "xarray", "h5netcdf", "matplotlib.pyplot", "hypothesis", "mpmath", "pytest"]
HEAVY += ["jaxtyping", "beartype", "sklearn.datasets", "skimage.data", "PIL.Image"]
PYTEST = shlex.split("-x -q --assert=plain -p no:cacheprovider -p no:xdist -p no:pytest_cov -o addopts=")
VERDICTS = {0: "survived", 1: "caught"}  # of pytest's exit codes; every other is broken


@dataclass(frozen=True)
class Mutant:
    """One change of one line, and the test that must notice it."""

    file: str
    find: str
    replace: str
    test: str

    def source(self) -> bytes:
        """Return the mutated text of the file, or raise if the place is not unique."""
        text = (ROOT / self.file).read_text()
        if text.count(self.find) != 1:
            raise ValueError(f"the text to replace occurs {text.count(self.find)} times in {self.file}, not once")
        if self.find == self.replace:
            raise ValueError("the replacement is the original")
        return text.replace(self.find, self.replace).encode()


def serve(path: Path, source: bytes) -> None:
    """Make every import of ``path`` see ``source``, whatever the file and its cached bytecode say."""
    loader = importlib._bootstrap_external.SourceFileLoader
    read, stat = loader.get_data, loader.path_stats

    def get_data(self, name):
        return source if Path(name) == path else read(self, name)

    def path_stats(self, name):
        if Path(name) == path:
            raise OSError  # no modification time: bytecode is neither read nor written
        return stat(self, name)

    loader.get_data, loader.path_stats = get_data, path_stats


def run_tests(tests: list[str], mutant: Mutant | None, source: bytes) -> int:
    """Run pytest in this (forked) process and return its exit code, output printed on anything unusual."""
    import pytest

    os.environ["GEOMEM_NO_TYPECHECK"] = "1"
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    if mutant:
        serve(ROOT / mutant.file, source)
    output = io.StringIO()
    with redirect_stdout(output), redirect_stderr(output):
        code = int(pytest.main([*PYTEST, *tests]))
    print(output.getvalue())
    return code


def fork(tests: list[str], mutant: Mutant | None, source: bytes = b"") -> tuple[int, int]:
    """Start a child; return its process id and the pipe of its output."""
    read, write = os.pipe()
    sys.stdout.flush()
    if pid := os.fork():
        os.close(write)
        return pid, read
    code = 70
    try:
        os.setpgid(0, 0)  # so that a child past its time goes with all that it started
        os.dup2(write, 1)
        os.dup2(write, 2)
        code = run_tests(tests, mutant, source)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


@dataclass
class Outcome:
    """What became of one child."""

    key: int
    code: int | None
    """Pytest's exit code; None past the time limit or killed."""
    output: str
    seconds: float


def run_all(
    jobs: Iterable[tuple[int, list[str], Mutant | None, bytes]], at_once: int, limit: float
) -> Iterator[Outcome]:
    """Run the children, ``at_once`` at a time, and yield their outcomes as they end."""
    waiting, running = list(jobs), {}
    selector = selectors.DefaultSelector()
    while waiting or running:
        while waiting and len(running) < at_once:
            key, tests, mutant, source = waiting.pop(0)
            pid, pipe = fork(tests, mutant, source)
            running[pipe] = (key, pid, time.monotonic(), [])
            selector.register(pipe, selectors.EVENT_READ)
        ready = {event.fd for event, _ in selector.select(timeout=0.5)}
        for pipe, (key, pid, start, chunks) in list(running.items()):
            seconds = time.monotonic() - start
            if pipe in ready and (chunk := os.read(pipe, 65536)):
                chunks.append(chunk)
                continue
            if pipe not in ready and seconds < limit:
                continue
            if pipe not in ready:
                os.killpg(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            selector.unregister(pipe)
            os.close(pipe)
            del running[pipe]
            code = os.waitstatus_to_exitcode(status)
            yield Outcome(key, code if code >= 0 else None, b"".join(chunks).decode(errors="replace"), seconds)


def unmutated(tests: list[str], at_once: int, limit: float) -> dict[str, Outcome]:
    """Return the tests that do not pass as they are, each with what happened."""
    halves = [part for k in range(at_once) if (part := tests[k::at_once])]
    together = run_all([(k, part, None, b"") for k, part in enumerate(halves)], at_once, limit * len(tests))
    suspects = [test for outcome in together if outcome.code != 0 for test in halves[outcome.key]]
    alone = run_all([(k, [test], None, b"") for k, test in enumerate(suspects)], at_once, limit)
    return {suspects[outcome.key]: outcome for outcome in alone if outcome.code != 0}


def main(arguments: list[str] | None = None) -> int:
    """Run the mutants, print the table, and return 0 only if every one was caught."""
    parser = argparse.ArgumentParser(description="Every mutant must be caught by the test it names.")
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "tests" / "mutants.toml")
    parser.add_argument("--only", default="", help="run the mutants whose file or test holds this text")
    parser.add_argument("--jobs", type=int, default=2, help="children at a time")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for one mutant")
    options = parser.parse_args(arguments)

    console = Console(width=140)
    start = time.monotonic()
    mutants = [Mutant(**entry) for entry in tomllib.loads(options.file.read_text())["mutant"]]
    mutants = [m for m in mutants if options.only in m.file or options.only in m.test]
    results: dict[int, tuple[str, str, float]] = {}
    sources: dict[int, bytes] = {}
    for k, mutant in enumerate(mutants):
        try:
            sources[k] = mutant.source()
        except (OSError, ValueError) as error:
            results[k] = ("broken", str(error), 0.0)

    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.setdefault("MPLBACKEND", "agg")
    sys.dont_write_bytecode = True
    for name in HEAVY:
        importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)

    failing = unmutated(sorted({mutants[k].test for k in sources}), options.jobs, options.timeout)
    for k in sources:
        if outcome := failing.get(mutants[k].test):
            results[k] = ("broken", f"unmutated, the test ends with code {outcome.code}", outcome.seconds)
    jobs = [(k, [mutants[k].test], mutants[k], sources[k]) for k in sources if k not in results]
    outputs = {k: failing[mutants[k].test].output for k in sources if k in results}
    for outcome in run_all(jobs, options.jobs, options.timeout):
        verdict = VERDICTS.get(outcome.code, "broken")
        ended = f"no end within {options.timeout:.0f} s" if outcome.code is None else f"pytest's code {outcome.code}"
        results[outcome.key] = (verdict, ended, outcome.seconds)
        outputs[outcome.key] = outcome.output

    table = Table("", "file", "replaced by", "test", "s", title="mutants")
    colors = {"caught": "green", "survived": "red", "broken": "yellow"}
    for k, mutant in enumerate(mutants):
        verdict, _, seconds = results[k]
        cells = (escape(text) for text in (mutant.file, mutant.replace.strip(), mutant.test))
        table.add_row(f"[{colors[verdict]}]{verdict}", *cells, f"{seconds:.1f}")
    console.print(table)
    for k, (verdict, why, _) in sorted(results.items()):
        if verdict == "broken":
            print(f"--- {mutants[k].file}: {mutants[k].replace.strip()}: {why}\n{outputs.get(k, '')[-2000:]}")
    passed = sum(verdict == "caught" for verdict, _, _ in results.values())
    print(f"{time.monotonic() - start:.0f} s\n{passed} passed, {len(mutants) - passed} failed")
    return 0 if mutants and passed == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())

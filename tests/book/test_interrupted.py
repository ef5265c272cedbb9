"""``kill -9`` at random moments: what is there is whole, nothing goes on writing, and the next build completes."""

import os
import signal
import subprocess
import time

import numpy as np
import psutil
import pytest

from book.execute import stale_chapters
from book.freshness import read_state, written_files
from tests.book.conftest import book_command, book_options, run_book

pytestmark = pytest.mark.pipeline
QUICK = {"profile": "quick", "seed": 0}


def pages(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.html")}


def assert_whole(book, complete):
    for slug in book.slugs():
        state = read_state(book, slug)
        if state is not None:
            assert state["written"] == written_files(book.run(slug))
    if book.html.exists():
        assert pages(book.html) == complete


# Ten kills; two tests, so that two processes share the work.
@pytest.mark.parametrize("seed", [0, 1])
def test_killed_at_random_moments(book, timed_build, seed):
    built, seconds = timed_build
    complete, killed, random = pages(built.html), 0, np.random.default_rng(seed)
    for round_ in range(15):
        moment = random.uniform(0.05, 0.95)  # as a fraction of the time that an undisturbed build takes
        slug = book.slugs()[round_ % 2]  # one stale chapter to execute, and the site to render
        book.chapter(slug).write_text(book.chapter(slug).read_text() + f"\nRound {round_}.\n")
        process = subprocess.Popen(book_command(book.root, "build"), **book_options(), stdout=subprocess.DEVNULL)
        time.sleep(moment * seconds)
        if process.poll() is not None:  # it was faster than the first one: draw again
            continue
        children = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        killed += 1
        process.wait()
        _, left = psutil.wait_procs(children, timeout=5)
        assert [p for p in left if p.status() != psutil.STATUS_ZOMBIE] == []
        assert_whole(book, complete)
        done = run_book(book.root, "execute")  # the next run completes; the site follows below
        assert done.returncode == 0, done.stdout + done.stderr
        assert set(stale_chapters(book, QUICK).values()) == {None}
        assert_whole(book, complete)
        if killed == 5:
            break
    assert killed == 5
    assert run_book(book.root, "build").returncode == 0
    assert pages(book.html) == complete

"""One build at a time in a build folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from book.errors import BookError

__all__ = ["locked"]


@contextmanager
def locked(build: Path) -> Iterator[None]:
    """Hold the lock of a build folder; the operating system releases it even after ``kill -9``."""
    build.mkdir(parents=True, exist_ok=True)
    with open(build / ".lock", "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BookError(f"Another build is running in {build.name}; wait until it has finished.") from None
        yield

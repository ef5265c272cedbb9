"""Files that are either complete or not there.

A reader of a run folder may look at any moment, and the writer may be killed at any moment. So a
file is written under a temporary name in its own folder, flushed to the disk, and renamed: POSIX
renames are atomic, and a reader sees the old file, the new file, or none, never a part.

The files that a chapter opens (data sets, archived arrays) decide whether its output is still
fresh; :func:`record_opened` notes them in ``$GEOMEM_RUN/opened.json`` as a mapping from the path,
relative to the run folder, to the SHA-256 of the content.
"""

import hashlib
import json
import os
import tempfile
from pathlib import Path

__all__ = ["atomic_write", "json_text", "record_opened", "run_folder", "sha256"]


def run_folder() -> Path | None:
    """Return the folder of the current execution, or None when a notebook is run by hand.

    It is the value of the environment variable ``GEOMEM_RUN``.

    Examples
    --------
    >>> run_folder()  # by hand
    """
    name = os.environ.get("GEOMEM_RUN")
    return Path(name) if name else None


def atomic_write(path: str | os.PathLike, content: bytes | str) -> None:
    """Write a file so that no reader ever sees a part of it.

    Parameters
    ----------
    path
        File to create or replace; missing parent folders are created.
    content
        The bytes, or a text stored as UTF-8.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     atomic_write(Path(folder) / "a.txt", "whole")
    ...     print((Path(folder) / "a.txt").read_text(), os.listdir(folder))
    whole ['a.txt']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)  # mkstemp made it private
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file's content in hexadecimal.

    Examples
    --------
    >>> sha256(os.devnull)[:16]
    'e3b0c44298fc1c14'
    """
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def json_text(value: object) -> str:
    """Return strict, sorted, indented JSON with a final newline: equal values give equal bytes.

    Raises
    ------
    ValueError
        For NaN and infinities, which JSON cannot hold.

    Examples
    --------
    >>> json_text({"b": 1, "a": None})
    '{\\n  "a": null,\\n  "b": 1\\n}\\n'
    """
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def record_opened(path: str | os.PathLike) -> None:
    """Note that the running chapter depends on a file; does nothing without ``GEOMEM_RUN``.

    Parameters
    ----------
    path
        An existing file whose content the chapter's results depend on.

    Examples
    --------
    >>> record_opened(__file__)  # by hand: nothing is recorded
    """
    run = run_folder()
    if run is None:
        return
    record = run / "opened.json"
    opened = json.loads(record.read_text()) if record.exists() else {}
    relative = Path(os.path.relpath(os.path.realpath(path), os.path.realpath(run))).as_posix()
    opened[relative] = sha256(path)
    atomic_write(record, json_text(opened))

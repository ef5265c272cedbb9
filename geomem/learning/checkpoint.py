"""Checkpoints: named tensors and a note, written at once or not at all, read back only if whole.

One safetensors file, which holds numbers and text and can hold no code.
"""

import json
from pathlib import Path

from torch import Tensor

from geomem.errors import ArchiveError
from geomem.report.files import atomic_write

__all__ = ["read", "write"]


def write(path: Path, tensors: dict[str, Tensor], note: dict) -> None:
    """Write tensors and a note to one safetensors file, atomically.

    Parameters
    ----------
    path : Path
        File to create or replace; missing parent folders are created.
    tensors : dict
        Tensors by name, on any device, none sharing memory with another.
    note : dict
        What strict JSON can hold.

    Raises
    ------
    ValueError
        A NaN or an infinity in the note; the file is as it was.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder) / "a", {"x": torch.ones(2)}, {"n_updates": 7})
    ...     read(Path(folder) / "a")
    ({'x': tensor([1., 1.])}, {'n_updates': 7})
    """
    from safetensors.torch import save

    whole = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    atomic_write(path, save(whole, {"note": json.dumps(note, sort_keys=True, allow_nan=False)}))


def read(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Return the tensors, on the CPU, and the note of a checkpoint.

    Raises
    ------
    ArchiveError
        There is no such file, it is not whole, or it is not a checkpoint.

    Examples
    --------
    >>> import os
    >>> read(Path(os.devnull))
    Traceback (most recent call last):
    geomem.errors.ArchiveError: got /dev/null, where no file is, expected a checkpoint; give the path that one was ...
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise ArchiveError(f"got {path}, where no file is, expected a checkpoint; give the path that one was saved to")
    try:
        with safe_open(path, "pt") as file:
            names, note = file.keys(), json.loads(file.metadata()["note"])
            if not isinstance(note, dict):
                raise TypeError("the note is no dictionary")
            return {name: file.get_tensor(name) for name in names}, note
    except (OSError, SafetensorError, TypeError, KeyError, ValueError) as error:
        raise ArchiveError(
            f"got {path}, which is not whole or no checkpoint ({error}), expected one; remove it to start anew"
        ) from error

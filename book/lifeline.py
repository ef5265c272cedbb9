"""Processes that do not outlive the one that started them, so that ``kill -9`` leaves no writer behind."""

import ctypes
import signal
import sys

__all__ = ["die_with_parent"]

_PR_SET_PDEATHSIG = 1
# Loaded here, because little may be done between fork and exec. Elsewhere Jupyter's own poller ends a kernel.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, however it dies."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

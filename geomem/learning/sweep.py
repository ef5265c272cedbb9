"""Sweeps: one computation at every point of a grid, in pieces, without losing what is done.

Each point has one netCDF file, written at once or not at all. A point goes on from its file and its checkpoint until
the file's attribute ``finished`` is 1, and is never computed again then; so a sweep can be stopped, killed, or given a
few minutes at a time. It runs in this process, on a local cluster, or on a running Dask scheduler, whose workers must
share folder and clock. Files of an older computation count as done: give a changed one a new folder.
"""

import itertools
import math
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import xarray as xr
from tqdm import tqdm

from geomem.errors import InputError, SweepError
from geomem.report.arrays import netcdf_bytes
from geomem.report.files import atomic_write

__all__ = ["Outcome", "grid", "sweep"]


class Outcome(NamedTuple):
    """What a sweep has reached, each point under the name of its file."""

    results: dict[str, Path]
    """The file of each point that has one, finished or not."""
    unfinished: list[str]
    failures: dict[str, str]
    """The traceback of each."""

    def require_finished(self) -> None:
        """Raise SweepError, with every traceback, unless all points are finished."""
        if self.unfinished or self.failures:
            counts = f"unfinished points: {len(self.unfinished)}, failed: {len(self.failures)}"
            texts = "".join(f"\n\n{name}: {text}" for name, text in self.failures.items())
            raise SweepError(f"{counts}; what was reached is kept: run again to go on{texts}")


def grid(**axes: Iterable) -> list[dict]:
    """Return every combination of the axes' values, the last axis running fastest."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def sweep(
    run: Callable[..., xr.Dataset],
    points: Iterable[dict],
    folder: str | os.PathLike,
    *,
    workers: int = 0,
    address: str | None = None,
    minutes: float | None = None,
    progress: bool = True,
) -> Outcome:
    """Return what was reached after every point that is not finished was run, in order.

    A point that raises, or ends several workers one after another, is a failure: its traceback is printed at the end
    and returned, and nothing else stops. When a worker is killed, another takes the point on from its checkpoint.

    Parameters
    ----------
    run
        Called as ``run(point, earlier=, checkpoint=, deadline=)``: the data set of the point's file, or None; a path
        of its own; the ``time.time()`` to stop at, or None. It returns a Dataset with ``attrs["finished"]`` 0 or 1.
    points, folder
        What tells the runs apart, since a file is named by its point's values; and where the files are, and stay.
    workers, address
        Processes of a local cluster, one thread each (0: this process); or a scheduler, ``"tcp://localhost:8786"``.
    minutes
        Time for this piece; no point is begun after it.

    Raises
    ------
    InputError
        Two points share a file, a name is empty or too long, or the ways to compute contradict each other.

    Examples
    --------
    >>> import tempfile
    >>> def square(point, *, earlier, checkpoint, deadline):
    ...     return xr.Dataset({"square": point["n"] ** 2}, attrs={"finished": 1})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     outcome = sweep(square, grid(n=[2, 3]), folder, progress=False)
    ...     print({name: int(xr.load_dataset(path).square) for name, path in outcome.results.items()})
    {'n=2': 4, 'n=3': 9}
    """
    if workers < 0 or (workers and address) or (minutes is not None and not 0 <= minutes < math.inf):
        raise InputError(f"got {workers=}, {address=}, {minutes=}; expected workers or an address, and minutes >= 0")
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    deadline = None if minutes is None else time.time() + 60 * minutes
    tasks = {}
    for point in points:
        name = ",".join(re.sub(r"[^\w.+=-]+", "_", f"{key}={value}") for key, value in point.items())
        if name in tasks or not 0 < len(name) <= 200:
            raise InputError(f"the file name {name!r} of {point} is empty, too long, or another's; tell points apart")
        tasks[name] = (run, point, folder / f"{name}.nc", deadline)
    finished, failures = set(), {}
    ended = _on_cluster(tasks, workers, address) if workers or address else ((n, *_one(*tasks[n])) for n in tasks)
    for name, done, failure in tqdm(ended, total=len(tasks), disable=not progress, unit="point"):
        finished |= {name} if done else set()
        failures |= {name: failure} if failure else {}
    for name, failure in failures.items():
        print(f"\n{name}: {failure}", file=sys.stderr)
    results = {name: path for name, (_, _, path, _) in tasks.items() if path.exists()}
    if lost := finished - results.keys():
        raise SweepError(f"{sorted(lost)} left no file in {folder}; give a folder that all workers share")
    return Outcome(results, [name for name in tasks if name not in finished | failures.keys()], failures)


def _one(run: Callable[..., xr.Dataset], point: dict, path: Path, deadline: float | None) -> tuple[bool, str]:
    """Take one point on; return whether it is finished, and the traceback if it raised."""
    try:
        earlier = xr.load_dataset(path, engine="h5netcdf") if path.exists() else None
        whole = earlier is not None and bool(earlier.attrs["finished"])
        if whole or (deadline is not None and time.time() >= deadline):
            return whole, ""
        result = run(dict(point), earlier=earlier, checkpoint=path.with_suffix(".checkpoint"), deadline=deadline)
        if not isinstance(result, xr.Dataset) or result.attrs.get("finished") not in (0, 1):
            raise SweepError(f"run returned {result!r}, expected an xarray.Dataset with the attribute finished 0 or 1")
        atomic_write(path, netcdf_bytes(result.assign_attrs(finished=int(result.attrs["finished"]))))
        return bool(result.attrs["finished"]), ""
    except Exception:
        return False, traceback.format_exc()


def _on_cluster(tasks: dict[str, tuple], workers: int, address: str | None) -> Iterator[tuple]:
    """Run each task on Dask; yield its name and what it returned, as they end."""
    import dask
    from distributed import Client, LocalCluster, as_completed

    with ExitStack() as stack:
        if not address:
            # One task at a time on a worker: a death is held against the point that ran, not against one that waited.
            stack.enter_context(dask.config.set({"distributed.scheduler.worker-saturation": 1.0}))
            cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            address = stack.enter_context(cluster).scheduler_address
        client = stack.enter_context(Client(address))
        names = {client.submit(_one, *task, pure=False): name for name, task in tasks.items()}
        for future in as_completed(names):
            error = future.exception()
            yield names[future], *(future.result() if error is None else (False, f"{type(error).__name__}: {error}"))

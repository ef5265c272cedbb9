"""Execute a figure's chapter again and say whether its arrays are the same."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from rich.console import Console

from book.errors import BookError
from book.execute import execute
from book.paths import BookPaths

__all__ = ["Verdict", "compare", "verify"]

RELATIVE = 1e-9
STANDARD_ERRORS = 3
# A rounded zero has no relative error: below this fraction of an array's largest value differences do not count.
FLOOR = 1e-12


@dataclass(frozen=True)
class Verdict:
    """``identical``, ``within tolerance``, or ``different``, with the largest difference and where it lies."""

    word: str
    max_difference: float = 0.0
    where: str = ""

    def __str__(self) -> str:
        detail = f" (max |Δ| = {self.max_difference:.3g} in {self.where})" if self.where else ""
        return self.word + detail


def verify(paths: BookPaths, slug: str, parameters: dict, console: Console) -> None:
    """Compare a new execution with the last run and, where there is one, with the last release.

    Raises
    ------
    BookError
        If there is no such figure, or if its arrays are different.
    """
    record_file = next(paths.runs.glob(f"*/figures/{slug}/record.json"), None)
    if record_file is None:
        raise BookError(f"No run has published {slug}; run python -m book build, or look at the identifiers it lists.")
    record = json.loads(record_file.read_text("utf-8"))
    release = paths.reference / "arrays" / f"{slug}.nc"
    references = {"the last run": record_file.with_name("data.nc")}
    if release.is_file():
        references["the last release"] = release
    with tempfile.TemporaryDirectory() as folder:
        again = BookPaths(paths.root, Path(folder))
        execute(again, parameters, only=record["chapter"], console=console)
        fresh = again.run(record["chapter"]) / "figures" / slug
        if not fresh.is_dir():
            raise BookError(f"Chapter {record['chapter']} no longer publishes {slug}.")
        arrays = xr.load_dataset(fresh / "data.nc")
    verdicts = {name: compare(xr.load_dataset(path), arrays, record["tolerance"]) for name, path in references.items()}
    for name, verdict in verdicts.items():
        console.print(f"{slug} against {name}: {verdict}", highlight=False)
    if any(verdict.word == "different" for verdict in verdicts.values()):
        raise BookError(f"{slug} is not reproduced.")


def compare(reference: xr.Dataset, arrays: xr.Dataset, tolerance: str | float) -> Verdict:
    """Compare two data sets variable by variable.

    Parameters
    ----------
    tolerance : {"deterministic", "stochastic"} or float
        Deterministic: a relative 1e-9. A number: that relative deviation. Stochastic: a variable ``x`` that comes with
        its standard errors ``x_se`` may differ by three standard errors of the difference, the standard errors
        themselves by anything, and every other variable is deterministic.
    """
    if set(reference.variables) != set(arrays.variables):
        names = ", ".join(sorted(map(str, set(reference.variables) ^ set(arrays.variables))))
        return Verdict("different", float("nan"), f"the names of its arrays: {names}")
    worst, exceeded = Verdict("identical"), False
    for name in map(str, reference.variables):
        old, new = reference[name].values, arrays[name].values
        if old.dtype != new.dtype or old.shape != new.shape:
            return Verdict("different", float("nan"), f"shape or dtype of {name}")
        if np.array_equal(old, new, equal_nan=old.dtype.kind == "f"):
            continue
        if old.dtype.kind != "f" or not np.array_equal(np.isfinite(old), np.isfinite(new)):
            return Verdict("different", float("nan"), name)
        finite = np.isfinite(old)
        if not np.array_equal(old[~finite], new[~finite], equal_nan=True):
            return Verdict("different", float("nan"), name)
        difference = np.abs(new - old)[finite]
        exceeded |= bool(np.any(difference > _allowed(reference, arrays, name, tolerance)[finite]))
        if difference.max() > worst.max_difference:
            worst = Verdict("within tolerance", float(difference.max()), name)
    return Verdict("different", worst.max_difference, worst.where) if exceeded else worst


def _allowed(reference: xr.Dataset, arrays: xr.Dataset, name: str, tolerance: str | float) -> np.ndarray:
    """The largest difference that is allowed, entry by entry."""
    size = np.abs(reference[name].values)
    errors = f"{name}_se"
    if tolerance == "stochastic":
        if errors in reference:
            return STANDARD_ERRORS * np.hypot(reference[errors].values, arrays[errors].values)
        if name.endswith("_se"):
            return np.full(size.shape, np.inf)
    relative = tolerance if isinstance(tolerance, float) else RELATIVE
    return np.maximum(relative * size, FLOOR * np.max(size[np.isfinite(size)], initial=0))

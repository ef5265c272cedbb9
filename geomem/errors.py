"""The named errors of geomem.

Each says what was got, what was expected, and what to do. Each also inherits from the built-in
exception that a caller would expect, so ``except ValueError`` keeps working. This module imports
nothing, so that the part of the package without torch can use it.
"""

__all__ = [
    "ArchiveError",
    "ClaimError",
    "ConvergenceError",
    "DataNotFoundError",
    "FigureError",
    "GeomemError",
    "InputError",
    "RegimeError",
    "SweepError",
    "TrainingError",
]


class GeomemError(Exception):
    """Base class: catch this to catch every error that geomem raises on purpose."""


class InputError(GeomemError, ValueError):
    """An argument holds NaN or infinity, or has a wrong shape, dtype, sign, or size."""


class RegimeError(GeomemError, ValueError):
    """A formula is asked for where it says nothing; the message names what to use there instead."""


class DataNotFoundError(GeomemError, FileNotFoundError):
    """A data set that must be supplied by the reader is not there."""


class ClaimError(GeomemError, AssertionError):
    """A number stated in the text left the interval that its basis allows."""


class ConvergenceError(GeomemError, ArithmeticError):
    """A numerical method did not reach the accuracy that it promises."""


class TrainingError(GeomemError, ArithmeticError):
    """The loss of a network became NaN or infinite; the message names the last checkpoint, which is whole."""


class FigureError(GeomemError, ValueError):
    """A figure cannot be published: its caption, alt text, id, colors, or data are not acceptable."""


class ArchiveError(GeomemError):
    """A stored array file is damaged, or does not match its checksum."""


class SweepError(GeomemError):
    """A sweep is not whole: points are unfinished, have failed, or returned what cannot be kept."""

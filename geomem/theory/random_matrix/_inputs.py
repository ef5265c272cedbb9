"""Input checks of random matrices, and the ranges within which no square leaves float64."""

import numpy as np

from geomem._typing import Float
from geomem.errors import InputError
from geomem.theory._blocks import as_real

__all__ = ["LARGEST_SCALE", "SMALLEST_SCALE", "Numbers", "as_aspect", "as_dims", "as_one", "as_positive"]

SMALLEST_SCALE, LARGEST_SCALE = 1e-100, 1e100
SMALLEST_ASPECT, LARGEST_ASPECT = 1e-6, 1e6

Numbers = float | Float[np.ndarray, "..."]
"""float64; a float where every argument is a number."""


def as_positive(value: object, name: str) -> np.ndarray:
    """Return positive numbers in float64, or raise."""
    array = as_real(value, name)
    if not np.all((array >= SMALLEST_SCALE) & (array <= LARGEST_SCALE)):
        raise InputError(
            f"got {name} = {np.array2string(array, threshold=6)}, expected positive numbers in "
            f"[{SMALLEST_SCALE:g}, {LARGEST_SCALE:g}]; choose another unit of length if they are out of range"
        )
    return array


def as_one(array: np.ndarray, name: str) -> float:
    """Return the only number of an array without axes, or raise."""
    if array.ndim:
        raise InputError(f"got {name} of shape {array.shape}, expected one number; call once for each")
    return float(array)


def as_aspect(aspect: object) -> float:
    r"""Return :math:`c = d/m` as a float, or raise."""
    c = as_real(aspect, "aspect")
    if c.shape or not SMALLEST_ASPECT <= c <= LARGEST_ASPECT:
        raise InputError(
            f"got aspect = {aspect!r:.80}, expected one number d/m in [{SMALLEST_ASPECT:g}, {LARGEST_ASPECT:g}]"
        )
    return float(c)


def as_dims(dims: object, name: str = "dims") -> np.ndarray:
    """Return numbers of directions as float64, or raise if one is no whole number above zero."""
    sizes = as_real(dims, name)
    if not sizes.size or np.any((sizes < 1) | (sizes != np.floor(sizes))):
        raise InputError(f"got {name} = {dims!r:.80}, expected whole numbers above zero")
    return sizes

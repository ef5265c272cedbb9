"""The verdict on repeated arrays: identical, within tolerance, different."""

import numpy as np
import pytest
import xarray as xr

from book.verify import compare


def dataset(**arrays):
    return xr.Dataset({name: (("i",), np.asarray(values)) for name, values in arrays.items()})


@pytest.mark.parametrize(
    ("old", "new", "tolerance", "word"),
    [
        ({"x": [1.0, 2.0]}, {"x": [1.0, 2.0]}, "deterministic", "identical"),
        ({"x": [1.0, np.nan]}, {"x": [1.0, np.nan]}, "deterministic", "identical"),
        ({"x": [1.0, np.nan]}, {"x": [1.0, 2.0]}, "deterministic", "different"),
        ({"x": [1.0, np.inf]}, {"x": [1.0, -np.inf]}, "deterministic", "different"),
        ({"x": [1.0, 2.0]}, {"x": [1.0, 2.0 + 1e-9]}, "deterministic", "within tolerance"),
        ({"x": [1.0, 2.0]}, {"x": [1.0, 2.0 + 3e-9]}, "deterministic", "different"),
        ({"x": [1e-8, 1.0]}, {"x": [1.1e-8, 1.0]}, "deterministic", "different"),
        ({"x": [0.0, 1.0]}, {"x": [1e-16, 1.0]}, "deterministic", "within tolerance"),
        ({"x": [1.0]}, {"x": [1.05]}, 0.1, "within tolerance"),
        ({"x": [1.0]}, {"x": [1.2]}, 0.1, "different"),
        ({"n": [1, 2]}, {"n": [1, 3]}, 0.9, "different"),
        ({"x": [1.0]}, {"y": [1.0]}, "deterministic", "different"),
        ({"x": [1.0]}, {"x": [1.0, 1.0]}, "deterministic", "different"),
        ({"x": [1.0], "x_se": [0.1]}, {"x": [1.4], "x_se": [0.1]}, "stochastic", "within tolerance"),
        ({"x": [1.0], "x_se": [0.1]}, {"x": [1.5], "x_se": [0.1]}, "stochastic", "different"),
        ({"x": [1.0], "x_se": [0.1]}, {"x": [1.4], "x_se": [0.1]}, "deterministic", "different"),
        ({"law": [1.0]}, {"law": [1.1]}, "stochastic", "different"),
    ],
)
def test_verdict(old, new, tolerance, word):
    assert compare(dataset(**old), dataset(**new), tolerance).word == word


def test_the_verdict_says_how_far_and_where():
    verdict = compare(dataset(x=[1.0], y=[4.0]), dataset(x=[1.5], y=[4.25]), "deterministic")
    assert str(verdict) == "different (max |Δ| = 0.5 in x)"

"""Gaps of -tJ: identities of their widths and times, the phases, and random matrices."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geomem.theory import random_matrix as rm
from tests.theory.random_matrix.spectra import close, drawn

scales = st.floats(-4, 4).map(lambda e: 10**e)
ratios = st.floats(1e-6, 1e6).map(lambda x: 1 + x)
resolutions = st.floats(0.001, 0.999)
TWO = rm.PopulationSpectrum.blocks((100.0, 1.0), (160, 80))


@given(t=scales, a=scales, ratio=ratios)
def test_gaps_are_differences_of_eigenvalues(t, a, ratio):
    b = a * ratio
    with mpmath.workdps(40):
        t_, a_, b_ = mpmath.mpf(t), mpmath.mpf(a), mpmath.mpf(b)
        between, final = t_ / (t_ + a_) - t_ / (t_ + b_), 1 - t_ / (t_ + a_)
    assert rm.intermediate_gap(t, below=a, above=b) == close(float(between), 1e-14)
    assert rm.final_gap(t, smallest=a) == close(float(final), 1e-14)


@given(t=scales, a=scales, ratio=ratios)
def test_an_intermediate_gap_is_symmetric_in_the_logarithm_of_the_noise_and_widest_in_the_middle(t, a, ratio):
    edges = {"below": a, "above": a * ratio}
    middle, widest = rm.widest_at(**edges), rm.widest_gap(**edges)
    gap = rm.intermediate_gap(t, **edges)
    assert rm.intermediate_gap(middle * (middle / t), **edges) == close(gap, 1e-12)
    assert rm.intermediate_gap(middle, **edges) == close(widest, 1e-12 + 1e-15 * ratio / (ratio - 1))
    assert gap <= widest * (1 + 1e-9)


@given(a=scales, ratio=ratios, resolution=resolutions)
def test_opening_and_closing_are_where_the_gap_has_that_width(a, ratio, resolution):
    edges = {"below": a, "above": a * ratio}
    opening = rm.opening_time(**edges, resolution=resolution)
    closing = rm.closing_time(**edges, resolution=resolution)
    if rm.widest_gap(**edges) < resolution:
        assert np.isnan(opening)
        assert np.isnan(closing)
    else:
        assert closing <= rm.widest_at(**edges) <= opening
        assert opening * closing == close(a * a * ratio, 1e-13)
        for t in (opening, closing):
            assert rm.intermediate_gap(t, **edges) == close(resolution, 1e-12)


@given(gamma=scales, resolution=resolutions)
def test_the_final_gap_opens_once(gamma, resolution):
    t = rm.final_opening_time(smallest=gamma, resolution=resolution)
    assert rm.final_gap(t, smallest=gamma) == close(resolution, 1e-13)
    assert rm.final_gap(t / 2, smallest=gamma) > resolution > rm.final_gap(t * 2, smallest=gamma)


def test_touching_bulks_have_no_gap():
    edges = {"below": 2.0, "above": 2.0}
    assert rm.intermediate_gap(1.0, **edges) == rm.widest_gap(**edges) == 0
    assert np.isnan(rm.opening_time(**edges, resolution=0.1))


def test_arrays_broadcast():
    t, a, b = np.ones((4, 1, 1)), np.array([[1.0], [2.0]]), np.array([3.0, 4.0, 5.0])
    assert rm.intermediate_gap(t, below=a, above=b).shape == (4, 2, 3)
    assert rm.opening_time(below=a, above=b, resolution=0.05).shape == (2, 3)
    assert rm.final_gap(t, smallest=b).shape == (4, 1, 3)
    assert rm.final_opening_time(smallest=b, resolution=np.array([[0.1], [0.2]])).shape == (2, 3)
    for number in (
        rm.final_gap(1.0, smallest=1.0),
        rm.intermediate_gap(1.0, below=1.0, above=2.0),
        rm.widest_at(below=1.0, above=2.0),
        rm.widest_gap(below=1.0, above=2.0),
        rm.closing_time(below=1.0, above=2.0, resolution=0.1),
        rm.final_opening_time(smallest=1.0, resolution=0.1),
    ):
        assert isinstance(number, float)


def test_final_gap_of_forty_directions_in_a_hundred():
    """Means over 300 draws, which are above the limit by the width of the edge at this size."""
    low, _ = rm.marchenko_pastur.edges(variance=1.0, aspect=2.5)
    t = np.array([0.01, 0.1, 1.0, 10.0])
    np.testing.assert_allclose(rm.final_gap(t, smallest=low), [0.9712, 0.7715, 0.2525, 0.0327], atol=5e-5)
    rng = np.random.default_rng(0)
    smallest = np.array([drawn((1.0,), (40,), 100, rng)[0] for _ in range(300)])
    gaps = rm.final_gap(t[:, None], smallest=smallest)
    np.testing.assert_allclose(gaps.mean(1), [0.974, 0.792, 0.277, 0.037], atol=2e-3)
    np.testing.assert_allclose(gaps.std(1), [0.003, 0.022, 0.025, 0.005], atol=2e-3)


@pytest.mark.parametrize("resolution", [0.05, 0.15, 0.3, 0.9])
def test_phases_end_where_gaps_open_and_close(resolution):
    c = 400 / 240
    (low, below), (above, _) = rm.edges(TWO, aspect=c)
    t = np.geomspace(1e-4, 1e4, 801)
    found = rm.open_gaps(t, TWO, aspect=c, resolution=resolution)
    opening = rm.opening_time(below=below, above=above, resolution=resolution)
    closing = rm.closing_time(below=below, above=above, resolution=resolution)
    covers = (t <= opening) & (t >= closing)  # nowhere if both are NaN
    final = t <= rm.final_opening_time(smallest=low, resolution=resolution)
    np.testing.assert_array_equal(found.intermediate, covers[:, None])
    np.testing.assert_array_equal(found.final, final)
    assert covers.any() == (resolution < 0.5)
    assert (covers & final).any() == (resolution < 0.2)
    names = {(0, 0): "trivial", (1, 0): "coverage", (1, 1): "coverage and consolidation", (0, 1): "consolidation"}
    assert found.phase.tolist() == [names[key] for key in zip(covers, final, strict=True)]


def test_any_intermediate_gap_makes_coverage():
    three = rm.PopulationSpectrum.blocks((1e6, 1e3, 1.0), (10, 10, 10))
    found = rm.open_gaps([2e4, 50.0], three, aspect=3.0, resolution=0.7)
    np.testing.assert_array_equal(found.intermediate, [[False, True], [True, False]])
    assert found.phase.tolist() == ["coverage", "coverage"]
    alone = rm.open_gaps(50.0, three, aspect=3.0, resolution=0.7)
    assert (alone.phase, alone.final, alone.intermediate.tolist()) == ("coverage", False, [True, False])


def test_without_normal_directions_nothing_consolidates():
    one = rm.PopulationSpectrum.blocks((1.0,), (10,))
    t = np.array([1e-6, 1e-2, 1e2])
    for aspect, phases in [(0.5, ["trivial"] * 3), (2.0, ["consolidation", "consolidation", "trivial"])]:
        found = rm.open_gaps(t, one, aspect=aspect, resolution=0.5)
        assert found.phase.tolist() == phases
        assert found.intermediate.shape == (3, 0)
    padded = rm.PopulationSpectrum.blocks((1.0, 0.0), (10, 10))
    assert rm.open_gaps(1e-6, padded, aspect=0.8, resolution=0.5).phase == "consolidation"


def test_drawn_spectra_have_these_gaps():
    c, rng = 400 / 240, np.random.default_rng(1)
    (low, below), (above, _) = rm.edges(TWO, aspect=c)
    gamma = np.array([drawn((100.0, 1.0), (160, 80), 400, rng) for _ in range(4)])
    for t in (0.3, 7.0, 200.0):
        s = np.sort(np.append(t / (t + gamma), np.ones((4, 160)), axis=1), axis=1)
        found = np.diff(s, axis=1)
        assert found[:, 159].mean() == pytest.approx(rm.intermediate_gap(t, below=below, above=above), abs=0.02)
        assert found[:, 239].mean() == pytest.approx(rm.final_gap(t, smallest=low), abs=0.03)

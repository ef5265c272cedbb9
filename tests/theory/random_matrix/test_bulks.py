"""Edges, masses, and the atom at zero, against polynomials, random matrices, and the density."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.integrate import quad
from scipy.optimize import brentq

from geomem.errors import ConvergenceError
from geomem.theory import random_matrix as rm
from tests.theory.random_matrix.spectra import (
    DISCRETE,
    LAWS,
    aspects,
    atoms,
    blocks,
    close,
    drawn,
    equation,
    every,
    law_of,
    over_bulks,
)


def expand(roots) -> list:
    """Coefficients of the polynomial with these roots, the constant one first."""
    p = [mpmath.mpf(1)]
    for root in roots:
        p = [a - mpmath.mpf(root) * b for a, b in zip([0, *p], [*p, 0], strict=True)]
    return p


@pytest.mark.parametrize("name", [name for name in DISCRETE if name != "square"])
def test_edges_are_the_double_roots_of_the_polynomial(name):
    """Where the discriminant in u of the Silverstein polynomial vanishes, at 60 digits."""
    law, c = LAWS[name]
    tau, w = atoms(law)
    degree = len(tau) + 1

    def discriminant(gamma):
        """The resultant of (gamma - c u) P(u) - u Q(u) and its derivative in u, by Sylvester's matrix."""
        p = expand(tau)
        q = [mpmath.mpf(0)] * len(tau)
        for k in range(len(tau)):
            q = [a + w[k] * tau[k] * b for a, b in zip(q, expand(np.delete(tau, k)), strict=True)]
        f = [gamma * a - c * b - e for a, b, e in zip([*p, 0], [0, *p], [0, *q, 0], strict=True)]
        df = [k * a for k, a in enumerate(f)][1:]
        rows = [[0] * i + f + [0] * (degree - 2 - i) for i in range(degree - 1)]
        rows += [[0] * i + df + [0] * (degree - 1 - i) for i in range(degree)]
        return mpmath.det(mpmath.matrix(rows))

    with mpmath.workdps(60):
        for edge in rm.edges(law, aspect=c).ravel():
            root = mpmath.findroot(discriminant, (edge * (1 - 1e-8), edge * (1 + 1e-8)), tol=1e-60, verify=False)
            assert float(root / edge - 1) == pytest.approx(0, abs=1e-12)


@settings(max_examples=30)
@given(blocks=blocks, c=aspects)
def test_the_polynomial_has_complex_roots_between_the_edges_alone(blocks, c):
    law = law_of(blocks)
    bulks = rm.edges(law, aspect=c)
    assert np.all(np.diff(bulks.ravel()) > 0)
    width = np.diff(bulks, axis=1)[:, 0]
    inside = bulks.mean(1)
    gaps = np.append((bulks[:-1, 1] + bulks[1:, 0]) / 2, bulks[-1, 1] * 1.5)
    wide = np.append(np.diff(bulks.ravel())[1::2] > 1e-3 * bulks[1:, 0], True)
    for gamma in inside[width > 1e-3 * inside]:
        assert np.abs(equation(gamma, law, c).roots().imag).max() > 0
    for gamma in gaps[wide]:
        roots = equation(gamma, law, c).roots()
        assert np.all(np.abs(roots.imag) < 1e-6 * np.abs(roots))


@every
def test_density_vanishes_as_a_square_root_at_each_edge(law, c):
    for bulk in rm.edges(law, aspect=c):
        width = np.diff(bulk)[0]
        for edge, inward in zip(bulk, (1, -1), strict=True):
            if edge == 0:
                continue
            step = min(width, edge) * np.array([1e-7, 4e-7])
            near, twice = rm.density(edge + inward * step, law, aspect=c)
            assert twice / near == close(2, 1e-3)
            np.testing.assert_array_equal(rm.density(edge - inward * step / 10, law, aspect=c), 0)


@pytest.mark.parametrize("name", [name for name in LAWS if name != "square"])
def test_mass_of_each_bulk_is_the_integral_of_the_density(name):
    law, c = LAWS[name]
    np.testing.assert_allclose(over_bulks(np.ones_like, law, c), rm.bulk_masses(law, aspect=c), rtol=1e-9)


def test_masses_are_whole_blocks():
    law = rm.PopulationSpectrum.blocks((1e4, 100.0, 1.0), (30, 20, 10))
    assert 90 * rm.bulk_masses(law, aspect=90 / 60) == close([10, 20, 30], 1e-12)
    assert 90 * rm.atom_at_zero(law, aspect=90 / 60) == close(30, 1e-12)
    assert 40 * rm.bulk_masses(law, aspect=40 / 60) == close([10, 30], 1e-12)  # no block of 10 directions: 40 - 30
    assert rm.atom_at_zero(law, aspect=40 / 60) == 0


@settings(max_examples=30)
@given(blocks=blocks, c=aspects)
def test_masses_and_atom_sum_to_one(blocks, c):
    law = law_of(blocks)
    masses = rm.bulk_masses(law, aspect=c)
    assert len(masses) == len(rm.edges(law, aspect=c))
    assert np.all(masses > 0)
    assert masses.sum() + rm.atom_at_zero(law, aspect=c) == close(1, 1e-12)


def test_drawn_spectra_split_after_exactly_the_large_block():
    law = rm.PopulationSpectrum.blocks((100.0, 1.0), (160, 80))
    (low, top_of_small), (bottom_of_large, high) = rm.edges(law, aspect=400 / 240)
    rng = np.random.default_rng(3)
    gamma = np.array([drawn((100.0, 1.0), (160, 80), 400, rng) for _ in range(5)])
    middle = np.sqrt(top_of_small * bottom_of_large)
    np.testing.assert_array_equal((gamma > middle).sum(1), 160)
    # Extreme eigenvalues fall short of the edges by O(d^(-2/3)): between 0 and 20 % at this size, at the lowest.
    for edge, found, inward in [
        (low, gamma[:, 0], 1),
        (top_of_small, gamma[:, 79], -1),
        (bottom_of_large, gamma[:, 80], 1),
        (high, gamma[:, -1], -1),
    ]:
        assert 0 < inward * (found.mean() / edge - 1) < 0.2


def test_hard_edge_where_the_columns_are_as_many_as_the_directions():
    for full, rank in [(3, 1), (7, 5), (29, 22)]:
        law = rm.PopulationSpectrum.blocks((1.0, 0.0), (rank, full - rank))
        assert rm.edges(law, aspect=rank / full)[0, 0] == pytest.approx(0, abs=1e-25)
        assert rm.atom_at_zero(law, aspect=rank / full) == 0
        assert rm.bulk_masses(law, aspect=rank / full) == close([1], 1e-12)


def test_lowest_edge_next_to_zero_keeps_its_digits():
    """(1 - sqrt c)^2 is a difference of equal numbers."""
    law = rm.PopulationSpectrum.blocks((1.0,), (1,))
    for c in (1 + 1e-7, 1 - 1e-7, 1 + 1e-4):
        with mpmath.workdps(30):
            expected = float((1 - mpmath.sqrt(c)) ** 2)
        assert rm.edges(law, aspect=c)[0, 0] == close(expected, 1e-15 / abs(c - 1) * 10)
        assert rm.marchenko_pastur.edges(variance=1.0, aspect=c)[0] == close(expected, 1e-14)


@pytest.mark.parametrize("name", ["uniform", "log-uniform"])
def test_edges_of_a_continuous_law_by_adaptive_quadrature(name):
    law, c = LAWS[name]
    low, high = (1.0, 3.0) if name == "uniform" else (0.01, 1.0)

    def integral(f):
        measure = (lambda tau: 0.5) if name == "uniform" else (lambda tau: 1 / tau / np.log(100))
        return quad(lambda tau: f(tau) * measure(tau), low, high, epsabs=0, epsrel=1e-12, limit=200)[0]

    def slope(u):
        return integral(lambda tau: (tau / (u - tau)) ** 2) - c

    found = rm.edges(law, aspect=c)
    assert found.shape == (1, 2)
    for edge, sides in zip(found[0], [(1e-6, 0.99 * low), (1.01 * high, 50.0)], strict=True):
        u = brentq(slope, *sides, xtol=1e-14)
        assert u * (c + integral(lambda tau, u=u: tau / (u - tau))) == close(edge, 1e-10)


def test_too_few_nodes_are_noticed():
    """Without the check, 16 nodes fall apart into 16 bulks."""
    law = rm.PopulationSpectrum.log_uniform(1e-4, 1.0, n_nodes=16)
    unchecked_law = rm.PopulationSpectrum(law.variances, law.weights)
    assert len(rm.edges(unchecked_law, aspect=50.0)) == 16
    for function in (rm.edges, rm.bulk_masses):
        with pytest.raises(ConvergenceError, match=r"got 16 bulks .* with twice the nodes; raise n_nodes"):
            function(law, aspect=50.0)
    gamma = np.geomspace(0.01, 50.0, 20)
    assert np.any(rm.density(gamma, unchecked_law, aspect=50.0) == 0)
    with pytest.raises(ConvergenceError, match="with twice the nodes; raise n_nodes"):
        rm.density(gamma, law, aspect=50.0)
    more = rm.PopulationSpectrum.log_uniform(0.5, 1.0, n_nodes=400)
    assert len(rm.edges(more, aspect=50.0)) == 1


def test_a_law_that_reaches_zero_variance_has_no_lowest_edge_above_aspect_one():
    law = rm.PopulationSpectrum.uniform(0.0, 1.0)
    with pytest.raises(ConvergenceError, match="variance zero"):
        rm.edges(law, aspect=2.0)
    assert rm.edges(law, aspect=0.5).shape == (1, 2)

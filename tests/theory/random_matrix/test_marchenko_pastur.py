"""The closed form of Marchenko and Pastur: moments by quadrature, limits, and random matrices."""

import numpy as np
import pytest
from scipy.integrate import quad

from geomem.theory.random_matrix import marchenko_pastur
from tests.theory.random_matrix.spectra import close, drawn

aspects = pytest.mark.parametrize("c", [0.05, 0.6, 1.5, 30.0])


@aspects
def test_moments_are_those_of_narayana(c):
    """Mass min(1, 1/c); then sum over r of the Narayana numbers times c^(k - r)."""
    low, high = marchenko_pastur.edges(variance=2.0, aspect=c)
    expected = [min(1, 1 / c), 1, 1 + c, 1 + 3 * c + c**2, 1 + 6 * c + 6 * c**2 + c**3]
    for k, moment in enumerate(expected):
        found, _ = quad(
            lambda gamma, k=k: (gamma / 2) ** k * marchenko_pastur.density(gamma, variance=2.0, aspect=c), low, high
        )
        assert found == close(moment, 1e-7)


def test_square_factor_is_the_quarter_circle():
    """c = 1: singular values of density sqrt(4 - s^2)/pi on (0, 2)."""
    s = np.linspace(0.01, 1.99, 9)
    found = 2 * s * marchenko_pastur.density(s**2, variance=1.0, aspect=1.0)
    np.testing.assert_allclose(found, np.sqrt(4 - s**2) / np.pi, rtol=1e-13)
    np.testing.assert_array_equal(marchenko_pastur.edges(variance=1.0, aspect=1.0), [0, 4])


@aspects
def test_transposing_the_factor_exchanges_directions_and_columns(c):
    """F F^T and F^T F share their nonzero eigenvalues: d rho = m rho', with entries of variance s2/m = s2'/d."""
    gamma = np.linspace(*marchenko_pastur.edges(variance=1.0, aspect=c), 12)[1:-1]
    found = marchenko_pastur.density(gamma, variance=1.0, aspect=c)
    np.testing.assert_allclose(c * found, marchenko_pastur.density(gamma, variance=c, aspect=1 / c), rtol=1e-10)


def test_shapes_units_and_outside():
    edges = marchenko_pastur.edges(variance=np.array([[1.0, 4.0]]), aspect=4.0)
    np.testing.assert_allclose(edges, [[[1, 9], [4, 36]]], rtol=1e-14)
    gamma = np.array([[-1.0, 0.0, 1.0], [9.0, 9.1, 5.0]])
    found = marchenko_pastur.density(gamma, variance=1.0, aspect=4.0)
    np.testing.assert_array_equal(found > 0, [[False, False, False], [False, False, True]])
    assert marchenko_pastur.density(5e30, variance=1e30, aspect=4.0) == close(found[1, 2] / 1e30, 1e-13)
    assert isinstance(marchenko_pastur.density(5.0, variance=1.0, aspect=4.0), float)


def test_drawn_eigenvalues_have_this_distribution():
    gamma = np.concatenate([drawn((2.0,), (200,), 300, np.random.default_rng(seed)) for seed in range(3)])
    for level in (0.5, 1.5, 3.0, 6.0):
        share, _ = quad(lambda g: marchenko_pastur.density(g, variance=2.0, aspect=1.5), 0.05, level, points=[0.1])
        assert abs(np.count_nonzero(gamma <= level) - 900 * share) < 4

"""The Silverstein equation: its root against polynomials, 40 digits, moments, limits, and random matrices."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geomem.theory import random_matrix as rm
from tests.theory.random_matrix.spectra import (
    DISCRETE,
    LAWS,
    aspects,
    atoms,
    blocks,
    by_polynomial,
    close,
    drawn,
    every,
    law_of,
    over_bulks,
)


def interior(law, c, n: int = 5) -> np.ndarray:
    low, high = rm.edges(law, aspect=c).T
    return np.concatenate([np.linspace(a, b, n + 2)[1:-1] for a, b in zip(low, high, strict=True)])


@pytest.mark.parametrize("name", [name for name in DISCRETE if name != "eight decades"])
def test_density_is_that_of_the_polynomial(name):
    law, c = LAWS[name]
    gamma = interior(law, c)
    expected = [by_polynomial(value, law, c).imag / np.pi for value in gamma]
    np.testing.assert_allclose(rm.density(gamma, law, aspect=c), expected, rtol=1e-9)


@settings(max_examples=40)
@given(blocks=blocks, c=aspects, angle=st.floats(0.02, 3.12), size=st.floats(-1, 1))
def test_resolvent_is_that_of_the_polynomial(blocks, c, angle, size):
    law = law_of(blocks)
    z = complex(10**size * (1 + c) * law.moment(1) * np.exp(1j * angle))
    assert rm.resolvent(z, law, aspect=c) == close(by_polynomial(z, law, c), 1e-8)


@every
def test_resolvent_solves_the_equation_in_forty_digits(law, c):
    """One step of Newton at 40 digits from what is returned leads to nearly the same place."""
    scale = rm.edges(law, aspect=c)[-1, -1]
    tau, w = ([mpmath.mpf(x) for x in row] for row in atoms(law))
    with mpmath.workdps(40):
        for z in scale * np.array([0.3 + 0.2j, -0.1 + 1e-6j, 2.0 + 1e-3j, -0.7, 1e-4j]):

            def excess(g, z=z):
                terms = [p * x / (1 + c * x * g) for p, x in zip(w, tau, strict=True)]
                return g * (mpmath.fsum(terms) - mpmath.mpmathify(z)) - 1

            g = mpmath.mpmathify(complex(rm.resolvent(z, law, aspect=c)))
            better = g - excess(g) / mpmath.diff(excess, g)
            assert abs(better / g - 1) < 1e-12
            assert g.imag >= 0


@every
def test_total_mass_with_the_atom_is_one(law, c):
    mass = over_bulks(np.ones_like, law, c).sum()
    tolerance = 3e-3 if rm.edges(law, aspect=c)[0, 0] == 0 else 1e-9
    assert mass + rm.atom_at_zero(law, aspect=c) == close(1, tolerance)


@every
def test_moments_are_integrals_of_the_density(law, c):
    found = [over_bulks(lambda gamma, k=k: gamma**k, law, c).sum() for k in (1, 2, 3)]
    np.testing.assert_allclose(found, rm.moments(law, aspect=c), rtol=1e-6)
    far = 1e4 * rm.edges(law, aspect=c).max() * 1j  # g = -sum of M_k z^(-k-1)
    series = -sum(m / far ** (k + 1) for k, m in enumerate([1, *rm.moments(law, aspect=c)]))
    assert abs(rm.resolvent(far, law, aspect=c) / series - 1) < 1e-15


@every
@pytest.mark.parametrize("where", [0.4 + 0.3j, -0.2, 1.5])
def test_resolvent_is_the_stieltjes_transform_of_the_density(law, c, where):
    z = where * rm.edges(law, aspect=c).max()
    expected = over_bulks(lambda gamma: 1 / (gamma - z), law, c).sum() - rm.atom_at_zero(law, aspect=c) / z
    assert rm.resolvent(z, law, aspect=c) == close(expected, 1e-2 if rm.edges(law, aspect=c)[0, 0] == 0 else 1e-9)


@every
def test_real_points_are_the_limit_from_above_and_reflection_gives_the_other_side(law, c):
    gamma = interior(law, c, 3)
    at, above = rm.resolvent(gamma, law, aspect=c), rm.resolvent(gamma * (1 + 1e-9j), law, aspect=c)
    np.testing.assert_allclose(above, at, rtol=1e-7)
    np.testing.assert_allclose(at.imag / np.pi, rm.density(gamma, law, aspect=c), rtol=1e-12)
    below = rm.resolvent(gamma * (1 - 1e-3j), law, aspect=c)
    np.testing.assert_allclose(below, rm.resolvent(gamma * (1 + 1e-3j), law, aspect=c).conj(), rtol=1e-12)
    assert np.all(below.imag < 0)


@pytest.mark.parametrize("factor", [1e-40, 1e-3, 7.0, 1e60])
@pytest.mark.parametrize("name", ["two apart", "zeros", "log-uniform"])
def test_another_unit_of_length_rescales_everything(name, factor):
    law, c = LAWS[name]
    finer = law.finer and rm.PopulationSpectrum(factor * law.finer.variances, law.finer.weights)
    scaled = rm.PopulationSpectrum(factor * law.variances, law.weights, finer)
    gamma = interior(law, c)
    np.testing.assert_allclose(rm.edges(scaled, aspect=c), factor * rm.edges(law, aspect=c), rtol=1e-11)
    np.testing.assert_allclose(
        rm.density(factor * gamma, scaled, aspect=c), rm.density(gamma, law, aspect=c) / factor, rtol=1e-9
    )
    np.testing.assert_allclose(
        rm.moments(scaled, aspect=c), rm.moments(law, aspect=c) * factor ** np.arange(1, 4), rtol=1e-12
    )
    z = np.array([1 + 1j, -2.0])
    np.testing.assert_allclose(
        rm.resolvent(factor * z, scaled, aspect=c), rm.resolvent(z, law, aspect=c) / factor, rtol=1e-11
    )


@pytest.mark.parametrize("c", [1e-6, 1e-3, 0.4, 1.0, 1.001, 2.5, 1e3, 1e6])
def test_one_block_is_marchenko_and_pasturs(c):
    law = rm.PopulationSpectrum.blocks((0.7,), (3,))
    low, high = rm.marchenko_pastur.edges(variance=0.7, aspect=c)
    gamma = low + (high - low) * np.linspace(0, 1, 101)[1:-1]
    expected = rm.marchenko_pastur.density(gamma, variance=0.7, aspect=c)
    np.testing.assert_allclose(rm.density(gamma, law, aspect=c), expected, rtol=2e-11)


@pytest.mark.parametrize("name", ["two apart", "two merged", "three", "more columns", "uniform"])
def test_many_columns_give_a_semicircle_about_the_mean(name):
    """c -> 0: F F^T is a sum of many independent terms, with mean mu_1 and variance c mu_2."""
    law, c = LAWS[name][0], 1e-6
    radius = 2 * np.sqrt(c * law.moment(2))
    np.testing.assert_allclose(rm.edges(law, aspect=c), [[law.moment(1) - radius, law.moment(1) + radius]], rtol=1e-5)
    y = np.array([-0.9, -0.3, 0.0, 0.5, 0.8])
    semicircle = 2 / np.pi / radius * np.sqrt(1 - y**2)
    np.testing.assert_allclose(rm.density(law.moment(1) + radius * y, law, aspect=c), semicircle, rtol=1e-2)


@pytest.mark.parametrize("name", ["two apart", "two merged", "three"])
def test_few_columns_are_orthogonal(name):
    """c -> infinity: each column adds its own squared length c tau, with the spread of its own block alone."""
    law, c = LAWS[name][0], 1e6
    expected = c * law.variances[:, None] * (1 + np.array([-2, 2]) * np.sqrt(law.weights / c)[:, None])
    np.testing.assert_allclose(rm.edges(law, aspect=c), expected, rtol=1e-5)
    np.testing.assert_allclose(rm.bulk_masses(law, aspect=c), law.weights / c, rtol=1e-9)


@pytest.mark.parametrize(
    ("variances", "dims", "d"),
    [((100.0, 1.0), (160, 80), 400), ((2.0, 1.0), (160, 80), 400), ((9.0, 1.0), (300, 300), 200)],
)
def test_drawn_spectra_have_this_distribution(variances, dims, d):
    """Counts below a level differ from d times the mass below by O(1), and scatter by about one."""
    law, c, rng = rm.PopulationSpectrum.blocks(variances, dims), d / sum(dims), np.random.default_rng(0)
    eigenvalues = np.array([drawn(variances, dims, d, rng) for _ in range(6)])
    for level in np.quantile(eigenvalues, [0.1, 0.3, 0.5, 0.7, 0.9]):
        share = over_bulks(lambda gamma, level=level: gamma <= level, law, c, nodes=2000).sum()
        counted = np.mean((eigenvalues <= level).sum(1))
        assert abs(share * d - counted) < 2


def test_drawn_resolvents_have_this_trace():
    law, c = LAWS["two apart"]
    rng = np.random.default_rng(1)
    gamma = [drawn((100.0, 1.0), (160, 80), 400, rng) for _ in range(4)]
    for z in (-0.5, -20.0, 10.0 + 5.0j):
        traces = [((1 / (x - z)).sum() - 160 / z) / 400 for x in gamma]
        assert np.mean(traces) == close(rm.resolvent(z, law, aspect=c), 3e-3)


def test_drawn_moments_at_finite_size():
    """For Gaussian columns the second is c mu_2 (1 + 1/d) + mu_1^2, the first exact."""
    law, c, rng = rm.PopulationSpectrum.blocks((4.0, 1.0), (20, 30)), 100 / 50, np.random.default_rng(2)
    gamma = np.array([drawn((4.0, 1.0), (20, 30), 100, rng) for _ in range(200)])
    found = np.stack([(gamma**k).sum(1) / 100 for k in (1, 2, 3)])
    first, second, third = rm.moments(law, aspect=c)
    error = found.std(1) / np.sqrt(200)
    assert abs(found[0].mean() - first) < 4 * error[0]
    assert abs(found[1].mean() - second - c * law.moment(2) / 100) < 4 * error[1]
    assert found[2].mean() == close(third, 0.05)


def test_shapes_and_places_without_eigenvalues():
    law, c = LAWS["two apart"]
    assert rm.density(np.zeros((2, 0)), law, aspect=c).shape == (2, 0)
    assert isinstance(rm.density(1.0, law, aspect=c), float)
    assert isinstance(rm.resolvent(1.0, law, aspect=c), complex)
    np.testing.assert_array_equal(rm.density([[-1.0, 0.0, 0.1], [3.0, 500.0, 1e90]], law, aspect=c), np.zeros((2, 3)))
    assert rm.resolvent(np.full((2, 3), -1.0), law, aspect=c).shape == (2, 3)


@settings(max_examples=20)
@given(blocks=blocks, c=aspects)
def test_columns_of_zeros_only_change_the_aspect(blocks, c):
    """m columns of which a share p is not zero: p m columns of variance p tau (as the entries are tau/m)."""
    law, p = law_of(blocks), 0.625
    padded = rm.PopulationSpectrum(np.append(0.0, law.variances), np.append(1 - p, p * law.weights))
    shrunk = rm.PopulationSpectrum(p * law.variances, law.weights)
    np.testing.assert_allclose(rm.edges(padded, aspect=c), rm.edges(shrunk, aspect=c / p), rtol=1e-8, atol=1e-30)
    assert rm.atom_at_zero(padded, aspect=c) == pytest.approx(rm.atom_at_zero(shrunk, aspect=c / p), abs=1e-12)
    z = np.array([-1.0, 1.0 + 0.1j])
    found = rm.resolvent(z, padded, aspect=c)
    np.testing.assert_allclose(found, rm.resolvent(z, shrunk, aspect=c / p), rtol=1e-9)

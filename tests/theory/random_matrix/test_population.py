"""Laws of column variances: atoms, moments, and continuous laws."""

import numpy as np
import pytest
from scipy.integrate import quad

from geomem.theory.random_matrix import PopulationSpectrum
from tests.theory.random_matrix.spectra import close


def test_atoms_are_sorted_and_equal_ones_merged():
    law = PopulationSpectrum(np.array([4.0, 1.0, 4.0, 0.0]), np.array([0.1, 0.2, 0.3, 0.4]))
    np.testing.assert_array_equal(law.variances, [0, 1, 4])
    np.testing.assert_allclose(law.weights, [0.4, 0.2, 0.4], rtol=1e-15)
    assert law.rank == close(0.6, 1e-15)
    assert law.finer is None
    assert PopulationSpectrum.blocks((1.0, 2.0, 3.0), (1, 1, 1)).rank == 1


def test_blocks_weigh_by_their_number_of_columns():
    law = PopulationSpectrum.blocks((100.0, 1.0, 100.0), (50, 80, 30))
    np.testing.assert_allclose(law.weights, [0.5, 0.5], rtol=1e-15)
    assert [law.moment(k) for k in (0, 1, 2)] == close([1, 50.5, (1 + 1e4) / 2], 1e-14)


@pytest.mark.parametrize(
    ("law", "density", "bounds"),
    [
        (PopulationSpectrum.uniform(1.0, 3.0), lambda tau: 0.5, (1, 3)),
        (PopulationSpectrum.log_uniform(0.01, 1.0), lambda tau: 1 / tau / np.log(100), (0.01, 1)),
        (PopulationSpectrum.continuous(np.exp, 0.0, 1.0), lambda tau: np.exp(tau) / np.expm1(1), (0, 1)),
    ],
    ids=["uniform", "log-uniform", "exponential"],
)
def test_continuous_laws_have_their_moments(law, density, bounds):
    assert len(law.finer.variances) == 2 * len(law.variances) == 1024
    assert law.variances.min() > bounds[0]
    assert law.variances.max() < bounds[1]
    for k in (-1, 1, 2, 5) if bounds[0] else (1, 2, 5):
        expected, _ = quad(lambda tau, k=k: tau**k * density(tau), *bounds, epsrel=1e-12)
        assert law.moment(k) == close(expected, 1e-11)
        assert law.finer.moment(k) == close(expected, 1e-11)


def test_a_law_cannot_be_changed():
    law = PopulationSpectrum.blocks((1.0,), (1,))
    with pytest.raises(AttributeError):
        law.weights = np.ones(1)

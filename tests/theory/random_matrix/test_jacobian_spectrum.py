"""The spectrum of -tJ: change of variables, Gaussian scores, and random matrices."""

import numpy as np
import pytest
import torch

from geomem.distributions import LinearManifold
from geomem.theory import random_matrix as rm
from geomem.theory.random_matrix import jacobian_spectrum
from tests.theory.random_matrix.spectra import LAWS, close, drawn


def test_eigenvalues_are_those_of_the_exact_score():
    gamma, t = np.array([0.5, 2.0, 7.0]), 0.3
    manifold = LinearManifold(torch.tensor(gamma), ambient_dim=5)
    exact = np.sort(-t * manifold.jacobian_eigenvalues(t).numpy())
    np.testing.assert_allclose(np.sort(jacobian_spectrum.from_population(np.append(gamma, [0, 0]), t=t)), exact)


@pytest.mark.parametrize("t", [0.05, 3.0, 100.0])
@pytest.mark.parametrize("name", ["one", "two apart", "more columns", "log-uniform"])
def test_mass_and_mean_of_the_density(name, t):
    """Mean of s: -(t/d) tr J = t g(-t), with the atom at one."""
    law, c = LAWS[name]
    atom, mass, mean = rm.atom_at_zero(law, aspect=c), 0.0, 0.0
    for low, high in jacobian_spectrum.edges(law, aspect=c, t=t):
        angle = (np.arange(600) + 0.5) * np.pi / 600
        s = (high + low) / 2 - (high - low) / 2 * np.cos(angle)
        rho = jacobian_spectrum.density(s, law, aspect=c, t=t) * np.sin(angle) * (high - low) / 2 * np.pi / 600
        mass, mean = mass + rho.sum(), mean + (s * rho).sum()
    assert mass + atom == close(1, 1e-6)
    assert mean + atom == close(t * rm.resolvent(-t, law, aspect=c).real, 1e-6)


def test_edges_are_ascending_and_reversed():
    law, c = LAWS["two apart"]
    (a, b), (low, high) = rm.edges(law, aspect=c)
    np.testing.assert_allclose(
        jacobian_spectrum.edges(law, aspect=c, t=2.0), [[2 / (2 + high), 2 / (2 + low)], [2 / (2 + b), 2 / (2 + a)]]
    )


def test_density_is_zero_outside_and_keeps_its_shape():
    law, c = LAWS["two apart"]
    s = np.array([[-1.0, 0.0, 1e-250], [0.3, 1.0, 2.0]])
    np.testing.assert_array_equal(jacobian_spectrum.density(s, law, aspect=c, t=2.0), np.zeros((2, 3)))
    assert isinstance(jacobian_spectrum.density(0.5, law, aspect=c, t=2.0), float)


def test_drawn_spectra_have_this_distribution():
    law, c, t = *LAWS["two apart"], 2.0
    gamma = np.stack([drawn((100.0, 1.0), (160, 80), 400, np.random.default_rng(seed)) for seed in range(4)])
    s = jacobian_spectrum.from_population(gamma, t=t)
    (_, top), (bottom, high) = jacobian_spectrum.edges(law, aspect=c, t=t)
    np.testing.assert_array_equal((s < (top + bottom) / 2).sum(1), 160)
    for level in np.quantile(s[s > bottom], [0.2, 0.5, 0.8]):
        grid = np.linspace(bottom, level, 2001)
        share = np.trapezoid(jacobian_spectrum.density(grid, law, aspect=c, t=t), grid)
        assert abs(400 * share - np.mean(((s > bottom) & (s <= level)).sum(1))) < 2
    assert bottom < level < high

"""Two approximations for two blocks: where each becomes exact, and how wrong the other is there."""

import numpy as np
import pytest
from scipy.integrate import quad

from geomem.theory import random_matrix as rm
from geomem.theory.random_matrix import two_blocks
from tests.theory.random_matrix.spectra import close, drawn

DIMS, D = (160, 80), 400


def exact(ratio: float) -> np.ndarray:
    """Edges at variances ``ratio`` and 1, those of the small block first."""
    return rm.edges(rm.PopulationSpectrum.blocks((ratio, 1.0), DIMS), aspect=D / sum(DIMS))


def test_edges_are_the_formulas():
    small, large = two_blocks.separate_laws((100.0, 1.0), DIMS, ambient_dim=D)
    roots = np.sqrt([400 / 240, 80 / 240, 160 / 240, 240 / 240])
    np.testing.assert_allclose(small.edges, (roots[0] + np.array([-1, 1]) * roots[1]) ** 2, rtol=1e-13)
    np.testing.assert_allclose(large.edges, 100 * (roots[0] + np.array([-1, 1]) * roots[2]) ** 2, rtol=1e-13)
    left, same = two_blocks.directions_left((100.0, 1.0), DIMS, ambient_dim=D)
    np.testing.assert_allclose(left.edges, (roots[3] + np.array([-1, 1]) * roots[1]) ** 2, rtol=1e-13)
    np.testing.assert_allclose(left.edges, [0.179, 2.488], atol=5e-4)
    np.testing.assert_allclose(small.edges, [0.509, 3.491], atol=5e-4)
    assert same == large


def test_the_error_of_directions_left_is_the_ratio_of_the_variances():
    left, large = two_blocks.directions_left((1.0, 1e9), DIMS[::-1], ambient_dim=D)
    errors = [np.abs(exact(ratio)[0] / left.edges - 1) for ratio in (1e3, 1e4)]
    np.testing.assert_allclose(errors[0] / errors[1], 10, rtol=0.02)
    assert np.all((errors[1] > 1e-5) & (errors[1] < 1e-3))
    np.testing.assert_allclose(exact(1e9)[1], large.edges, rtol=1e-7)


@pytest.mark.parametrize("ratio", [10.0, 1e3, 1e9])
def test_the_union_of_two_laws_is_wrong_however_far_apart(ratio):
    small, _ = two_blocks.separate_laws((ratio, 1.0), DIMS, ambient_dim=D)
    assert np.all(small.edges / exact(ratio)[0] > 1.3)


def test_drawn_spectra_follow_the_directions_left():
    rng = np.random.default_rng(0)
    gamma = np.array([drawn((100.0, 1.0), DIMS, D, rng)[:80] for _ in range(6)])
    np.testing.assert_allclose([gamma[:, 0].mean(), gamma[:, -1].mean()], [0.190, 2.37], rtol=0.05)
    left, _ = two_blocks.directions_left((100.0, 1.0), DIMS, ambient_dim=D)
    for level in (0.5, 1.0, 1.6):
        share, _ = quad(left.density, left.edges[0], level)
        assert abs(D * share - (gamma <= level).sum(1).mean()) < 2


@pytest.mark.parametrize(
    ("dims", "d", "masses"),
    [((160, 80), 400, (0.2, 0.4)), ((10, 300), 100, (0.9, 0.1)), ((30, 5), 32, (2 / 32, 30 / 32))],
)
def test_densities_integrate_to_the_share_of_directions(dims, d, masses):
    laws = two_blocks.directions_left((50.0, 2.0), dims, ambient_dim=d)
    for law, mass in zip(laws, masses, strict=True):
        assert law.mass == close(mass, 1e-14)
        low, high = law.edges
        found, _ = quad(lambda x, law=law: law.density(x * x) * 2 * x, np.sqrt(low), np.sqrt(high))
        assert found == close(mass, 1e-6)
        assert np.all(law.density([low / 2, high * 2]) == 0)


def test_the_order_of_the_blocks_is_that_of_their_variances():
    for approximation in (two_blocks.separate_laws, two_blocks.directions_left):
        first = approximation((1.0, 9.0), (30, 20), ambient_dim=100)
        assert first == approximation((9.0, 1.0), (20, 30), ambient_dim=100)
        assert first[0].edges[0] < first[1].edges[0]

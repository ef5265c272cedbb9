"""The same spectra by other routes: roots of a polynomial, sums over the bulks, and matrices drawn at random."""

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.polynomial import Polynomial

from geomem.theory import random_matrix as rm

LAWS = {
    "one": (rm.PopulationSpectrum.blocks((2.0,), (5,)), 2.5),
    "two apart": (rm.PopulationSpectrum.blocks((100.0, 1.0), (160, 80)), 400 / 240),
    "two merged": (rm.PopulationSpectrum.blocks((2.0, 1.0), (160, 80)), 400 / 240),
    "more columns": (rm.PopulationSpectrum.blocks((100.0, 1.0), (1, 3)), 0.4),
    "three": (rm.PopulationSpectrum.blocks((81.0, 9.0, 1.0), (1, 2, 3)), 4.0),
    "zeros": (rm.PopulationSpectrum.blocks((0.0, 1.0, 1e4), (1, 1, 1)), 0.5),
    "eight decades": (rm.PopulationSpectrum.blocks((1e-8, 1.0), (1, 1)), 3.0),
    "square": (rm.PopulationSpectrum.blocks((1.0, 30.0), (5, 1)), 1.0),
    "uniform": (rm.PopulationSpectrum.uniform(1.0, 3.0, n_nodes=64), 2.5),
    "log-uniform": (rm.PopulationSpectrum.log_uniform(0.01, 1.0, n_nodes=128), 2.5),
}
"""Laws and aspects."""
DISCRETE = [name for name in LAWS if "uniform" not in name]


blocks = st.lists(st.tuples(st.floats(-3, 2).map(lambda e: 10**e), st.integers(1, 9)), min_size=1, max_size=4)
aspects = st.floats(-1.5, 1.5).map(lambda e: 10**e)
every = pytest.mark.parametrize(("law", "c"), LAWS.values(), ids=LAWS)


def close(expected, rel: float):
    """Relative comparison alone: pytest.approx would add an absolute 1e-12."""
    return pytest.approx(expected, rel=rel, abs=0)


def atoms(law: rm.PopulationSpectrum) -> tuple[np.ndarray, np.ndarray]:
    return law.variances[law.variances > 0], law.weights[law.variances > 0]


def equation(z: complex, law: rm.PopulationSpectrum, c: float) -> Polynomial:
    """(z - c u) prod (u - tau) - u sum w tau prod' (u - tau), whose roots solve the Silverstein equation."""
    tau, w = atoms(law)
    sum_of_products = Polynomial([0.0])
    for k in range(len(tau)):
        others = Polynomial.fromroots(np.delete(tau, k)) if len(tau) > 1 else 1.0
        sum_of_products = sum_of_products + w[k] * tau[k] * others
    return Polynomial([z, -c]) * Polynomial.fromroots(tau) - Polynomial([0, 1]) * sum_of_products


def by_polynomial(z: complex, law: rm.PopulationSpectrum, c: float) -> complex:
    """g = -1/(c u) with the root u in the upper half plane that is furthest from the real axis."""
    roots = equation(z, law, c).roots()
    return -1 / (c * roots[np.argmax(roots.imag)])


def law_of(blocks: list[tuple[float, int]]) -> rm.PopulationSpectrum:
    return rm.PopulationSpectrum.blocks(*zip(*blocks, strict=True))


def over_bulks(function, law: rm.PopulationSpectrum, c: float, *, nodes: int = 500) -> np.ndarray:
    """Integrals of ``function(gamma)`` times the density, one for each bulk; square roots at both edges."""
    angle = (np.arange(nodes) + 0.5) * np.pi / nodes
    low, high = rm.edges(law, aspect=c).T[..., None]
    gamma = (high + low) / 2 - (high - low) / 2 * np.cos(angle)
    measure = rm.density(gamma, law, aspect=c) * (high - low) / 2 * np.sin(angle) * np.pi / nodes
    return (function(gamma) * measure).sum(-1)


def drawn(variances, dims, ambient_dim: int, rng: np.random.Generator) -> np.ndarray:
    """Nonzero eigenvalues of F F^T for one draw of F, ascending."""
    scale = np.repeat(np.sqrt(np.asarray(variances, dtype=float) / np.sum(dims)), dims)
    factor = rng.normal(size=(ambient_dim, len(scale))) * scale
    return np.linalg.svd(factor, compute_uv=False)[::-1] ** 2

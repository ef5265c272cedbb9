"""What other ways to a spectrum get wrong, on spectra that are known: each is a reason for ours."""

import math

import pytest
import torch

from geomem.distributions import Empirical, LinearManifold, add_noise
from geomem.jacobian import probe, spectrum, trace

D, M = 60, 12


@pytest.mark.parametrize(("noisy", "below_one"), [(True, M + 1), (False, M)], ids=["noisy", "clean"])
def test_one_sided_probes_shift_the_gap_and_lose_the_smallest_values(noisy, below_one, generator):
    """All twelve tangent values are one half; symmetrized, and from the Jacobian, they are found."""
    law, t = LinearManifold.isotropic(1.0, M, ambient_dim=D), 1.0
    x = law.sample(20, generator)
    x = add_noise(x, t, generator) if noisy else x
    seen = probe(law, x, t, generator).values
    assert (seen < 1 - 1e-9).sum(1).tolist() == [below_one] * 20
    assert (seen[:, 0] < 0.4).all()
    assert (seen[:, -1] > 2).all()
    for values in (probe(law, x, t, generator, symmetrized=True).values, spectrum(law, x, t).values):
        assert (values < 1 - 1e-9).sum(1).tolist() == [M] * 20
        assert values[:, :M].sub(0.5).abs().max() < 1e-12


def test_noisy_scores_smear_the_spectrum_by_the_law_of_marchenko_and_pastur(generator):
    """4d scores at noisy copies: ones spread over 1/2 to 3/2, and one half is seen at the root of 1/6."""
    d, t = 300, 1.0
    law = LinearManifold([1.0], ambient_dim=d)
    noise = torch.randn(4 * d, d, generator=generator, dtype=torch.float64)
    stacked = torch.linalg.svdvals(math.sqrt(t / (4 * d)) * law.score(math.sqrt(t) * noise, t))
    assert stacked[[-1, -2, 0]].tolist() == pytest.approx([math.sqrt(1 / 6), 0.5, 1.5], rel=0, abs=0.03)
    exact = spectrum(law, torch.zeros(1, d, dtype=torch.float64), t).values[0]
    assert exact[[0, 1, -1]].tolist() == pytest.approx([0.5, 1.0, 1.0], rel=1e-12, abs=0)


def test_roots_of_gram_eigenvalues_are_no_small_singular_values(generator):
    """In float32, below the root of its rounding; the singular values keep an error of one rounding."""
    small, t = torch.logspace(-5, -4, 10, dtype=torch.float64), 1.0
    basis = torch.linalg.qr(torch.randn(50, 10, generator=generator, dtype=torch.float64)).Q
    law = LinearManifold(t * (1 - small) / small, ambient_dim=50, basis=basis)
    scaled = t * torch.func.jacrev(lambda y: law.score(y[None], t)[0])(torch.zeros(50))
    roots = torch.linalg.eigvalsh(scaled.T @ scaled).clamp(min=0).sqrt()[:10]
    assert (roots.double() / small - 1).abs().max() > 1
    found = spectrum(law, torch.zeros(1, 50), t, method="svd")
    assert (found.values[0, :10] - small).abs().max() < found.residual.item() < 2e-6


def test_the_local_dimension_of_the_literature_from_the_trace(generator):
    """d + t (tr J + |s|^2): the rank at clean points of a linear manifold, zero at a training point, as t vanishes."""
    law, t = LinearManifold.isotropic(1.0, M, ambient_dim=D), 1e-8

    def local_dimension(score, x):
        return D + t * (trace(score, x, t).value + score.score(x, t).square().sum(1))

    data = law.sample(5, generator)
    assert local_dimension(law, data).tolist() == pytest.approx([M] * 5, rel=1e-5, abs=0)
    assert local_dimension(Empirical(data), data).abs().max() < 1e-5

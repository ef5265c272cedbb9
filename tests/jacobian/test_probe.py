"""The published probe: what it measures, and what it does not."""

import math

import pytest
import torch

from geomem.distributions import GaussianMixture, LinearManifold
from geomem.errors import InputError
from geomem.jacobian import probe, spectrum
from geomem.jacobian.probe import rotation
from tests.jacobian.scores import Plain, linear


def states(n, d, dtype=torch.float64, seed=1):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
def test_the_symmetrized_probe_is_exact_for_linear_scores(dtype, generator):
    t = torch.tensor([0.1, 3.0], dtype=torch.float64)
    matrix = states(9, 9, seed=3)
    found = probe(linear(matrix), states(2, 9, dtype), t, generator, symmetrized=True)
    expected = torch.linalg.svdvals(matrix).flip(0).expand(2, 9)
    torch.testing.assert_close(found.values, expected, rtol=0, atol=1e-12 if dtype == torch.float64 else 2e-5)
    assert found.method == ("symmetrized probe",) * 2
    assert found.residual.isnan().all()
    assert found.values.dtype == torch.float64


def test_the_one_sided_probe_adds_the_score_as_a_matrix_of_rank_one(generator):
    """Singular values of tJ Q + sqrt(t) s 1^T, whatever Q; exact where the score vanishes."""
    law, t = LinearManifold([1.0, 1.0, 0.1], ambient_dim=12), 0.2
    x = states(1, 12)
    found = probe(law, x, t, generator)
    assert found.method == ("probe",)
    square = (law.jacobian_eigenvalues(t) * t).square().sum()  # Frobenius norms: d t s^2 and a cross term on top
    q = rotation(12, *_sources(torch.Generator().manual_seed(0)))
    jacobian = torch.diag(torch.cat([-1 / (t + law.variances), torch.full((9,), -1 / t)]).double())
    rows = math.sqrt(t) * law.score(x, t) + t * q @ jacobian.T
    torch.testing.assert_close(found.values[0], torch.linalg.svdvals(rows).flip(0), rtol=0, atol=1e-13)
    assert found.values.square().sum() > 2 * square
    at_zero = probe(law, torch.zeros(1, 12, dtype=torch.float64), t, generator)
    torch.testing.assert_close(at_zero.values[0], (-t * law.jacobian_eigenvalues(t)).flip(0), rtol=0, atol=1e-13)


def _sources(generator):
    """The generator that the only state of a call gets."""
    seed = torch.randint(2**63 - 1, (1,), generator=generator)
    return [torch.Generator().manual_seed(seed.item())]


def test_curvature_over_the_distance_of_the_noise_shows_in_both(generator):
    """Halfway between two points the Jacobian knows an unstable direction; a step of the noise leads out of it."""
    law, t = GaussianMixture(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), [0.0, 0.0]), 0.1
    x = torch.zeros(1, 2, dtype=torch.float64)
    true = spectrum(law, x, t, method="svd").values[0]
    assert true.tolist() == pytest.approx([1.0, 1 / t - 1], rel=1e-12, abs=0)
    seen = probe(law, x, t, generator, symmetrized=True).values[0]
    assert seen[1] < 0.5 * true[1]
    far = GaussianMixture(100 * law.means, [0.0, 0.0])
    close = probe(far, 100 * x + torch.tensor([[30.0, 0.0]]).double(), t, generator, symmetrized=True).values[0]
    torch.testing.assert_close(close, torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-9)


def test_many_states_go_through_in_chunks_each_with_its_own_rotation(generator):
    rows = []
    score = Plain(lambda x, t: (rows.append(len(x)), -x.square())[1])
    x = states(2, 300, seed=4)[:1].repeat(2, 1)
    found = probe(score, x, torch.tensor([0.1, 0.1]), generator)
    assert rows == [2, 1, 1] + [256, 44] * 2  # the checks, then each state
    assert not torch.equal(found.values[0], found.values[1])
    alone = probe(score, x[:1], 0.1, torch.Generator().manual_seed(0))
    torch.testing.assert_close(alone.values[0], found.values[0], rtol=1e-6, atol=1e-9)  # t was float32 there


def test_rotations_are_uniform(generator):
    """Haar: entries of mean zero and variance 1/d, also the diagonal, which QR alone would bias."""
    draws = torch.stack([rotation(4, generator) for _ in range(2000)])
    torch.testing.assert_close(draws @ draws.mT, torch.eye(4).double().expand_as(draws), rtol=0, atol=1e-13)
    assert draws.mean(0).abs().max() < 4 / math.sqrt(4 * 2000)
    assert draws.square().mean(0).sub(0.25).abs().max() < 0.03
    assert torch.linalg.det(draws).mean().abs() < 4 / math.sqrt(2000)


def test_no_graph_is_kept_and_no_states_are_fine(generator):
    weight = torch.ones(3, 3, dtype=torch.float64, requires_grad=True)
    assert not probe(Plain(lambda x, t: x @ weight), states(1, 3), 0.5, generator).values.requires_grad
    assert probe(Plain(lambda x, t: x), states(0, 3), 0.5, generator).values.shape == (0, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"t": 0.0}, "t > 0"),
        ({"x": torch.zeros(3)}, "got states of shape"),
        ({"x": torch.zeros(1, 3, dtype=torch.float16)}, "float32 or float64"),
        ({"generator": None}, "generator of type NoneType"),
        ({"score": Plain(lambda x, t: (x - 1).sqrt())}, "NaN or infinity at state 0"),
        ({"score": Plain(lambda x, t: (2.1 - x).sqrt())}, "at state 0, displacement [0-9]"),
        ({"score": LinearManifold([1.0], ambient_dim=4)}, r"shape \(1, 3\), expected \(batch, 4\)"),
    ],
)
@pytest.mark.parametrize("symmetrized", [False, True])
def test_bad_input_is_refused(change, message, symmetrized, unchecked, generator):
    arguments = {"score": Plain(lambda x, t: x), "x": torch.tensor([[0.5, 2.0, 2.0]]), "t": 0.5, "generator": generator}
    with pytest.raises(InputError, match=message):
        probe(*(arguments | change).values(), symmetrized=symmetrized)


def test_a_probe_needs_no_derivative(generator):
    """It is a finite difference: a score in NumPy will do."""
    score = Plain(lambda x, t: torch.from_numpy(-x.numpy()))
    torch.testing.assert_close(
        probe(score, states(1, 3), 0.5, generator, symmetrized=True).values, torch.full((1, 3), 0.5).double()
    )

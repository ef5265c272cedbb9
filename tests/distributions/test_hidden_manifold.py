"""The hidden manifold: its map and tangent, its linear limit, its neighborhoods, refusals."""

import math

import mpmath
import pytest
import torch

from geomem.distributions import HiddenManifold, RandomLinearManifold
from geomem.errors import InputError

F64 = torch.float64
VARIANCES = [1.0, 1.0, 1.0, 0.09, 0.09]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=F64)


LAW = HiddenManifold(VARIANCES, ambient_dim=12, generator=seeded(0))


def test_the_factor_is_that_of_the_linear_manifold():
    linear = RandomLinearManifold(VARIANCES, ambient_dim=12, generator=seeded(0))
    assert torch.equal(LAW.factor, linear.factor)


def test_samples_are_decoded_latents():
    assert torch.equal(LAW.sample(6, seeded(3)), LAW.decode(normal(6, 5, seed=3)))


def test_small_variances_leave_it_linear():
    """tanh h = h - h³/3 + ...: the relative bend of each coordinate is a third of its square."""
    law, z = HiddenManifold([1e-6, 1e-8], ambient_dim=7, generator=seeded(1)), normal(20, 2)
    before = z @ law.factor.T
    torch.testing.assert_close(law.decode(z) / before, 1 - before.square() / 3, rtol=1e-10, atol=0)
    torch.testing.assert_close(law.tangent(z) / law.factor, (1 - before.square())[:, :, None].expand(-1, -1, 2))


def test_tangent_is_the_derivative():
    z = normal(4, 5)
    rows = [torch.autograd.functional.jacobian(lambda z: (LAW.factor @ z).tanh(), row) for row in z]
    torch.testing.assert_close(LAW.tangent(z), torch.stack(rows), rtol=1e-11, atol=1e-14)


def test_tangent_keeps_its_digits_where_the_bend_is_flat():
    """There 1 - tanh² is nothing in float64."""
    law = HiddenManifold([1.0], ambient_dim=3, generator=seeded(2))
    z = torch.tensor([[60.0]], dtype=F64)
    for found, f in zip(law.tangent(z)[0, :, 0].tolist(), law.factor[:, 0].tolist(), strict=True):
        assert found == pytest.approx(float(f * mpmath.sech(mpmath.mpf(f) * 60) ** 2), rel=1e-12, abs=0)
    assert (law.decode(z).abs() == 1).any()
    far = 90 * torch.ones(1, 5, dtype=F64)  # where every image is short, and their directions are known still
    assert LAW.tangent(far).norm(dim=1).max() < 1e-12
    assert LAW.tangent_basis(far, [0]).norm().item() == pytest.approx(1, rel=1e-14, abs=0)


@pytest.mark.parametrize("columns", [slice(0, 3), slice(3, None), [0, 4], [-1, 2, 0], range(5)], ids=str)
def test_basis_is_orthonormal_and_spans_the_images(columns):
    z = normal(10, 5)
    basis, chosen = LAW.tangent_basis(z, columns), columns if isinstance(columns, slice) else list(columns)
    images = LAW.tangent(z)[:, :, chosen]
    k = images.shape[2]
    assert basis.shape == (10, 12, k)
    torch.testing.assert_close(basis.mT @ basis, torch.eye(k, dtype=F64).expand(10, k, k), rtol=0, atol=1e-13)
    torch.testing.assert_close(basis @ (basis.mT @ images), images, rtol=0, atol=1e-13)


def test_neighborhoods_lie_along_the_tangent():
    """What a ball of latents of radius h has outside the tangent space falls as its square, what is inside as h."""
    z, steps = normal(1, 5), normal(200, 5, seed=1)
    basis, x = LAW.tangent_basis(z, slice(None))[0], LAW.decode(z)
    outside = []
    for h in (1e-3, 1e-4):
        moved = LAW.decode(z + h * steps) - x
        along = moved @ basis @ basis.T
        outside.append(((moved - along).norm() / along.norm()).item())
    assert outside[0] / outside[1] == pytest.approx(10, rel=0.02, abs=0)


def test_blocks_move_by_their_standard_deviations():
    """A latent direction moves the point by σ_k √(d/m) times the mean of 1/cosh², so blocks keep their ratio."""
    law = HiddenManifold([1.0] * 8 + [0.09] * 8, ambient_dim=400, generator=seeded(5))
    lengths = law.tangent(normal(200, 16)).norm(dim=1).square().mean(0)
    ratio = (lengths[:8].mean() / lengths[8:].mean()).item()
    spread = lengths[:8].std() / lengths[:8].mean() / math.sqrt(4)
    assert spread < 0.05
    assert ratio == pytest.approx(1 / 0.09, rel=4 * spread.item(), abs=0)


@pytest.mark.parametrize(
    ("variances", "d", "dim"), [([1.0, 0.0, 2.0], 5, 2), ([1.0] * 6, 4, 4), ([0.5], 3, 1)], ids=["zero", "wide", "one"]
)
def test_dimensions(variances, d, dim):
    law = HiddenManifold(variances, ambient_dim=d, generator=seeded(0))
    assert (law.ambient_dim, law.intrinsic_dim, law.factor.shape) == (d, dim, (d, len(variances)))


WIDE = HiddenManifold([1.0, 0.0, 2.0, 1.0], ambient_dim=2, generator=seeded(4))
BAD_COLUMNS = {
    "none": (LAW, 1.0, []),
    "empty slice": (LAW, 1.0, slice(3, 3)),
    "too far": (LAW, 1.0, [5]),
    "too far back": (LAW, 1.0, [-6]),
    "twice": (LAW, 1.0, [0, 0]),
    "no variance": (WIDE, 1.0, [1]),
    "more than d": (WIDE, 1.0, [0, 2, 3]),
    "flat": (LAW, 1e6, [0, 1]),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("law", "scale", "columns"), BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_bad_columns_are_refused(law, scale, columns):
    z = scale * normal(3, law.factor.shape[1])
    with pytest.raises(InputError, match="latent directions"):
        law.tangent_basis(z, columns)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("z", [torch.zeros(3, 4), torch.zeros(5), torch.full((2, 5), math.nan), [[0.0] * 5]], ids=str)
def test_bad_latents_are_refused(z):
    for method in (LAW.decode, LAW.tangent, lambda z: LAW.tangent_basis(z, [0])):
        with pytest.raises(InputError, match="expected"):
            method(z)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("variances", "d"), [([], 3), ([-1.0], 3), ([0.0, 0.0], 3), ([math.nan], 3), ([1.0], 0)])
def test_bad_laws_are_refused(variances, d):
    with pytest.raises(InputError, match="expected"):
        HiddenManifold(variances, ambient_dim=d, generator=seeded(0))

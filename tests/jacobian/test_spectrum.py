"""Spectra: every method against spectra that are known, and what each says of its own error."""

import math

import pytest
import torch

from geomem.distributions import Empirical, GaussianMixture, LinearManifold
from geomem.errors import ConvergenceError, InputError
from geomem.jacobian import dense, spectrum
from tests.jacobian.scores import Network, Plain, linear


def basis(d, m, seed=0):
    return torch.linalg.qr(torch.randn(d, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).Q


def states(n, d, dtype=torch.float64, seed=1):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def manifold(kappa, d, t, rotate=True):
    """The Gaussian whose denoiser Jacobian at noise t has the eigenvalues kappa, and zero."""
    kappa = torch.as_tensor(kappa, dtype=torch.float64)
    law = LinearManifold(t * kappa / (1 - kappa), ambient_dim=d, basis=basis(d, len(kappa)) if rotate else None)
    return law, torch.cat([1 - kappa, torch.ones(d - len(kappa), dtype=torch.float64)]).sort().values


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("method", ["auto", "svd", "symmetric", "randomized"])
def test_every_method_finds_the_spectrum_of_a_gaussian_within_its_residual(method, dtype):
    law, expected = manifold(torch.linspace(0.05, 0.99, 20), 240, 0.3)
    found = spectrum(law, states(2, 240, dtype), 0.3, method=method)
    error = (found.values - expected).abs().amax(1)
    assert found.values.dtype == found.residual.dtype == torch.float64
    assert found.method == ("randomized" if method == "auto" else method,) * 2
    assert (error <= found.residual).all()
    assert (found.residual < (1e-11 if dtype == torch.float64 else 1e-5)).all()


@pytest.mark.parametrize("method", ["auto", "symmetric"])
def test_the_noise_of_each_state_is_its_own(method):
    law = LinearManifold([1.0, 0.2], ambient_dim=210, basis=basis(210, 2))
    t = torch.tensor([0.01, 1.0, 30.0], dtype=torch.float64)
    found = spectrum(law, states(3, 210), t, method=method)
    for values, s in zip(found.values, t.tolist(), strict=True):
        expected = torch.cat([torch.tensor([s / (s + 1), s / (s + 0.2)], dtype=torch.float64), torch.ones(208)])
        torch.testing.assert_close(values, expected, rtol=0, atol=1e-12)
    assert found.method == ("randomized" if method == "auto" else "symmetric",) * 3


def test_a_gapless_spectrum_goes_dense_and_is_never_certified():
    """K uniform on [0, 1]; a range finder that is not asked how good it is would be wrong by a fifth."""
    d = 784
    law, expected = manifold(torch.arange(d) / d, d, 1.0, rotate=False)
    x = states(1, d)
    found = spectrum(law, x, 1.0)
    assert found.method == ("symmetric",)
    torch.testing.assert_close(found.values[0], expected, rtol=0, atol=1e-11)
    with pytest.raises(ConvergenceError, match="no gap"):
        spectrum(law, x, 1.0, method="randomized")
    with pytest.raises(ConvergenceError, match="no gap"):
        spectrum(law, x, 1.0, method="randomized", tolerance=0.1)
    k = torch.diag(1 - expected)
    q = basis(d, d // 4, seed=3)
    for _ in range(2):
        q = torch.linalg.qr(k @ q).Q
    ritz = torch.linalg.eigvalsh(q.T @ k @ q)
    assert (1 - ritz.flip(0) - expected[: d // 4]).abs().max().item() == pytest.approx(0.19, abs=0.02)


def test_more_directions_than_a_quarter_go_dense():
    law, expected = manifold([0.9] * 60, 210, 1.0)
    found = spectrum(law, states(1, 210), 1.0)
    assert found.method == ("symmetric",)
    torch.testing.assert_close(found.values[0], expected, rtol=0, atol=1e-12)


def test_small_problems_are_dense_at_once():
    law, _ = manifold([0.9], 199, 1.0)
    assert spectrum(law, states(1, 199), 1.0).method == ("symmetric",)
    law, _ = manifold([0.9], 200, 1.0)
    assert spectrum(law, states(1, 200), 1.0).method == ("randomized",)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
def test_gram_agrees_with_dense_for_the_empirical_law(dtype):
    """Also where K has eigenvalues above one, and so -tJ negative ones."""
    data = torch.cat([states(15, 210, seed=4), states(15, 210, seed=5) * 0.01])
    law, t = Empirical(data), torch.tensor([0.02, 20.0, 400.0], dtype=torch.float64)
    x = (data[:3] + data[15:18]).to(dtype) / 2
    found = spectrum(law, x, t)
    assert found.method == ("gram",) * 3
    for method in ("symmetric", "randomized"):
        other = spectrum(law, x.double(), t, method=method)
        assert ((found.values - other.values).abs().amax(1) <= found.residual + other.residual).all()
    assert (found.residual < 1e-8 * (1 - found.values[:, 0])).all()
    assert found.values.amin() < 0 < found.values.amax() < 1 + 1e-12
    exact = -t[:, None] * law.jacobian_eigenvalues(x.double(), t, discard=0.0).flip(1)
    torch.testing.assert_close(found.values, exact, rtol=0, atol=1e-9)


def test_randomized_counts_the_error_of_the_weights_of_an_empirical_law():
    """As the Gram matrix does: the products are right for weights that are right to 1e-9 in the logit."""
    law, x = Empirical(states(10, 210)), states(1, 210) * 0
    found, gram = (spectrum(law, x, 30.0, method=method) for method in ("randomized", "gram"))
    largest = 1 - found.values[0, 0].item()
    assert largest > 0.5
    assert found.residual.item() == pytest.approx(4e-9 * largest, rel=1e-3, abs=0)
    assert ((found.values - gram.values).abs().amax(1) <= found.residual).all()


def test_gram_keeps_a_small_weight_far_away():
    """Two points, 1e5 noise scales apart: a weight of e^-29 makes an eigenvalue of K of some thousandths."""
    apart, t = 1e5, 1.0
    law = Empirical(torch.tensor([[0.0, 0.0], [apart, 0.0]], dtype=torch.float64))
    x = torch.tensor([[apart / 2 - 29 * t / apart, 0.0]], dtype=torch.float64)
    kappa = math.exp(-29) / (1 + math.exp(-29)) ** 2 * apart**2 / t
    found = spectrum(law, x, t)
    assert kappa > 2e-3
    assert found.values[0].tolist() == pytest.approx([1 - kappa, 1.0], rel=1e-7, abs=0)
    assert found.residual[0] <= 1e-6
    loose = spectrum(law, x, t, tolerance=1e6)  # leaves out 1e-12 of the weight at most, and says what that can do
    assert (loose.values == 1).all()
    assert kappa < loose.residual[0] < 0.1


@pytest.mark.parametrize("method", ["svd", "symmetric", "auto"])
def test_asymmetric_jacobians(method):
    """Values of the symmetric part; the residual covers singular values (Mirsky) and eigenvalues (Bauer, Fike)."""
    g = states(12, 12) / 3
    matrix = -torch.eye(12, dtype=torch.float64) + g + 0.1 * (g - g.T)
    score, t = linear(matrix), torch.tensor([0.5, 2.0], dtype=torch.float64)
    found = spectrum(score, states(2, 12), t, method=method)
    singular = torch.linalg.svdvals(matrix).flip(0)
    if method == "svd":
        torch.testing.assert_close(found.values, singular.expand(2, 12), rtol=0, atol=1e-13)
        assert found.method == ("svd", "svd")
        assert (found.residual < 1e-13).all()
        return
    torch.testing.assert_close(
        found.values, torch.linalg.eigvalsh(-(matrix + matrix.T) / 2).expand(2, 12), rtol=0, atol=1e-13
    )
    skew = (matrix - matrix.T).norm() / 2
    torch.testing.assert_close(found.residual, skew.expand(2), rtol=1e-10, atol=0)
    assert ((found.values.abs().sort().values - singular).abs() <= found.residual[:, None]).all()
    nearest = (torch.linalg.eigvals(matrix).neg()[:, None] - found.values[0]).abs().amin(1)
    assert (nearest <= found.residual[0]).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
def test_a_network(dtype):
    network = Network(10, 16, dtype)
    x = states(3, 10, dtype)
    found = spectrum(network, x, 0.5)
    jacobian = dense(Network(10, 16, dtype).double(), x.double(), 0.5) * 0.5
    expected = torch.linalg.eigvalsh(-(jacobian + jacobian.mT) / 2)
    torch.testing.assert_close(found.values, expected, rtol=0, atol=1e-13 if dtype == torch.float64 else 1e-6)
    assert found.method == ("symmetric",) * 3
    torch.testing.assert_close(
        spectrum(network, x, 0.5, method="svd").values, torch.linalg.svdvals(jacobian).flip(1), rtol=0, atol=1e-6
    )


def test_routes_agree_for_a_mixture():
    """Three places and no width: K has rank two, with an eigenvalue above one."""
    law = GaussianMixture(states(3, 220, seed=5), [0.0] * 3)
    x = law.means.mean(0)[None]
    by_range = spectrum(law, x, 30.0, method="randomized")
    assert by_range.values[0, 0] < 0
    assert (by_range.values[0, 2:] - 1).abs().max() < 1e-12
    for other in (spectrum(law, x, 30.0, method="symmetric"), spectrum(Plain(law.score), x, 30.0)):
        torch.testing.assert_close(other.values, by_range.values, rtol=0, atol=1e-11)


def test_a_state_does_not_depend_on_the_others_and_a_call_can_be_repeated():
    law, _ = manifold(torch.linspace(1e-5, 0.9, 30), 400, 1.0)
    x = states(3, 400)
    together, again, fewer = (spectrum(law, y, 1.0, method="randomized") for y in (x, x, x[:2]))
    assert torch.equal(together.values, again.values)
    assert torch.equal(together.values[:2], fewer.values)
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]
    seeded = [spectrum(law, x, 1.0, method="randomized", generator=g).residual for g in generators]
    assert torch.equal(seeded[0], seeded[1])
    assert not torch.equal(seeded[0], seeded[2])


def test_no_states():
    for score in (LinearManifold([1.0], ambient_dim=4), Empirical(states(5, 4)), Network(4, 3, torch.float64)):
        found = spectrum(score, states(0, 4), 1.0)
        assert found.values.shape == (0, 4)
        assert found.residual.shape == (0,)
        assert found.method == ()


@pytest.mark.parametrize(
    ("score", "arguments", "message"),
    [
        (LinearManifold([1.0], ambient_dim=4), {"method": "fast"}, "expected one of"),
        (LinearManifold([1.0], ambient_dim=4), {"method": "gram"}, "not Empirical"),
        (Plain(lambda x, t: -x), {"method": "randomized"}, "positive semi-definite"),
        (LinearManifold([1.0], ambient_dim=4), {"tolerance": 0.0}, "tolerance"),
        (LinearManifold([1.0], ambient_dim=4), {"tolerance": math.nan}, "tolerance"),
        (LinearManifold([1.0], ambient_dim=4), {"x": torch.zeros(1, 4, dtype=torch.float16)}, "float32 or float64"),
        (LinearManifold([1.0], ambient_dim=4), {"x": torch.zeros(4)}, "got states of shape"),
        (LinearManifold([1.0], ambient_dim=4), {"t": -1.0}, "t > 0"),
    ],
)
def test_bad_input_is_refused(score, arguments, message, unchecked):
    arguments = {"x": states(1, 4), "t": 1.0} | arguments
    with pytest.raises(InputError, match=message):
        spectrum(score, arguments.pop("x"), arguments.pop("t"), **arguments)

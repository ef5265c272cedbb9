"""What random matrices refuse."""

import numpy as np
import pytest

from geomem.errors import ConvergenceError, InputError, RegimeError
from geomem.theory import random_matrix as rm
from geomem.theory.random_matrix import _equation, jacobian_spectrum, two_blocks

LAW = rm.PopulationSpectrum.blocks((4.0, 1.0), (1, 2))
BAD_NUMBERS = [0.0, -1.0, np.nan, np.inf, 1e-300, 1e300, "1", None, 1j]

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf, 1e-7, 1e7, [1.0, 2.0], "1", None])
def test_bad_aspects(bad):
    for call in (
        lambda: rm.resolvent(-1.0, LAW, aspect=bad),
        lambda: rm.density(1.0, LAW, aspect=bad),
        lambda: rm.edges(LAW, aspect=bad),
        lambda: rm.bulk_masses(LAW, aspect=bad),
        lambda: rm.atom_at_zero(LAW, aspect=bad),
        lambda: rm.moments(LAW, aspect=bad),
        lambda: rm.open_gaps(1.0, LAW, aspect=bad, resolution=0.1),
        lambda: jacobian_spectrum.density(0.5, LAW, aspect=bad, t=1.0),
        lambda: jacobian_spectrum.edges(LAW, aspect=bad, t=1.0),
        lambda: rm.marchenko_pastur.edges(variance=1.0, aspect=bad),
        lambda: rm.marchenko_pastur.density(1.0, variance=1.0, aspect=bad),
    ):
        with pytest.raises(InputError, match=r"got .*aspect"):
            call()


@pytest.mark.parametrize("bad", [(1.0, 4.0), np.ones(2), None, rm.PopulationSpectrum], ids=repr)
def test_not_a_law(bad):
    for call in (
        lambda: rm.resolvent(-1.0, bad, aspect=2.0),
        lambda: rm.density(1.0, bad, aspect=2.0),
        lambda: rm.moments(bad, aspect=2.0),
        lambda: rm.edges(bad, aspect=2.0),
        lambda: rm.bulk_masses(bad, aspect=2.0),
        lambda: rm.atom_at_zero(bad, aspect=2.0),
        lambda: rm.open_gaps(1.0, bad, aspect=2.0, resolution=0.1),
        lambda: jacobian_spectrum.density(0.5, bad, aspect=2.0, t=1.0),
        lambda: jacobian_spectrum.edges(bad, aspect=2.0, t=1.0),
    ):
        with pytest.raises(InputError, match=r"use PopulationSpectrum\.blocks"):
            call()


def test_one_number_where_one_is_meant():
    """Two noises, as many as a bulk has edges, would broadcast against them."""
    two = [0.5, 0.6]
    for name, call in (
        ("t", lambda: jacobian_spectrum.edges(LAW, aspect=2.0, t=two)),
        ("t", lambda: jacobian_spectrum.density(0.5, LAW, aspect=2.0, t=two)),
        ("resolution", lambda: rm.open_gaps(1.0, LAW, aspect=2.0, resolution=two)),
        ("variance", lambda: rm.marchenko_pastur.density(1.0, variance=two, aspect=2.0)),
        ("ambient_dim", lambda: two_blocks.separate_laws((1.0, 2.0), (1, 1), ambient_dim=[3, 4])),
    ):
        with pytest.raises(InputError, match=rf"got {name} of shape \(2,\), expected one number"):
            call()


@pytest.mark.parametrize(
    ("variances", "weights", "message"),
    [
        ([1.0, 2.0], [1.0], r"variances \(2,\) and weights \(1,\)"),
        ([[1.0]], [[1.0]], "expected both"),
        ([], [], "expected both"),
        ([0.0, 0.0], [0.5, 0.5], "no variance above zero"),
        ([-1.0, 1.0], [0.5, 0.5], "expected positive numbers"),
        ([1e-200, 1.0], [0.5, 0.5], "choose another unit"),
        ([np.nan, 1.0], [0.5, 0.5], "NaN or infinity in variances"),
        ([1.0, 2.0], [0.5, np.inf], "NaN or infinity in weights"),
        ([1.0, 2.0], [0.5, 0.4], r"sum to 0\.9"),
        ([1.0, 2.0], [1.5, -0.5], r"weights from -0\.5"),
        ([1.0, 2.0], [1.0, 0.0], "leave out what has less"),
        (["a"], [1.0], "dtype"),
    ],
)
def test_bad_laws(variances, weights, message):
    with pytest.raises(InputError, match=message):
        rm.PopulationSpectrum(np.array(variances), np.array(weights))


@pytest.mark.parametrize("dims", [(0, 1), (1.5, 1), (-1, 2), (np.nan, 1), (), ("a", "b"), (1, 2, 3)])
def test_bad_block_sizes(dims):
    with pytest.raises(InputError, match=r"dims|weights"):
        rm.PopulationSpectrum.blocks((1.0, 2.0), dims)
    with pytest.raises(InputError, match="dims"):
        two_blocks.separate_laws((1.0, 2.0), dims, ambient_dim=10)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (-1.0, 1.0), (np.nan, 1.0), (1.0, np.inf)])
def test_bad_intervals(low, high):
    for law in (rm.PopulationSpectrum.uniform, rm.PopulationSpectrum.log_uniform):
        with pytest.raises(InputError, match="expected"):
            law(low, high)


def test_bad_continuous_laws():
    with pytest.raises(InputError, match="ln 0"):
        rm.PopulationSpectrum.log_uniform(0.0, 1.0)
    for n_nodes in (1, 0, 2.5, "8", [8, 9]):
        with pytest.raises(InputError, match="got n_nodes"):
            rm.PopulationSpectrum.uniform(1.0, 2.0, n_nodes=n_nodes)
    for density in (lambda tau: tau - 1.5, lambda tau: np.full_like(tau, np.nan), lambda tau: 0 * tau):
        with pytest.raises(InputError, match="density"):
            rm.PopulationSpectrum.continuous(density, 1.0, 2.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1j * np.inf, 1e101, 1 + 1e-200j, "1", None, [[1], [1, 2]]])
def test_bad_points(bad):
    with pytest.raises(InputError, match="got z"):
        rm.resolvent(bad, LAW, aspect=2.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, "1", None, 1j])
def test_bad_eigenvalues(bad):
    for call in (
        lambda: rm.density(bad, LAW, aspect=2.0),
        lambda: rm.marchenko_pastur.density(bad, variance=1.0, aspect=2.0),
        lambda: jacobian_spectrum.from_population(bad, t=1.0),
    ):
        with pytest.raises(InputError, match="gamma"):
            call()
    with pytest.raises(InputError, match=r"got .*\bs\b"):
        jacobian_spectrum.density(bad, LAW, aspect=2.0, t=1.0)


def test_eigenvalues_out_of_range_go_by_their_name():
    assert rm.density(-1e120, LAW, aspect=2.0) == 0
    with pytest.raises(InputError, match="got gamma up to 1e\\+120"):
        rm.density([1.0, 1e120], LAW, aspect=2.0)


def test_negative_eigenvalues_have_no_place_in_the_jacobian():
    for bad in (-1e-12, 1e120):
        with pytest.raises(InputError, match="got gamma from"):
            jacobian_spectrum.from_population([1.0, bad], t=1.0)


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_bad_noise(bad):
    for call in (
        lambda: rm.final_gap(bad, smallest=1.0),
        lambda: rm.intermediate_gap(bad, below=1.0, above=2.0),
        lambda: rm.open_gaps(bad, LAW, aspect=2.0, resolution=0.1),
        lambda: jacobian_spectrum.from_population(1.0, t=bad),
        lambda: jacobian_spectrum.density(0.5, LAW, aspect=2.0, t=bad),
    ):
        with pytest.raises(InputError, match=r"got .*t"):
            call()


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_bad_edges_and_variances(bad):
    for call in (
        lambda: rm.final_gap(1.0, smallest=bad),
        lambda: rm.final_opening_time(smallest=bad, resolution=0.1),
        lambda: rm.intermediate_gap(1.0, below=bad, above=2.0),
        lambda: rm.intermediate_gap(1.0, below=1.0, above=bad),
        lambda: rm.opening_time(below=bad, above=2.0, resolution=0.1),
        lambda: rm.marchenko_pastur.edges(variance=bad, aspect=2.0),
        lambda: rm.marchenko_pastur.density(1.0, variance=bad, aspect=2.0),
        lambda: two_blocks.separate_laws((1.0, bad), (1, 1), ambient_dim=3),
    ):
        with pytest.raises(InputError, match=r"smallest|below|above|variance"):
            call()


@pytest.mark.parametrize("function", [rm.widest_at, rm.widest_gap])
def test_edges_out_of_order_or_shape(function):
    with pytest.raises(InputError, match="expected below <= above"):
        function(below=2.0, above=1.0)
    with pytest.raises(InputError, match="broadcast"):
        function(below=np.ones(2), above=np.ones(3))


def test_shapes_that_do_not_fit():
    two, three = np.ones(2), np.ones(3)
    for call in (
        lambda: rm.final_gap(two, smallest=three),
        lambda: rm.intermediate_gap(two, below=three, above=2.0),
        lambda: rm.opening_time(below=two, above=2.0, resolution=three / 2),
        lambda: rm.final_opening_time(smallest=two, resolution=three / 2),
        lambda: jacobian_spectrum.from_population(two, t=three),
    ):
        with pytest.raises(InputError, match="broadcast"):
            call()


@pytest.mark.parametrize("bad", [0.0, 1.0, -0.1, 1.1, np.nan, "1", None])
def test_bad_resolutions(bad):
    for call in (
        lambda: rm.opening_time(below=1.0, above=2.0, resolution=bad),
        lambda: rm.closing_time(below=1.0, above=2.0, resolution=bad),
        lambda: rm.final_opening_time(smallest=1.0, resolution=bad),
        lambda: rm.open_gaps(1.0, LAW, aspect=2.0, resolution=bad),
    ):
        with pytest.raises(InputError, match="resolution"):
            call()


@pytest.mark.parametrize("approximation", [two_blocks.separate_laws, two_blocks.directions_left])
def test_not_two_blocks(approximation):
    three = (1.0, 2.0, 3.0)
    for variances, dims in [((1.0, 1.0), (1, 2)), (three, (1, 2, 3)), ((1.0,), (1,)), ((1.0, 2.0), (1, 2, 3))]:
        with pytest.raises(InputError, match="expected two different variances and two sizes"):
            approximation(variances, dims, ambient_dim=10)
    for d in (0, 2.5, np.nan):
        with pytest.raises(InputError, match="ambient_dim"):
            approximation((1.0, 2.0), (1, 1), ambient_dim=d)


def test_a_large_block_that_leaves_no_direction():
    for d in (30, 20):
        with pytest.raises(RegimeError, match=r"30 columns in \d+ dimensions.*silverstein"):
            two_blocks.directions_left((1.0, 2.0), (5, 30), ambient_dim=d)
    assert two_blocks.directions_left((1.0, 2.0), (5, 30), ambient_dim=31)[0].mass == 1 / 31


@pytest.mark.parametrize("aspect", [1.0, 3.0])
def test_the_resolvent_at_zero_is_infinite_where_zero_is_an_eigenvalue(aspect):
    with pytest.raises(RegimeError, match=r"use atom_at_zero for its mass, or z < 0"):
        rm.resolvent([0.0, 1.0], LAW, aspect=aspect)
    assert rm.resolvent(0.0, LAW, aspect=0.5) == pytest.approx(rm.resolvent(-1e-12, LAW, aspect=0.5), rel=1e-10)


def test_a_root_that_is_not_reached_is_refused(monkeypatch):
    monkeypatch.setattr(_equation, "NEWTON_STEPS", 1)
    with pytest.raises(ConvergenceError, match="1 steps did not reach the level line"):
        rm.density(2.0, LAW, aspect=2.0)


def test_a_root_that_does_not_solve_the_equation_is_refused(monkeypatch):
    monkeypatch.setattr(_equation, "ROUNDING", 0.0)
    with pytest.raises(ConvergenceError, match=r"leaves .* of it, expected 0 from rounding"):
        rm.density(np.linspace(1.0, 3.0, 20), LAW, aspect=2.0)

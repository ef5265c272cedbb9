r"""The spectrum of :math:`F F^{\mathsf T}` for columns of any variances: the Silverstein equation.

Let :math:`G = (F F^{\mathsf T} - z)^{-1}` for columns :math:`f_k \sim \mathcal N(0, \tfrac{\tau_k}{m} I_d)`, with
:math:`\tau_k` of law :math:`H` and :math:`c = d/m`. The trace of :math:`G\,(FF^{\mathsf T} - z) = I` is
:math:`d = \sum_k f_k^{\mathsf T} G f_k - z\,\mathrm{tr}\,G`. With :math:`G_k` the resolvent without column :math:`k`
(Sherman and Morrison), :math:`f_k^{\mathsf T}Gf_k = q_k/(1+q_k)`, and :math:`q_k = f_k^{\mathsf T} G_k f_k`
concentrates at :math:`\tau_k\,\mathrm{tr}\,G/m = c\,\tau_k\,g`. So :math:`g = \lim\tfrac1d\,\mathrm{tr}\,G` solves

.. math:: g = \Big[-z + \int\frac{\tau\,dH(\tau)}{1 + c\,\tau g}\Big]^{-1}, \qquad \text{or with } u = -\frac{1}{c\,g},
   \qquad z = \psi(u) = u\,\Big[c + \int\frac{\tau\,dH(\tau)}{u - \tau}\Big] .

**One root.** :math:`\mathrm{Im}\,\psi(u) = \mathrm{Im}\,u\,[c - \varphi]` and
:math:`\psi(u)-\psi(u') = (u-u')\big[c - \int\frac{\tau^2dH}{(u-\tau)(u'-\tau)}\big]`, where
:math:`\varphi(u) = \int\tau^2dH/|u-\tau|^2` (the chapter on spectral gaps calls it :math:`\eta` at real :math:`u`; here
:math:`\eta` is a height over the real axis). A root in the upper half plane for :math:`\mathrm{Im}\,z > 0` has
:math:`\varphi < c`, so by Cauchy and Schwarz there are no two: :math:`\psi` maps
:math:`\{\mathrm{Im}\,u > 0,\ \varphi < c\}` one to one to the upper half plane.

**How it is found.** No iteration is trusted: both coordinates of :math:`u = x + iy` are roots of monotone functions.
At given :math:`x`, the height of the level line :math:`\mathrm{Im}\,\psi = \eta = \mathrm{Im}\,z` is the root
:math:`Y = y^2` of

.. math:: R(Y) = \int\frac{\tau^2\,dH(\tau)}{(x-\tau)^2 + Y} + \frac{\eta}{\sqrt Y} = c, \qquad Y = 0
   \text{ if } R(0) \le c .

:math:`R` is a Stieltjes function, therefore :math:`1/R` is concave and rises, and Newton's steps on
:math:`1/R = 1/c` from below climb to the root without passing it. Along the line
:math:`d\,\mathrm{Re}\,\psi/dx = |\psi'|^2/\mathrm{Re}\,\psi' \ge 0`, since
:math:`\mathrm{Re}\,\psi' = c - \mathrm{Re}\int\tau^2dH/(u-\tau)^2 \ge c - \varphi \ge 0`; and again by Cauchy and
Schwarz :math:`|\mathrm{Re}\,\psi - cx - \int\tau\,dH| \le \sqrt{c\int\tau^2dH}`, which brackets :math:`x`. At
:math:`\eta = 0` this is the limit from above: :math:`g` at an eigenvalue, and the density
:math:`\rho = \mathrm{Im}\,g/\pi`.

Derived here. Proofs that the equation holds, and of the limit at the real axis: Silverstein (1995), Silverstein and
Choi (1995).
"""

import numpy as np
from numpy.typing import ArrayLike

from geomem._typing import Float
from geomem.errors import InputError, RegimeError
from geomem.theory._blocks import as_real
from geomem.theory.random_matrix._equation import check, solve
from geomem.theory.random_matrix._inputs import LARGEST_SCALE, SMALLEST_SCALE, Numbers
from geomem.theory.random_matrix.population import PopulationSpectrum

__all__ = ["density", "moments", "resolvent"]


def resolvent(z: ArrayLike, spectrum: PopulationSpectrum, *, aspect: float) -> complex | np.ndarray:
    r"""Return :math:`g(z) = \lim\tfrac1d\,\mathrm{tr}\,(FF^{\mathsf T} - z)^{-1}`; at real :math:`z`, from above.

    .. math:: g = \Big[-z + \int\frac{\tau\,dH(\tau)}{1 + c\,\tau g}\Big]^{-1}, \qquad \mathrm{Im}\,g \ge 0
       \text{ for } \mathrm{Im}\,z \ge 0 .

    Parameters
    ----------
    z : complex, float, or array of either
        Points of the plane. At real :math:`z` the limit of :math:`z + i\eta`, :math:`\eta \downarrow 0`; below the
        real axis :math:`g(\bar z) = \bar g(z)`.
    spectrum : PopulationSpectrum
        :math:`H`, the law of the variances of the columns.
    aspect : float
        :math:`c = d/m`.

    Returns
    -------
    ndarray, complex128, of the shape of ``z``; a complex number if that is ()

    Raises
    ------
    InputError
        NaN, infinity, or numbers out of range.
    RegimeError
        :math:`z = 0` where zero is an eigenvalue or the lower edge: :math:`g` is infinite.
    ConvergenceError
        The root found does not solve the equation to rounding, or, for a continuous law, not to :math:`10^{-10}` with
        twice the nodes.

    Notes
    -----
    Source: Silverstein and Choi (1995); derived above. The limit of large :math:`d` at fixed :math:`d/m`. At
    :math:`z = -t` it is the trace of the Jacobian at noise :math:`t`: :math:`\mathrm{tr}\,J = -d\,g(-t)`.

    Examples
    --------
    >>> law = PopulationSpectrum.blocks((4.0, 1.0), (1, 1))
    >>> g = resolvent(2.0 + 1.0j, law, aspect=3.0)
    >>> residual = 1 / g + 2.0 + 1.0j - 0.5 * (4 / (1 + 12 * g) + 1 / (1 + 3 * g))
    >>> bool(abs(residual) < 1e-13), bool(g.imag > 0)
    (True, True)
    """
    c = check(spectrum, aspect)
    points = _as_points(z)
    if np.any(points == 0) and c >= spectrum.rank:
        raise RegimeError(
            "got z = 0, where zero is an eigenvalue or the lower edge and the resolvent is infinite; "
            "use atom_at_zero for its mass, or z < 0"
        )
    flat = points.ravel()
    u = solve(np.where(flat.imag < 0, flat.conj(), flat), spectrum, c)
    g = -1 / (c * u)
    return np.where(flat.imag < 0, g.conj(), g).reshape(points.shape)[()]


def _as_points(z: ArrayLike) -> np.ndarray:
    try:
        points = np.asarray(z)
    except (TypeError, ValueError) as error:
        raise InputError(f"got z that is not an array: {error}; expected complex numbers") from error
    if points.dtype.kind not in "fiuc" or not np.isfinite(points).all():
        raise InputError(f"got z of dtype {points.dtype} or with NaN or infinity, expected finite complex numbers")
    points = points.astype(np.complex128)
    size, off_axis = np.abs(points), np.abs(points.imag[points.imag != 0])
    if np.any(size > LARGEST_SCALE) or np.any(off_axis < SMALLEST_SCALE):
        raise InputError(
            f"got z with |z| up to {size.max():.3g} and |Im z| from {off_axis.min(initial=LARGEST_SCALE):.3g}, "
            f"expected at most {LARGEST_SCALE:g}, and real or at least {SMALLEST_SCALE:g} off the axis"
        )
    return points


def density(gamma: ArrayLike, spectrum: PopulationSpectrum, *, aspect: float) -> Numbers:
    r"""Return :math:`\rho(\gamma) = \mathrm{Im}\,g(\gamma + i0)/\pi`, for each of the :math:`d` eigenvalues.

    Parameters
    ----------
    gamma : float or array of float
        Eigenvalues of :math:`FF^{\mathsf T}`; the density is zero where there are none, and at zero.
    spectrum, aspect
        As for :func:`resolvent`.

    Returns
    -------
    ndarray, float64, of the shape of ``gamma``; a float if that is ()

    Raises
    ------
    InputError, ConvergenceError
        As for :func:`resolvent`.

    Notes
    -----
    Source: Silverstein and Choi (1995); derived above. The continuous part, of mass one less that of
    :func:`~geomem.theory.random_matrix.bulks.atom_at_zero`. What is returned is the exact density at an eigenvalue that
    differs from ``gamma`` by rounding (for a continuous law, by a few :math:`10^{-10}` of it), which is felt next to an
    edge alone.

    Examples
    --------
    >>> law = PopulationSpectrum.blocks((100.0, 1.0), (160, 80))
    >>> density([1.0, 3.0, 50.0], law, aspect=400 / 240).round(5)
    array([0.10577, 0.     , 0.00199])
    """
    c, gamma = check(spectrum, aspect), as_real(gamma, "gamma")
    rho = np.zeros(gamma.shape)
    positive = gamma > 0
    if np.any(gamma > LARGEST_SCALE):
        raise InputError(
            f"got gamma up to {gamma.max():.3g}, expected at most {LARGEST_SCALE:g}; choose another unit of length"
        )
    u = solve(gamma[positive].astype(np.complex128), spectrum, c)
    rho[positive] = np.imag(-1 / (c * u)) / np.pi
    return rho[()]


def moments(spectrum: PopulationSpectrum, *, aspect: float) -> Float[np.ndarray, "3"]:
    r"""Return :math:`\lim\tfrac1d\mathbb E\,\mathrm{tr}\,(FF^{\mathsf T})^k` for :math:`k = 1, 2, 3`.

    .. math:: M_1 = \mu_1, \qquad M_2 = c\,\mu_2 + \mu_1^2, \qquad M_3 = c^2\mu_3 + 3c\,\mu_1\mu_2 + \mu_1^3,
       \qquad \mu_k = \int\tau^k dH .

    Parameters
    ----------
    spectrum, aspect
        As for :func:`resolvent`.

    Returns
    -------
    ndarray, float64, shape (3,)

    Raises
    ------
    InputError
        ``aspect`` is no positive number, or out of range.

    Notes
    -----
    Source: derived here. The Silverstein equation is :math:`z = -1/g + \sum_k c^{k-1}\mu_k(-g)^{k-1}`: the free
    cumulants are :math:`c^{k-1}\mu_k`, and :math:`g = -\sum_k M_k z^{-k-1}` solves it. The first is exact at any size.

    Examples
    --------
    >>> moments(PopulationSpectrum.blocks((1.0,), (1,)), aspect=2.0)
    array([ 1.,  3., 11.])
    """
    c = check(spectrum, aspect)
    first, second, third = (spectrum.moment(k) for k in (1, 2, 3))
    return np.array([first, c * second + first**2, c**2 * third + 3 * c * first * second + first**3])

r"""The Silverstein equation :math:`\psi(u) = z` and its root, derived in the module ``silverstein``."""

import numpy as np
from scipy.optimize.elementwise import find_root

from geomem.errors import ConvergenceError, InputError
from geomem.theory.random_matrix._inputs import as_aspect
from geomem.theory.random_matrix.population import PopulationSpectrum

__all__ = ["QUADRATURE", "ROUNDING", "atoms", "check", "psi", "solve"]

EPS = np.finfo(float).eps
NEWTON_STEPS = 100
ROUNDING = 1e-12
"""What rounding may leave of the equation, relative to its terms."""
QUADRATURE = 1e-10
"""What a continuous law may change with twice the nodes, relative to the terms of the equation."""


def check(spectrum: PopulationSpectrum, aspect: object) -> float:
    """Return the aspect as a float, or raise if it or the law of the variances is none."""
    if not isinstance(spectrum, PopulationSpectrum):
        raise InputError(
            f"got a spectrum of type {type(spectrum).__name__}, expected a PopulationSpectrum; "
            "use PopulationSpectrum.blocks(variances, dims)"
        )
    return as_aspect(aspect)


def atoms(spectrum: PopulationSpectrum) -> tuple[np.ndarray, np.ndarray]:
    """Return the positive variances and their weights: columns of zeros add nothing."""
    positive = spectrum.variances > 0
    return spectrum.variances[positive], spectrum.weights[positive]


def psi(u: np.ndarray, spectrum: PopulationSpectrum, c: float) -> np.ndarray:
    r"""Return :math:`\psi(u)`."""
    tau, weights = atoms(spectrum)
    return u * (c + (tau / (u[..., None] - tau)) @ weights)


def rounding_unit(u: np.ndarray, spectrum: PopulationSpectrum, c: float) -> np.ndarray:
    r"""Return the sum of the moduli of the terms of :math:`\psi(u)`."""
    tau, weights = atoms(spectrum)
    return np.abs(u) * (c + np.abs(tau / (u[..., None] - tau)) @ weights)


def _height(x: np.ndarray, eta: np.ndarray, spectrum: PopulationSpectrum, c: float) -> np.ndarray:
    r"""Return :math:`y`, the height over :math:`x` of the line :math:`\mathrm{Im}\,\psi = \eta`."""
    tau, weights = atoms(spectrum)
    squares, power = (x[:, None] - tau) ** 2, weights * tau**2
    height = np.maximum(np.max(power / c - squares, axis=1, initial=0.0), (eta / c) ** 2)  # of one term alone
    for _ in range(NEWTON_STEPS):
        terms = power / (squares + height[:, None])
        above = np.divide(eta, np.sqrt(height), out=np.zeros_like(eta), where=eta > 0)
        r = terms.sum(1) + above
        slope = (terms / (squares + height[:, None])).sum(1)
        slope += np.divide(above, 2 * height, out=np.zeros_like(eta), where=eta > 0)
        if np.all(r <= c * (1 + 8 * EPS)):
            return np.sqrt(height)
        height += np.maximum(r * (r / c - 1) / slope, 0)
    raise ConvergenceError(
        f"{NEWTON_STEPS} steps did not reach the level line of the Silverstein equation at aspect {c:g}; "
        "use fewer decades of variances, or an aspect nearer to one"
    )


def solve(z: np.ndarray, spectrum: PopulationSpectrum, c: float) -> np.ndarray:
    r"""Return the root :math:`u`, shape (n,), of :math:`\psi(u) = z` with :math:`\mathrm{Im}\,z \ge 0`, or raise."""
    mean, spread = spectrum.moment(1), np.sqrt(c * spectrum.moment(2))

    def excess(x: np.ndarray, energy: np.ndarray, eta: np.ndarray) -> np.ndarray:
        u = x + 1j * _height(x, eta, spectrum, c)
        return (psi(u, spectrum, c).real - energy) / (np.abs(energy) + rounding_unit(u, spectrum, c))

    center, half = (z.real - mean) / c, 1.001 * spread / c
    bracket = (center - half, center + half)
    found = find_root(excess, bracket, args=(z.real, z.imag), tolerances={"fatol": EPS})
    u = found.x + 1j * _height(found.x, z.imag, spectrum, c)
    _verify(u, z, spectrum, c, ROUNDING, "from rounding; use fewer decades of variances, or an aspect nearer to one")
    if spectrum.finer is not None:
        _verify(u, z, spectrum.finer, c, QUADRATURE, "with twice the nodes; raise n_nodes of the continuous law")
    return u


def _verify(u: np.ndarray, z: np.ndarray, spectrum: PopulationSpectrum, c: float, limit: float, of: str) -> None:
    error = np.abs(psi(u, spectrum, c) - z) / (np.abs(z) + rounding_unit(u, spectrum, c))
    if np.any(~(error <= limit)):
        raise ConvergenceError(
            f"got a root of the Silverstein equation that leaves {np.max(error):.3g} of it, expected {limit:g} {of}"
        )

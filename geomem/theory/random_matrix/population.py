r"""The law :math:`H` of the variances of the columns, which a random manifold has in place of principal variances.

Data :math:`x_0 = F z` with :math:`z \sim \mathcal N(0, I_m)` and independent columns
:math:`F_{\cdot k} \sim \mathcal N(0, \tfrac{\sigma_k^2}{m} I_d)` have the covariance :math:`F F^{\mathsf T}`. Its
spectrum depends on the :math:`\sigma_k^2` and on the aspect :math:`c = d/m`; in the limit of large :math:`d` and
:math:`m` at fixed :math:`c`, only on :math:`c` and on the law :math:`H` of the :math:`\sigma_k^2`, which is what a
:class:`PopulationSpectrum` holds: atoms of weight :math:`m_k/m` for blocks of equal variance, or the nodes and weights
of a quadrature of a continuous law.

**Continuous laws.** Every integral over :math:`H` in :mod:`~geomem.theory.random_matrix.silverstein` is of a function
of :math:`\tau` with its poles at a distance from the support of :math:`H`, so Gauss-Legendre quadrature converges
exponentially: the more nodes it takes, the larger :math:`c` is and the wider the law. With too few, every node is
an atom to itself and the spectrum falls apart into false bulks. Therefore a continuous law carries along its own
quadrature with twice the nodes, in ``finer``, and whatever is computed from the one is verified with the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import roots_legendre

from geomem._typing import Float
from geomem.errors import InputError
from geomem.theory._blocks import as_real
from geomem.theory.random_matrix._inputs import LARGEST_SCALE, SMALLEST_SCALE, as_dims, as_one, as_positive

__all__ = ["PopulationSpectrum"]

SMALLEST_WEIGHT = 1e-12
Rule = Callable[[int], tuple[np.ndarray, np.ndarray]]
"""From a number of nodes to the nodes and positive weights, which need not sum to one."""


@dataclass(frozen=True, eq=False)
class PopulationSpectrum:
    r"""Atoms :math:`\tau_k` of weight :math:`H\{\tau_k\}`: ascending, distinct, the weights summing to one.

    Parameters
    ----------
    variances : ndarray, shape (K,)
        :math:`\tau_k \ge 0`, variances of columns in units of length squared, in any order; equal ones are merged. Not
        all zero.
    weights : ndarray, shape (K,)
        :math:`H\{\tau_k\}`, at least :math:`10^{-12}` each; they sum to one.
    finer : PopulationSpectrum or None
        The same law with twice the nodes, where these are the nodes of a quadrature.

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, a negative variance, no positive one, or weights that are no
        probabilities.

    Examples
    --------
    >>> law = PopulationSpectrum(np.array([4.0, 1.0]), np.array([0.25, 0.75]))
    >>> law.variances, law.weights
    (array([1., 4.]), array([0.75, 0.25]))
    """

    variances: Float[np.ndarray, " K"]
    weights: Float[np.ndarray, " K"]
    finer: "PopulationSpectrum | None" = None

    def __post_init__(self) -> None:
        tau, weights = as_real(self.variances, "variances"), as_real(self.weights, "weights")
        if tau.ndim != 1 or not len(tau) or tau.shape != weights.shape:
            raise InputError(f"got variances {tau.shape} and weights {weights.shape}, expected both (K,), one or more")
        as_positive(tau[tau != 0], "variances")
        if not tau.any():
            raise InputError("got no variance above zero: such data are a single point")
        if weights.min() < SMALLEST_WEIGHT or abs(weights.sum() - 1) > 1e-12:
            raise InputError(
                f"got weights from {weights.min():.3g} that sum to {weights.sum():.15g}, expected probabilities of at "
                f"least {SMALLEST_WEIGHT:g} that sum to 1; leave out what has less"
            )
        distinct, which = np.unique(tau, return_inverse=True)
        object.__setattr__(self, "variances", distinct)
        object.__setattr__(self, "weights", np.bincount(which, weights))

    @classmethod
    def blocks(cls, variances: Sequence[float], dims: Sequence[int]) -> "PopulationSpectrum":
        r"""Return the law of blocks of equal variance, of weights :math:`m_k/m`.

        Parameters
        ----------
        variances : sequence of float, shape (K,)
            :math:`\sigma_k^2 \ge 0` of each block.
        dims : sequence of int, shape (K,)
            :math:`m_k`, the number of columns of each block.

        Returns
        -------
        PopulationSpectrum
            One atom for each distinct variance.

        Raises
        ------
        InputError
            As for the class, or sizes that are no whole numbers above zero.

        Notes
        -----
        Source: the definition. Exact: with these columns :math:`H` is the empirical law of the variances at any size;
        it is their spectrum that is taken in the limit of large :math:`d` at fixed :math:`d/m`.

        Examples
        --------
        >>> PopulationSpectrum.blocks((100.0, 1.0), (160, 80)).moment(1)
        67.0
        """
        sizes = as_dims(dims)
        return cls(as_real(variances, "variances"), sizes / sizes.sum())

    @classmethod
    def continuous(
        cls, density: Callable[[np.ndarray], np.ndarray], low: float, high: float, *, n_nodes: int = 512
    ) -> "PopulationSpectrum":
        r"""Return the law of the given density on :math:`[low, high]`, at the nodes of Gauss and Legendre.

        Parameters
        ----------
        density : callable
            Maps variances, shape (K,), to densities up to a common factor: smooth and positive, also at both ends.
        low, high : float
            :math:`0 \le low < high`.
        n_nodes : int
            Number of nodes, 2 at least; twice as many verify it.

        Returns
        -------
        PopulationSpectrum
            Its atoms are the nodes; ``finer`` has twice as many.

        Raises
        ------
        InputError
            No interval, fewer than two nodes, or a density that is not positive and finite.

        Notes
        -----
        Source: Gauss-Legendre quadrature. Regime: as many blocks as columns, the limit of large :math:`m` in which the
        variances fill an interval; ``n_nodes`` large enough that :math:`c` and the width of the law leave no false
        bulks, which is verified wherever the law is used.

        Examples
        --------
        >>> law = PopulationSpectrum.continuous(lambda tau: tau, 1.0, 2.0)  # H([1, tau]) = (tau^2 - 1)/3
        >>> round(law.moment(1), 12)
        1.555555555556
        """
        low, high = _interval(low, high)

        def rule(n: int) -> tuple[np.ndarray, np.ndarray]:
            y, weights = roots_legendre(n)
            tau = low + (high - low) * (1 + y) / 2
            return tau, weights * as_positive(density(tau), "density")

        return cls._by_quadrature(rule, n_nodes)

    @classmethod
    def uniform(cls, low: float, high: float, *, n_nodes: int = 512) -> "PopulationSpectrum":
        r"""Return the uniform law on :math:`[low, high]`. Arguments, errors, and regime as for :meth:`continuous`.

        Examples
        --------
        >>> round(PopulationSpectrum.uniform(0.0, 2.0).moment(2), 12)
        1.333333333333
        """
        return cls.continuous(np.ones_like, low, high, n_nodes=n_nodes)

    @classmethod
    def log_uniform(cls, low: float, high: float, *, n_nodes: int = 512) -> "PopulationSpectrum":
        r"""Return the law with :math:`\ln\tau` uniform on :math:`[\ln low, \ln high]`, :math:`low > 0`.

        The nodes are those of Gauss and Legendre in :math:`\ln\tau`, so the law may span decades. Other arguments,
        errors, and regime as for :meth:`continuous`.

        Examples
        --------
        >>> law = PopulationSpectrum.log_uniform(0.01, 1.0)
        >>> print(f"{law.moment(1) * np.log(100):.12f}")
        0.990000000000
        """
        low, high = _interval(low, high)
        if low == 0:
            raise InputError("got low = 0, expected a positive number: ln 0 is no end of an interval")

        def rule(n: int) -> tuple[np.ndarray, np.ndarray]:
            y, weights = roots_legendre(n)
            return low * (high / low) ** ((1 + y) / 2), weights

        return cls._by_quadrature(rule, n_nodes)

    @classmethod
    def _by_quadrature(cls, rule: Rule, n_nodes: int) -> "PopulationSpectrum":
        n = int(as_one(as_dims(n_nodes, "n_nodes"), "n_nodes"))
        if n < 2:
            raise InputError(f"got n_nodes = {n_nodes}, expected 2 or more")
        (tau, weights), (finer_tau, finer_weights) = rule(n), rule(2 * n)
        return cls(tau, weights / weights.sum(), cls(finer_tau, finer_weights / finer_weights.sum()))

    def moment(self, k: int) -> float:
        r"""Return :math:`\int \tau^k\, dH(\tau)`.

        Examples
        --------
        >>> PopulationSpectrum.blocks((1.0, 4.0), (3, 1)).moment(2)
        4.75
        """
        return float(self.weights @ self.variances**k)

    @property
    def rank(self) -> float:
        r""":math:`H(0, \infty)`, the share of columns that are not zero."""
        return 1.0 - float(self.weights[0]) if self.variances[0] == 0 else 1.0


def _interval(low: float, high: float) -> tuple[float, float]:
    low, high = as_real([low, high], "low and high").tolist()
    if not (0 <= low < high <= LARGEST_SCALE and high >= SMALLEST_SCALE):
        raise InputError(f"got low = {low:g} and high = {high:g}, expected 0 <= low < high <= {LARGEST_SCALE:g}")
    return low, high

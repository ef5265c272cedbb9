r"""What a block of directions has lost: three measures that need not agree.

Let :math:`C` be the posterior covariance of the empirical score and :math:`P` that of the population at the same state
and noise, both restricted to a block of :math:`n` directions, :math:`C_k = Q_k^{\mathsf T} C_w Q_k`. For Gaussian
data of variance :math:`\sigma^2` in every direction of the block :math:`P = t\sigma^2/(t+\sigma^2)\,I`. Then

.. math::

   R &= \frac{\operatorname{tr} C}{\operatorname{tr} P}, \\
   \Lambda &= \frac{\operatorname{tr} P - \operatorname{tr} C}{n\,t}, \\
   F &= \frac1n\,\#\Bigl\{j : \lambda_j\bigl(P^{-1/2} C P^{-1/2}\bigr) > \tfrac12\Bigr\}

are the relative response (one if nothing is lost), the absolute loss (dimensions lost for each direction of the block,
as :math:`\operatorname{tr} C/t` is its effective dimension), and the live fraction. They order two blocks differently.
By the frozen covariance :math:`\mathbb E\,C = t\sigma^2/(t_c+\sigma^2)\,I` below condensation at a fresh state,

.. math::

   \mathbb E R = \frac{t + \sigma^2}{t_c + \sigma^2}, \qquad
   \mathbb E \Lambda = \frac{\sigma^2\,(t_c - t)}{(t + \sigma^2)(t_c + \sigma^2)} .

The response rises with :math:`\sigma^2`: low variance is lost first, always. The loss is the same for
:math:`\sigma_1^2` and :math:`\sigma_2^2` where :math:`t\,t_c = \sigma_1^2\sigma_2^2`; above that noise the direction of
higher variance has lost more. The live fraction is not a mean: a covariance of :math:`r` points has rank :math:`r - 1`
at most, so a state that rests on :math:`r` points keeps at most :math:`r - 1` live directions in all, and the larger
block is the first to miss some. Derived here.
"""

import numpy as np

from geomem._typing import Float
from geomem.errors import InputError
from geomem.theory._blocks import as_real, as_times, broadcast_shape

__all__ = ["absolute_loss", "live_fraction", "relative_response"]

ROUNDING = 1e-8
"""Asymmetry and negative variance that are put down to rounding, relative to the largest entry."""

Covariances = Float[np.ndarray, "*batch n n"]
"""Covariances of one block."""
Numbers = float | np.floating | Float[np.ndarray, "..."]
"""float64; a float for one covariance."""


def _as_covariance(value: object, name: str) -> np.ndarray:
    """Return covariances of shape (..., n, n), or raise."""
    matrices = as_real(value, name)
    if matrices.ndim < 2 or not 1 <= matrices.shape[-1] == matrices.shape[-2]:
        raise InputError(f"got {name} of shape {matrices.shape}, expected (..., n, n) with n >= 1 directions")
    allowed = ROUNDING * np.abs(matrices).max((-2, -1), initial=0.0)
    if np.any(np.abs(matrices - matrices.mT).max((-2, -1)) > allowed):
        raise InputError(f"got {name} that is not symmetric, expected a covariance; take its symmetric part")
    if np.any(np.diagonal(matrices, axis1=-2, axis2=-1).min(-1) < -allowed):
        raise InputError(f"got a negative variance in {name}, expected a covariance C = t (I + t J), not J")
    return matrices


def _as_blocks(covariance: object, population: object) -> tuple[np.ndarray, np.ndarray]:
    """Return both covariances of a block, or raise if they do not belong together."""
    c, p = _as_covariance(covariance, "covariance"), _as_covariance(population, "population")
    if c.shape[-1] != p.shape[-1]:
        raise InputError(f"got a covariance of {c.shape[-1]} directions and a population of {p.shape[-1]}")
    broadcast_shape(covariance=c.shape[:-2], population=p.shape[:-2])
    return c, p


def _trace(matrices: np.ndarray) -> Numbers:
    """Return the traces of (..., n, n), shape (...)."""
    return np.trace(matrices, axis1=-2, axis2=-1)


def relative_response(covariance: Covariances, population: Float[np.ndarray, "*other n n"]) -> Numbers:
    r"""Return :math:`R = \operatorname{tr} C/\operatorname{tr} P`, one where nothing is lost.

    Parameters
    ----------
    covariance : ndarray, shape (..., n, n)
        :math:`C`, the posterior covariance of the empirical score in the block, in units of length squared.
    population : ndarray, shape (..., n, n)
        :math:`P`, that of the population at the same state and noise; batch axes broadcast.

    Returns
    -------
    ndarray, float64, of the common batch shape; a float if that is ()
        Dimensionless, >= 0. It may exceed one: a few heavy points can lie farther apart than the posterior.

    Raises
    ------
    InputError
        NaN, infinity, not symmetric, a negative variance, shapes that do not fit, or a population without trace.

    Notes
    -----
    Source: derived here. A definition, at any size and for any law; its mean is linear in :math:`C`, so the exact
    posterior covariance at finite :math:`N` gives it. It does not depend on the basis of the block.

    Examples
    --------
    >>> float(relative_response(np.diag([0.2, 0.0]), 0.4 * np.eye(2)))
    0.25
    """
    c, p = _as_blocks(covariance, population)
    total = _trace(p)
    if np.any(total <= 0):
        raise InputError("got a population covariance of trace zero: a block without variance has nothing to lose")
    return _trace(c) / total


def absolute_loss(
    covariance: Covariances, population: Float[np.ndarray, "*other n n"], *, t: float | Float[np.ndarray, "..."]
) -> Numbers:
    r"""Return :math:`\Lambda = (\operatorname{tr} P - \operatorname{tr} C)/(n\,t)`, dimensions lost per direction.

    Parameters
    ----------
    covariance, population : ndarray, shape (..., n, n)
        As for :func:`relative_response`; the population may also be zero.
    t : float or array of float
        Noise variance, > 0; broadcasts against the batch axes.

    Returns
    -------
    ndarray, float64, of the common shape of ``t`` and the batch axes; a float if that is ()
        Dimensionless: one is a whole dimension of the effective dimension for every direction of the block. At most
        :math:`\operatorname{tr} P/(n\,t)`, which is below one at finite noise; negative where :math:`C` is larger.

    Raises
    ------
    InputError
        As for :func:`relative_response`, or ``t`` not positive.

    Notes
    -----
    Source: derived here. A definition, at any size and for any law, independent of the basis of the block.

    Examples
    --------
    >>> print(f"{absolute_loss(np.diag([0.2, 0.0]), 0.4 * np.eye(2), t=0.5):.2f}")
    0.60
    """
    c, p = _as_blocks(covariance, population)
    noise = as_times(t)
    broadcast_shape(t=noise.shape, covariance=c.shape[:-2], population=p.shape[:-2])
    return (_trace(p) - _trace(c)) / (p.shape[-1] * noise)


def live_fraction(
    covariance: Covariances, population: Float[np.ndarray, "*other n n"], *, threshold: float = 0.5
) -> Numbers:
    r"""Return the share of the eigenvalues of :math:`P^{-1/2} C P^{-1/2}` that exceed the threshold.

    Parameters
    ----------
    covariance, population : ndarray, shape (..., n, n)
        As for :func:`relative_response`; the population must be positive definite.
    threshold : float
        > 0; one is the population's value.

    Returns
    -------
    ndarray, float64, of the common batch shape; a float if that is ()
        A multiple of 1/n, one where the covariance is the population's and the threshold is below one.

    Raises
    ------
    InputError
        As for :func:`relative_response`, a population that is not positive definite, or a threshold that is not
        positive.

    Notes
    -----
    Source: derived here. The eigenvalues are those of :math:`L^{-1} C L^{-\mathsf T}` with the Cholesky factor
    :math:`P = L L^{\mathsf T}`, to which :math:`P^{-1/2} C P^{-1/2}` is similar. A definition, at any size and for any
    law, independent of the basis of the block. Under :math:`\tilde N` equal weights on independent draws of the
    posterior they follow the Marchenko-Pastur law of aspect :math:`n/\tilde N` in the limit of many of both.

    Examples
    --------
    >>> float(live_fraction(np.diag([0.3, 0.1]), 0.4 * np.eye(2)))
    0.5
    """
    c, p = _as_blocks(covariance, population)
    if not 0 < threshold < np.inf:
        raise InputError(f"got threshold = {threshold}, expected a positive number; 1 is the population's value")
    try:
        factor = np.linalg.cholesky(p)
    except np.linalg.LinAlgError as error:
        raise InputError(
            "got a population covariance that is not positive definite: leave directions without variance out"
        ) from error
    whitened = np.linalg.solve(factor, np.linalg.solve(factor, c).mT)
    return (np.linalg.eigvalsh(whitened) > threshold).mean(-1)

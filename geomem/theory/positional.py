r"""Distances from a state as the energies of a random energy model.

Seen from a state :math:`x` at noise :math:`t`, the empirical density is a partition function: data point :math:`y`
has energy :math:`E = \|x-y\|^2/2` and weight :math:`e^{-E/t}`. All statistics of one energy are in its cumulant
function. For centered Gaussian data of principal variances :math:`\sigma_i^2`, with :math:`x_i` the coordinates of
the state along the same axes, one Gaussian integral for each direction gives

.. math::

   d\,\zeta(\lambda) = \ln \mathbb E_y\, e^{-\lambda E/t}
     = -\tfrac12\sum_i \ln\!\Big(1+\frac{\lambda\sigma_i^2}{t}\Big)
       -\tfrac12\sum_i \frac{\lambda x_i^2}{t+\lambda\sigma_i^2} .

The tilted law :math:`\propto p_0(y)\,e^{-\lambda E/t}` is the posterior :math:`p(x_0 | x)` at noise :math:`t/\lambda`:
a Gaussian density in :math:`y` around :math:`x` is the likelihood. Hence, for *any* law of the data,

.. math:: \mathrm{KL}\big(p_\lambda \,\|\, p_0\big)
   = \Big\langle \ln\frac{e^{-\lambda E/t}}{e^{d\,\zeta(\lambda)}} \Big\rangle_\lambda
   = d\,\big[\lambda\zeta'(\lambda) - \zeta(\lambda)\big],

because :math:`d\,\zeta' = -\langle E/t\rangle_\lambda`. Its derivative is :math:`\lambda\,d\,\zeta''(\lambda)`: the
divergence grows at :math:`\lambda` times the variance of :math:`E/t` under the tilted law. At :math:`\lambda = 1`,
with :math:`d\,\zeta' = -\tfrac12\sum_i[\sigma_i^2/(t+\sigma_i^2) + t x_i^2/(t+\sigma_i^2)^2]`, this is

.. math::

   \mathrm{KL}(x, t) &= \tfrac12\sum_i\Big[\ln\!\Big(1+\frac{\sigma_i^2}{t}\Big) - \frac{\sigma_i^2}{t+\sigma_i^2}
     + \frac{x_i^2\sigma_i^2}{(t+\sigma_i^2)^2}\Big], \\
   V(x, t) &= d\,\zeta''(1) = \sum_i\Big[\frac{\sigma_i^4}{2(t+\sigma_i^2)^2}
     + \frac{x_i^2\,t\,\sigma_i^2}{(t+\sigma_i^2)^3}\Big],

and, as :math:`\lambda` enters only through :math:`t/\lambda`, :math:`\partial\,\mathrm{KL}/\partial\ln t = -V`.
All of this is exact at any dimension; derived here. Directions without variance carry no information: they add
:math:`-\lambda x_i^2/2t` to :math:`d\,\zeta`, the same for every data point, and nothing to the divergence or
to :math:`V`.
"""

from collections.abc import Sequence

import numpy as np

from geomem._typing import Float
from geomem.errors import InputError
from geomem.theory._blocks import as_blocks, as_times, broadcast_shape
from geomem.theory.random_energy_model.cumulants import Cumulant

__all__ = ["energy_variance", "information_gain", "positional_cumulant"]


def positional_cumulant(
    x: Float[np.ndarray, " d"], *, variances: Float[np.ndarray, " d"] | Sequence[float], t: float
) -> Cumulant:
    r"""Return the cumulant function of :math:`-E/t`, :math:`E = \|x-y\|^2/2`, over one data point :math:`y`.

    .. math:: d\,\zeta(\lambda) = -\tfrac12\sum_i\ln\!\Big(1+\frac{\lambda\sigma_i^2}{t}\Big)
       - \tfrac12\sum_i\frac{\lambda x_i^2}{t+\lambda\sigma_i^2} \qquad (\text{extensive, nats}).

    Parameters
    ----------
    x : ndarray, shape (d,)
        One state, in the principal axes of the data.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero. Equal ones are summed together.
    t : float
        Noise variance, > 0.

    Returns
    -------
    callable
        Takes :math:`\lambda`, real or complex, of any shape, and returns :math:`d\,\zeta(\lambda)` in the same shape.
        Analytic for :math:`\operatorname{Re}\lambda > -t/\max_i\sigma_i^2`; outside, the mean does not exist.

    Raises
    ------
    InputError
        NaN, infinity, wrong shapes, a negative variance, no positive one, or ``t`` not a positive number.

    Notes
    -----
    Source: derived here. Exact at any dimension.

    Examples
    --------
    >>> cumulant = positional_cumulant(np.array([1.0, 0.0]), variances=[1.0, 0.25], t=0.5)
    >>> print(f"{cumulant(1.0):.6f}")
    -1.085372
    """
    blocks, noise = as_blocks(x, variances), as_times(t)
    if blocks.squares.ndim != 1 or noise.ndim != 0:
        raise InputError(f"got x of shape {np.shape(x)} and t of shape {noise.shape}, expected one state and one t")
    return blocks.cumulant(float(noise))


def information_gain(
    x: Float[np.ndarray, "*batch d"],
    *,
    variances: Float[np.ndarray, " d"] | Sequence[float],
    t: float | np.ndarray,
) -> Float[np.ndarray, "..."] | float:
    r"""Return :math:`\mathrm{KL}(p(x_0|x)\,\|\,p_0)` in nats: what a state says about where it came from.

    .. math:: \mathrm{KL}(x, t) = \tfrac12\sum_i\Big[\ln\!\Big(1+\frac{\sigma_i^2}{t}\Big)
       - \frac{\sigma_i^2}{t+\sigma_i^2} + \frac{x_i^2\sigma_i^2}{(t+\sigma_i^2)^2}\Big].

    Parameters
    ----------
    x : ndarray, shape (..., d)
        States, in the principal axes of the data.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero.
    t : float or ndarray
        Noise variance, > 0; broadcasts against the batch axes of ``x``.

    Returns
    -------
    ndarray, float64, of the common shape of ``t`` and ``x.shape[:-1]``; a float if that is ()

    Raises
    ------
    InputError
        NaN, infinity, shapes that do not fit, a negative variance, no positive one, or ``t`` not positive.

    Notes
    -----
    Source: derived here. Exact at any dimension. The mean over :math:`x \sim p_t` is the mutual information
    :math:`I(x_0; x_t) = \tfrac12\sum_i\ln(1+\sigma_i^2/t)`.

    Examples
    --------
    >>> print(f"{information_gain(np.array([1.0, 0.0]), variances=[1.0, 0.25], t=0.5):.6f}")
    0.474261
    """
    blocks, noise = as_blocks(x, variances), as_times(t)
    broadcast_shape(x=blocks.squares.shape[:-1], t=noise.shape)
    return blocks.information_gain(noise)


def energy_variance(
    x: Float[np.ndarray, "*batch d"],
    *,
    variances: Float[np.ndarray, " d"] | Sequence[float],
    t: float | np.ndarray,
) -> Float[np.ndarray, "..."] | float:
    r"""Return :math:`V(x, t) = d\,\zeta''(1)`: the variance of :math:`E/t` over the posterior :math:`p(x_0|x)`.

    .. math:: V(x, t) = \sum_i\Big[\frac{\sigma_i^4}{2(t+\sigma_i^2)^2}
       + \frac{x_i^2\,t\,\sigma_i^2}{(t+\sigma_i^2)^3}\Big]
       = -\frac{\partial\,\mathrm{KL}(x, t)}{\partial\ln t}.

    Parameters
    ----------
    x : ndarray, shape (..., d)
        States, in the principal axes of the data.
    variances : ndarray or sequence of float, shape (d,)
        :math:`\sigma_i^2 \ge 0`, not all zero.
    t : float or ndarray
        Noise variance, > 0; broadcasts against the batch axes of ``x``.

    Returns
    -------
    ndarray, float64, of the common shape of ``t`` and ``x.shape[:-1]``; a float if that is ()

    Raises
    ------
    InputError
        As for :func:`information_gain`.

    Notes
    -----
    Source: derived here. Exact at any dimension.

    Examples
    --------
    >>> print(f"{energy_variance(np.array([1.0, 0.0]), variances=[1.0, 0.25], t=0.5):.6f}")
    0.425926
    """
    blocks, noise = as_blocks(x, variances), as_times(t)
    broadcast_shape(x=blocks.squares.shape[:-1], t=noise.shape)
    return blocks.energy_variance(noise)

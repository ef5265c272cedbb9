r"""The effective sample size :math:`\tilde N = 1/\sum_\mu w_\mu^2` of N levels: three averages that differ, exactly.

:math:`\tilde N` fluctuates between draws of the energies, above condensation because the lowest level does and below
because the frozen weights do, so its mean depends on what is averaged. By Jensen's inequality

.. math::

   1 \;\le\; \underbrace{\frac{1}{\mathbb E \sum_\mu w_\mu^2}}_{\text{harmonic}} \;\le\;
   \underbrace{e^{\mathbb E \ln \tilde N}}_{\text{geometric}} \;\le\;
   \underbrace{\mathbb E\, \tilde N}_{\text{arithmetic}} \;\le\; N .

The first is the inverse of :func:`~geomem.theory.random_energy_model.finite_size.participation`, the second the
difference of two partition functions, :math:`\tilde N = Z(1)^2 / Z(2)` with :math:`Z(2) = \sum_\mu z_\mu^2`.

**Arithmetic mean.** With :math:`1/Z(2) = \int_0^\infty e^{-v \sum_\mu z_\mu^2} \mathrm dv` and
:math:`M_k(v) = \mathbb E\, z^k e^{-v z^2}`, the :math:`N` squares and the :math:`N (N-1)` products in :math:`Z(1)^2`
give

.. math::

   \mathbb E\, \tilde N &= \int_0^\infty \big[ N M_2 M_0^{N-1} + N (N-1)\, M_1^2 M_0^{N-2} \big] \mathrm dv \\
   &= 1 + N (N-1) \int \big( \sqrt v\, M_1 \big)^2 M_0^{N-2}\, \mathrm d \ln v ,

because :math:`M_2 = -M_0'`, and :math:`M_0^N` falls from 1 to 0. :math:`M_0` is the Laplace transform of
:math:`z^2`, whose cumulant is :math:`\lambda \mapsto d\,\zeta(2\lambda)`; and as
:math:`\sqrt y\, e^{-y} = \frac1{2\pi i} \int \Gamma(\tfrac12 - \lambda)\, y^\lambda \mathrm d\lambda`,

.. math::

   \sqrt v\, M_1(v) = \frac1{2\pi i} \int_{\mathrm{Re} \lambda < 1/2} \Gamma(\tfrac12 - \lambda)\,
   v^\lambda e^{d\,\zeta(2\lambda)} \mathrm d\lambda ,

an integral like those of :mod:`~geomem.theory.random_energy_model.mellin_barnes`. Exact at any size, for any law
with a cumulant; derived here. Where an average is beyond float64, its logarithm per dimension is a rate of
:mod:`~geomem.theory.random_energy_model.limit`, and :math:`\mathbb E \ln \tilde N` is always finite.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import loggamma

from geomem.errors import RegimeError
from geomem.theory.random_energy_model.cumulants import Cumulant
from geomem.theory.random_energy_model.finite_size import (
    THETA,
    Evaluation,
    Levels,
    Numbers,
    expected_log_partition,
    halve_until_settled,
    integrate,
    participation,
)
from geomem.theory.random_energy_model.mellin_barnes import MellinBarnes

__all__ = [
    "arithmetic_sample_size",
    "expected_log_sample_size",
    "geometric_sample_size",
    "harmonic_sample_size",
]

LARGEST_LOG = 700.0  # e^700 is the largest sample size that is returned


def _check_log(log_size: float) -> None:
    """Raise if a sample size of this logarithm is too large for float64."""
    if not log_size < LARGEST_LOG:
        raise RegimeError(
            f"got a mean sample size above e^{LARGEST_LOG:g}, beyond float64; use expected_log_sample_size, its "
            "logarithm, or typical_rate and annealed_rate, the limits"
        )


def harmonic_sample_size(cumulant: Cumulant, *, log_n_points: float) -> Evaluation:
    r"""Return :math:`1 / \mathbb E \sum_\mu w_\mu^2`, the harmonic mean of :math:`\tilde N`, with its numerical error.

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`, analytic for :math:`0 < \mathrm{Re} \lambda < 2`.
    log_n_points : float
        :math:`\ln N \ge \ln 2`.

    Raises
    ------
    InputError
        ``log_n_points`` is below :math:`\ln 2` or not finite.
    ConvergenceError
        Five halvings of the steps did not settle the value.
    RegimeError
        The value is above :math:`e^{700}`.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> round(harmonic_sample_size(gaussian_cumulant(variance=4.0), log_n_points=np.log(1000)).value, 6)
    34.442021
    """
    value, error = participation(cumulant, log_n_points=log_n_points)
    _check_log(-float(np.log(max(value, np.finfo(float).tiny))))
    return Evaluation(1 / value, error / value / value)


def geometric_sample_size(cumulant: Cumulant, *, log_n_points: float) -> Evaluation:
    r"""Return :math:`e^{\mathbb E \ln \tilde N}`, the geometric mean of :math:`\tilde N`, with its numerical error.

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`, analytic for :math:`0 < \mathrm{Re} \lambda < 4`.
    log_n_points : float
        :math:`\ln N \ge \ln 2`.

    Raises
    ------
    InputError
        ``log_n_points`` is below :math:`\ln 2` or not finite.
    ConvergenceError
        Five halvings of the steps did not settle the value.
    RegimeError
        The value is above :math:`e^{700}`.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> round(geometric_sample_size(gaussian_cumulant(variance=4.0), log_n_points=np.log(1000)).value, 6)
    45.572491
    """
    logarithm, error = expected_log_sample_size(cumulant, log_n_points=log_n_points)
    _check_log(float(logarithm))
    value = float(np.exp(logarithm))
    return Evaluation(value, value * float(np.expm1(error)))


def arithmetic_sample_size(cumulant: Cumulant, *, log_n_points: float) -> Evaluation:
    r"""Return :math:`\mathbb E\, \tilde N`, the arithmetic mean, exactly, with its numerical error.

    .. math::

       \mathbb E\, \tilde N = 1 + N (N-1) \int \big( \sqrt v\, M_1(v) \big)^2 M_0(v)^{N-2}\, \mathrm d \ln v ,
       \qquad M_k(v) = \mathbb E\, z^k e^{-v z^2}

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`, analytic for :math:`0 < \mathrm{Re} \lambda < 4`.
    log_n_points : float
        :math:`\ln N \ge \ln 2`.

    Raises
    ------
    InputError
        ``log_n_points`` is below :math:`\ln 2` or not finite.
    ConvergenceError
        Five halvings of the steps did not settle the value.
    RegimeError
        The value is above :math:`e^{700}`.

    Examples
    --------
    >>> from geomem.theory.random_energy_model import gaussian_cumulant
    >>> round(arithmetic_sample_size(gaussian_cumulant(variance=4.0), log_n_points=np.log(1000)).value, 6)
    53.56336
    """

    def squares(lam: NDArray) -> NDArray:
        return cumulant(2 * lam)

    levels = Levels(squares, log_n_points)
    root = MellinBarnes(lambda lam: squares(lam) + loggamma(0.5 - lam), width=0.5)
    log_pairs = levels.log_n + levels.log_count(1)

    def log_integrand(v: NDArray, theta: float) -> NDArray:
        return log_pairs + 2 * root.log_integral(v, theta) + levels.log_survival(v, theta, removed=2)

    height = float(log_integrand(np.array([levels.center]), THETA)[0])  # near its highest, so nothing overflows
    right = levels.end(power=1, removed=2)

    def integral(theta: float, width: float) -> Numbers:
        ends = levels.panels(levels.left, right, width)
        return np.exp(-height) + integrate(lambda v: np.exp(log_integrand(v, theta) - height), ends)

    value, error = halve_until_settled(integral, relative=True)
    _check_log(height + float(np.log(value)))
    return Evaluation(value * float(np.exp(height)), error * float(np.exp(height)))


def expected_log_sample_size(cumulant: Cumulant, *, log_n_points: float) -> Evaluation:
    r"""Return :math:`\mathbb E \ln \tilde N`, with :math:`\tilde N = 1/\sum_\mu w_\mu^2` the effective sample size.

    .. math:: \mathbb E \ln \tilde N = 2\, \mathbb E \ln Z(\lambda{=}1) - \mathbb E \ln Z(\lambda{=}2)

    Parameters
    ----------
    cumulant : Cumulant
        :math:`\lambda \mapsto d\,\zeta(\lambda)`, analytic for :math:`0 < \mathrm{Re} \lambda < 4`.
    log_n_points : float
        :math:`\ln N \ge \ln 2`.

    Raises
    ------
    InputError
        ``log_n_points`` is below :math:`\ln 2` or not finite.
    ConvergenceError
        Five halvings of the steps did not settle the value.

    Examples
    --------
    >>> exact = expected_log_sample_size(lambda lam: 0 * lam, log_n_points=np.log(50))  # equal levels
    >>> round(float(np.exp(exact.value)), 6)
    50.0
    """
    once = expected_log_partition(cumulant, log_n_points=log_n_points)
    twice = expected_log_partition(lambda lam: cumulant(2 * lam), log_n_points=log_n_points)
    return Evaluation(2 * once.value - twice.value, 2 * once.error + twice.error)

r"""Spectra of the Jacobian of a score in units of the noise, each with a bound on its error.

What is returned are the eigenvalues of :math:`-tJ = I - K`, with :math:`K = I + tJ` the Jacobian of the denoiser.
They are dimensionless: :math:`t/(t + \sigma^2)` in a direction in which Gaussian data have variance
:math:`\sigma^2`, near zero along the data, and one where there are none. For an exact score :math:`tK` is a
covariance, so :math:`K` is symmetric and positive semi-definite and no value exceeds one; for a law that is not
log-concave they may be negative. Four ways to them:

``"svd"``
    Singular values of :math:`tJ`, dense. All that can be said of a matrix that is far from symmetric, and what is
    published most often. For symmetric :math:`J` they are the absolute values of the eigenvalues.
``"symmetric"``
    Eigenvalues of the symmetric part :math:`S` of :math:`-tJ`, dense. With :math:`R = -tJ - S` the antisymmetric part,
    each eigenvalue of :math:`-tJ` lies within :math:`\|R\|` of a value (Bauer and Fike), and the singular values of
    :math:`tJ` are, in order, within :math:`\|R\|` of the absolute values (Mirsky). The residual is
    :math:`\|R\|_F` and the rounding.
``"randomized"``
    From products alone, for laws that give them exactly; certified below. For the empirical law the error of the
    weights, which ``"gram"`` counts, is added.
``"gram"``
    The empirical law, from the Gram matrix of the points that carry the weight
    (:meth:`geomem.distributions.empirical.Empirical.jacobian_eigenvalues`).

**The certificate of the randomized method** (derived here). Let :math:`Q` have :math:`k` orthonormal columns, complete
it by :math:`Q_\perp`, and write

.. math::

   [Q\ Q_\perp]^{\mathsf T} K\, [Q\ Q_\perp] = \begin{pmatrix} A & B^{\mathsf T} \\ B & E \end{pmatrix}, \qquad
   b = \|B\| = \|KQ - QA\|, \qquad c = \operatorname{tr} E .

The eigenvalues of :math:`K` are estimated by those of :math:`A` and :math:`d - k` zeros: the spectrum of the matrix
without :math:`B` and :math:`E`. What is left out is symmetric and has the norm of
:math:`\bigl(\begin{smallmatrix} 0 & b \\ b & \|E\| \end{smallmatrix}\bigr)` at most. As :math:`K`, and with it
:math:`E`, is positive semi-definite, :math:`\|E\| \le c`, and by Weyl's inequality no eigenvalue, in order, is wrong
by more than

.. math:: r = \frac c2 + \sqrt{\frac{c^2}{4} + b^2} \le b + c .

The estimates are never too large for :math:`K`, which is to say the values never too small (interlacing), and as both
spectra have known traces the sum of all errors is :math:`c`: that alone would do for a semi-definite matrix; :math:`b`
is asked for besides because it also tests that the products are those of one.

Of the two, :math:`b` is measured (in Frobenius norm, which is larger), while :math:`c` would take all of :math:`K`; it
is bounded by :math:`p` Gaussian probes :math:`g`, drawn after :math:`Q` and projected off it, whose
:math:`q = \frac1p \sum g^{\mathsf T} K g` has mean :math:`c`. With :math:`\lambda_j` the eigenvalues of :math:`E`,

.. math::

   \mathbb E\, e^{-s p q} &= \prod_j (1 + 2 s \lambda_j)^{-p/2} \le (1 + 2 s c)^{-p/2}, \\
   \Pr(q \le \delta c) &\le \min_s e^{s p \delta c} (1 + 2 s c)^{-p/2} = (\delta e^{1-\delta})^{p/2}
   \le (e\delta)^{p/2} .

So :math:`c \le q/\delta` but for a probability :math:`(e\delta)^{p/2}`, whatever the spectrum. With :math:`p = 32`,
one in a billion is :math:`1/\delta = 10`; each basis tried is tested with new probes. To :math:`r` are added the
antisymmetric part of :math:`A`, the rounding of the small eigenproblem, and that of the products to the dtype of the
states, :math:`\epsilon(\|KQ\|_F + \|A\|\sqrt k)`: one rounding of each number that goes in and comes out (the
arithmetic of an exact law inside is float64, and is not counted). This gives :math:`10^{-13}` in float64 and a few
:math:`10^{-6}` in float32 for hundreds of directions, which is why the tolerances below differ.

The first basis has 5/4 of the participation rank :math:`(\operatorname{tr} K)^2/\operatorname{tr} K^2 \le
\operatorname{rank} K` (Hutchinson's estimates) and a few more; one that fails is doubled, after one step of subspace
iteration, up to :math:`d/4`: beyond that the dense matrix is hardly slower. A spectrum without a gap is never
certified: then ``"auto"`` goes dense and ``"randomized"`` says so. Range finder: Halko, Martinsson, and Tropp 2011,
arXiv 0909.4061.
"""

from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import Score, Variance, as_variance
from geomem.distributions.empirical import Empirical
from geomem.errors import ConvergenceError, InputError
from geomem.jacobian import _generators
from geomem.jacobian._jacobian import Jacobian, PosteriorCovariance
from geomem.jacobian._randomized import captured_eigenvalues

__all__ = ["TOLERANCES", "Method", "Spectrum", "spectrum"]

Method: TypeAlias = Literal["auto", "svd", "symmetric", "randomized", "gram"]
"""A way to a spectrum, or the choice of the fastest that is certified."""

TOLERANCES = {torch.float64: 1e-6, torch.float32: 1e-4}
"""Largest residual of the randomized method that is accepted, by the dtype of the states."""

RANDOMIZED_DIM = 200
"""Dimension from which ``"auto"`` tries the randomized method: below, the dense one takes as little."""

WEIGHT_ERROR = 1e-9
"""Largest error of a logit of the empirical law, see :mod:`geomem.distributions.empirical`."""

DIAMETER_ROWS = 2**12
"""Data points whose distance is taken at once."""


class Spectrum(NamedTuple):
    """The spectrum of each state, how it was found, and how far it can be from the truth."""

    values: Float[Tensor, "batch d"]
    """Eigenvalues of -tJ (or singular values of tJ), ascending, float64, dimensionless."""
    method: tuple[str, ...]
    """One for each state."""
    residual: Float[Tensor, " batch"]
    """Absolute bound on the error of every value of a state, float64; NaN where nothing is certified."""


def spectrum(
    score: Score,
    x: Float[Tensor, "batch d"],
    t: Variance,
    *,
    method: Method = "auto",
    tolerance: float | None = None,
    generator: torch.Generator | None = None,
) -> Spectrum:
    r"""Return the eigenvalues of :math:`-tJ` at each state, ascending: data directions first.

    Parameters
    ----------
    score : Score
        Any score.
    x : Tensor, shape (batch, d), float32 or float64
        States; products are taken in their dtype, everything after that in float64.
    t : float or Tensor, shape () or (batch,)
        Noise variance, > 0.
    method : str
        See the module. ``"auto"`` is ``"gram"`` for the empirical law; for another law with
        ``posterior_covariance_matvec`` and d >= 200 ``"randomized"`` where that is certified; else ``"symmetric"``.
        ``"svd"`` returns singular values of :math:`tJ` instead of eigenvalues.
    tolerance : float, optional
        Largest residual of ``"randomized"`` to accept, > 0; :data:`TOLERANCES` if not given. Also what ``"gram"``
        may leave out. Neither counts the error of the weights of an empirical law, which is then added and relative
        to the largest eigenvalue of :math:`K`. The other methods report their residual and accept any.
    generator : torch.Generator, optional
        Source of the random vectors, on the device of ``x``; one of seed 0 if not given, so that a call can be
        repeated. What is drawn for a state does not depend on the other states.

    Returns
    -------
    Spectrum
        ``values`` (batch, d), ``method`` (one for each state), ``residual`` (batch,).

    Raises
    ------
    InputError
        Unknown method, one that the score does not allow, ``tolerance`` not > 0; else as for
        :func:`~geomem.jacobian.products.products`.
    ConvergenceError
        ``method="randomized"`` and no certified basis.

    Notes
    -----
    Derived here. Holds at any finite size; the residual of ``"symmetric"`` and ``"svd"`` counts the rounding of the
    Jacobian's entries, but not digits that the score itself loses by cancellation. Four matrices of d x d are held at
    once by the dense methods, none by the others.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> law = LinearManifold([1.0, 3.0], ambient_dim=4)
    >>> spectrum(law, torch.zeros(1, 4, dtype=torch.float64), 1.0).values
    tensor([[0.2500, 0.5000, 1.0000, 1.0000]], dtype=torch.float64)
    >>> wide = LinearManifold([1.0, 3.0], ambient_dim=1000)
    >>> found = spectrum(wide, torch.zeros(1, 1000, dtype=torch.float64), 1.0)
    >>> found.values[0, :3], found.method, bool(found.residual < 1e-12)
    (tensor([0.2500, 0.5000, 1.0000], dtype=torch.float64), ('randomized',), True)
    """
    jacobian, variance = Jacobian.of(score, x, t), as_variance(t, x)
    accepted = _tolerance(x, tolerance)
    chosen = _choose(score, x, method)
    if isinstance(score, Empirical) and chosen == "gram":
        return _gram(score, x, variance, accepted)
    values, methods, residuals = [], [], []
    for i, own in enumerate(_generators.for_each(x, generator)):
        here, used = jacobian[i], chosen
        if chosen == "randomized":
            try:
                found, residual = _randomized(here, accepted, own)
            except ConvergenceError:
                if method == "randomized":
                    raise
                used = "symmetric"
        if used != "randomized":
            matrix = here.dense()[0].double().mul_(-variance[i])
            found, residual = (_singular if used == "svd" else _symmetric)(matrix, torch.finfo(x.dtype).eps)
        values.append(found)
        methods.append(used)
        residuals.append(residual)
    stacked = torch.stack(values) if values else x.new_empty(x.shape, dtype=torch.float64)
    return Spectrum(stacked, tuple(methods), torch.tensor(residuals, dtype=torch.float64, device=x.device))


def _tolerance(x: Tensor, tolerance: float | None) -> float:
    """Return the tolerance, that of the dtype if None."""
    if tolerance is None:
        return TOLERANCES[x.dtype]
    if not tolerance > 0:
        raise InputError(f"got tolerance = {tolerance}, expected a number > 0")
    return tolerance


def _choose(score: Score, x: Float[Tensor, "batch d"], method: Method) -> Method:
    """Return the method to begin with, or raise where the score does not allow it."""
    methods = ("auto", "svd", "symmetric", "randomized", "gram")
    if method not in methods:
        raise InputError(f"got method = {method!r}, expected one of {', '.join(methods)}")
    covariance, empirical = isinstance(score, PosteriorCovariance), isinstance(score, Empirical)
    if method == "randomized" and not covariance:
        raise InputError(
            "got method = 'randomized' for a score without posterior_covariance_matvec, expected one whose denoiser "
            "Jacobian is known to be positive semi-definite; use 'symmetric'"
        )
    if method == "gram" and not empirical:
        raise InputError("got method = 'gram' for a law that is not Empirical; use 'auto'")
    if method != "auto":
        return method
    return "gram" if empirical else "randomized" if covariance and x.shape[1] >= RANDOMIZED_DIM else "symmetric"


def _randomized(
    jacobian: Jacobian, tolerance: float, generator: torch.Generator
) -> tuple[Float[Tensor, " d"], float]:
    """Return the values at one state from certified eigenvalues of K, and the residual."""
    dtype, d = jacobian.x.dtype, jacobian.x.shape[1]
    unit = torch.finfo(dtype).eps

    def multiply(v: Tensor) -> Tensor:
        return jacobian.denoiser_products(v[None].to(dtype))[0].double()

    captured, residual = captured_eigenvalues(multiply, d, generator, tolerance=tolerance, unit=unit)
    if isinstance(jacobian.score, Empirical):
        residual += 4 * WEIGHT_ERROR * captured[-1].item()
    return torch.cat([1 - captured, captured.new_ones(d - len(captured))]).sort().values, residual


def _symmetric(matrix: Float[Tensor, "d d"], unit: float) -> tuple[Float[Tensor, " d"], float]:
    """Return the eigenvalues of the symmetric part, and the norm of the other with the rounding."""
    skew = (matrix - matrix.T).norm().item() / 2
    values = torch.linalg.eigvalsh((matrix + matrix.T).div_(2))
    return values, skew + _rounding(matrix, unit)


def _singular(matrix: Float[Tensor, "d d"], unit: float) -> tuple[Float[Tensor, " d"], float]:
    """Return the singular values, ascending, and the rounding."""
    return torch.linalg.svdvals(matrix).flip(0), _rounding(matrix, unit)


def _rounding(matrix: Float[Tensor, "d d"], unit: float) -> float:
    r"""Return a bound for one rounding of each entry and for a backward stable eigensolver.

    In Frobenius norm: :math:`\epsilon\|M\|_F` for the entries; :math:`\sqrt d\,\epsilon\|M\|_F`, which is between
    :math:`\sqrt d` and :math:`d` roundings of the norm, for the solver.
    """
    return matrix.norm().item() * (unit + len(matrix) ** 0.5 * torch.finfo(matrix.dtype).eps)


def _gram(
    law: Empirical, x: Float[Tensor, "batch d"], t: Float[Tensor, " batch"], tolerance: float
) -> Spectrum:
    r"""Return the spectra of an empirical law.

    Leaving out weight moves :math:`tJ` by at most that times :math:`\mathrm{diameter}^2/t`. Logits wrong by at most
    :math:`\beta` change every product :math:`w_a w_b`, hence :math:`C_w = \tfrac12 \sum w_a w_b (y_a - y_b)
    (y_a - y_b)^{\mathsf T}`, by a factor within :math:`e^{\pm 4\beta}`, and so each of its eigenvalues.
    """
    first = law.data[:1].double()
    radius = max((rows.double() - first).norm(dim=1).max().item() for rows in law.data.split(DIAMETER_ROWS))
    reach = (2 * radius) ** 2 / t  # of a unit of weight
    discard = min(1e-12, 0.1 * tolerance / max(reach.max().item(), 1.0)) if len(x) else 0.0
    values = -t[:, None] * law.jacobian_eigenvalues(x.double(), t, discard=discard).flip(1)
    largest = (1 - values).amax(1)
    eps = torch.finfo(values.dtype).eps
    residual = discard * reach + 4 * WEIGHT_ERROR * largest + x.shape[1] * eps * (1 + largest)
    return Spectrum(values, ("gram",) * len(x), residual)

r"""The published probe of the manifold: scores at orthogonal displacements of the length of the noise.

With :math:`q_1, \dots, q_d` the rows of a random orthogonal matrix, stack the scores at :math:`x + \sqrt t\,q_i` and
take the singular values of the :math:`d \times d` matrix. This is a finite difference at the noise scale, not the
Jacobian: with :math:`s(x + \sqrt t\,q) = s + \sqrt t\,Jq + O(t)`, the matrix with rows

.. math:: \sqrt t\, s(x + \sqrt t\, q_i)^{\mathsf T} = \sqrt t\, s(x)^{\mathsf T} + (tJ q_i)^{\mathsf T} + \dots

has the singular values of :math:`tJ`, moved by a matrix of rank one and norm :math:`\sqrt{dt}\,\|s(x)\|`, and by the
curvature of the score over the distance :math:`\sqrt t`. The symmetrized probe, with rows
:math:`\tfrac12 \sqrt t\,[s(x + \sqrt t\,q_i) - s(x - \sqrt t\,q_i)]`, is free of all even orders, the rank-one term and
the second derivative among them: for a linear score it is exact.

Two programs of losing-dimensions were read. ``analyze_spectrum.py`` (commit 7eee94c), for data on a linear manifold,
takes the one-sided scores over :math:`\sqrt t`, which is this over :math:`t`; at its defaults it drops the largest
value and divides by the next. ``run_svd.py`` (commit e809df9), for images of :math:`c` channels of :math:`h \times h`
pixels, takes :math:`4d` rows at its defaults, each a score or, as an option, half the difference at opposite
displacements ("symmetrized"), not divided by a length. Its displacements are drawn anew for each row, a random
orthogonal :math:`h \times h` matrix in each channel, so their length is :math:`\sqrt{ch}` noise scales, and different
rows are not orthogonal. That is not what is computed here.
"""

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import Score, Variance
from geomem.errors import InputError
from geomem.jacobian import _generators
from geomem.jacobian._score import check_arguments, check_score, evaluate, of_rows
from geomem.jacobian.spectrum import Spectrum

__all__ = ["probe"]


def probe(
    score: Score,
    x: Float[Tensor, "batch d"],
    t: Variance,
    generator: torch.Generator,
    *,
    symmetrized: bool = False,
) -> Spectrum:
    r"""Return the singular values of the displaced scores, ascending, in the units of :math:`tJ`.

    Parameters
    ----------
    score : Score
        Any score.
    x : Tensor, shape (batch, d), float32 or float64
        States.
    t : float or Tensor, shape () or (batch,)
        Noise variance, > 0; :math:`\sqrt t` is the length of the displacements.
    generator : torch.Generator
        Source of the rotations, on the device of ``x``; what is drawn for a state does not depend on the others.
    symmetrized : bool
        Half the difference of the scores at opposite displacements, at twice the price.

    Returns
    -------
    Spectrum
        ``values`` (batch, d) float64; ``method`` ``"probe"`` or ``"symmetrized probe"``; ``residual`` NaN: nothing is
        certified.

    Raises
    ------
    InputError
        No generator; else as for :func:`~geomem.jacobian.products.products`, but that the score need not be
        differentiable. NaN or infinity also at the displaced states.

    Notes
    -----
    What it measures is derived here, see the module. Regime: :math:`\sqrt t` small against the distance over which
    :math:`J` changes, and, one-sided, :math:`\sqrt{dt}\,\|s\|` small against the values looked for, which it never is
    at a noisy state, where it is about :math:`\sqrt{d (d - m)}`.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> law, x = LinearManifold([1.0], ambient_dim=3), torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)
    >>> probe(law, x, 1.0, torch.Generator().manual_seed(0), symmetrized=True).values
    tensor([[0.5000, 1.0000, 1.0000]], dtype=torch.float64)
    """
    variance, d = check_arguments(score, x, t), x.shape[1]
    if not isinstance(generator, torch.Generator):
        raise InputError(f"got a generator of type {type(generator).__name__}, expected a torch.Generator")
    if len(x):
        check_score(score, x, t)
    values = torch.empty(x.shape, dtype=torch.float64, device=x.device)
    for i, own in enumerate(_generators.for_each(x, generator)):
        state, time, rows = x[i : i + 1], of_rows(t, slice(i, i + 1), d), f"state {i}, displacement"
        length = variance[i].sqrt()
        steps = (length * rotation(d, own)).to(x.dtype)
        scores = evaluate(score, state + steps, time, rows=rows)
        if symmetrized:
            scores = (scores - evaluate(score, state - steps, time, rows=rows)) / 2
        values[i] = torch.linalg.svdvals(length * scores).flip(0)
    name = "symmetrized probe" if symmetrized else "probe"
    return Spectrum(values, (name,) * len(x), torch.full_like(variance, torch.nan))


def rotation(d: int, generator: torch.Generator) -> Float[Tensor, "d d"]:
    """Return an orthogonal matrix from the Haar measure (QR of a Gaussian matrix, signs fixed: Mezzadri 2007).

    Returns
    -------
    Tensor, shape (d, d), float64
        On the device of ``generator``.

    Examples
    --------
    >>> q = rotation(3, torch.Generator().manual_seed(0))
    >>> bool((q @ q.T - torch.eye(3)).abs().max() < 1e-14)
    True
    """
    gaussian = torch.randn(d, d, generator=generator, dtype=torch.float64, device=generator.device)
    q, r = torch.linalg.qr(gaussian)
    return q * r.diagonal().sign()

r"""Gaussian data on a random linear manifold, whose variances are the spectrum of a random matrix.

.. math:: x_0 = Fz, \qquad z \sim \mathcal N(0, I_m), \qquad F_{\cdot k} \sim \mathcal N(0, \tfrac{\sigma_k^2}{m} I_d)

with independent columns :math:`F_{\cdot k}` of the :math:`d \times m` matrix :math:`F`. Given :math:`F` the data are
Gaussian with covariance :math:`FF^{\mathsf T}`: with the singular value decomposition
:math:`F = U \sqrt\gamma\, V^{\mathsf T}` they are a :class:`~geomem.distributions.gaussian.LinearManifold` with basis
:math:`U` and variances :math:`\gamma_i`, the eigenvalues of :math:`FF^{\mathsf T}` that are not zero. Everything that
is exact there is exact here; only the variances are now random. Their mean is known at any size,

.. math:: \frac1d\,\mathbb E \operatorname{tr} FF^{\mathsf T} = \frac1m \sum_k \sigma_k^2, \qquad
   \frac1d\,\mathbb E \operatorname{tr} (FF^{\mathsf T})^2
   = \frac dm\,\frac1m\sum_k \sigma_k^4 + \Big(\frac1m\sum_k\sigma_k^2\Big)^2 + \frac1{m^2}\sum_k \sigma_k^4,

and for large :math:`d` at fixed :math:`d/m` the spectrum settles on a law that depends on nothing else: Marchenko and
Pastur's for one variance, the Silverstein equation's for several. The moments are derived here.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.gaussian import LinearManifold
from geomem.errors import InputError

__all__ = ["RandomLinearManifold", "gaussian_factor"]


class RandomLinearManifold(LinearManifold):
    r"""One draw of the factor :math:`F`, and the Gaussian law of :math:`x_0 = Fz` given it.

    ``factor`` is :math:`F`, shape (d, m), float64; ``variances`` are the :math:`\gamma_i > 0`, descending,
    ``min(d, m)`` of them or fewer if columns are zero; ``basis`` is :math:`U`.

    Parameters
    ----------
    column_variances : Tensor or sequence of float, shape (m,)
        :math:`\sigma_k^2 \ge 0`, not all zero; column :math:`k` of :math:`F` has variance :math:`\sigma_k^2/m` per
        entry, so that the mean variance of the data is the mean of the :math:`\sigma_k^2`.
    ambient_dim : int
        :math:`d`, smaller or larger than :math:`m`.
    generator : torch.Generator
        Source of :math:`F`.

    Raises
    ------
    InputError
        No column, a negative or infinite variance, none that is positive, or ``ambient_dim < 1``.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> law = RandomLinearManifold.blocks((100.0, 1.0), (160, 80), ambient_dim=400, generator=generator)
    >>> largest, smallest = law.variances[:160], law.variances[160:]
    >>> print(f"[{smallest.min():.2f}, {smallest.max():.2f}] and from {largest.min():.0f}: the two blocks are apart")
    [0.22, 2.37] and from 24: the two blocks are apart
    """

    def __init__(
        self,
        column_variances: Float[Tensor, " m"] | Sequence[float],
        *,
        ambient_dim: int,
        generator: torch.Generator,
    ) -> None:
        self.factor = gaussian_factor(column_variances, ambient_dim, generator)
        # Columns that are zero would leave singular values of rounding, which are no directions of the data.
        u, root, _ = torch.linalg.svd(self.factor[:, self.factor.any(0)], full_matrices=False)
        super().__init__(root.square(), ambient_dim=ambient_dim, basis=u)


def gaussian_factor(
    column_variances: Float[Tensor, " m"] | Sequence[float], ambient_dim: int, generator: torch.Generator
) -> Float[Tensor, "d m"]:
    r"""Return :math:`F` with independent columns :math:`F_{\cdot k} \sim \mathcal N(0, \tfrac{\sigma_k^2}{m} I_d)`.

    Parameters
    ----------
    column_variances : Tensor or sequence of float, shape (m,)
        :math:`\sigma_k^2 \ge 0`, not all zero.
    ambient_dim : int
        :math:`d`.
    generator : torch.Generator
        Source of the entries.

    Returns
    -------
    Tensor, shape (d, m), float64
        The factor; a column without variance is zero.

    Raises
    ------
    InputError
        As for :class:`RandomLinearManifold`.

    Examples
    --------
    >>> gaussian_factor([1.0, 0.0], 3, torch.Generator().manual_seed(0))[:, 1].abs()
    tensor([0., 0., 0.], dtype=torch.float64)
    """
    sigma2 = torch.as_tensor(column_variances, dtype=torch.float64)
    m = sigma2.numel()
    if sigma2.ndim != 1 or m < 1 or ambient_dim < 1:
        raise InputError(
            f"got column variances of shape {tuple(sigma2.shape)} in dimension {ambient_dim}, "
            "expected shape (m,), m >= 1, and ambient_dim >= 1"
        )
    if not ((sigma2 >= 0) & torch.isfinite(sigma2)).all() or not (sigma2 > 0).any():
        raise InputError(
            f"got column variances {sigma2.tolist()}, expected finite numbers >= 0 (not standard deviations), "
            "some of them positive"
        )
    g = torch.randn(ambient_dim, m, generator=generator, dtype=torch.float64, device=sigma2.device)
    return (sigma2 / m).sqrt() * g

r"""Data on a curved manifold, bent coordinate by coordinate out of a random linear one.

.. math:: x_0 = g(Fz), \qquad g = \tanh, \qquad z \sim \mathcal N(0, I_m), \qquad
   F_{\cdot k} \sim \mathcal N(0, \tfrac{\sigma_k^2}{m} I_d),

with the factor :math:`F` of :class:`~geomem.distributions.random_linear.RandomLinearManifold`, which is the limit of
this law for small variances. At the clean point of the latent :math:`z` the manifold has the tangent directions

.. math:: \frac{\partial x_{0,i}}{\partial z_k} = \frac{F_{ik}}{\cosh^2 (Fz)_i},

so a block of latent directions, of one variance, has a tangent image that turns from point to point: there is no
direction of space that belongs to the block everywhere, and what a score keeps of it has to be asked in the basis of
its image at the state. By its symmetry the law has mean zero; for a coordinate :math:`(Fz)_i` of variance :math:`q`
the variance is :math:`\mathbb E \tanh^2(\sqrt q\,\xi) < \min(q, 1)`, :math:`\xi \sim \mathcal N(0, 1)`. Derived here.
The law is a sampler only: its smoothed score has no closed form. It is a law of the kind called
hidden manifold model; Achilli et al. (2025, arXiv 2502.09578) name memorization in that model (the abstract was read).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import check_states
from geomem.distributions.random_linear import gaussian_factor
from geomem.errors import InputError

__all__ = ["HiddenManifold"]


class HiddenManifold:
    r"""One draw of the factor :math:`F`, and the law of :math:`\tanh(Fz)` given it.

    ``factor`` is :math:`F`, shape (d, m), float64.

    Parameters
    ----------
    column_variances : Tensor or sequence of float, shape (m,)
        :math:`\sigma_k^2 \ge 0`, not all zero: column :math:`k` of :math:`F` has variance :math:`\sigma_k^2/m` per
        entry, so that a coordinate of :math:`Fz` has the mean of the :math:`\sigma_k^2` as its mean variance.
    ambient_dim : int
        :math:`d`, smaller or larger than :math:`m`.
    generator : torch.Generator
        Source of :math:`F`.

    Raises
    ------
    InputError
        As for :class:`~geomem.distributions.random_linear.RandomLinearManifold`.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> law = HiddenManifold([1.0] * 8 + [0.09] * 8, ambient_dim=32, generator=generator)
    >>> law.ambient_dim, law.intrinsic_dim
    (32, 16)
    >>> law.tangent_basis(torch.zeros(1, 16), slice(0, 8)).shape
    torch.Size([1, 32, 8])
    """

    def __init__(
        self,
        column_variances: Float[Tensor, " m"] | Sequence[float],
        *,
        ambient_dim: int,
        generator: torch.Generator,
    ) -> None:
        self.factor = gaussian_factor(column_variances, ambient_dim, generator)

    @property
    def ambient_dim(self) -> int:
        """Dimension :math:`d` of the space."""
        return self.factor.shape[0]

    @property
    def intrinsic_dim(self) -> int:
        """Number of columns of :math:`F` that are not zero, at most :math:`d`."""
        return min(self.ambient_dim, int(self.factor.any(0).sum()))

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        r"""Draw :math:`x_0 = \tanh(Fz)`; where :math:`z` is wanted too, draw it and use :meth:`decode`.

        Parameters
        ----------
        n : int
            Number of points, >= 1.
        generator : torch.Generator
            Source of :math:`z \sim \mathcal N(0, I_m)`.

        Returns
        -------
        Tensor, shape (n, d), float64
            Points, each coordinate in [-1, 1].

        Raises
        ------
        InputError
            ``n < 1``.

        Examples
        --------
        >>> generator = torch.Generator().manual_seed(0)
        >>> law = HiddenManifold([4.0] * 20, ambient_dim=50, generator=generator)
        >>> print(f"{law.sample(20_000, generator).var(0).mean():.2f}")  # of 4 before the bend
        0.62
        """
        if n < 1:
            raise InputError(f"got n = {n}, expected at least 1 sample")
        shape = (n, self.factor.shape[1])
        return self.decode(torch.randn(shape, generator=generator, dtype=torch.float64, device=self.factor.device))

    def decode(self, z: Float[Tensor, "n m"]) -> Float[Tensor, "n d"]:
        r"""Return the point :math:`\tanh(Fz)` of each latent.

        Parameters
        ----------
        z : Tensor, shape (n, m), floating point
            Latents.

        Returns
        -------
        Tensor, shape (n, d), float64
            Points on the manifold.

        Raises
        ------
        InputError
            As for :func:`~geomem.distributions.base.check_states`, with m in place of d.

        Examples
        --------
        >>> law = HiddenManifold([1.0], ambient_dim=2, generator=torch.Generator().manual_seed(0))
        >>> torch.equal(law.decode(torch.ones(1, 1))[0], law.factor[:, 0].tanh())
        True
        """
        return (check_states(z, self.factor.shape[1]) @ self.factor.T).tanh()

    def tangent(self, z: Float[Tensor, "n m"]) -> Float[Tensor, "n d m"]:
        r"""Return the derivative :math:`\partial x_{0,i}/\partial z_k = F_{ik}/\cosh^2(Fz)_i` at each latent.

        Parameters
        ----------
        z : Tensor, shape (n, m), floating point
            Latents.

        Returns
        -------
        Tensor, shape (n, d, m), float64
            One column for each latent direction.

        Raises
        ------
        InputError
            As for :meth:`decode`.

        Examples
        --------
        >>> law = HiddenManifold([1.0], ambient_dim=2, generator=torch.Generator().manual_seed(0))
        >>> torch.equal(law.tangent(torch.zeros(1, 1))[0], law.factor)
        True
        """
        before = check_states(z, self.factor.shape[1]) @ self.factor.T
        return before.cosh().pow(-2)[:, :, None] * self.factor

    def tangent_basis(self, z: Float[Tensor, "n m"], columns: slice | Sequence[int]) -> Float[Tensor, "n d k"]:
        r"""Return an orthonormal basis of the tangent image of some latent directions at each latent.

        The images of two blocks are not orthogonal to each other, nor are these bases.

        Parameters
        ----------
        z : Tensor, shape (n, m), floating point
            Latents.
        columns : slice or sequence of int
            The k latent directions, 1 <= k <= d.

        Returns
        -------
        Tensor, shape (n, d, k), float64
            Orthonormal columns that span those of :meth:`tangent`.

        Raises
        ------
        InputError
            No direction, one that does not exist, or images that are not independent in float64 (a column without
            variance, one named twice, more than d, or a latent so large that the bend flattens them); else as for
            :meth:`decode`.

        Examples
        --------
        >>> law = HiddenManifold([1.0, 0.01], ambient_dim=3, generator=torch.Generator().manual_seed(0))
        >>> basis = law.tangent_basis(torch.ones(1, 2), [1])[0]
        >>> print(f"{basis.norm():.6f}")
        1.000000
        """
        tangent, m = self.tangent(z), self.factor.shape[1]
        chosen = list(range(m)[columns]) if isinstance(columns, slice) else list(columns)
        if not chosen or not all(-m <= k < m for k in chosen):
            raise InputError(f"got columns {columns}, expected some of the {m} latent directions, counted from 0")
        images = tangent[:, :, chosen]
        norms = images.norm(dim=1, keepdim=True)
        basis, triangle = torch.linalg.qr(images / norms)
        # Among unit vectors the diagonal of the triangle is the sine of each with the span of those before it.
        independent = triangle.diagonal(dim1=1, dim2=2).abs() > 1e-12
        if len(chosen) > self.ambient_dim or not independent.all():
            raise InputError(
                f"got {len(chosen)} latent directions whose tangent images in dimension {self.ambient_dim} are not "
                "independent at every latent, expected at most d different ones of positive variance"
            )
        return basis

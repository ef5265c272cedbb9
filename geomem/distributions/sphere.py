r"""Data projected onto a sphere: :math:`x_0 = r\,y/\|y\|` with :math:`y` drawn from another law.

This is how block data have been used to train networks: Gaussian with a variance for each direction, every sample
then divided by its norm. The projection removes one dimension, the radial one, and the sum of the variances becomes
:math:`r^2` exactly. How it is shared follows, for independent :math:`y_i \sim \mathcal N(0, \sigma_i^2)`, from
:math:`1/\|y\|^2 = \int_0^\infty e^{-u\|y\|^2} du`:

.. math:: \mathbb E\,\frac{y_i^2}{\|y\|^2}
   = \int_0^\infty \frac{\sigma_i^2}{1 + 2u\sigma_i^2} \prod_j \frac{1}{\sqrt{1 + 2u\sigma_j^2}}\,du ,

in two dimensions :math:`\sigma_1/(\sigma_1+\sigma_2)`: standard deviations share the sphere, not variances. Where many
directions carry the norm, :math:`\|y\|^2` hardly varies and the share is :math:`\sigma_i^2/\sum_j\sigma_j^2`. Derived
here. The law is a sampler only: its smoothed score has no closed form.
"""

import math

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import Sampler
from geomem.errors import InputError

__all__ = ["OnSphere"]


class OnSphere:
    r"""The law of :math:`r\,y/\|y\|`, :math:`y` drawn from ``law``.

    Parameters
    ----------
    law : Sampler
        Law of :math:`y`; its points must not lie at the origin.
    radius : float
        :math:`r > 0`.

    Raises
    ------
    InputError
        ``law`` cannot be sampled, or ``radius`` is not a finite number > 0.

    Examples
    --------
    >>> from geomem.distributions import LinearManifold
    >>> blocks = LinearManifold.blocks((1.0, 0.09, 1e-4), (2, 5, 23), ambient_dim=30)
    >>> law = OnSphere(blocks)
    >>> law.ambient_dim, law.intrinsic_dim
    (30, 29)
    >>> law.sample(3, torch.Generator().manual_seed(0)).norm(dim=1).round(decimals=12)
    tensor([1., 1., 1.], dtype=torch.float64)
    """

    def __init__(self, law: Sampler, *, radius: float = 1.0) -> None:
        if not isinstance(law, Sampler):
            raise InputError(f"got a law of type {type(law).__name__}, expected one that can be sampled")
        if not (isinstance(radius, (float, int)) and 0 < radius < math.inf):
            raise InputError(f"got radius = {radius}, expected a finite number > 0")
        self.law = law
        self.radius = radius

    @property
    def ambient_dim(self) -> int:
        """Dimension :math:`d` of the space."""
        return self.law.ambient_dim

    @property
    def intrinsic_dim(self) -> int:
        """One less than that of the law, which must fill a linear space; 0 for a law of isolated points."""
        return max(self.law.intrinsic_dim - 1, 0)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        r"""Draw :math:`r\,y/\|y\|`, shape (n, d), dtype of the law's samples.

        Parameters
        ----------
        n : int
            Number of points, >= 1.
        generator : torch.Generator
            Source of the :math:`y`.

        Raises
        ------
        InputError
            ``n < 1``, or a :math:`y` at the origin, which has no direction.

        Examples
        --------
        >>> from geomem.distributions import LinearManifold
        >>> circle = OnSphere(LinearManifold([1.0, 0.25], ambient_dim=2))
        >>> x = circle.sample(100_000, torch.Generator().manual_seed(0))
        >>> print(f"{x[:, 0].square().mean():.2f}")  # 1/(1 + 1/2)
        0.67
        """
        y = self.law.sample(n, generator)
        norm = y.norm(dim=1, keepdim=True)
        if not (norm > 0).all():
            raise InputError(
                f"got {int((norm == 0).sum())} of {n} samples at the origin, expected none: they have no direction"
            )
        return self.radius * y / norm

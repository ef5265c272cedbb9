r"""A set of images as points of :math:`\mathbb R^d`.

Each image is a vector of its pixels. The mean image is taken away, and everything is divided by *one*
number, so that the mean pixel variance is 1:

.. math:: x = \frac{\text{pixels} - \bar p}{c}, \qquad
   c^2 = \frac1{Nd}\sum_{\mu=1}^N \|\text{pixels}^\mu - \bar p\|^2 .

The noise variance :math:`t` is then in units of the mean pixel variance, and the geometry (distances,
principal axes, the manifold) is that of the pixels: dividing each pixel by its own deviation would change it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import check_states
from geomem.errors import InputError

__all__ = ["Images"]


@dataclass(frozen=True, eq=False)
class Images:
    """Images as centered points, and what is needed to draw and to credit them.

    Make one with :meth:`from_pixels`, or with a function of :mod:`geomem.datasets`.
    """

    name: str
    """Short name, as in a figure's caption."""
    data: Float[Tensor, "N d"]
    """Centered, scaled points, float64."""
    image_shape: tuple[int, ...]
    """Height, width, and for color 3."""
    mean: Float[Tensor, " d"]
    """Mean image in pixel units, [0, 1]."""
    scale: float
    """The one number :math:`c`, in pixel units."""
    source: str
    """Where the images come from."""
    rights: str
    """License, or what is known of it."""

    @classmethod
    def from_pixels(cls, name: str, pixels: np.ndarray, *, source: str, rights: str) -> "Images":
        """Return the images as centered points.

        Parameters
        ----------
        name : str
            Short name.
        pixels : ndarray, shape (N, height, width) or (N, height, width, 3), float64
            Gray or color values in [0, 1].
        source, rights : str
            Credit.

        Raises
        ------
        InputError
            Not such an array, values outside [0, 1], or all images equal.

        Examples
        --------
        >>> pixels = np.zeros((2, 1, 2))
        >>> pixels[1] = 1.0
        >>> images = Images.from_pixels("toy", pixels, source="made here", rights="none")
        >>> images.data
        tensor([[-1., -1.],
                [ 1.,  1.]], dtype=torch.float64)
        """
        if pixels.ndim not in (3, 4) or pixels.size == 0 or (pixels.ndim == 4 and pixels.shape[3] != 3):
            raise InputError(
                f"got pixels of shape {pixels.shape}, expected (N, height, width) or (N, height, width, 3)"
            )
        if pixels.dtype != np.float64 or not np.all((pixels >= 0) & (pixels <= 1)):
            raise InputError(
                f"got pixels of dtype {pixels.dtype}, expected float64 in [0, 1]; divide by the largest value"
            )
        points = torch.tensor(pixels.reshape(len(pixels), -1))
        mean = points.mean(0)
        centered = points - mean
        scale = centered.square().mean().sqrt().item()
        if scale < 1e-12:
            raise InputError(f"got {len(pixels)} equal images, expected at least two different ones")
        return cls(name, centered / scale, pixels.shape[1:], mean, scale, source, rights)

    def split(self, n_train: int, generator: torch.Generator) -> tuple[Float[Tensor, "n d"], Float[Tensor, "r d"]]:
        """Return a random training set and the images held out from it.

        Parameters
        ----------
        n_train : int
            Size of the training set, 1 to N - 1.
        generator : torch.Generator
            Source of the permutation.

        Returns
        -------
        train : Tensor, shape (n_train, d)
        held_out : Tensor, shape (N - n_train, d)

        Raises
        ------
        InputError
            A side of the split would be empty.

        Examples
        --------
        >>> from geomem.datasets import digits
        >>> train, held_out = digits().split(1000, torch.Generator().manual_seed(0))
        >>> len(train), len(held_out)
        (1000, 797)
        """
        if not 1 <= n_train < len(self.data):
            raise InputError(f"got n_train = {n_train} of {len(self.data)} images, expected 1 to {len(self.data) - 1}")
        order = torch.randperm(len(self.data), generator=generator)
        return self.data[order[:n_train]], self.data[order[n_train:]]

    def pixels(self, x: Float[Tensor, "n d"]) -> np.ndarray:
        r"""Return states as pictures, :math:`\bar p + c\,x` clipped to [0, 1].

        Parameters
        ----------
        x : Tensor, shape (n, d), floating point
            States in the units of ``data``.

        Returns
        -------
        ndarray, shape (n, \*image_shape), float64

        Raises
        ------
        InputError
            ``x`` is not a finite (n, d) tensor.

        Examples
        --------
        >>> from geomem.datasets import digits
        >>> images = digits()
        >>> images.pixels(images.data[:5]).shape
        (5, 8, 8)
        """
        states = check_states(x, len(self.mean))
        return (self.mean + self.scale * states).clamp(0, 1).numpy().reshape(-1, *self.image_shape)

r"""Networks that predict noise, and the one wrapper that makes a network a :class:`~geomem.distributions.base.Score`.

A network :math:`\varepsilon_\theta(x, t)` is trained to predict the noise in :math:`x = x_0 + \sqrt t\,\varepsilon`.
Its best prediction is :math:`\mathbb E[\varepsilon \mid x] = -\sqrt t\,s(x, t)`, so that it is a score and a denoiser,

.. math:: s_\theta(x, t) = -\frac{\varepsilon_\theta(x, t)}{\sqrt t}, \qquad
   D_\theta(x, t) = x - \sqrt t\,\varepsilon_\theta(x, t).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from geomem._typing import Float
from geomem.distributions.base import Variance, as_variance, check_states
from geomem.errors import InputError

__all__ = ["NetworkScore", "mlp"]

PUBLISHED_PERIOD = 1e4
"""Ratio of the published embedding's largest period to its smallest."""
SLOWEST, FASTEST = 0.05, 1.5
"""Angles per unit of ln t in the embedding of a preconditioned network: from less than one turn over the whole range
of noises to one for each factor of 66 in t."""


class ResidualBlock(nn.Module):
    """``x + W2 silu(norm(W1 silu(norm(x)) + V silu(e)))`` with an embedding ``e`` of the noise."""

    def __init__(self, width: int, embedding: int, generator: torch.Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.norm_in, self.norm_out = nn.LayerNorm(width, dtype=dtype), nn.LayerNorm(width, dtype=dtype)
        self.enter = linear(width, width, generator, dtype)
        self.shift = linear(embedding, width, generator, dtype)
        self.leave = linear(width, width, generator, dtype)

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        silu = nn.functional.silu
        hidden = self.enter(silu(self.norm_in(x))) + self.shift(silu(e))
        return x + self.leave(silu(self.norm_out(hidden)))


class NoiseMLP(nn.Module):
    """The residual network of :func:`mlp`."""

    frequencies: Tensor

    def __init__(
        self,
        ambient_dim: int,
        width: int,
        n_blocks: int,
        embedding: tuple[int, int],
        data_variance: float | None,
        generator: torch.Generator,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.ambient_dim, self.data_variance = ambient_dim, data_variance
        ramp = torch.arange(embedding[0] // 2, dtype=torch.float64) / (embedding[0] // 2 - 1)
        published = torch.exp(-math.log(PUBLISHED_PERIOD) * ramp)
        own = SLOWEST * torch.exp(math.log(FASTEST / SLOWEST) * ramp)
        self.register_buffer("frequencies", (published if data_variance is None else own).to(dtype))
        self.embed_in = linear(*embedding, generator, dtype)
        self.embed_out = linear(embedding[1], embedding[1], generator, dtype)
        self.enter = linear(ambient_dim, width, generator, dtype)
        self.blocks = nn.ModuleList(ResidualBlock(width, embedding[1], generator, dtype) for _ in range(n_blocks))
        self.norm = nn.LayerNorm(width, dtype=dtype)
        self.leave = linear(width, ambient_dim, generator, dtype)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return the predicted noise for states (..., d) and variances that broadcast with (...)."""
        if self.data_variance is None:
            return self.residual(x, t.sqrt())
        total = (t + self.data_variance)[..., None]
        skip = (t.sqrt()[..., None] / total) * x
        return skip - (self.data_variance / total).sqrt() * self.residual(x / total.sqrt(), t.log())

    def loss_weight(self, t: Tensor) -> Tensor:
        """Return the weight of the squared error of the noise: that which makes the error of F count alike at any t."""
        return torch.ones_like(t) if self.data_variance is None else (t + self.data_variance) / self.data_variance

    def residual(self, x: Tensor, label: Tensor) -> Tensor:
        """Return F(x, label)."""
        angles = label[..., None] * self.frequencies
        e = self.embed_in(torch.cat([angles.sin(), angles.cos()], dim=-1))
        e = self.embed_out(nn.functional.silu(e))
        hidden = self.enter(x)
        for block in self.blocks:
            hidden = block(hidden, e)
        return self.leave(nn.functional.silu(self.norm(hidden)))


def mlp(
    ambient_dim: int,
    *,
    width: int = 128,
    n_blocks: int = 2,
    embedding: tuple[int, int] = (128, 512),
    data_variance: float | None = None,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> nn.Module:
    r"""Return a residual network that predicts the noise, :math:`(x, t) \mapsto \varepsilon_\theta`, newly drawn.

    With :math:`F` the residual network (a linear layer, ``n_blocks`` of LayerNorm, SiLU, and linear layers twice
    with the embedded noise added between, LayerNorm, SiLU, a linear layer),

    .. math::

       \varepsilon_\theta(x, t) = \begin{cases}
         F(x, \sqrt t) & \text{as published,} \\
         \dfrac{\sqrt t}{t + \sigma^2}\,x - \sqrt{\dfrac{\sigma^2}{t + \sigma^2}}\;
         F\!\left(\dfrac{x}{\sqrt{t + \sigma^2}}, \ln t\right) & \text{preconditioned.}
       \end{cases}

    The second form is the denoiser :math:`D = \frac{\sigma^2}{t+\sigma^2}x + \sqrt{\frac{t\sigma^2}{t+\sigma^2}}F`:
    for data of variance :math:`\sigma^2` in each direction the linear part is the best linear denoiser, the input of
    :math:`F` has unit variance, and so has the target that is left to it. The squared error of the noise is
    :math:`\frac{\sigma^2}{t+\sigma^2}` times that of :math:`F`, so training weights it by the inverse, the network's
    method ``loss_weight(t)``: otherwise large noises would hardly be learned. As published the weight is one.

    Parameters
    ----------
    ambient_dim : int
        Dimension :math:`d` of the states.
    width : int
        Width of the hidden layers.
    n_blocks : int
        Number of residual blocks.
    embedding : tuple of two ints
        Sines and cosines of the noise (even, >= 4), and the width of the two layers that follow them.
    data_variance : float, optional
        :math:`\sigma^2 > 0`, mean variance of a coordinate of the data; without it the network is as published.
    generator : torch.Generator
        Source of the weights, on the CPU.
    dtype : torch.dtype
        float32 or float64.

    Returns
    -------
    torch.nn.Module
        Called with x (..., d) and t of a shape that broadcasts with (...); returns (..., d). Its method
        ``loss_weight(t)`` is what training weights the squared error of the noise by.

    Raises
    ------
    InputError
        A size < 1, an odd or too small embedding, a variance that is not positive and finite, or another dtype.

    Notes
    -----
    Source: the published network as read in the code of Achilli et al. (2024), arXiv:2410.08727
    (synthetic_score_common.py at commit 7eee94c: width 128, two blocks, embedding 128 and 512, the standard deviation
    of the noise as the label). The preconditioning is that of Karras, Aittala, Aila, and Laine (2022),
    arXiv:2206.00364, for noise prediction; derived in the chapter on trained networks.

    Examples
    --------
    >>> network = mlp(3, width=16, embedding=(8, 16), data_variance=1.0, generator=torch.Generator().manual_seed(0))
    >>> network(torch.zeros(5, 3), torch.ones(5)).shape
    torch.Size([5, 3])
    """
    sizes = {"ambient_dim": ambient_dim, "width": width, "n_blocks": n_blocks, "embedding[1]": embedding[1]}
    for name, size in sizes.items():
        if size < 1:
            raise InputError(f"got {name} = {size}, expected at least 1")
    if embedding[0] < 4 or embedding[0] % 2:
        raise InputError(f"got embedding[0] = {embedding[0]}, expected an even number of at least 4")
    if data_variance is not None and not 0 < data_variance < math.inf:
        raise InputError(f"got data_variance = {data_variance}, expected a positive finite number, or None")
    if dtype not in (torch.float32, torch.float64):
        raise InputError(f"got dtype = {dtype}, expected torch.float32 or torch.float64")
    return NoiseMLP(ambient_dim, width, n_blocks, embedding, data_variance, generator, dtype)


def linear(n_in: int, n_out: int, generator: torch.Generator, dtype: torch.dtype) -> nn.Linear:
    """Return a linear layer with torch's default law of weights and biases, drawn from a generator."""
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out, dtype=dtype)
    bound = 1 / math.sqrt(n_in)
    for parameter in (layer.weight, layer.bias):
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return layer


class NetworkScore:
    r"""The score and the denoiser of a network that predicts noise.

    .. math:: s_\theta(x, t) = -\frac{\varepsilon_\theta(x, t)}{\sqrt t}, \qquad
       D_\theta(x, t) = x - \sqrt t\,\varepsilon_\theta(x, t) = x + t\,s_\theta(x, t)

    Parameters
    ----------
    network : torch.nn.Module or callable
        Called with states (batch, d) and variances (batch,); returns the predicted noise (batch, d). It is used as it
        is, in its own dtype and mode.

    Notes
    -----
    Regime: the noises that the network was trained at. Whether :math:`s_\theta` is the gradient of anything is a
    question to :func:`geomem.jacobian.trace.asymmetry`.

    Examples
    --------
    >>> import torch
    >>> network = lambda x, t: x / (1 + t[:, None]).sqrt()
    >>> x = torch.ones(2, 3)
    >>> score = NetworkScore(network)
    >>> bool(torch.equal(score.denoise(x, 4.0), x + 4 * score.score(x, 4.0)))
    True
    """

    def __init__(self, network: nn.Module | Callable[[Tensor, Tensor], Tensor]) -> None:
        self.network = network

    def predict_noise(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`\varepsilon_\theta(x, t)` for each row of ``x``, in its dtype.

        Raises
        ------
        InputError
            States of another dtype than the network's weights, or of another dimension than its ``ambient_dim`` if it
            has one; see also :func:`~geomem.distributions.base.check_states` and
            :func:`~geomem.distributions.base.as_variance`.
        """
        check_states(x, getattr(self.network, "ambient_dim", None))
        weights = next(iter(self.network.parameters()), x) if isinstance(self.network, nn.Module) else x
        if x.dtype != weights.dtype:
            raise InputError(
                f"got states of {x.dtype} for a network of {weights.dtype}, expected the same; convert one of them"
            )
        return self.network(x, as_variance(t, x).to(x.dtype))

    def score(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`-\varepsilon_\theta/\sqrt t`, units of 1/length; errors as :meth:`predict_noise`."""
        return -self.predict_noise(x, t) / as_variance(t, x).to(x.dtype).sqrt()[:, None]

    def denoise(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`x - \sqrt t\,\varepsilon_\theta`, units of ``x``; errors as :meth:`predict_noise`."""
        noise = self.predict_noise(x, t)
        return x - as_variance(t, x).to(x.dtype).sqrt()[:, None] * noise

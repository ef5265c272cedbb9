r"""Gaussian data on a linear manifold: the law whose smoothed score is known in closed form.

Centered data with principal variances :math:`\sigma_i^2` along the columns :math:`u_1, \dots, u_m` of an
orthonormal basis, and nothing in the other :math:`d - m` directions. After smoothing, the covariance has
eigenvalues :math:`t + \sigma_i^2` on the manifold and :math:`t` off it, so with :math:`z_i = u_i\cdot x` and
:math:`x_\perp = x - \sum_i z_i u_i`,

.. math::

   s(x, t) = -\sum_i \frac{z_i}{t + \sigma_i^2}\,u_i - \frac{x_\perp}{t}, \qquad
   D(x, t) = \sum_i \frac{\sigma_i^2}{t + \sigma_i^2}\,z_i u_i .

The Jacobian :math:`J = \nabla s` does not depend on :math:`x`: :math:`m` eigenvalues
:math:`-1/(t + \sigma_i^2)` and :math:`d - m` equal to :math:`-1/t`. The gap between the two groups, open as
long as :math:`t \ll \sigma_i^2`, is what the score knows about the manifold. Everything here is exact at any
finite size; derived here.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import Variance, as_variance, check_states
from geomem.errors import InputError

__all__ = ["LinearManifold"]


class LinearManifold:
    r"""Centered Gaussian law with :math:`m` principal variances in :math:`\mathbb R^d`.

    Parameters
    ----------
    variances : Tensor or sequence of float, shape (m,)
        :math:`\sigma_i^2 \ge 0`. A zero is a direction without data.
    ambient_dim : int
        :math:`d \ge m`.
    basis : Tensor, shape (d, m), optional
        Orthonormal columns :math:`u_i`; the first ``m`` axes if not given.

    Raises
    ------
    InputError
        No variance, a negative or infinite one, more than ``ambient_dim``, or a basis that is not orthonormal.

    Examples
    --------
    >>> law = LinearManifold([1.0, 0.09], ambient_dim=3)
    >>> law.denoise(torch.ones(1, 3, dtype=torch.float64), 1.0)
    tensor([[0.5000, 0.0826, 0.0000]], dtype=torch.float64)
    >>> law.jacobian_eigenvalues(1.0)
    tensor([-1.0000, -0.9174, -0.5000], dtype=torch.float64)
    """

    def __init__(
        self,
        variances: Float[Tensor, " m"] | Sequence[float],
        *,
        ambient_dim: int,
        basis: Float[Tensor, "d m"] | None = None,
    ) -> None:
        sigma2 = torch.as_tensor(variances, dtype=torch.float64)
        m = sigma2.numel()
        if sigma2.ndim != 1 or not 1 <= m <= ambient_dim:
            raise InputError(
                f"got variances of shape {tuple(sigma2.shape)}, expected (m,), 1 <= m <= ambient_dim = {ambient_dim}"
            )
        if not ((sigma2 >= 0) & torch.isfinite(sigma2)).all():
            raise InputError(f"got variances {sigma2.tolist()}, expected finite numbers >= 0 (not standard deviations)")
        if basis is None:
            u = torch.eye(ambient_dim, m, dtype=torch.float64, device=sigma2.device)
        else:
            u = check_states(basis, m)
            if u.shape[0] != ambient_dim:
                raise InputError(f"got a basis of shape {tuple(u.shape)}, expected ({ambient_dim}, {m})")
            defect = (u.T @ u - torch.eye(m, dtype=torch.float64, device=u.device)).abs().max()
            if defect > 1e-10:
                raise InputError(
                    f"got a basis that misses orthonormality by {defect:.2g}, expected 1e-10; use torch.linalg.qr"
                )
        self.variances = sigma2
        self.basis = u

    @classmethod
    def blocks(
        cls, variances: Sequence[float], dims: Sequence[int], *, ambient_dim: int, **arguments: Any
    ) -> "LinearManifold":
        r"""Return the law with ``dims[k]`` directions of variance ``variances[k]``.

        Parameters
        ----------
        variances : sequence of float, length K
            :math:`\sigma_k^2`.
        dims : sequence of int, length K
            :math:`m_k \ge 1`.
        ambient_dim : int
            :math:`d \ge \sum_k m_k`.
        **arguments
            What else the class takes: ``basis``; for a random manifold its ``generator``.

        Raises
        ------
        InputError
            As for the class; also if there is not one dimension for each variance, or a block is empty.

        Examples
        --------
        >>> LinearManifold.blocks((1.0, 0.09, 1e-4), (2, 1, 1), ambient_dim=30).variances
        tensor([1.0000e+00, 1.0000e+00, 9.0000e-02, 1.0000e-04], dtype=torch.float64)
        """
        if not len(variances) == len(dims) > 0 or not all(n >= 1 and n % 1 == 0 for n in dims):
            raise InputError(
                f"got variances {variances} and dims {dims}, expected one of each per block, whole numbers dims >= 1"
            )
        sigma2, sizes = torch.as_tensor(variances, dtype=torch.float64), torch.as_tensor(dims, dtype=torch.int64)
        return cls(sigma2.repeat_interleave(sizes), ambient_dim=ambient_dim, **arguments)

    @classmethod
    def isotropic(
        cls, variance: float, dim: int, *, ambient_dim: int | None = None, **arguments: Any
    ) -> "LinearManifold":
        r"""Return the law with ``dim`` directions of one variance, filling the space unless ``ambient_dim`` is given.

        Parameters
        ----------
        variance : float
            :math:`\sigma^2 \ge 0`.
        dim : int
            :math:`m \ge 1`.
        ambient_dim : int, optional
            :math:`d \ge m`; ``dim`` if not given.
        **arguments
            What else the class takes, as for :meth:`blocks`.

        Raises
        ------
        InputError
            As for the class; also if ``dim < 1``.

        Examples
        --------
        >>> LinearManifold.isotropic(2.0, 3).ambient_dim
        3
        """
        if dim < 1:
            raise InputError(f"got dim = {dim}, expected at least 1")
        return cls([float(variance)] * dim, ambient_dim=dim if ambient_dim is None else ambient_dim, **arguments)

    @property
    def ambient_dim(self) -> int:
        """Dimension :math:`d` of the space."""
        return self.basis.shape[0]

    @property
    def intrinsic_dim(self) -> int:
        """Number of directions of positive variance."""
        return int((self.variances > 0).sum())

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        r"""Draw :math:`x_0 = \sum_i \sigma_i g_i u_i`, shape (n, d), float64.

        Parameters
        ----------
        n : int
            Number of points, >= 1.
        generator : torch.Generator
            Source of the :math:`g_i \sim \mathcal N(0, 1)`.

        Raises
        ------
        InputError
            ``n < 1``.

        Examples
        --------
        >>> LinearManifold.isotropic(1.0, 2).sample(5, torch.Generator().manual_seed(0)).shape
        torch.Size([5, 2])
        """
        if n < 1:
            raise InputError(f"got n = {n}, expected at least 1 sample")
        g = torch.randn(n, len(self.variances), generator=generator, dtype=torch.float64, device=self.variances.device)
        return (self.variances.sqrt() * g) @ self.basis.T

    def score(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`s = -\sum_i z_i u_i/(t + \sigma_i^2) - x_\perp/t`.

        Parameters
        ----------
        x : Tensor, shape (batch, d), floating point
            States.
        t : float or Tensor, shape () or (batch,)
            Noise variance, > 0.

        Returns
        -------
        Tensor, shape (batch, d), dtype of ``x``

        Raises
        ------
        InputError
            See :mod:`geomem.distributions.base`.

        Examples
        --------
        >>> law = LinearManifold([1.0], ambient_dim=2)
        >>> law.score(torch.tensor([[1.0, 1.0]]), 0.25)
        tensor([[-0.8000, -4.0000]])
        """
        z, normal, t = self._frame(x, t)
        return (-(z / (t + self.variances)) @ self.basis.T - normal / t).to(x.dtype)

    def denoise(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`D = \sum_i \sigma_i^2 z_i u_i/(t + \sigma_i^2)`; arguments as in :meth:`score`.

        Examples
        --------
        >>> law = LinearManifold([1.0], ambient_dim=2)
        >>> law.denoise(torch.tensor([[1.0, 1.0]]), 0.25)
        tensor([[0.8000, 0.0000]])
        """
        z, _, t = self._frame(x, t)
        return ((self.variances / (t + self.variances) * z) @ self.basis.T).to(x.dtype)

    def log_density(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, " batch"]:
        r"""Return :math:`\ln p_t(x)`, natural logarithm, shape (batch,); arguments as in :meth:`score`.

        .. math:: \ln p_t = -\tfrac12\sum_i\Big[\ln 2\pi(t+\sigma_i^2) + \frac{z_i^2}{t+\sigma_i^2}\Big]
           - \tfrac12\Big[(d-m)\ln 2\pi t + \frac{\|x_\perp\|^2}{t}\Big].

        Examples
        --------
        >>> law = LinearManifold.isotropic(0.5, 1)
        >>> print(f"{law.log_density(torch.zeros(1, 1, dtype=torch.float64), 0.5).item():.6f}")
        -0.918939
        """
        z, normal, t = self._frame(x, t)
        total = t + self.variances
        codim = self.ambient_dim - len(self.variances)
        on = (torch.log(2 * math.pi * total) + z.square() / total).sum(1, keepdim=True)
        off = codim * torch.log(2 * math.pi * t) + normal.square().sum(1, keepdim=True) / t
        return (-0.5 * (on + off))[:, 0].to(x.dtype)

    def posterior_covariance_matvec(
        self, x: Float[Tensor, "batch d"], t: Variance, v: Float[Tensor, "batch d"]
    ) -> Float[Tensor, "batch d"]:
        r"""Return :math:`\mathrm{Cov}[x_0 | x_t = x]\,v = \sum_i \frac{t\sigma_i^2}{t+\sigma_i^2}(u_i\cdot v)\,u_i`.

        Parameters
        ----------
        x : Tensor, shape (batch, d), floating point
            States (the covariance of a Gaussian law does not depend on them).
        t : float or Tensor, shape () or (batch,)
            Noise variance, > 0.
        v : Tensor, shape (batch, d), floating point
            One vector per state.

        Returns
        -------
        Tensor, shape (batch, d), dtype of ``x``

        Raises
        ------
        InputError
            See :mod:`geomem.distributions.base`; also if ``v`` has not the shape of ``x``.

        Examples
        --------
        >>> law = LinearManifold([1.0], ambient_dim=2)
        >>> law.posterior_covariance_matvec(torch.zeros(1, 2), 1.0, torch.ones(1, 2))
        tensor([[0.5000, 0.0000]])
        """
        check_states(x, self.ambient_dim)
        z = check_states(v, self.ambient_dim) @ self.basis
        if v.shape != x.shape:
            raise InputError(f"got v of shape {tuple(v.shape)}, expected one vector per state, {tuple(x.shape)}")
        t = as_variance(t, x)[:, None]
        return ((t * self.variances / (t + self.variances) * z) @ self.basis.T).to(x.dtype)

    def jacobian_eigenvalues(self, t: float) -> Float[Tensor, " d"]:
        r"""Return the eigenvalues of :math:`J = \nabla s`, ascending, shape (d,), float64.

        :math:`-1/t` for each direction off the manifold, :math:`-1/(t + \sigma_i^2)` on it; the same at every state.

        Parameters
        ----------
        t : float
            Noise variance, > 0.

        Raises
        ------
        InputError
            ``t`` is not a finite number > 0.

        Examples
        --------
        >>> LinearManifold([3.0], ambient_dim=2).jacobian_eigenvalues(1.0)
        tensor([-1.0000, -0.2500], dtype=torch.float64)
        """
        sigma2 = torch.zeros(self.ambient_dim, dtype=torch.float64, device=self.variances.device)
        sigma2[: len(self.variances)] = self.variances
        return (-1 / (as_variance(t, sigma2[None]) + sigma2)).sort().values

    def _frame(
        self, x: Float[Tensor, "batch d"], t: Variance
    ) -> tuple[Float[Tensor, "batch m"], Float[Tensor, "batch d"], Float[Tensor, "batch 1"]]:
        r"""Return :math:`z`, :math:`x_\perp`, and the variances as a column."""
        state = check_states(x, self.ambient_dim)
        z = state @ self.basis
        return z, state - z @ self.basis.T, as_variance(t, x)[:, None]

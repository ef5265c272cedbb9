r"""Mixtures of isotropic Gaussians: clustered data, and the denoisers that store part of a training set.

.. math:: p_0 = \sum_k \pi_k\,\mathcal N(\mu_k, \sigma_k^2 I), \qquad
   p_t = \sum_k \pi_k\,\mathcal N(\mu_k, (t + \sigma_k^2) I).

Given a noisy state, component :math:`k` is responsible with probability :math:`r_k`, the softmax of
:math:`\ln\pi_k - \tfrac d2\ln(t+\sigma_k^2) - \|x-\mu_k\|^2/2(t+\sigma_k^2)`, and under it the clean point is
Gaussian with mean :math:`m_k` and variance :math:`v_k`:

.. math::

   m_k = \mu_k + g_k(x - \mu_k), \qquad g_k = \frac{\sigma_k^2}{t + \sigma_k^2}, \qquad v_k = t\,g_k,

.. math::

   D = \sum_k r_k m_k, \qquad
   \mathrm{Cov}[x_0 | x] = \sum_k r_k\big[v_k I + (m_k - D)(m_k - D)^{\mathsf T}\big].

With all :math:`\sigma_k = 0` this is the empirical law of the means. Everything is exact; derived here. The
distances are formed from differences, never from expanded squares, and no (batch, K, d) array is made.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from geomem._typing import Float
from geomem.distributions.base import Variance, as_variance, check_states
from geomem.errors import InputError

__all__ = ["GaussianMixture"]


class GaussianMixture:
    r"""Mixture of :math:`K` isotropic Gaussians in :math:`\mathbb R^d`.

    Parameters
    ----------
    means : Tensor, shape (K, d), floating point
        :math:`\mu_k`.
    variances : Tensor or sequence of float, shape (K,)
        :math:`\sigma_k^2 \ge 0`, one per component.
    weights : Tensor or sequence of float, shape (K,), optional
        :math:`\pi_k > 0` with sum 1; uniform if not given.

    Raises
    ------
    InputError
        No component, wrong shapes, a negative variance, or weights that are not positive with sum 1.

    Examples
    --------
    >>> law = GaussianMixture(torch.tensor([[-1.0], [1.0]]), [0.0, 0.0])
    >>> law.denoise(torch.tensor([[0.0], [0.5]]), 1.0)  # tanh(x)
    tensor([[0.0000],
            [0.4621]])
    """

    def __init__(
        self,
        means: Float[Tensor, "K d"],
        variances: Float[Tensor, " K"] | Sequence[float],
        weights: Float[Tensor, " K"] | Sequence[float] | None = None,
    ) -> None:
        mu = check_states(means)
        n_components = len(mu)
        if mu.numel() == 0:
            raise InputError(f"got means of shape {tuple(mu.shape)}, expected at least one component and dimension")
        if weights is None:
            weights = [1 / n_components] * n_components
        sigma2 = torch.as_tensor(variances, dtype=torch.float64, device=mu.device)
        pi = torch.as_tensor(weights, dtype=torch.float64, device=mu.device)
        if sigma2.shape != (n_components,) or pi.shape != (n_components,):
            raise InputError(
                f"got variances and weights of shapes {tuple(sigma2.shape)} and {tuple(pi.shape)}, "
                f"expected ({n_components},) each"
            )
        if not ((sigma2 >= 0) & torch.isfinite(sigma2)).all():
            raise InputError(f"got variances {sigma2.tolist()}, expected finite numbers >= 0 (not standard deviations)")
        if not (pi > 0).all() or not abs(pi.sum().item() - 1) < 1e-9:
            raise InputError(f"got weights {pi.tolist()}, expected positive numbers with sum 1")
        self.means = mu
        self.variances = sigma2
        self.weights = pi

    @property
    def ambient_dim(self) -> int:
        """Dimension :math:`d` of the space."""
        return self.means.shape[1]

    @property
    def intrinsic_dim(self) -> int:
        """:math:`d` if any component has positive variance, else 0: the law sits on its means."""
        return self.ambient_dim if (self.variances > 0).any() else 0

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        r"""Draw :math:`k \sim \pi`, then :math:`x_0 = \mu_k + \sigma_k g`, shape (n, d), float64.

        Parameters
        ----------
        n : int
            Number of points, >= 1.
        generator : torch.Generator
            Source of components and noise.

        Raises
        ------
        InputError
            ``n < 1``.

        Examples
        --------
        >>> law = GaussianMixture(torch.zeros(1, 4), [1.0])
        >>> law.sample(3, torch.Generator().manual_seed(0)).shape
        torch.Size([3, 4])
        """
        if n < 1:
            raise InputError(f"got n = {n}, expected at least 1 sample")
        k = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        g = torch.randn(n, self.ambient_dim, generator=generator, dtype=torch.float64, device=self.means.device)
        return self.means[k] + self.variances[k].sqrt()[:, None] * g

    def score(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`s = \sum_k r_k (\mu_k - x)/(t + \sigma_k^2)`.

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
        >>> law = GaussianMixture(torch.tensor([[-1.0], [1.0]]), [0.0, 0.0])
        >>> law.score(torch.tensor([[0.5]]), 1.0)  # tanh(x) - x
        tensor([[-0.0379]])
        """
        state, total, log_joint = self._components(x, t)
        precision = log_joint.softmax(1) / total
        return (precision @ self.means - precision.sum(1, keepdim=True) * state).to(x.dtype)

    def denoise(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`D = \sum_k r_k m_k`; arguments as in :meth:`score`.

        Examples
        --------
        >>> law = GaussianMixture(torch.tensor([[2.0]]), [1.0])
        >>> law.denoise(torch.tensor([[0.0]]), 1.0)
        tensor([[1.]])
        """
        state, total, log_joint = self._components(x, t)
        r, g = log_joint.softmax(1), self.variances / total
        return ((r * (1 - g)) @ self.means + (r * g).sum(1, keepdim=True) * state).to(x.dtype)

    def log_density(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, " batch"]:
        r"""Return :math:`\ln p_t(x)`, natural logarithm, shape (batch,); arguments as in :meth:`score`.

        Examples
        --------
        >>> law = GaussianMixture(torch.zeros(1, 1, dtype=torch.float64), [0.5])
        >>> print(f"{law.log_density(torch.zeros(1, 1, dtype=torch.float64), 0.5).item():.6f}")
        -0.918939
        """
        _, _, log_joint = self._components(x, t)
        return (log_joint.logsumexp(1) - 0.5 * self.ambient_dim * math.log(2 * math.pi)).to(x.dtype)

    def posterior_covariance_matvec(
        self, x: Float[Tensor, "batch d"], t: Variance, v: Float[Tensor, "batch d"]
    ) -> Float[Tensor, "batch d"]:
        r"""Return :math:`\mathrm{Cov}[x_0|x]\,v = \sum_k r_k\big[v_k v + c_k m_k\big]`, :math:`c_k = (m_k - D)\cdot v`.

        Parameters
        ----------
        x : Tensor, shape (batch, d), floating point
            States.
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
        >>> law = GaussianMixture(torch.tensor([[-1.0], [1.0]]), [0.0, 0.0])
        >>> law.posterior_covariance_matvec(torch.zeros(1, 1), 1.0, torch.ones(1, 1))
        tensor([[1.]])
        """
        state, total, log_joint = self._components(x, t)
        vector = check_states(v, self.ambient_dim)
        if vector.shape != state.shape:
            raise InputError(f"got v of shape {tuple(v.shape)}, expected one vector per state, {tuple(x.shape)}")
        r, g = log_joint.softmax(1), self.variances / total
        shifted = vector @ self.means.T - (vector * state).sum(1, keepdim=True)  # (mu_k - x) . v
        along = (1 - g) * shifted  # (m_k - x) . v
        c = along - (r * along).sum(1, keepdim=True)  # (m_k - D) . v; sums to zero under r
        spread = r * c * (1 - g)
        within = (r * as_variance(t, x)[:, None] * g).sum(1, keepdim=True)
        return (within * vector + spread @ self.means - spread.sum(1, keepdim=True) * state).to(x.dtype)

    def _components(
        self, x: Float[Tensor, "batch d"], t: Variance
    ) -> tuple[Float[Tensor, "batch d"], Float[Tensor, "batch K"], Float[Tensor, "batch K"]]:
        r"""Return the states, :math:`t + \sigma_k^2`, and :math:`\ln \pi_k p_t(x|k)` without its :math:`2\pi`."""
        state = check_states(x, self.ambient_dim)
        total = as_variance(t, x)[:, None] + self.variances
        distances = torch.cdist(state, self.means, compute_mode="donot_use_mm_for_euclid_dist")
        log_joint = self.weights.log() - 0.5 * (self.ambient_dim * total.log() + distances.square() / total)
        if not torch.isfinite(log_joint).all():
            raise InputError(
                "got states whose logits overflow float64 at this t, expected squared distances over t below 1e300; "
                "rescale means, states, and t together"
            )
        return state, total, log_joint

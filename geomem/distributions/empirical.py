r"""The empirical law of a data set: its smoothed density, score, and posterior are sums over the data.

With :math:`N` points :math:`y_n` in :math:`\mathbb R^d` and noise of variance :math:`t`,

.. math::

   p_{N,t}(x) = \frac1N \sum_n \mathcal N(x;\, y_n, tI), \qquad
   w_n(x, t) = \frac{e^{-\|x - y_n\|^2/2t}}{\sum_m e^{-\|x - y_m\|^2/2t}} .

The weights are the posterior over "which point did :math:`x` come from": softmax attention with the state as query
and the data as keys and values. Their mean is the denoiser, their covariance the Jacobian of the score,

.. math::

   D = \bar y = \sum_n w_n y_n, \qquad s = \frac{\bar y - x}{t}, \qquad
   C_w = \sum_n w_n (y_n - \bar y)(y_n - \bar y)^{\mathsf T}, \qquad
   J = \nabla s = -\frac1t\Bigl(I - \frac{C_w}{t}\Bigr),

and :math:`\sum_n w_n^2` (the inverse participation ratio) says on how many points the state rests: its inverse is
the effective sample size. As :math:`t \to \infty` all weights become :math:`1/N` and the law a Gaussian of variance
:math:`t` around the data mean; as :math:`t \to 0` the nearest point takes everything. :math:`C_w` is positive
semi-definite, but :math:`C_w/t` is *not* bounded by the identity, as it would be for a log-concave law.

All of this is exact for the given points (derived here; as attention and associative memory: Ramsauer et al. 2021,
arXiv 2008.02217). The sums run over blocks of data and never hold batch x N numbers. Weights are within 1e-9 of exact
in total variation for t >= 1e-4 and data of unit variance up to d = 3072, where :math:`\|y\|^2/t` is far beyond what
float64 resolves: the source of ``_posterior_weights`` says how.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from geomem._typing import Float, Int
from geomem.distributions._posterior_covariance import covariance
from geomem.distributions._posterior_moments import (
    covariance_eigenvalues,
    covariance_product,
    drawn_points,
    log_density,
    mean_displacement,
    participation,
    top_weights,
)
from geomem.distributions._posterior_weights import QUERIES, Form, Points, forms
from geomem.distributions.base import Variance, as_variance, check_states
from geomem.errors import InputError

__all__ = ["Empirical", "Weights"]

DENSE_ELEMENTS = 2**20  # weights held at once where a spectrum needs all of them: 8 MiB


class Weights(NamedTuple):
    """The largest posterior weights of each state, descending."""

    values: Float[Tensor, "batch k"]
    """Weights, normalized over *all* points: they sum to less than one where ``k`` leaves some out."""
    indices: Int[Tensor, "batch k"]
    """Row numbers of the points in the data, int64."""


class Empirical:
    r"""The law with mass :math:`1/N` on each of :math:`N` data points.

    Parameters
    ----------
    data : Tensor, shape (N, d), float32 or float64
        The points, taken as exact; kept, not copied. Repeated points count as often as they occur.
    block_elements : int
        Numbers in the largest temporary array; results do not depend on it beyond rounding.

    Raises
    ------
    InputError
        Data not a two-dimensional floating-point tensor, empty, or with NaN or infinity; ``block_elements`` < 1.

    Notes
    -----
    All methods take states and variance as :meth:`score` does. States may have any floating dtype and must lie on the
    device of the data; sums are float64, results have the dtype of the states. Autograd can differentiate them in
    ``x``; it then keeps batch x N numbers.

    Examples
    --------
    >>> law = Empirical(torch.tensor([[0.0], [1.0]], dtype=torch.float64))
    >>> x = torch.tensor([[0.5], [0.7]], dtype=torch.float64)
    >>> law.denoise(x, 0.1)
    tensor([[0.5000],
            [0.8808]], dtype=torch.float64)
    >>> law.effective_sample_size(x, 0.1)
    tensor([2.0000, 1.2658], dtype=torch.float64)
    """

    def __init__(self, data: Float[Tensor, "N d"], *, block_elements: int = 2**18) -> None:
        self._points = Points(data, block_elements)

    @property
    def data(self) -> Float[Tensor, "N d"]:
        """The data points, as given."""
        return self._points.data

    @property
    def n_points(self) -> int:
        """Number :math:`N` of data points."""
        return len(self.data)

    @property
    def ambient_dim(self) -> int:
        """Dimension :math:`d` of the space."""
        return self.data.shape[1]

    @property
    def intrinsic_dim(self) -> int:
        """Zero: the law lives on points."""
        return 0

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Draw ``n`` data points with replacement.

        Parameters
        ----------
        n : int
            Number of draws, >= 1.
        generator : torch.Generator
            Source of the draws, on the device of the data.

        Returns
        -------
        Tensor, shape (n, d), dtype of the data
            Rows of the data.

        Raises
        ------
        InputError
            ``n`` < 1.

        Examples
        --------
        >>> law = Empirical(torch.tensor([[0.0], [1.0]]))
        >>> law.sample(1000, torch.Generator().manual_seed(0)).unique()
        tensor([0., 1.])
        """
        if n < 1:
            raise InputError(f"got n = {n}, expected at least 1 draw")
        return self.data[torch.randint(self.n_points, (n,), generator=generator, device=self.data.device)]

    def score(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`s = \nabla_x \ln p_{N,t}(x) = (\bar y - x)/t`.

        Parameters
        ----------
        x : Tensor, shape (batch, d), floating point
            States.
        t : float or Tensor, shape () or (batch,)
            Noise variance, > 0.

        Returns
        -------
        Tensor, shape (batch, d), dtype of ``x``
            The score.

        Raises
        ------
        InputError
            See :func:`~geomem.distributions.base.check_states` and :func:`~geomem.distributions.base.as_variance`.

        Examples
        --------
        >>> Empirical(torch.tensor([[0.0], [1.0]])).score(torch.tensor([[2.0]]), 1e-4)
        tensor([[-10000.]])
        """
        return self._observe(x, t, lambda form, _: (form.reference - form.x + mean_displacement(form)) / form.t)

    def denoise(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return the posterior mean :math:`D = \bar y = \sum_n w_n y_n`; arguments and errors as :meth:`score`.

        Returns
        -------
        Tensor, shape (batch, d), dtype of ``x``
            The mean of the data for large t, the nearest point for small t.

        Examples
        --------
        >>> Empirical(torch.tensor([[0.0], [1.0]])).denoise(torch.tensor([[2.0]]), 1e6)
        tensor([[0.5000]])
        """
        return self._observe(x, t, lambda form, _: form.reference + mean_displacement(form))

    def log_density(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, " batch"]:
        r"""Return :math:`\ln p_{N,t}(x)`, the logarithm of the module's sum; arguments and errors as :meth:`score`.

        Returns
        -------
        Tensor, shape (batch,), dtype of ``x``
            Log-density with respect to Lebesgue measure, in nats.

        Examples
        --------
        >>> Empirical(torch.zeros(3, 2)).log_density(torch.zeros(1, 2), 1.0)
        tensor([-1.8379])
        """
        return self._observe(x, t, lambda form, _: log_density(form))

    def inverse_participation_ratio(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, " batch"]:
        r"""Return :math:`\sum_n w_n^2 \in [1/N, 1]`; arguments and errors as :meth:`score`.

        Returns
        -------
        Tensor, shape (batch,), dtype of ``x``
            1/N where all points weigh the same, 1 where one has everything.

        Examples
        --------
        >>> Empirical(torch.tensor([[-1.0], [1.0]])).inverse_participation_ratio(torch.zeros(1, 1), 0.1)
        tensor([0.5000])
        """
        return self._observe(x, t, lambda form, _: participation(form))

    def effective_sample_size(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, " batch"]:
        r"""Return :math:`1/\sum_n w_n^2 \in [1, N]`, how many points count; arguments and errors as :meth:`score`.

        Returns
        -------
        Tensor, shape (batch,), dtype of ``x``
            Effective sample size of each state; averages over states or data sets are the caller's choice.

        Examples
        --------
        >>> Empirical(torch.tensor([[-1.0], [1.0]])).effective_sample_size(torch.zeros(1, 1), 0.1)
        tensor([2.])
        """
        return 1 / self.inverse_participation_ratio(x, t)

    def weights(self, x: Float[Tensor, "batch d"], t: Variance, *, top: int) -> Weights:
        r"""Return the ``top`` largest weights :math:`w_n(x, t)` and the points that they belong to.

        Parameters
        ----------
        top : int
            How many, 1 to N.

        Returns
        -------
        Weights
            ``values`` (batch, top) descending, dtype of ``x``; ``indices`` (batch, top). The order among weights
            that are equal, or below :math:`e^{-40}` of the largest, is not defined.

        Raises
        ------
        InputError
            ``top`` outside 1..N; else as for :meth:`score`.

        Examples
        --------
        >>> Empirical(torch.tensor([[0.0], [1.0], [5.0]])).weights(torch.tensor([[0.9]]), 0.1, top=2)
        Weights(values=tensor([[0.9820, 0.0180]]), indices=tensor([[1, 0]]))
        """
        if not 1 <= top <= self.n_points:
            raise InputError(f"got top = {top}, expected 1 to n_points = {self.n_points}")

        values, indices = self._collect(x, t, lambda form, _: top_weights(form, top))
        return Weights(values.to(x.dtype), indices)

    def posterior_draw(
        self, x: Float[Tensor, "batch d"], t: Variance, generator: torch.Generator
    ) -> Float[Tensor, "batch d"]:
        r"""Draw a data point :math:`y_n` for each state with probability :math:`w_n(x, t)`; errors as :meth:`score`.

        Parameters
        ----------
        generator : torch.Generator
            Source of the draws, on the device of the data.

        Returns
        -------
        Tensor, shape (batch, d), dtype of ``x``
            Clean points, of mean :meth:`denoise` and covariance :meth:`posterior_covariance` given the states.

        Examples
        --------
        >>> law, x = Empirical(torch.tensor([[0.0], [1.0]])), torch.full((10_000, 1), 0.7)
        >>> print(f"{law.posterior_draw(x, 0.1, torch.Generator().manual_seed(0)).mean():.1f}")  # 0.88
        0.9
        """
        check_states(x, self.ambient_dim)
        uniform = torch.rand(len(x), 1, generator=generator, dtype=torch.float64, device=self.data.device)
        queries = min(QUERIES, max(1, DENSE_ELEMENTS // self.n_points))
        return self._observe(x, t, lambda form, rows: drawn_points(form, uniform[rows]), queries)

    def posterior_covariance(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d d"]:
        r"""Return :math:`C_w = \sum_n w_n (y_n - \bar y)(y_n - \bar y)^{\mathsf T}`; arguments as :meth:`score`.

        Returns
        -------
        Tensor, shape (batch, d, d), dtype of ``x``
            Symmetric, in units of t. Variances keep their relative precision where one point has nearly all weight.

        Examples
        --------
        >>> law = Empirical(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
        >>> law.posterior_covariance(torch.zeros(1, 2), 0.1)
        tensor([[[1., 0.],
                 [0., 0.]]])
        """
        return self._observe(x, t, lambda form, _: covariance(form))

    def posterior_covariance_matvec(
        self, x: Float[Tensor, "batch d"], t: Variance, v: Float[Tensor, "batch d"]
    ) -> Float[Tensor, "batch d"]:
        r"""Return :math:`C_w v = t\,(v + tJv)`, one direction per state, without forming a matrix.

        Parameters
        ----------
        v : Tensor, shape (batch, d), floating point
            Directions.

        Returns
        -------
        Tensor, shape (batch, d), dtype of ``x``
            The product with the posterior covariance.

        Raises
        ------
        InputError
            ``v`` is not as many states as ``x``; else as for :meth:`score`.

        Examples
        --------
        >>> law = Empirical(torch.tensor([[-1.0], [1.0]]))
        >>> law.posterior_covariance_matvec(torch.zeros(1, 1), 0.1, torch.ones(1, 1))
        tensor([[1.]])
        """
        directions = check_states(v, self.ambient_dim)
        if len(directions) != len(x):
            raise InputError(f"got {len(directions)} directions for {len(x)} states, expected one each")
        return self._observe(x, t, lambda form, rows: covariance_product(form, directions[rows]))

    def jacobian_eigenvalues(
        self, x: Float[Tensor, "batch d"], t: Variance, *, discard: float = 1e-12
    ) -> Float[Tensor, "batch d"]:
        r"""Return the eigenvalues of :math:`J = \nabla s`, ascending, by the Gram matrix of the points that count.

        The nonzero eigenvalues of :math:`C_w` are those of the :math:`k \times k` matrix
        :math:`\sqrt{w_a w_b}\,(y_a - \bar y)\cdot(y_b - \bar y)` over the :math:`k` points that carry all but
        ``discard`` of the weight; every other eigenvalue of :math:`J` is :math:`-1/t`. For :math:`k > d` the
        covariance itself is smaller. Derived here.

        Parameters
        ----------
        discard : float
            Weight that may be left out, in [0, 1): it moves :math:`tJ` by at most ``discard`` times the squared
            diameter of the data over t.

        Returns
        -------
        Tensor, shape (batch, d), dtype of ``x``
            Eigenvalues in units of 1/variance, from :math:`-1/t` up; positive ones occur.

        Raises
        ------
        InputError
            ``discard`` outside [0, 1); else as for :meth:`score`.

        Examples
        --------
        >>> law = Empirical(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]))
        >>> law.jacobian_eigenvalues(torch.zeros(1, 2), 0.5)
        tensor([[-2.,  2.]])
        """
        if not 0 <= discard < 1:
            raise InputError(f"got discard = {discard}, expected a weight in [0, 1)")

        def eigenvalues(form: Form, _: Tensor) -> Tensor:
            return (covariance_eigenvalues(form, discard) / form.t - 1) / form.t

        return self._observe(x, t, eigenvalues, queries=max(1, DENSE_ELEMENTS // self.n_points))

    def _observe(
        self, x: Tensor, t: Variance, observable: Callable[[Form, Tensor], Tensor], queries: int = QUERIES
    ) -> Tensor:
        """Return an observable of each state in the dtype of the states."""
        (values,) = self._collect(x, t, lambda form, rows: (observable(form, rows),), queries)
        return values.to(x.dtype)

    def _collect(
        self,
        x: Tensor, t: Variance, observables: Callable[[Form, Tensor], tuple[Tensor, ...]], queries: int = QUERIES
    ) -> list[Tensor]:
        """Check the arguments, observe each group of states in the form that it needs, and restore their order."""
        states = check_states(x, self.ambient_dim)
        groups = list(forms(self._points, states, as_variance(t, states), queries))
        order = torch.argsort(torch.cat([rows for rows, _ in groups]))
        results = [observables(form, rows) for rows, form in groups]
        return [torch.cat(parts)[order] for parts in zip(*results, strict=True)]

r"""K networks of one architecture as one: their weights stacked along a first axis, evaluated in one batched pass.

Small networks do not fill a processor one at a time. Stacked, K matrix products become one batched product, and what
is spent on calls is spent once.
"""

import copy
import hashlib
import json
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, jvp, stack_module_state, vmap

from geomem._typing import Float
from geomem.distributions.base import Variance, as_variance, check_states
from geomem.errors import InputError
from geomem.jacobian._autodiff import load_forward_mode
from geomem.learning.networks import NetworkScore

__all__ = ["Ensemble"]


class Ensemble:
    r"""K networks that predict noise, and the scores of all of them at once.

    It is a :class:`~geomem.distributions.base.Score` whose rows are K equal groups one after another: of a batch of
    :math:`Kn` states the rows :math:`kn, \dots, kn + n - 1` are those of member :math:`k`. Whatever takes a score,
    a sampler for instance, then runs for all members together.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        At least one, all of one architecture and dtype: they differ in their weights and in nothing else. Their
        weights are copied.

    Raises
    ------
    InputError
        No network, one without weights, or networks that differ in more than the values of their weights: in names,
        shapes, or dtype of weights, in the settings of a module, or in buffers.

    Notes
    -----
    Regime: networks that are functions of states and variances, without dropout, and keep no state but their weights.

    Examples
    --------
    >>> from geomem.learning.networks import mlp
    >>> make = lambda seed: mlp(2, width=8, embedding=(4, 8), generator=torch.Generator().manual_seed(seed))
    >>> networks = [make(0), make(1)]
    >>> both = Ensemble(networks)
    >>> x = torch.ones(6, 2)
    >>> alone = NetworkScore(networks[1]).score(x[3:], 0.5)
    >>> bool(torch.allclose(both.score(x, 0.5)[3:], alone))
    True
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        networks = list(networks)
        if not networks:
            raise InputError("got no network, expected at least one")
        if next(networks[0].parameters(), None) is None:
            raise InputError(f"got a network without weights, {type(networks[0]).__name__}, expected some")
        first = fingerprint(networks[0])
        for k, network in enumerate(networks):
            if fingerprint(network) != first:
                raise InputError(
                    f"got networks of different architecture or dtype: number {k} is not like number 0, expected all "
                    "alike but for the values of their weights; make an ensemble of each kind"
                )
        self.template = copy.deepcopy(networks[0]).requires_grad_(False)
        stacked, _ = stack_module_state(networks)
        self.weights = {name: weight.detach().clone() for name, weight in stacked.items()}

    def __len__(self) -> int:
        return len(next(iter(self.weights.values())))

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights, and of the states."""
        return next(iter(self.weights.values())).dtype

    def to(self, target: torch.dtype | torch.device | str) -> "Ensemble":
        """Return a copy with weights of another dtype, or on another device."""
        other = copy.copy(self)
        other.template = copy.deepcopy(self.template).to(target)
        other.weights = {name: weight.to(target, copy=True) for name, weight in self.weights.items()}
        return other

    def double(self) -> "Ensemble":
        """Return a copy with weights in float64."""
        return self.to(torch.float64)

    def member(self, k: int) -> NetworkScore:
        """Return the score of member ``k``, a network of its own with a copy of the weights.

        Raises
        ------
        InputError
            There is no such member; as in lists, -1 is the last.
        """
        if not -len(self) <= k < len(self):
            raise InputError(f"got member {k}, expected one of the {len(self)} from 0 to {len(self) - 1}")
        network = copy.deepcopy(self.template)
        network.load_state_dict({name: weight[k] for name, weight in self.weights.items()}, strict=False)
        return NetworkScore(network)

    def predict(self, x: Float[Tensor, "members rows d"], t: Float[Tensor, "members rows"]) -> Tensor:
        """Return the noise (members, rows, d) that each member predicts for its own states, unchecked."""
        return vmap(lambda weights, x, t: functional_call(self.template, weights, (x, t)))(self.weights, x, t)

    def predict_noise(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`\varepsilon_\theta(x, t)`, rows in K equal groups.

        Raises
        ------
        InputError
            A number of rows that is no multiple of K, another dtype than that of the weights; see also
            :func:`~geomem.distributions.base.check_states` and :func:`~geomem.distributions.base.as_variance`.
        """
        return self.predict(*self._grouped(x, t)).flatten(0, 1)

    def score(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`-\varepsilon_\theta/\sqrt t`, rows in K equal groups; errors as :meth:`predict_noise`."""
        return -self.predict_noise(x, t) / as_variance(t, x).to(x.dtype).sqrt()[:, None]

    def denoise(self, x: Float[Tensor, "batch d"], t: Variance) -> Float[Tensor, "batch d"]:
        r"""Return :math:`x - \sqrt t\,\varepsilon_\theta`, rows in K equal groups; errors as :meth:`predict_noise`."""
        noise = self.predict_noise(x, t)
        return x - as_variance(t, x).to(x.dtype).sqrt()[:, None] * noise

    def denoiser_jacobian(
        self, x: Float[Tensor, "batch d"], t: Variance, *, chunk_size: int = 8
    ) -> Float[Tensor, "batch d d"]:
        r"""Return :math:`K = \nabla D_\theta = I + tJ` at every state, not symmetrized, rows in K equal groups.

        Forward-mode products with the :math:`d` unit vectors, each at all states of all members in one pass.

        Parameters
        ----------
        x : Tensor, shape (batch, d), dtype of the weights
            States.
        t : float or Tensor, shape () or (batch,)
            Noise variance, > 0.
        chunk_size : int
            Directions in one pass, >= 1: bounds the memory.

        Returns
        -------
        Tensor, shape (batch, d, d), dtype of ``x``
            Without units.

        Raises
        ------
        InputError
            As for :meth:`predict_noise`; ``chunk_size`` < 1.

        Notes
        -----
        Source: derived here; equal to :math:`I + tJ` with :func:`geomem.jacobian.products.dense` of each member. The
        functions of :mod:`geomem.jacobian` take states one at a time and so refuse an ensemble: give them a member.

        Examples
        --------
        >>> from geomem.learning.networks import mlp
        >>> make = lambda seed: mlp(2, width=8, embedding=(4, 8), generator=torch.Generator().manual_seed(seed))
        >>> Ensemble([make(0), make(1)]).denoiser_jacobian(torch.zeros(6, 2), 0.5).shape
        torch.Size([6, 2, 2])
        """
        if chunk_size < 1:
            raise InputError(f"got chunk_size = {chunk_size}, expected at least 1")
        groups, t = self._grouped(x, t)
        load_forward_mode()
        unit = torch.eye(x.shape[1], dtype=x.dtype, device=x.device)

        def column(e: Tensor) -> Tensor:
            return jvp(lambda y: self.predict(y, t), (groups,), (e.expand_as(groups),))[1]

        noise = vmap(column, out_dims=-1, chunk_size=chunk_size)(unit)
        return (unit - t.sqrt()[..., None, None] * noise).flatten(0, 1)

    def _grouped(self, x: Tensor, t: Variance) -> tuple[Tensor, Tensor]:
        """Return states (K, n, d) and variances (K, n), or raise."""
        check_states(x, getattr(self.template, "ambient_dim", None))
        if x.dtype != self.dtype:
            raise InputError(
                f"got states of {x.dtype} for networks of {self.dtype}, expected the same; convert one of them"
            )
        if len(x) == 0 or len(x) % len(self):
            raise InputError(f"got {len(x)} states for {len(self)} members, expected as many for each: a multiple")
        shape = len(self), len(x) // len(self)
        return x.unflatten(0, shape), as_variance(t, x).to(x.dtype).unflatten(0, shape)


def fingerprint(network: nn.Module) -> str:
    """Return a hash of all that makes the function but the values of the weights, the same in every process."""
    plain = (bool, int, float, str, tuple, type(None))
    modules = {
        name: [
            type(module).__qualname__,
            {key: repr(v) for key, v in vars(module).items() if isinstance(v, plain) and not key.startswith("_")},
        ]
        for name, module in network.named_modules()
    }
    weights = {name: [list(p.shape), str(p.dtype)] for name, p in network.named_parameters()}
    buffers = {name: [str(b.dtype), b.tolist()] for name, b in network.named_buffers()}
    return hashlib.sha256(json.dumps([modules, weights, buffers], sort_keys=True).encode()).hexdigest()

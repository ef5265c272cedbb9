r"""Denoising score matching of one network or of many in one batched step.

Member :math:`k` has :math:`N_k` training points, consecutive rows of one data tensor that all members share, and is
trained on

.. math:: \mathcal L_k(\theta) = \frac1d\,\mathbb E\,\lambda(t)\,
   \lVert \varepsilon_\theta(y^\mu + \sqrt t\,\varepsilon, t) - \varepsilon\rVert^2, \qquad \mu \le N_k,\quad
   \varepsilon \sim \mathcal N(0, I),\quad \ln t \text{ uniform in } [\ln t_{\min}, \ln t_{\max}],

with the weight :math:`\lambda` that the network states in a method ``loss_weight``, or one. What is recorded is the
loss without the weight.

The sum of the losses of all members has the gradients of each, since no weight is shared. What member :math:`k` draws
for update :math:`n` is a function of its seed and of :math:`n` alone: it learns what it would learn alone, and a
training that was killed goes on as if it had not been.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from tqdm import tqdm

from geomem._typing import Float
from geomem.distributions.base import check_states
from geomem.errors import ArchiveError, InputError, TrainingError
from geomem.learning import checkpoint as checkpoints
from geomem.learning.ensemble import Ensemble, fingerprint
from geomem.learning.settings import OPTIMIZERS, Member, Settings

__all__ = ["Training"]

AHEAD = 10
"""Updates whose random numbers are drawn at once."""
RECORD = 100
"""Updates in one entry of the recorded losses."""
WEIGHTS, DRAWS = 0, 1
"""What a member's seed is used for."""
MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What both optimizers keep for each weight."""


class Training:
    r"""K networks in training; ``advance`` takes them to a number of updates, ``averaged`` are their scores there.

    Parameters
    ----------
    make : callable
        Given a ``torch.Generator`` returns a network that predicts noise, as :func:`geomem.learning.networks.mlp`:
        called with states (levels, n, d) and variances (levels, 1) it returns (levels, n, d).
    data : Tensor, shape (n, d), floating point
        Rows that the members draw from; taken in the dtype of the networks. Its device is that of the training.
    members : sequence of :class:`~geomem.learning.settings.Member`
        At least one.
    settings : :class:`~geomem.learning.settings.Settings`, optional
        The same for all members; the defaults if not given.

    Raises
    ------
    InputError
        Data with NaN or of a wrong shape; no member, or one whose rows are not in the data or whose seed is out of
        range; networks as refused by :class:`~geomem.learning.ensemble.Ensemble`.

    Notes
    -----
    Source: denoising score matching, Vincent (2011), Neural Computation 23, 1661, of all noises at once as in Song et
    al. (2021), arXiv:2011.13456. Regime: on one device and with one number of threads everything is a function of
    data, members, and settings. On another the sums are taken in another order, and trainings part after some hundred
    updates.

    Examples
    --------
    >>> from geomem.learning.networks import mlp
    >>> data = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    >>> make = lambda generator: mlp(2, width=8, embedding=(4, 8), data_variance=1.0, generator=generator)
    >>> training = Training(make, data, [Member(n_points=4, seed=0), Member(n_points=8, seed=1)], Settings(batch=16))
    >>> training.advance(20), len(training.averaged)
    (20, 2)
    """

    def __init__(
        self,
        make: Callable[[torch.Generator], nn.Module],
        data: Float[Tensor, "n d"],
        members: Sequence[Member],
        settings: Settings | None = None,
    ) -> None:
        check_states(data)
        self.members, self.settings = tuple(members), settings or Settings()
        if not self.members:
            raise InputError("got no member, expected at least one")
        for k, m in enumerate(self.members):
            if m.n_points < 1 or m.start < 0 or m.start + m.n_points > len(data):
                raise InputError(
                    f"got member {k} with rows {m.start} to {m.start + m.n_points}, expected at least one of the "
                    f"{len(data)} rows of the data and none beyond"
                )
            if not 0 <= m.seed < 2**32:
                raise InputError(f"got member {k} with seed {m.seed}, expected one from 0 to 2**32 - 1")
        first = Ensemble([make(torch.Generator().manual_seed(seed_of(m, WEIGHTS))) for m in self.members])
        check_states(data, getattr(first.template, "ambient_dim", None))
        self.data = data.to(first.dtype)
        self._template = first.template.to(data.device)
        self._weigh = getattr(first.template, "loss_weight", torch.ones_like)
        self._weights = {name: w.to(data.device).requires_grad_() for name, w in first.weights.items()}
        self._average = {name: w.detach().clone() for name, w in self._weights.items()}
        self._optimizer = OPTIMIZERS[self.settings.optimizer](list(self._weights.values()), self.settings.learning_rate)
        self.n_updates = 0
        self._sum = self.data.new_zeros(len(self.members))
        self._losses: list[Tensor] = []
        self._checked, self._drawn = 0, (-1, ())
        self._origin = {
            "settings": asdict(self.settings),
            "members": [[int(m.n_points), int(m.seed), int(m.start)] for m in self.members],
            "data": hashlib.sha256(self.data.cpu().contiguous().view(torch.uint8).numpy()).hexdigest(),
            "networks": fingerprint(self._template),
        }

    @property
    def averaged(self) -> Ensemble:
        """The members with their averaged weights."""
        return self._ensemble(self._average)

    @property
    def current(self) -> Ensemble:
        """The members with the weights of the last update."""
        return self._ensemble(self._weights)

    @property
    def losses(self) -> Float[Tensor, "records k"]:
        """Losses of each member, means over 100 updates, on the CPU."""
        return torch.stack(self._losses) if self._losses else self.data.new_empty(0, len(self.members)).cpu()

    def advance(
        self,
        n_updates: int,
        *,
        checkpoint: Path | None = None,
        every: int = 1000,
        deadline: float | None = None,
        progress: bool = False,
    ) -> int:
        """Train up to ``n_updates`` in all, or to the deadline, and return the number of updates made so far.

        Parameters
        ----------
        n_updates : int
            Counted from the first one ever made; nothing is done if there are as many already.
        checkpoint : Path, optional
            File to save to after every ``every`` updates and at the end.
        every : int
            Updates between two checkpoints.
        deadline : float, optional
            Value of ``time.time()`` after which no further update is begun.
        progress : bool
            Show a bar with the rate of updates and the mean loss.

        Returns
        -------
        int
            Number of updates made so far: ``n_updates`` unless the deadline came first, or more were made before.

        Raises
        ------
        InputError
            ``every`` < 1.
        TrainingError
            A loss or a weight of a member is NaN or infinite. The checkpoint, if there is one, is from before: go on
            from it by :meth:`resume`.
        """
        if every < 1:
            raise InputError(f"got every = {every}, expected at least one update between two checkpoints")
        saved = None
        bar = tqdm(total=n_updates, initial=self.n_updates, unit="update", disable=not progress)
        with bar:
            while self.n_updates < n_updates and not (deadline is not None and time.time() >= deadline):
                self._update()
                bar.update()
                if self.n_updates % AHEAD == 0:
                    self._check(checkpoint)
                if self.n_updates % RECORD == 0:
                    self._losses.append((self._sum / RECORD).cpu())
                    self._sum.zero_()
                    bar.set_postfix(loss=f"{self._losses[-1].mean():.4g}")
                if checkpoint is not None and self.n_updates % every == 0:
                    self.save(checkpoint)
                    saved = self.n_updates
            self._check(checkpoint)
            if checkpoint is not None and saved != self.n_updates:
                self.save(checkpoint)
        return self.n_updates

    def save(self, path: Path) -> None:
        """Write a checkpoint, atomically: weights, averages, optimizer, losses, and what they belong to.

        Parameters
        ----------
        path : Path
            File to create or replace; missing parent folders are created.

        Raises
        ------
        TrainingError
            A loss or a weight of a member is NaN or infinite; nothing is written.
        """
        self._check(path)
        tensors = {f"weights.{name}": w for name, w in self._weights.items()}
        tensors |= {f"average.{name}": w for name, w in self._average.items()}
        for i, state in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{key}": state[key] for key in MOMENTS}
        tensors |= {"sum": self._sum, "losses": self.losses}
        checkpoints.write(path, tensors, self._origin | {"n_updates": self.n_updates})

    def resume(self, path: Path) -> int:
        """Go back, or on, to a checkpoint, and return its number of updates.

        Parameters
        ----------
        path : Path
            Where a training of the same data, members, settings, and networks was saved.

        Raises
        ------
        ArchiveError
            No whole checkpoint of a training is there; nothing has changed.
        InputError
            It is of other data, members, settings, or networks; nothing has changed.

        Examples
        --------
        >>> import tempfile
        >>> from geomem.learning.networks import mlp
        >>> make = lambda generator: mlp(1, width=8, embedding=(4, 8), generator=generator)
        >>> new = lambda: Training(make, torch.ones(1, 1), [Member(1, 0)], Settings(batch=16))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     stopped, resumed = new(), new()
        ...     stopped.advance(3, checkpoint=Path(folder) / "checkpoint")
        ...     resumed.resume(Path(folder) / "checkpoint")
        3
        3
        >>> stopped.advance(5), resumed.advance(5)
        (5, 5)
        >>> x = torch.zeros(1, 1)
        >>> bool(torch.equal(stopped.averaged.score(x, 1.0), resumed.averaged.score(x, 1.0)))
        True
        """
        tensors, note = checkpoints.read(path)
        if set(note) != {*self._origin, "n_updates"} or not isinstance(note["n_updates"], int):
            raise ArchiveError(f"got {path}, which is no checkpoint of a training, expected one; give another path")
        for what, own in self._origin.items():
            if note[what] != own:
                raise InputError(
                    f"got {path}, a checkpoint of other {what}: {note[what]}, expected {own}; "
                    "make the training as it was made then, or begin anew with another path"
                )
        n_updates, expected = note["n_updates"], self._form(note["n_updates"])
        if {name: (tuple(value.shape), value.dtype) for name, value in tensors.items()} != expected:
            raise ArchiveError(f"got {path} with other tensors than its note says, expected both of one training")
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(tensors[f"weights.{name}"])
                self._average[name].copy_(tensors[f"average.{name}"])
        steps = range(len(self._weights) if n_updates else 0)
        state = {i: {key: tensors[f"optimizer.{i}.{key}"] for key in MOMENTS} for i in steps}
        self._optimizer.load_state_dict(self._optimizer.state_dict() | {"state": state})
        self._sum = tensors["sum"].to(self.data.device)
        self._losses = list(tensors["losses"])
        self.n_updates = self._checked = n_updates
        return n_updates

    def _update(self) -> None:
        """Make one update of every member."""
        x, t, noise = self._batch()
        predicted = vmap(lambda w, x, t: functional_call(self._template, w, (x, t)))(self._weights, x, t)
        errors = (predicted - noise).square().mean((2, 3))
        self._optimizer.zero_grad()
        (self._weigh(t[..., 0]) * errors).mean(1).sum().backward()
        if self.settings.clip is not None:
            shorten([w.grad for w in self._weights.values()], self.settings.clip)
        self._optimizer.step()
        self.n_updates += 1
        self._sum += errors.detach().mean(1)
        beta = self.settings.ema
        if self.settings.ema_warmup:
            beta = min(beta, self.n_updates / (self.n_updates + 9))
        with torch.no_grad():
            torch._foreach_lerp_(list(self._average.values()), list(self._weights.values()), 1 - beta)

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return noisy states (k, levels, batch/levels, d), their variances (k, levels, 1), and their noise."""
        block, within = divmod(self.n_updates, AHEAD)
        if self._drawn[0] != block:
            draws = zip(*(self._draw(m, block) for m in self.members), strict=True)
            self._drawn = block, tuple(torch.stack(d, dim=1) for d in draws)
        rows, strata, noise = (d[within] for d in self._drawn[1])
        s, levels = self.settings, self.settings.levels
        u = (torch.arange(levels, device=strata.device) + strata) / levels
        t = (s.t_min * (s.t_max / s.t_min) ** u)[..., None].to(self.data.dtype)
        noise = noise.unflatten(1, (levels, -1))
        return self.data[rows].unflatten(1, (levels, -1)) + t.sqrt()[..., None] * noise, t, noise

    def _draw(self, member: Member, block: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return rows, strata, and noise of ``AHEAD`` updates of one member."""
        s, device = self.settings, self.data.device
        random = torch.Generator(device).manual_seed(seed_of(member, DRAWS, block))
        rows = torch.rand(AHEAD, s.batch, generator=random, dtype=torch.float64, device=device)
        strata = torch.rand(AHEAD, s.levels, generator=random, dtype=torch.float64, device=device)
        size = AHEAD, s.batch, self.data.shape[1]
        noise = torch.randn(size, generator=random, dtype=self.data.dtype, device=device)
        return member.start + (rows * member.n_points).long(), strata, noise

    def _check(self, path: Path | None) -> None:
        """Raise if a weight, or a loss since the last check, is NaN or infinite."""
        sums = [self._sum, *(w.detach().flatten(1).sum(1) for w in self._weights.values())]  # finite as what they sum
        if not (whole := torch.stack(sums).isfinite().all(0)).all():
            kept = f"the last checkpoint, {path}, is whole" if path and path.exists() else "there is no checkpoint"
            raise TrainingError(
                f"got a loss or a weight that is NaN or infinite for members {(~whole).nonzero().flatten().tolist()} "
                f"between updates {self._checked} and {self.n_updates}, expected finite numbers; {kept}; try a smaller "
                f"learning_rate than {self.settings.learning_rate}, a clip, or data of unit size"
            )
        self._checked = self.n_updates

    def _ensemble(self, weights: dict[str, Tensor]) -> Ensemble:
        ensemble = Ensemble([self._template])
        ensemble.weights = {name: w.detach().clone() for name, w in weights.items()}
        return ensemble

    def _form(self, n_updates: int) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
        """Return shape and dtype of each tensor in a checkpoint of so many updates."""
        form = {}
        for i, (name, w) in enumerate(self._weights.items()):
            like = tuple(w.shape), w.dtype
            form |= {f"weights.{name}": like, f"average.{name}": like}
            if n_updates > 0:
                form |= {f"optimizer.{i}.{key}": ((), torch.float32) if key == "step" else like for key in MOMENTS}
        k, dtype = len(self.members), self.data.dtype
        return form | {"sum": ((k,), dtype), "losses": ((n_updates // RECORD, k), dtype)}


def seed_of(member: Member, *what: int) -> int:
    """Return the seed of one stream of random numbers of a member."""
    return int(np.random.SeedSequence((member.seed, *what)).generate_state(1, np.uint64)[0] >> 1)


def shorten(gradients: Sequence[Tensor], largest: float) -> None:
    """Shorten the gradient of each member, its first index, to a largest norm."""
    square = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0)
    factor = (largest / (square.sqrt() + 1e-12)).clamp(max=1)
    for g in gradients:
        g.mul_(factor.view(-1, *(1,) * (g.ndim - 1)))

"""One average over data sets at every state: broadcasting, and the cumulant of each state."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from geomem._typing import Float
from geomem.errors import InputError
from geomem.theory._blocks import as_blocks, as_log_n_points, as_states, as_times, broadcast_shape
from geomem.theory.random_energy_model import Cumulant, Evaluation

__all__ = [
    "Numbers",
    "OwnPoints",
    "Points",
    "State",
    "States",
    "Times",
    "Variances",
    "evaluate",
    "evaluate_states",
    "limit_of",
]

States = Float[np.ndarray, "*batch d"]
"""States, in the principal axes of the data."""
OwnPoints = Float[np.ndarray, "*own d"] | None
"""Own points of the states, or nothing known of them."""
Variances = Float[np.ndarray, " d"] | Sequence[float]
"""One variance for each principal direction."""
Times = float | np.ndarray | Sequence[float]
"""Noise variances."""
Points = int | float | np.ndarray | Sequence[int] | Sequence[float]
"""Numbers of data points; Python integers of any size."""
Numbers = float | Float[np.ndarray, "..."]
"""float64; a float for one state, one time, and one number of points."""


Average = TypeVar("Average", Evaluation, float)


class State(NamedTuple):
    """One state, and what an average over data sets at it is made of."""

    x: np.ndarray
    t: float
    log_n_points: float
    cumulant: Cumulant
    """Of one energy."""
    pole: float
    r"""The cumulant is analytic for :math:`\lambda > -t/\max_i\sigma_i^2`."""
    own_point: np.ndarray | None
    log_own: float | None

    def average(self, function: Callable[..., Average]) -> Average:
        """Return ``function(cumulant, log_n_points=...)``, with ``log_own`` if there is one."""
        own_factor = {} if self.log_own is None else {"log_own": self.log_own}
        return function(self.cumulant, log_n_points=self.log_n_points, **own_factor)


def each_state(
    x: States, variances: Variances, t: Times, n_points: Points, own_point: OwnPoints = None
) -> tuple[list[State], tuple[int, ...]]:
    """Return every state, in a list, and the shape that states, times, and numbers of points broadcast to."""
    blocks, noise, log_n = as_blocks(x, variances), as_times(t), as_log_n_points(n_points)
    x = as_states(x, np.shape(x)[-1])
    own, square = None, np.zeros(())
    if own_point is not None:
        own = as_states(own_point, x.shape[-1], "own_point")
        broadcast_shape(x=x.shape, own_point=own.shape)
        square = ((x - own) ** 2).sum(-1)
    batch = blocks.squares.shape[:-1]
    shape = broadcast_shape(x=batch, t=noise.shape, n_points=log_n.shape, own_point=square.shape)
    squares = np.broadcast_to(blocks.squares, (*shape, len(blocks.variances)))
    x = np.broadcast_to(x, (*shape, x.shape[-1]))
    own = None if own is None else np.broadcast_to(own, x.shape)
    noise, log_n, square = (np.broadcast_to(array, shape) for array in (noise, log_n, square))
    log_own = -square / (2 * noise)
    states = []
    for k in np.ndindex(shape):
        time, point = float(noise[k]), None if own is None else own[k]
        cumulant = blocks.at(squares[k]).cumulant(time)
        factor = None if own is None else float(log_own[k])
        states.append(State(x[k], time, float(log_n[k]), cumulant, -time / blocks.variances[-1], point, factor))
    return states, shape


def evaluate_states(
    average: Callable[[State], Evaluation],
    x: States,
    variances: Variances,
    t: Times,
    n_points: Points,
    own_point: OwnPoints = None,
    *,
    of_each: tuple[int, ...] = (),
) -> Evaluation:
    """Return an average over data sets at every state, of shape ``of_each`` there, with its numerical error."""
    if np.any(as_log_n_points(n_points) < np.log(2)):
        raise InputError(f"got n_points = {n_points!r:.80}, expected N >= 2; one data point has all the weight")
    states, shape = each_state(x, variances, t, n_points, own_point)
    results = [average(state) for state in states]
    value, error = (np.array([r[i] for r in results], dtype=np.float64).reshape((*shape, *of_each)) for i in (0, 1))
    return Evaluation(value[()], error[()])


def evaluate(
    average: Callable[..., Evaluation],
    x: States,
    variances: Variances,
    t: Times,
    n_points: Points,
    own_point: OwnPoints = None,
) -> Evaluation:
    """Return an average of the random energy model at every state, with its numerical error."""
    return evaluate_states(lambda state: state.average(average), x, variances, t, n_points, own_point)


def limit_of(rate: Callable[..., float], x: States, variances: Variances, t: Times, n_points: Points) -> Numbers:
    """Return the limit of an average over data sets at every state."""
    states, shape = each_state(x, variances, t, n_points)
    return np.array([state.average(rate) for state in states], dtype=np.float64).reshape(shape)[()]

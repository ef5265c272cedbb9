"""One average over data sets at every state: broadcasting, and the cumulant of each state."""

from collections.abc import Callable, Sequence

import numpy as np

from geomem._typing import Float
from geomem.errors import InputError
from geomem.theory._blocks import as_blocks, as_log_n_points, as_states, as_times, broadcast_shape
from geomem.theory.random_energy_model import Evaluation

__all__ = ["Numbers", "OwnPoints", "Points", "States", "Times", "Variances", "evaluate", "limit_of"]

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


def at_each_state(
    function: Callable, x: States, variances: Variances, t: Times, n_points: Points, own_point: OwnPoints = None
) -> tuple[list, tuple[int, ...]]:
    """Return ``function(cumulant, log_n_points=...)`` at every state, in a list, and the shape they broadcast to.

    With an own point, the function also takes ``log_own``.
    """
    blocks, noise, log_n = as_blocks(x, variances), as_times(t), as_log_n_points(n_points)
    square = np.zeros(())
    if own_point is not None:
        own = as_states(own_point, np.shape(x)[-1], "own_point")
        broadcast_shape(x=np.shape(x), own_point=own.shape)
        square = ((np.asarray(x) - own) ** 2).sum(-1)
    batch = blocks.squares.shape[:-1]
    shape = broadcast_shape(x=batch, t=noise.shape, n_points=log_n.shape, own_point=square.shape)
    squares = np.broadcast_to(blocks.squares, (*shape, len(blocks.variances)))
    noise, log_n, square = (np.broadcast_to(array, shape) for array in (noise, log_n, square))
    log_own = -square / (2 * noise)
    results = []
    for k in np.ndindex(shape):
        own_factor = {} if own_point is None else {"log_own": float(log_own[k])}
        cumulant = blocks.at(squares[k]).cumulant(float(noise[k]))
        results.append(function(cumulant, log_n_points=float(log_n[k]), **own_factor))
    return results, shape


def evaluate(
    average: Callable[..., Evaluation],
    x: States,
    variances: Variances,
    t: Times,
    n_points: Points,
    own_point: OwnPoints = None,
) -> Evaluation:
    """Return an average over data sets at every state, with its numerical error."""
    if np.any(as_log_n_points(n_points) < np.log(2)):
        raise InputError(f"got n_points = {n_points!r:.80}, expected N >= 2; one data point has all the weight")
    results, shape = at_each_state(average, x, variances, t, n_points, own_point)
    value, error = np.array(results, dtype=np.float64).reshape(-1, 2).T
    return Evaluation(value.reshape(shape)[()], error.reshape(shape)[()])


def limit_of(rate: Callable[..., float], x: States, variances: Variances, t: Times, n_points: Points) -> Numbers:
    """Return the limit of an average over data sets at every state."""
    results, shape = at_each_state(rate, x, variances, t, n_points)
    return np.array(results, dtype=np.float64).reshape(shape)[()]

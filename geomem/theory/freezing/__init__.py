r"""What freezes when the weights condense, and which directions go first.

The Jacobian of the score is the covariance of the posterior, :math:`-tJ = I - C/t`. For the empirical score it is
the covariance :math:`C_w = \sum_\mu w_\mu (y^\mu - \bar y)(y^\mu - \bar y)^{\mathsf T}` of the data points under the
weights, and the directions in which it has gone are those that the score no longer sees:

- :mod:`~geomem.theory.freezing.limit` holds the frozen values at fresh states: below condensation the mean
  covariance is that of the posterior at :math:`t_c(x)`, times :math:`t/t_c(x)`;
- :mod:`~geomem.theory.freezing.exact` has the mean covariance direction by direction at any number of points, at
  fresh states and at noisy training points;
- :mod:`~geomem.theory.freezing.information` has the information that a noisy training point holds about its own
  point, whose derivative is the mean trace;
- :mod:`~geomem.theory.freezing.loss` measures what a block of directions has lost, in three ways;
- :mod:`~geomem.theory.freezing.order` holds the rule that says which of two blocks is lost first.

Which directions are lost first depends on what is measured. Below condensation, at fresh states and in the limit,
direction :math:`i` keeps the share :math:`R_i = (t + \sigma_i^2)/(t_c + \sigma_i^2)` of its population value, so the
lower variance goes first; it has lost :math:`(1 - R_i)\,\sigma_i^2/(t + \sigma_i^2)` of :math:`C_w/t`, of which the
higher variance has lost more where :math:`t < t_c` and :math:`t\,t_c > \sigma_1^2\sigma_2^2`.

Extensive quantities, principal axes of the data, NumPy. States, noise variances, and numbers of points broadcast.
"""

from geomem.theory.freezing.exact import posterior_covariance, posterior_covariance_own_point
from geomem.theory.freezing.information import log_own_weight
from geomem.theory.freezing.limit import (
    frozen_covariance,
    frozen_effective_dimension,
    frozen_spread,
    frozen_squared_distance,
    loss_crossing,
)
from geomem.theory.freezing.loss import absolute_loss, live_fraction, relative_response
from geomem.theory.freezing.order import HalfNoise, Verdict, half_noise, verdict

__all__ = [
    "HalfNoise",
    "Verdict",
    "absolute_loss",
    "frozen_covariance",
    "frozen_effective_dimension",
    "frozen_spread",
    "frozen_squared_distance",
    "half_noise",
    "live_fraction",
    "log_own_weight",
    "loss_crossing",
    "posterior_covariance",
    "posterior_covariance_own_point",
    "relative_response",
    "verdict",
]

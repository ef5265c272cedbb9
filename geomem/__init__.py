r"""Geometric memorization in diffusion models: exact scores, samplers, statistics, data, and records.

Import the modules, not the package: ``from geomem.distributions import Empirical``,
``from geomem import noise, sampling``. One convention holds everywhere outside :mod:`geomem.noise`:
:math:`t` is a noise *variance*, :math:`x_t = x_0 + \sqrt t\,\varepsilon`, never a time in
:math:`[0, 1]` nor a standard deviation.
"""

__version__ = "0.1.0"

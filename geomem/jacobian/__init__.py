"""Jacobians of scores: products, spectra with a bound on their error, traces, and the published probe.

For any :class:`~geomem.distributions.base.Score`, exact or trained:

- :mod:`~geomem.jacobian.products` multiplies by the Jacobian of the score or of the denoiser, and forms it;
- :mod:`~geomem.jacobian.spectrum` finds its spectrum, by the fastest way that is certified, and says which;
- :mod:`~geomem.jacobian.trace` is the divergence, exact or estimated, and the distance from a gradient field;
- :mod:`~geomem.jacobian.probe` is the finite difference of the literature, to compare with.

Import the package, whose names are those of the functions: ``from geomem import jacobian``, then
``jacobian.spectrum(score, x, t)``.
"""

from geomem.jacobian.probe import probe
from geomem.jacobian.products import denoiser_products, dense, products
from geomem.jacobian.spectrum import Spectrum, spectrum
from geomem.jacobian.trace import Trace, asymmetry, trace

__all__ = [
    "Spectrum",
    "Trace",
    "asymmetry",
    "denoiser_products",
    "dense",
    "probe",
    "products",
    "spectrum",
    "trace",
]

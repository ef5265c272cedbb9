"""Real images as point sets: centered, in one scale, with their source and rights.

Three sets need no download, because libraries ship them: :func:`~geomem.datasets.shipped.digits`,
:func:`~geomem.datasets.shipped.natural_patches`, :func:`~geomem.datasets.shipped.faces`. Three more are read from
the folder named by the environment variable ``GEOMEM_DATA`` when it is there: :func:`~geomem.datasets.local.mnist`,
:func:`~geomem.datasets.local.cifar10`, :func:`~geomem.datasets.local.olivetti`.
"""

from geomem.datasets.images import Images
from geomem.datasets.local import cifar10, mnist, olivetti
from geomem.datasets.shipped import digits, faces, natural_patches

__all__ = ["Images", "cifar10", "digits", "faces", "mnist", "natural_patches", "olivetti"]

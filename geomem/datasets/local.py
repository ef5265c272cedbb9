"""Image sets that the reader supplies: files in the folder named by ``GEOMEM_DATA``.

=================== ==================== ================================ =================================
file                array                shape, uint8                     rights
=================== ==================== ================================ =================================
``mnist.npz``       ``train``, ``test``  (n, 28, 28)                      CC BY-SA 3.0
``cifar10.npz``     ``train``, ``test``  (n, 3, 32, 32)                   none stated; cite the report
``olivetti.npz``    ``images``           (400, 64, 64)                    credit AT&T Laboratories Cambridge
=================== ==================== ================================ =================================

Nothing is downloaded, and nothing in the quick book needs these files. Each split is centered by its own mean
and scale; for held-out states of the same law as the training set, use
:meth:`~geomem.datasets.images.Images.split` on one split.
"""

import os
from pathlib import Path

import numpy as np

from geomem.datasets.images import Images
from geomem.errors import DataNotFoundError, InputError
from geomem.report.files import record_opened

__all__ = ["cifar10", "mnist", "olivetti"]


def mnist(split: str = "train") -> Images:
    """Return MNIST's handwritten digits, 28 by 28 pixels, from ``$GEOMEM_DATA/mnist.npz``.

    Source: Y. LeCun, C. Cortes, C. Burges, the MNIST database of handwritten digits. Rights: CC BY-SA 3.0.

    Parameters
    ----------
    split : "train" or "test"
        Which array of the file.

    Raises
    ------
    DataNotFoundError
        ``GEOMEM_DATA`` is not set, or the file or the array is not there.
    InputError
        The array is not of the shape and type expected.
    """
    return Images.from_pixels(
        f"MNIST {split}",
        _read("mnist.npz", split, (28, 28)),
        source="Y. LeCun, C. Cortes, C. Burges, the MNIST database of handwritten digits",
        rights="CC BY-SA 3.0",
    )


def cifar10(split: str = "train") -> Images:
    """Return CIFAR-10's small color photographs, 32 by 32 by 3, from ``$GEOMEM_DATA/cifar10.npz``.

    Source: A. Krizhevsky (2009), Learning multiple layers of features from tiny images. Rights: none stated; the
    authors ask to cite the report.

    Parameters
    ----------
    split : "train" or "test"
        Which array of the file.

    Raises
    ------
    DataNotFoundError
        ``GEOMEM_DATA`` is not set, or the file or the array is not there.
    InputError
        The array is not of the shape and type expected.
    """
    return Images.from_pixels(
        f"CIFAR-10 {split}",
        np.moveaxis(_read("cifar10.npz", split, (3, 32, 32)), 1, 3),  # channels last, as pictures are drawn
        source="A. Krizhevsky (2009), Learning multiple layers of features from tiny images",
        rights="none stated; cite the report",
    )


def olivetti() -> Images:
    """Return the Olivetti faces, 40 people 10 times each, 64 by 64 pixels, from ``$GEOMEM_DATA/olivetti.npz``.

    Source and rights: credit AT&T Laboratories Cambridge.

    Raises
    ------
    DataNotFoundError
        ``GEOMEM_DATA`` is not set, or the file or the array is not there.
    InputError
        The array is not of the shape and type expected.
    """
    return Images.from_pixels(
        "Olivetti faces",
        _read("olivetti.npz", "images", (64, 64)),
        source="the database of faces, AT&T Laboratories Cambridge",
        rights="credit AT&T Laboratories Cambridge",
    )


def _read(name: str, key: str, image_shape: tuple[int, ...]) -> np.ndarray:
    """Return one array of a file as float64 in [0, 1]."""
    folder = os.environ.get("GEOMEM_DATA")
    if not folder:
        raise DataNotFoundError(
            f"got no data folder, expected one with {name}; set the environment variable GEOMEM_DATA to it"
        )
    path = Path(folder) / name
    if not path.is_file():
        raise DataNotFoundError(
            f"got no file {name} in GEOMEM_DATA = {folder}; put it there (see geomem.datasets.local)"
        )
    record_opened(path)
    with np.load(path, allow_pickle=False) as arrays:
        if key not in arrays:
            raise DataNotFoundError(f"got {name} with arrays {sorted(arrays)}, expected {key!r}")
        images = arrays[key]
    if images.dtype != np.uint8 or images.shape[1:] != image_shape:
        expected = ", ".join(["n", *map(str, image_shape)])
        raise InputError(f"got {key!r} of {name} as {images.dtype} {images.shape}, expected uint8 ({expected})")
    return images / 255

"""Real images that installed libraries ship: no download, no account.

=========================== ================= =============================================================
set                         points            rights
=========================== ================= =============================================================
:func:`digits`              1797 in d = 64    no license named in its description
:func:`natural_patches`     tiles, d = size²  CC BY 2.0, two photographers
:func:`faces`               100 in d = 625    research collection; the people shown hold rights of their own
=========================== ================= =============================================================

scikit-learn and scikit-image (and pillow, for the photographs) are imported when a set is asked for.
"""

from importlib.resources import as_file, files

import numpy as np

from geomem.datasets.images import Images
from geomem.errors import InputError
from geomem.report.files import record_opened

__all__ = ["digits", "faces", "natural_patches"]


def digits() -> Images:
    """Return scikit-learn's 1797 handwritten digits, 8 by 8 pixels.

    Written by 13 people, scanned at 32 by 32, and reduced by counting the inked pixels in blocks of 4 by 4.
    Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
    Repository; its test set, as shipped by scikit-learn. Rights: its description names no license.

    Examples
    --------
    >>> images = digits()
    >>> images.data.shape, images.image_shape
    (torch.Size([1797, 64]), (8, 8))
    """
    from sklearn.datasets import load_digits

    _record("sklearn.datasets.data", "digits.csv.gz")
    return Images.from_pixels(
        "handwritten digits",
        load_digits().images / 16,
        source="E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (UCI), by way of scikit-learn",
        rights="no license named in the shipped description",
    )


def natural_patches(size: int, n: int) -> Images:
    """Return ``n`` square gray patches of scikit-learn's two photographs.

    The photographs are cut into tiles that do not overlap, a tile equal to an earlier one is dropped, and ``n``
    are taken at even spacing over the list: no randomness, and no two patches share a pixel. Gray is
    ``0.299 R + 0.587 G + 0.114 B``. Source: ``china.jpg`` by danielbuechele and ``flower.jpg`` by vultilion
    (Flickr), as shipped by scikit-learn. Rights: CC BY 2.0, both.

    Parameters
    ----------
    size : int
        Side of a patch in pixels, 2 to 427.
    n : int
        Number of patches, 2 to the number of distinct tiles (8478 at size 8, 2080 at size 16).

    Raises
    ------
    InputError
        ``size`` does not fit the photographs, or there are not ``n`` tiles.

    Examples
    --------
    >>> natural_patches(8, 1000).data.shape
    torch.Size([1000, 64])
    """
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    if not 2 <= size <= min(photographs[0].shape[:2]):
        raise InputError(f"got size = {size}, expected 2 to {min(photographs[0].shape[:2])} pixels")
    for name in ("china.jpg", "flower.jpg"):
        _record("sklearn.datasets.images", name)
    tiles = np.concatenate([_tiles(photo @ np.array([0.299, 0.587, 0.114]) / 255, size) for photo in photographs])
    _, first = np.unique(tiles.reshape(len(tiles), -1), axis=0, return_index=True)
    distinct = tiles[np.sort(first)]
    if not 2 <= n <= len(distinct):
        raise InputError(f"got n = {n} patches of size {size}, expected 2 to {len(distinct)}; take smaller patches")
    chosen = np.linspace(0, len(distinct) - 1, n).round().astype(int)
    return Images.from_pixels(
        f"natural patches {size}x{size}",
        distinct[chosen],
        source="china.jpg by danielbuechele and flower.jpg by vultilion (Flickr), by way of scikit-learn",
        rights="CC BY 2.0",
    )


def faces() -> Images:
    """Return 100 faces of the Labeled Faces in the Wild, 25 by 25 pixels, gray.

    The first 100 images of scikit-image's ``lfw_subset``; its other 100 are background and are left out.
    Source: G. Huang, M. Mattar, H. Lee, E. Learned-Miller (2012), Learning to align from scratch, and the
    Labeled Faces in the Wild collection; press photographs of public figures, gathered for research, with no
    license stated by the collection: shown here small, as data, and not to identify anybody.

    Examples
    --------
    >>> faces().data.shape
    torch.Size([100, 625])
    """
    from skimage.data import lfw_subset

    _record("skimage.data", "lfw_subset.npy")
    return Images.from_pixels(
        "faces",
        np.asarray(lfw_subset()[:100], dtype=np.float64),
        source="Labeled Faces in the Wild (Huang, Mattar, Lee, Learned-Miller 2012), by way of scikit-image",
        rights="research collection of press photographs, no license stated",
    )


def _tiles(image: np.ndarray, size: int) -> np.ndarray:
    """Return the tiles of a gray image, row by row, shape (tiles, size, size)."""
    rows, columns = image.shape[0] // size, image.shape[1] // size
    grid = image[: rows * size, : columns * size].reshape(rows, size, columns, size)
    return grid.swapaxes(1, 2).reshape(-1, size, size)


def _record(package: str, name: str) -> None:
    """Note that the running chapter depends on a file that a library ships."""
    with as_file(files(package) / name) as path:
        record_opened(path)

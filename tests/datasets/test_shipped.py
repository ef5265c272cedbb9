"""The real images that libraries ship are the ones described."""

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_sample_images

from geomem.datasets import digits, faces, natural_patches
from geomem.errors import InputError


def test_digits_are_scikit_learns():
    images = digits()
    assert images.data.shape == (1797, 64)
    np.testing.assert_allclose(images.pixels(images.data) * 16, load_digits().images, atol=1e-12)
    assert len(torch.unique(images.data, dim=0)) == 1797


def test_faces_are_the_face_half_of_the_set():
    """A face is nearer to the mean face than the background images of the same file are."""
    from skimage.data import lfw_subset

    images = faces()
    assert images.data.shape == (100, 625)
    assert images.image_shape == (25, 25)
    pixels = lfw_subset()
    np.testing.assert_allclose(images.pixels(images.data), pixels[:100], atol=1e-12)
    mean_face = pixels[:100].mean(0)
    likeness = [np.corrcoef(mean_face.ravel(), picture.ravel())[0, 1] for picture in pixels]
    assert np.median(likeness[:100]) > 0.6 > 0.4 > np.median(likeness[100:])


@pytest.mark.parametrize("size", [8, 16])
def test_patches_are_tiles_of_the_photographs(size):
    images = natural_patches(size, 300)
    assert images.data.shape == (300, size**2)
    gray = [photo @ np.array([0.299, 0.587, 0.114]) / 255 for photo in load_sample_images().images]
    corners = {
        (g[i, j], g[i + 1, j]) for g in gray for i in range(0, 428 - size, size) for j in range(0, 641 - size, size)
    }
    corners = {(round(a, 9), round(b, 9)) for a, b in corners}
    pictures = images.pixels(images.data)
    assert all((round(p[0, 0], 9), round(p[1, 0], 9)) in corners for p in pictures)
    assert len(np.unique(pictures.reshape(300, -1).round(9), axis=0)) == 300


def test_first_and_last_tiles_are_the_corners_of_the_photographs():
    images = natural_patches(16, 2)
    china, flower = (photo @ np.array([0.299, 0.587, 0.114]) / 255 for photo in load_sample_images().images)
    first, last = images.pixels(images.data)
    np.testing.assert_allclose(first, china[:16, :16], atol=1e-12)
    np.testing.assert_allclose(last, flower[400:416, 624:640], atol=1e-12)


def test_all_distinct_tiles_can_be_had_and_no_more():
    assert len(natural_patches(16, 2080).data) == 2080
    for size, n in ((16, 2081), (16, 1), (1, 10), (428, 2)):
        with pytest.raises(InputError, match="expected 2 to"):
            natural_patches(size, n)


def test_patches_are_the_same_every_time():
    assert torch.equal(natural_patches(8, 500).data, natural_patches(8, 500).data)


@pytest.mark.parametrize("load", [digits, faces, lambda: natural_patches(8, 100)])
def test_each_set_says_where_it_comes_from(load):
    images = load()
    assert len(images.name) > 3
    assert len(images.source) > 20
    assert len(images.rights) > 5


def test_files_that_were_opened_are_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("GEOMEM_RUN", str(tmp_path))
    digits()
    faces()
    natural_patches(8, 10)
    opened = json.loads((tmp_path / "opened.json").read_text())
    names = {path.rsplit("/", 1)[-1] for path in opened}
    assert names == {"digits.csv.gz", "lfw_subset.npy", "china.jpg", "flower.jpg"}

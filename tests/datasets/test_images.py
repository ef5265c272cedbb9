"""Images as points: centring, one scale, pictures, splits, refusals."""

import math

import numpy as np
import pytest
import torch

from geomem.datasets import Images
from geomem.errors import InputError


@pytest.fixture
def images() -> Images:
    pixels = np.random.default_rng(0).uniform(size=(50, 3, 4)) * np.linspace(0.1, 1, 4)
    return Images.from_pixels("noise", pixels, source="made here", rights="none")


def test_points_are_centered_with_mean_pixel_variance_one(images):
    assert images.data.shape == (50, 12)
    assert images.data.dtype == torch.float64
    assert images.data.mean(0).abs().max() < 1e-14
    assert images.data.var(0, correction=0).mean().item() == pytest.approx(1, rel=1e-13)


def test_one_scale_keeps_the_geometry_of_the_pixels(images):
    """Distances between points are those between pictures, up to the one factor."""
    pictures = torch.from_numpy(images.pixels(images.data)).reshape(50, 12)
    torch.testing.assert_close(torch.pdist(images.data) * images.scale, torch.pdist(pictures), rtol=1e-12, atol=0)
    assert images.data.var(0).max() > 5 * images.data.var(0).min()  # pixels keep their own variances


def test_pictures_are_the_pixels_that_went_in():
    pixels = np.random.default_rng(1).uniform(size=(10, 5, 6, 3))
    images = Images.from_pixels("color", pixels, source="made here", rights="none")
    assert images.image_shape == (5, 6, 3)
    np.testing.assert_allclose(images.pixels(images.data), pixels, atol=1e-14)


def test_pictures_are_clipped_to_what_can_be_shown(images):
    shown = images.pixels(torch.stack([torch.full((12,), 1e3), torch.full((12,), -1e3)]))
    assert shown.shape == (2, 3, 4)
    assert (shown[0] == 1).all()
    assert (shown[1] == 0).all()


def test_split_is_a_random_partition_that_repeats_with_its_seed(images):
    train, held_out = images.split(30, torch.Generator().manual_seed(0))
    assert (train.shape, held_out.shape) == ((30, 12), (20, 12))
    together = torch.cat([train, held_out])
    assert torch.equal(together.sort(0).values, images.data.sort(0).values)
    assert len(torch.unique(together, dim=0)) == 50
    assert not torch.equal(together, images.data)
    again, _ = images.split(30, torch.Generator().manual_seed(0))
    other, _ = images.split(30, torch.Generator().manual_seed(1))
    assert torch.equal(train, again)
    assert not torch.equal(train, other)


@pytest.mark.parametrize("n_train", [0, -1, 50, 51])
def test_a_split_with_an_empty_side_is_refused(images, n_train):
    with pytest.raises(InputError, match="expected 1 to 49"):
        images.split(n_train, torch.Generator())


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((0, 2, 2)),
        np.zeros((3, 2)),
        np.zeros((3, 2, 2, 4)),
        np.zeros((3, 2, 2)),
        np.full((3, 2, 2), np.nan),
        np.linspace(0, 255, 12).reshape(3, 2, 2),
        np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 2, 2),
        np.arange(12, dtype=np.uint8).reshape(3, 2, 2),
        np.linspace(-0.1, 1, 12).reshape(3, 2, 2),
    ],
    ids=["no image", "no picture", "four colors", "all equal", "NaN", "bytes", "float32", "integers", "negative"],
)
def test_bad_pixels_are_refused(pixels):
    with pytest.raises(InputError, match="expected"):
        Images.from_pixels("bad", pixels, source="", rights="")


def test_bad_states_are_refused(images, unchecked):
    for x in (torch.zeros(2, 11), torch.zeros(12), torch.full((2, 12), math.nan)):
        with pytest.raises(InputError, match="expected"):
            images.pixels(x)

"""Image sets from GEOMEM_DATA: small files of the real format, cut from the digits, and the real ones if there."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from geomem.datasets import cifar10, mnist, olivetti
from geomem.errors import DataNotFoundError, InputError

DIGITS = (load_digits().images * 15).astype(np.uint8)


def enlarged(n: int, side: int) -> np.ndarray:
    """The first digits, repeated pixel by pixel to the size of another set."""
    times = -(-side // 8)
    return DIGITS[:n].repeat(times, axis=1).repeat(times, axis=2)[:, :side, :side]


COLOR = np.stack([enlarged(12, 32), enlarged(24, 32)[12:], enlarged(36, 32)[24:]], axis=1)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A data folder with small files of the real format."""
    np.savez(tmp_path / "mnist.npz", train=enlarged(20, 28), test=enlarged(30, 28)[20:])
    np.savez(tmp_path / "cifar10.npz", train=COLOR, test=COLOR[:5])
    np.savez(tmp_path / "olivetti.npz", images=enlarged(15, 64))
    monkeypatch.setenv("GEOMEM_DATA", str(tmp_path))
    return tmp_path


def test_pictures_are_those_of_the_files(folder):
    for images, expected in (
        (mnist(), enlarged(20, 28)),
        (mnist("test"), enlarged(30, 28)[20:]),
        (cifar10(), COLOR.transpose(0, 2, 3, 1)),
        (cifar10("test"), COLOR[:5].transpose(0, 2, 3, 1)),
        (olivetti(), enlarged(15, 64)),
    ):
        assert images.image_shape == expected.shape[1:]
        np.testing.assert_allclose(images.pixels(images.data) * 255, expected, atol=1e-10)
        assert images.data.square().mean().item() == pytest.approx(1, rel=1e-12)


def test_file_that_was_opened_is_recorded(folder, monkeypatch, tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    monkeypatch.setenv("GEOMEM_RUN", str(run))
    mnist()
    assert [Path(name).name for name in json.loads((run / "opened.json").read_text())] == ["mnist.npz"]


@pytest.mark.parametrize("load", [mnist, cifar10, olivetti])
def test_missing_data_say_how_to_supply_them(load, tmp_path, monkeypatch):
    monkeypatch.delenv("GEOMEM_DATA", raising=False)
    with pytest.raises(DataNotFoundError, match="set the environment variable GEOMEM_DATA"):
        load()
    monkeypatch.setenv("GEOMEM_DATA", str(tmp_path))
    with pytest.raises(DataNotFoundError, match="put it there"):
        load()


def test_unknown_split_is_refused(folder):
    with pytest.raises(DataNotFoundError, match=r"arrays \['test', 'train'\], expected 'validation'"):
        mnist("validation")


def test_arrays_of_another_format_are_refused(folder):
    np.savez(folder / "mnist.npz", train=enlarged(20, 28) / 255, test=enlarged(20, 32))
    for split in ("train", "test"):
        with pytest.raises(InputError, match=r"expected uint8 \(n, 28, 28\)"):
            mnist(split)


def test_pickled_objects_are_never_loaded(folder):
    np.savez(folder / "mnist.npz", train=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        mnist()


@pytest.mark.skipif("GEOMEM_DATA" not in os.environ, reason="GEOMEM_DATA is not set: the real files are not here")
@pytest.mark.parametrize(
    ("load", "shape", "image_shape"),
    [
        (mnist, (14262, 784), (28, 28)),
        (lambda: mnist("test"), (10000, 784), (28, 28)),
        (cifar10, (4660, 3072), (32, 32, 3)),
        (lambda: cifar10("test"), (846, 3072), (32, 32, 3)),
        (olivetti, (400, 4096), (64, 64)),
    ],
)
def test_real_files(load, shape, image_shape):
    images = load()
    assert images.data.shape == shape
    assert images.image_shape == image_shape
    assert images.data.square().mean().item() == pytest.approx(1, rel=1e-9)

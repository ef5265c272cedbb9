"""A run folder, figures and data that can be published, and a notebook that records what is displayed."""

import IPython
import IPython.display
import matplotlib as mpl
import pytest
import xarray as xr
from matplotlib import pyplot as plt

from geomem.report import style


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch):
    for name in ("GEOMEM_RUN", "GEOMEM_CHAPTER", "GEOMEM_PARAMETERS", "GEOMEM_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    with mpl.rc_context():
        mpl.use("agg")
        style.use()
        yield
    plt.close("all")


@pytest.fixture
def run(tmp_path, monkeypatch):
    folder = tmp_path / "run" / "chapter"
    folder.mkdir(parents=True)
    monkeypatch.setenv("GEOMEM_RUN", str(folder))
    return folder


@pytest.fixture
def displayed(monkeypatch):
    """Outputs displayed in a notebook, as pairs of data and metadata."""
    outputs = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: "a shell")
    monkeypatch.setattr(IPython.display, "display", lambda data, raw, metadata: outputs.append((data, metadata)))
    return outputs


@pytest.fixture
def data():
    about = {"long_name": "square of x", "units": "1"}
    return xr.Dataset({"y": ("x", [0.0, 1.0, 4.0], about)}, {"x": ("x", [0, 1, 2], about)})

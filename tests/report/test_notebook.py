"""What a kernel sends, and what MyST-NB makes of it."""

import logging

import nbformat
import pytest
from myst_nb.core.variables import format_plain_text
from myst_nb.ext.glue import extract_glue_data
from nbclient import NotebookClient

SETUP = """
import numpy as np, xarray as xr
from matplotlib import pyplot as plt
from geomem.report import style
from geomem.report.claim import claim
from geomem.report.figure import publish
style.use()
"""
FIGURE = """
fig, ax = plt.subplots()
ax.plot([0, 1], [0, 1]); ax.set(xlabel="x", ylabel="y")
publish(fig, "fig-line", caption="A caption of at least forty characters, or more.",
        alt="A line that rises without a bend to one.",
        data=xr.Dataset({"y": ("x", [0.0, 1.0], {"long_name": "y", "units": "1"})}), seeds=[])
"""
CLAIM = 'claim("ln-two", np.log(2), 0.6, 0.7, "The logarithm of two is about 0.69.", basis="theory")'
USE = f"2 * {CLAIM.replace('ln-two', 'again')}"


@pytest.fixture(scope="module")
def cells():
    cells = [nbformat.v4.new_code_cell(source) for source in (SETUP, FIGURE, CLAIM, USE)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    nbformat.validate(notebook)
    return notebook


def test_a_figure_is_one_output(cells):
    [output] = cells.cells[1].outputs
    assert output.output_type == "display_data"
    assert set(output.data) == {"image/png", "text/plain"}
    assert output.metadata["geomem"]["id"] == "fig-line"


def test_a_claim_is_read_by_the_text_and_shows_nothing(cells):
    assert [output.output_type for output in cells.cells[2].outputs] == ["display_data"]
    found = extract_glue_data(cells, list(range(4)), logging.getLogger())
    assert format_plain_text(found["ln-two"]["data"]["text/plain"], ".3f") == "0.693"
    assert cells.cells[2].outputs == []  # MyST-NB takes it out of what is shown
    assert [output.output_type for output in cells.cells[3].outputs] == ["execute_result"]  # a result is a plain float

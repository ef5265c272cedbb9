"""For every test: shapes and dtypes of geomem checked at run time, one thread, reproducible examples.

jaxtyping and beartype wrap each function of geomem as it is imported, so this must come before the first
import of it. ``GEOMEM_NO_TYPECHECK=1`` leaves them out.
"""

import os
import sys

import hypothesis
import jaxtyping
import pytest
import torch

if not os.environ.get("GEOMEM_NO_TYPECHECK"):
    assert "geomem" not in sys.modules, "geomem was imported before its type checks could be installed"
    # As for static checkers, an int is accepted where a float is asked for.
    jaxtyping.install_import_hook("geomem", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

torch.set_num_threads(1)
hypothesis.settings.register_profile("geomem", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("geomem")


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def unchecked():
    """Bad input must meet geomem's own errors, not the type checker that only the tests have."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)

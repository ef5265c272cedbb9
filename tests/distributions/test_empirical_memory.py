"""Memory at a million points, measured in a process of its own."""

import subprocess
import sys

import pytest

PROGRAM = """
import re
import torch
from geomem.distributions.empirical import Empirical

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) / 1024

N, d, batch = 1_000_000, 64, 256
g = torch.Generator().manual_seed(0)
data = torch.randn(N, d, generator=g, dtype=torch.{dtype})
before = peak()
law = Empirical(data)
x = data[:batch] + 0.5 * torch.randn(batch, d, generator=g, dtype=torch.{dtype})
for t in {times}:
    results = [{calls}]
    assert all(torch.isfinite(r).all() for r in results)
print(peak() - before)
"""
SUMS = """law.score(x, t), law.posterior_covariance_matvec(x[:8], t, x[:8]), law.weights(x[:8], t, top=10).values,
    law.inverse_participation_ratio(x[:8], t), law.log_density(x[:8], t)"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from /proc")
@pytest.mark.parametrize(
    ("dtype", "times", "calls"),
    [
        ("float64", "(4.0,)", SUMS),
        ("float64", "(1e-6,)", "law.score(x, t), law.weights(x[:8], t, top=10).values"),  # difference form
        ("float32", "(1e6,)", "law.score(x[:8], t), law.jacobian_eigenvalues(x[:2], t)"),  # every point counts
    ],
    ids=["product", "difference", "float32, all points"],
)
def test_a_million_points_need_little_beyond_the_data(dtype: str, times: str, calls: str) -> None:
    program = PROGRAM.format(dtype=dtype, times=times, calls=calls)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    mebibytes = float(done.stdout)
    assert 0 < mebibytes <= 256

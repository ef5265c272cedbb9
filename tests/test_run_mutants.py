"""The mutant runner tells caught, survived, and broken apart, and leaves the files alone."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENDS = "tests/test_noise.py::test_known_ends"
ENDLESS = "tests/test_noise.py::test_values_keep_the_shape_of_the_argument"
LINE = "return 0.5 * np.log1p(_in_range(t"
MUTANTS = {
    "caught": (
        "return self.noise(tau) ** 2",
        "return self.noise(tau) ** 3",
        "tests/test_noise.py::test_time_inverts_variance",
    ),
    "survived: equivalent": (LINE, "return 1.0 / 2.0 * np.log1p(_in_range(t", ENDS),
    "broken: no such test": (LINE, "return np.log1p(_in_range(t", "tests/test_noise.py::test_that_does_not_exist"),
    "broken: does not import": (LINE, "return 0.5 * np.log1p(_in_range(t(", ENDS),
    "broken: not unique": ("np.log1p", "np.log", ENDS),
    "broken: not there": ("np.log17", "np.log", ENDS),
    "broken: no end": ("return np.exp(-_in_range", "while True: pass\n        return np.exp(-_in_range", ENDLESS),
}


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> subprocess.CompletedProcess:
    file = tmp_path_factory.mktemp("mutants") / "mutants.toml"
    file.write_text(
        "\n".join(
            f"[[mutant]]\nfile = 'geomem/noise.py'\nfind = '{find}'\nreplace = \"\"\"{replace}\"\"\"\ntest = '{test}'"
            for find, replace, test in MUTANTS.values()
        )
    )
    before = (ROOT / "geomem" / "noise.py").read_bytes()
    command = [sys.executable, "tests/run_mutants.py", str(file), "--timeout", "15"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (ROOT / "geomem" / "noise.py").read_bytes() == before
    return done


def test_each_mutant_gets_its_verdict(done):
    verdicts = [line.split("│")[1].strip() for line in done.stdout.splitlines() if line.startswith("│")]
    assert [v for v in verdicts if v] == [name.split(":")[0] for name in MUTANTS], done.stdout + done.stderr


def test_one_that_is_not_caught_fails_the_run(done):
    assert done.stdout.splitlines()[-1] == f"1 passed, {len(MUTANTS) - 1} failed"
    assert done.returncode == 1


@pytest.mark.parametrize(
    "reason",
    [
        "occurs 3 times",
        "occurs 0 times",
        "unmutated, the test ends with code 4",
        "pytest's code 4",
        "no end within 15 s",
    ],
)
def test_reasons_are_given(done, reason):
    assert reason in done.stdout

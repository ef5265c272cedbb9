import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter

from geomem.errors import ClaimError
from geomem.report.claim import BASES, claim

SENTENCE = "The weights of the posterior sum to one."


def stored(run, slug="a-claim"):
    return json.loads((run / "claims" / f"{slug}.json").read_text(), parse_constant=pytest.fail)


def test_a_claim_that_holds_is_returned_and_recorded(run):
    assert claim("a-claim", np.float32(0.5), 0.25, 1, SENTENCE, basis="standard error") == 0.5
    assert stored(run) == {
        "value": 0.5,
        "low": 0.25,
        "high": 1.0,
        "sentence": SENTENCE,
        "basis": "standard error",
        "holds": True,
    }


def test_a_claim_that_fails_is_recorded_and_then_stops(run, displayed):
    with pytest.raises(ClaimError) as error:
        claim("a-claim", 2.5, 0, 2, SENTENCE, basis="theory")
    assert all(part in str(error.value) for part in ("'a-claim'", SENTENCE, "2.5", "[0.0, 2.0]", "theory"))
    assert stored(run)["holds"] is False
    assert stored(run)["value"] == 2.5
    assert displayed == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_never_holds(run, value):
    with pytest.raises(ClaimError, match="finite number"):
        claim("a-claim", value, 0 if value > 0 else -math.inf, math.inf if value > 0 else 0, SENTENCE, basis="theory")
    assert stored(run)["value"] is None
    assert stored(run)["holds"] is False


def test_one_sided_claims(run):
    assert claim("at-least", 3, 2, math.inf, SENTENCE, basis="theory") == 3
    assert claim("at-most", 3, -math.inf, 4, SENTENCE, basis="theory") == 3
    assert stored(run, "at-least")["high"] is None
    assert stored(run, "at-most")["low"] is None
    with pytest.raises(ClaimError, match="fails"):
        claim("too-small", 1, 2, math.inf, SENTENCE, basis="theory")


@given(*3 * [st.floats(allow_nan=False, allow_infinity=False)])
def test_a_claim_holds_exactly_on_its_closed_interval(value, a, b):
    low, high = min(a, b), max(a, b)
    if low <= value <= high:
        assert claim("interval", value, low, high, SENTENCE, basis="theory") == value
    else:
        with pytest.raises(ClaimError, match="fails"):
            claim("interval", value, low, high, SENTENCE, basis="theory")


def test_a_claim_at_the_end_of_a_cell_is_not_echoed():
    value = claim("a-claim", 0.5, 0, 1, SENTENCE, basis="theory")
    assert DisplayFormatter().format(value) == ({}, {})
    assert type(value + 1) is float  # what is computed from it is


def test_both_ends_belong_to_the_interval():
    assert claim("low-end", 1, 1, 2, SENTENCE, basis="theory") == 1
    assert claim("high-end", 2, 1, 2, SENTENCE, basis="theory") == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slug": "A claim"}, "lower-case letters"),
        ({"slug": "../a-claim"}, "lower-case letters"),
        ({"slug": "a-claim\n"}, "lower-case letters"),
        ({"slug": ""}, "lower-case letters"),
        ({"low": 2.0}, "expected low <= high"),
        ({"low": math.nan}, "expected low <= high"),
        ({"low": math.inf, "high": math.inf}, "expected low <= high"),
        ({"low": -math.inf, "high": -math.inf}, "expected low <= high"),
        ({"low": -math.inf, "high": math.inf}, "both bounds are infinite"),
        ({"sentence": "It is so." + 20 * " "}, "at least 20 characters"),
        ({"basis": "experience"}, "got basis 'experience'"),
        ({"value": "half a"}, "expected one real number"),
        ({"value": np.ones(2)}, "expected one real number"),
        ({"high": None}, "expected one real number"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_a_malformed_claim_is_refused_before_anything_is_written(run, change, message):
    arguments = {"slug": "a-claim", "value": 0.5, "low": 0, "high": 1, "sentence": SENTENCE, "basis": "theory"} | change
    with pytest.raises(ClaimError, match=message):
        claim(**arguments)
    assert not (run / "claims").exists()


def test_a_slug_is_used_once(run):
    claim("a-claim", 1, 0, 2, SENTENCE, basis="theory")
    with pytest.raises(ClaimError, match="made twice"):
        claim("a-claim", 1.5, 0, 2, SENTENCE, basis="theory")
    assert stored(run)["value"] == 1


@pytest.mark.parametrize("basis", BASES)
def test_by_hand_a_claim_only_displays(displayed, basis):
    for _ in range(2):  # a cell may be run again
        claim("a-claim", 0.1, 0, 1, SENTENCE, basis=basis)
    prefix = "application/papermill.record/"
    output = ({f"{prefix}text/plain": "0.1"}, {"scrapbook": {"name": "a-claim", "mime_prefix": prefix}})
    assert displayed == [output, output]

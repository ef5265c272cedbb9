r"""A number that the text states, asserted where it is computed.

A sentence such as "the weights condense at t = 1.73" is true of one computation on one machine. It
becomes a claim when it comes with an interval :math:`[\ell, u]` and a reason for that interval:

* ``"theory"``: a proved bound, an exact identity up to rounding, an asymptotic law with its order;
* ``"standard error"``: the spread of the estimate itself, so that another seed passes too;
* ``"published"``: the value and uncertainty in a cited paper.

The interval is thus never fitted to the result. :func:`claim` asserts
:math:`\ell \le \text{value} \le u`, writes the outcome to ``$GEOMEM_RUN/claims/<slug>.json`` whether
or not it holds, and stops the chapter when it does not. The value is attached to the notebook under
the slug, invisibly, so that the prose reads it instead of repeating it.
"""

import math
import re
from typing import Literal, SupportsFloat

from geomem.errors import ClaimError
from geomem.report._display import show
from geomem.report.files import atomic_write, json_text, run_folder

__all__ = ["BASES", "Claimed", "claim"]

BASES = ("theory", "standard error", "published")
MINIMUM_SENTENCE = 20
GLUE_PREFIX = "application/papermill.record/"  # MyST-NB keeps such an output, and shows nothing


class Claimed(float):
    """A float that a notebook does not echo when it is the last expression of a cell."""

    def _ipython_display_(self) -> None:
        """Display nothing: the prose around the cell shows the value."""


def claim(
    slug: str,
    value: SupportsFloat,
    low: SupportsFloat,
    high: SupportsFloat,
    sentence: str,
    *,
    basis: Literal["theory", "standard error", "published"],
) -> float:
    r"""Return the value after asserting that :math:`\ell \le \text{value} \le u`.

    Parameters
    ----------
    slug
        Key of the claim, unique in the run: lower-case letters, digits, hyphens.
    value
        The computed number (anything that ``float`` takes).
    low, high
        Closed interval; one side may be infinite.
    sentence
        What is claimed, in words, at least 20 characters.
    basis
        Where the interval comes from: one of :data:`BASES`.

    Raises
    ------
    ClaimError
        If the value is not finite or leaves the interval; the record is written first. Also, before
        anything is written, for a slug, interval, sentence, or basis that cannot be accepted.

    Examples
    --------
    >>> claim("half-of-one", 0.5, 0.5, 0.5, "One divided by two is one half.", basis="theory")
    0.5
    >>> claim("half-of-two", 0.9, 1, 1, "Two divided by two is exactly one.", basis="theory")
    Traceback (most recent call last):
        ...
    geomem.errors.ClaimError: claim 'half-of-two' fails: "Two divided by two is exactly one." ...
    """
    value, low, high = (_number(slug, x) for x in (value, low, high))
    _check_form(slug, low, high, sentence, basis)
    holds = math.isfinite(value) and low <= value <= high
    record = {
        "value": _finite(value),
        "low": _finite(low),
        "high": _finite(high),
        "sentence": sentence,
        "basis": basis,
        "holds": holds,
    }
    run = run_folder()
    if run is not None:
        path = run / "claims" / f"{slug}.json"
        if path.exists():
            raise ClaimError(f"claim {slug!r} is made twice in this run; give each its own slug")
        atomic_write(path, json_text(record))
    if not holds:
        raise ClaimError(
            f'claim {slug!r} fails: "{sentence}" Got {value!r}, expected a finite number in '
            f"[{low!r}, {high!r}] (basis: {basis}). Correct the computation or the sentence; move "
            "the bounds only if their basis says so"
        )
    show(
        {f"{GLUE_PREFIX}text/plain": repr(value)},
        {"scrapbook": {"name": slug, "mime_prefix": GLUE_PREFIX}},
    )
    return Claimed(value)


def _number(slug: str, x: SupportsFloat) -> float:
    """Return x as a float, or say that it is none."""
    try:
        return float(x)
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: a torch tensor
        raise ClaimError(f"claim {slug!r}: got {x!r}, expected one real number") from error


def _finite(x: float) -> float | None:
    """Return x, or None where JSON has no number: no bound on that side, no value."""
    return x if math.isfinite(x) else None


def _check_form(slug: str, low: float, high: float, sentence: str, basis: str) -> None:
    """Raise ClaimError unless the claim is well formed, whatever its value."""
    if not re.fullmatch(r"[a-z0-9-]+", slug):
        raise ClaimError(f"claim slug {slug!r}: use lower-case letters, digits, and hyphens only")
    if not low <= high or low == math.inf or high == -math.inf:
        raise ClaimError(f"claim {slug!r}: got bounds [{low}, {high}], expected low <= high")
    if math.isinf(low) and math.isinf(high):
        raise ClaimError(f"claim {slug!r}: both bounds are infinite, so it could not fail; give one")
    if len(sentence.strip()) < MINIMUM_SENTENCE:
        raise ClaimError(
            f"claim {slug!r}: got the sentence {sentence!r}, expected at least {MINIMUM_SENTENCE} "
            "characters; say what is claimed"
        )
    if basis not in BASES:
        raise ClaimError(f"claim {slug!r}: got basis {basis!r}, expected one of {BASES}")

"""How many bits of an index to keep: enough to find rows, too few to tell values apart.

Rules of this file: pure arithmetic. With R rows, X different values and N bits, a search meets about
R / 2^min(N, log2 X) rows; more bits find fewer strangers and show an observer more.

Bounds: sqrt(X) < 2^N < X / 2 (what AWS asks of a beacon), and 2 to sqrt(R) expected matches by chance
(what CipherSweet asks of an index); for R < 16 there is no safe length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_ROWS = 16  # fewer rows: every index tells who equals whom (CipherSweet's planner stops here too)
LEAST_DISTINCT = 1 << 10  # fewer different values: frequencies give them away
MOST_INDEXES = 3  # on one column: an observer adds their bits up


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """What the planner found. ``bits`` is None where no length is safe."""

    rows: int
    distinct: int
    bits: int | None
    expected_matches: float
    """Rows a search returns, on average, for a value that occurs once."""
    observer_learns: str
    problems: tuple[str, ...]


def plan_index(*, rows: int, distinct: int, bits: int | None = None) -> IndexPlan:
    """Plan one index, or judge the length given.

    :param rows: rows the table will hold.
    :param distinct: different values the column can take (of the transformed value, if transformed).
    :param bits: judge this length; None: choose one.
    """
    problems = list(leaks(rows=rows, distinct=distinct))
    low, high = safe_bits(rows=rows, distinct=distinct)
    if not problems and low > high:
        problems.append("no length hides and finds at once; take more rows or a longer value")
    chosen = bits
    if bits is None and not problems:
        chosen = high
    if bits is not None and not problems and not low <= bits <= high:
        problems.append(f"{bits} bits is outside of {low} to {high}")
    met = expected_matches(rows=rows, distinct=distinct, bits=chosen or 0)
    return IndexPlan(rows, distinct, chosen, met, _observer(rows, distinct, chosen), tuple(problems))


def safe_bits(*, rows: int, distinct: int) -> tuple[int, int]:
    """The shortest and longest safe length; the first is larger than the second if there is none."""
    if rows < LEAST_ROWS or distinct < 4:
        return (1, 0)
    matches_low = math.log2(rows) / 2  # at most sqrt(R) strangers
    matches_high = math.log2(rows) - 1  # at least 2 candidates
    values_low = math.log2(distinct) / 2
    values_high = math.log2(distinct) - 1
    low = math.floor(max(matches_low, values_low)) + 1
    high = math.ceil(min(matches_high, values_high)) - 1
    return (min(low, 128), min(high, 128))


def leaks(*, rows: int, distinct: int) -> tuple[str, ...]:
    """Why an index on this column gives values away whatever its length."""
    found = []
    if rows < LEAST_ROWS:
        found.append(f"fewer than {LEAST_ROWS} rows")
    if distinct < LEAST_DISTINCT:
        found.append(f"fewer than {LEAST_DISTINCT} different values: their frequencies give them away")
    return tuple(found)


def expected_matches(*, rows: int, distinct: int, bits: int) -> float:
    """Rows that share a token, on average."""
    return rows / 2 ** min(bits, math.log2(distinct)) if distinct > 0 else float(rows)


def column_problems(lengths: Sequence[int], *, distinct: int) -> tuple[str, ...]:
    """What is wrong with several indexes on one column taken together.

    :param lengths: bits of each.
    """
    found = []
    if len(lengths) > MOST_INDEXES:
        found.append(f"{len(lengths)} indexes on one column; an observer adds their bits up")
    if len(lengths) > 1 and sum(lengths) > math.log2(max(distinct, 2)) - 1:
        found.append(f"together {sum(lengths)} bits tell most of {distinct} values apart")
    return tuple(found)


def _observer(rows: int, distinct: int, bits: int | None) -> str:
    if bits is None:
        return "too much, at any length"
    if bits >= math.log2(max(distinct, 2)):
        return f"which of {rows} rows hold the same value, and how often each occurs"
    groups = 2**bits
    return f"which of {groups} groups a row is in; each group stands for about {distinct / groups:.0f} values"

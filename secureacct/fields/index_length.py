"""How long the tokens of an index are, or why an index is refused.

Rules of this file: a length is written down by who declares the index and never guessed anew, because
it is part of the key; what tells an observer too much is refused until somebody writes down why not.
"""

from __future__ import annotations

from secureacct.fields import planner
from secureacct.fields.errors import InvalidValue, LeakyIndex

MOST_BITS = 256  # HMAC-SHA256
UNIQUE_BITS = 128  # no two of 2^32 values meet by chance (2^-65); what a UNIQUE constraint stands on


def planned(
    *,
    unique: bool,
    bits: int | None,
    rows: int | None,
    distinct: int | None,
    never: bool,
    accepted: str,
    what: str,
) -> tuple[int, planner.IndexPlan | None]:
    """The bits to cut tokens to, with the plan behind them.

    :param never: no plan makes this index harmless (a flag).
    :param accepted: why leakage is accepted, or ``""``.
    :param what: ``table.column`` for messages.
    :raises LeakyIndex: it tells too much, and nobody accepted that.
    :raises InvalidValue: the options contradict each other.
    """
    if unique:
        if bits not in (None, UNIQUE_BITS):
            raise InvalidValue(f"{what}: a unique index has {UNIQUE_BITS} bits")
        return UNIQUE_BITS, None
    if bits is not None and not 1 <= bits <= MOST_BITS:
        raise InvalidValue(f"{what}: bits is 1 to {MOST_BITS}")
    if accepted and bits is not None:
        plan = None
        if rows is not None and distinct is not None:
            plan = planner.plan_index(rows=rows, distinct=distinct, bits=bits)
        return bits, plan
    if never:
        raise LeakyIndex(
            f"{what}: an index on a flag tells everybody's; say why in accept_leakage=, with bits="
        )
    if rows is None or distinct is None:
        raise LeakyIndex(
            f"{what}: say rows= and distinct= so that the leakage can be planned, or unique=True"
        )
    plan = planner.plan_index(rows=rows, distinct=distinct, bits=bits)
    if plan.problems:
        raise LeakyIndex(f"{what}: {'; '.join(plan.problems)}; say why in accept_leakage=, with bits=")
    if bits is None:
        raise LeakyIndex(f"{what}: write bits={plan.bits} here and keep it: it was planned for {rows} rows")
    return bits, plan

"""What holds for a session at one moment: pure functions of a session, limits and the time.

Rules of this file: no clock, no randomness, no store. In doubt a session has ended. A clock that was
set back by up to two days ends nobody's session; one that says a session began later than that is not
believed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from secureacct.records.sessions import Session
from secureacct.sessions.errors import SessionDataRefused
from secureacct.sessions.policy import CLOCK_SLACK_S, Limits

DATA_BYTES = 4096  # bytes of an app's own data in one session; ours

Json: TypeAlias = "str | int | float | bool | Sequence[Json] | Mapping[str, Json] | None"
Proof: TypeAlias = "str | tuple[str, int]"


def why_ended(session: Session, limits: Limits, *, now: int) -> str | None:
    """None while it lives, else "absolute", "idle" or "future"."""
    started_at = session.started_at
    if now >= session.ends_at or now - started_at >= limits.absolute_s:
        return "absolute"
    if started_at - now > CLOCK_SLACK_S:
        return "future"
    quiet_s = now - session.seen_at
    if 0 < session.idle_s <= quiet_s or 0 < limits.idle_s <= quiet_s:
        return "idle"
    return None


def ends_by_itself(session: Session, limits: Limits) -> int:
    """Seconds since the epoch at which it ends if nothing more is seen of it."""
    ends = [session.ends_at, session.started_at + limits.absolute_s]
    ends += [session.seen_at + idle_s for idle_s in (session.idle_s, limits.idle_s) if idle_s]
    return min(ends)


def renewal_is_due(session: Session, limits: Limits, *, now: int) -> bool:
    """Whether the clock should rotate a remembered session's token."""
    if session.token_at is None or not limits.rotate_s:
        return False
    return now - session.token_at >= limits.rotate_s


def as_proofs(factors: Iterable[Proof], *, now: int) -> tuple[tuple[str, int], ...]:
    """Proofs with their times; a bare name was proved now."""
    return tuple((one, now) if isinstance(one, str) else one for one in factors)


def room_for(new: Session, live: Sequence[Session], *, unseen_s: int, now: int) -> Session | None:
    """The session that may end to make room: longest unseen, unseen for ``unseen_s`` at least, and with
    no proof the new one lacks. So whoever has only a password never ends a session that had more, and
    nobody ends one that is in use."""
    weaker = [one for one in live if now - one.seen_at >= unseen_s and set(one.factors) <= set(new.factors)]
    return min(weaker, key=lambda one: one.seen_at, default=None)


def data_text(data: Mapping[str, Json]) -> str | None:
    """An app's own data as stored; None if there is none.

    :raises SessionDataRefused: not a JSON object of JSON values, or over 4096 bytes.
    """
    if not data:
        return None
    names: Sequence[object] = list(data)
    if not all(isinstance(name, str) for name in names):
        raise SessionDataRefused("session data is a mapping with text keys")
    try:
        text = json.dumps(dict(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        raise SessionDataRefused("session data holds something that is not JSON") from None
    if size > DATA_BYTES:
        raise SessionDataRefused(f"session data is {size} bytes, and {DATA_BYTES} are allowed")
    return text

"""Closing a stretch of the log: which events, when, and with what. Pure rules."""

from __future__ import annotations

from collections.abc import Sequence

from secureacct.audit.encoding import GENESIS, EventKeys, segment_hash
from secureacct.audit.notes import Checkpoint, sign
from secureacct.ports.audit import SealRule
from secureacct.records.audit import Pending, Segment
from secureacct.records.events import Event

MOST_EVENTS = 1000  # events of one segment: what must be read to check any one of them
MOST_AGE_S = 60  # seconds an event waits to be sealed: the blind window, while a sealer runs


def due(pending: Pending, *, now: int) -> bool:
    """Whether a segment should be sealed now: it is full, or its oldest event is a minute old."""
    if pending.count >= MOST_EVENTS:
        return True
    return pending.oldest_at is not None and now - pending.oldest_at >= MOST_AGE_S


def seal_rule(keys: EventKeys, *, log_name: str, now: int) -> SealRule:
    """How the next segment follows from the last one and the events it is to hold."""

    def rule(last: Segment | None, events: Sequence[Event]) -> Segment:
        number = 1 if last is None else last.number + 1
        digest = segment_hash(
            previous=GENESIS if last is None else last.hash, number=number, events=events, sealed_at=now
        )
        last_at = max(event.at for event in events)
        checkpoint = Checkpoint(
            name=log_name, number=number, hash=digest, count=len(events), sealed_at=now, last_at=last_at
        )
        return Segment(
            number=number,
            count=len(events),
            first_id=events[0].id,
            last_id=events[-1].id,
            last_at=last_at,
            sealed_at=now,
            hash=digest,
            note=sign(keys, checkpoint),
        )

    return rule

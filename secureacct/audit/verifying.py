"""Checking the log: what a finding is and how one segment is judged. Pure rules.

Rule 1: nothing in the database is believed that the keys or an outside note do not say: not a
        segment's count, not the mark that it was pruned.
Rule 2: the first bad record is named, and checking goes on, so that one report shows the whole harm.
Rule 3: what cannot be known is said: events not sealed yet could have been deleted unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from secureacct.audit.encoding import EventKeys, canonical, mac_problem, pruned_rightly, segment_hash
from secureacct.audit.notes import Checkpoint, read_note, says_the_same
from secureacct.records.audit import Pending, Segment
from secureacct.records.events import Event

MOST_FINDINGS = 100  # kept in a report; all of them are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that cannot be right. ``code`` is stable."""

    code: str
    text: str
    segment: int | None = None
    event_id: str | None = None


@dataclass(slots=True, kw_only=True)
class Report:
    """What a check saw. ``ok`` is true if there is no finding at all."""

    events: int = 0
    segments: int = 0
    pruned: int = 0  # segments of which only the seal is left
    anchored: int = 0  # segments that an outside note vouches for
    last_number: int = 0
    found: int = 0
    findings: list[Finding] = field(default_factory=list)
    pending: Pending = field(default_factory=lambda: Pending(count=0))

    @property
    def ok(self) -> bool:
        """Whether everything that can be known is in order."""
        return self.found == 0

    @property
    def first_bad(self) -> Finding | None:
        """The first finding, in the order of the log."""
        return self.findings[0] if self.findings else None

    def add(self, findings: Sequence[Finding]) -> None:
        """Note findings, keeping the first hundred."""
        self.found += len(findings)
        self.findings.extend(findings[: max(0, MOST_FINDINGS - len(self.findings))])


def judge_segment(
    keys: EventKeys,
    verifiers: tuple[Ed25519PublicKey, ...],
    segment: Segment,
    events: Sequence[Event],
    *,
    expected_number: int,
    previous: bytes,
    log_name: str,
    anchor: Checkpoint | None,
) -> list[Finding]:
    """Everything wrong with one segment. ``events`` are in the order of their ids."""
    found: list[Finding] = []
    if segment.number != expected_number:
        found.append(
            Finding(
                code="segment_missing",
                text=f"segment {expected_number} is missing; the next one is {segment.number}",
                segment=expected_number,
            )
        )
    found += _judge_seal(verifiers, segment, log_name=log_name, anchor=anchor)
    if segment.pruned_at is not None:
        return found + _judge_pruned(keys, segment, events)
    encoded = [canonical(event) for event in events]
    found += [replace(one, segment=segment.number) for one in judge_unsealed(keys, events, encoded=encoded)]
    if len(events) != segment.count:
        code = "events_missing" if len(events) < segment.count else "events_added"
        found.append(Finding(code=code, text=_count_text(segment, events), segment=segment.number))
    digest = segment_hash(
        previous=previous, number=segment.number, events=events, sealed_at=segment.sealed_at, encoded=encoded
    )
    if digest != segment.hash:
        text = f"segment {segment.number} does not follow from its events and the segment before it"
        found.append(Finding(code="chain_broken", text=text, segment=segment.number))
    return found


def _judge_seal(
    verifiers: tuple[Ed25519PublicKey, ...], segment: Segment, *, log_name: str, anchor: Checkpoint | None
) -> list[Finding]:
    """The segment's record against its own note, and against the one that left the house."""
    number = segment.number
    note = read_note(segment.note, verifiers)
    found: list[tuple[str, str]] = []
    if note is None or note.name != log_name:
        found.append(("seal_forged", f"the checkpoint of segment {number} is not signed by this log's keys"))
    elif not says_the_same(note, segment):
        found.append(("seal_altered", f"segment {number} is not what its own checkpoint says"))
    if anchor is not None and not says_the_same(anchor, segment):
        found.append(("anchor_differs", f"an outside checkpoint tells of another segment {number}"))
    return [Finding(code=code, text=text, segment=number) for code, text in found]


def _judge_pruned(keys: EventKeys, segment: Segment, events: Sequence[Event]) -> list[Finding]:
    """Of a pruned segment, that somebody with the keys pruned it, and nothing is left."""
    number, found = segment.number, []
    at = segment.pruned_at or 0
    if not pruned_rightly(keys, segment.pruned_mac, number=number, at=at, hash=segment.hash):
        text = f"segment {number} is marked as pruned, and not by a holder of the keys"
        found.append(Finding(code="prune_forged", text=text, segment=number))
    if events:
        text = f"segment {number} was pruned and has events"
        found.append(Finding(code="prune_left_events", text=text, segment=number, event_id=events[0].id))
    return found


def _count_text(segment: Segment, events: Sequence[Event]) -> str:
    ids = [event.id for event in events]
    where = ""
    if segment.first_id not in ids[:1]:
        where = f"; the first one, {segment.first_id}, is not there"
    elif segment.last_id not in ids[-1:]:
        where = f"; the last one, {segment.last_id}, is not there"
    return f"segment {segment.number} was sealed with {segment.count} events and has {len(events)}{where}"


def judge_unsealed(
    keys: EventKeys, events: Sequence[Event], *, encoded: Sequence[bytes] | None = None
) -> list[Finding]:
    """Events without a segment can only be checked one by one."""
    if encoded is None:
        encoded = [canonical(event) for event in events]
    return [
        Finding(
            code=f"event_{problem}",
            text=f"event {event.id} does not carry its own MAC ({problem})",
            event_id=event.id,
        )
        for event, data in zip(events, encoded, strict=True)
        if (problem := mac_problem(keys, event, data=data)) is not None
    ]


def judge_end(report: Report, anchors: Mapping[int, Checkpoint], *, stray: str | None) -> list[Finding]:
    """What only shows when the last segment was read."""
    found: list[Finding] = []
    late = sorted(number for number in anchors if number > report.last_number)
    if late:
        found.append(
            Finding(
                code="rolled_back",
                text=f"the log ends with segment {report.last_number}, and an outside checkpoint tells of "
                f"segment {late[-1]}: the end was cut off, or an old copy was put back",
                segment=late[0],
            )
        )
    if stray is not None:
        found.append(
            Finding(
                code="event_stray",
                text=f"event {stray} says it belongs to a segment that does not exist",
                event_id=stray,
            )
        )
    return found


def read_anchors(
    notes: Sequence[str], verifiers: tuple[Ed25519PublicKey, ...], *, log_name: str
) -> tuple[dict[int, Checkpoint], list[Finding]]:
    """Outside notes by segment. Two that disagree, or one nobody signed, are findings."""
    anchors: dict[int, Checkpoint] = {}
    found: list[Finding] = []
    for place, text in enumerate(notes, start=1):
        note = read_note(text, verifiers)
        if note is None or note.name != log_name:
            found.append(
                Finding(code="anchor_forged", text=f"outside note {place} is not signed by this log")
            )
        elif anchors.setdefault(note.number, note) != note:
            found.append(
                Finding(
                    code="anchor_forked",
                    text=f"two outside notes tell of different segments {note.number}",
                    segment=note.number,
                )
            )
    return anchors, found

"""Sealing, handing over, checking and pruning: the order of the store's calls.

Rule 1: a note is handed to the sinks after its segment is committed, and again until every sink has it.
Rule 2: pruning takes whole segments from the beginning, and only such as every sink has the note of.
Rule 3: checking reads one segment at a time, so the memory it needs does not grow with the log.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from secureacct import logs
from secureacct.audit.encoding import GENESIS, EventKeys, pruned_mac
from secureacct.audit.errors import SinkUnavailable
from secureacct.audit.notes import checked_name, public_keys
from secureacct.audit.sealing import MOST_EVENTS, due, seal_rule
from secureacct.audit.sinks import Sink
from secureacct.audit.verifying import Report, judge_end, judge_segment, judge_unsealed, read_anchors
from secureacct.ports.audit import AuditStore
from secureacct.records.audit import Segment

PAGE = 200  # segments read at once while checking
EVERYTHING = 1 << 40  # events; no log is longer
MOST_BACKLOG = 10  # notes a sink may be behind before it is said as an error

log: Final = logs.logger("audit")


@dataclass(frozen=True, slots=True)
class AuditParts:
    """What the steps need. ``name`` tells this log from others under the same keyring."""

    store: AuditStore
    keys: EventKeys
    sinks: tuple[Sink, ...] = ()
    name: str = "secureacct/audit"
    clock: Callable[[], float] = time.time  # seconds since the epoch

    def __post_init__(self) -> None:
        checked_name(self.name)


async def seal(parts: AuditParts, *, force: bool = False, now: float | None = None) -> Sequence[Segment]:
    """Seal what is due (everything, with ``force``) and hand notes to the sinks.

    Call it about once a minute from one place; calling it from several is safe and idle.

    :raises StoreUnavailable: the store did not answer; what was sealed before stays sealed.
    """
    at = int(parts.clock() if now is None else now)
    rule = seal_rule(parts.keys, log_name=parts.name, now=at)
    sealed: list[Segment] = []
    while force or due(await parts.store.pending_events(limit=MOST_EVENTS), now=at):
        segment = await parts.store.seal_segment(rule, limit=MOST_EVENTS)
        if segment is None:
            break
        sealed.append(segment)
        logs.event(log, "audit.sealed", segment=segment.number, events=segment.count)
    await hand_over(parts)
    return sealed


async def hand_over(parts: AuditParts) -> int:
    """Offer waiting notes to every sink, oldest first; how many every sink now has."""
    if not parts.sinks:
        return 0
    done = 0
    waiting = await parts.store.waiting_for_sinks(limit=1000)
    for segment in waiting:
        if not _every_sink_took(parts.sinks, segment, behind=len(waiting) - done):
            break
        await parts.store.mark_handed_over(segment.number)
        done += 1
    return done


def _every_sink_took(sinks: Sequence[Sink], segment: Segment, *, behind: int) -> bool:
    for sink in sinks:
        try:
            sink.deliver(segment)
        except SinkUnavailable as error:
            level: logs.Level = "error" if behind > MOST_BACKLOG else "warning"
            logs.event(log, "audit.sink_behind", level=level, sink=sink.name, notes=behind, error=error)
            return False
    return True


async def verify(
    parts: AuditParts,
    *,
    anchors: Sequence[str] = (),
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Check the whole log.

    :param anchors: notes from an outside sink. Without them a log that was cut off at its end, or
        replaced by an old copy, cannot be told from a whole one.
    :param progress: called with the number of events read so far, after each segment.
    :raises StoreUnavailable: the log could not be read to its end.
    """
    report = Report()
    verifiers = public_keys(parts.keys)
    outside, found = read_anchors(anchors, verifiers, log_name=parts.name)
    report.add(found)
    previous = GENESIS
    while segments := await parts.store.segments_after(report.last_number, limit=PAGE):
        for segment in segments:
            events = await parts.store.events_in(segment.number)
            if len(events) != segment.count and segment.pruned_at is None:
                segment = await _again(parts, segment)  # it may just have been pruned
            anchor = outside.get(segment.number)
            report.add(
                judge_segment(
                    parts.keys,
                    verifiers,
                    segment,
                    events if segment.pruned_at is None else await parts.store.events_in(segment.number),
                    expected_number=report.last_number + 1,
                    previous=previous,
                    log_name=parts.name,
                    anchor=anchor,
                )
            )
            previous = segment.hash
            report.last_number = segment.number
            report.segments += 1
            report.events += len(events)
            report.pruned += segment.pruned_at is not None
            report.anchored += anchor is not None
            if progress is not None:
                progress(report.events)
    report.add(judge_end(report, outside, stray=await parts.store.stray_event()))
    after = ""
    while unsealed := await parts.store.unsealed_after(after, limit=MOST_EVENTS):
        report.add(judge_unsealed(parts.keys, unsealed))
        report.events += len(unsealed)
        after = unsealed[-1].id
        if progress is not None:
            progress(report.events)
    report.pending = await parts.store.pending_events(limit=EVERYTHING)
    return report


async def _again(parts: AuditParts, segment: Segment) -> Segment:
    found = await parts.store.segments_after(segment.number - 1, limit=1)
    return found[0] if found and found[0].number == segment.number else segment


async def prune(parts: AuditParts, *, before: int, now: float | None = None) -> tuple[int, int]:
    """Remove the events of whole segments whose latest event is older than ``before``.

    Their seals stay, so the rest of the log still proves itself. Stops at the first segment that is
    younger, or whose note some sink does not have.

    :param before: seconds since the epoch.
    :returns: how many segments and how many events went.
    """
    at = int(parts.clock() if now is None else now)
    segments = events = number = 0
    while page := await parts.store.segments_after(number, limit=PAGE):
        for segment in page:
            number = segment.number
            if segment.pruned_at is not None:
                continue
            if segment.last_at >= before or (parts.sinks and not segment.handed_over):
                return segments, events
            mac = pruned_mac(parts.keys, number=number, at=at, hash=segment.hash)
            events += await parts.store.prune_segment(number, at=at, mac=mac)
            segments += 1
            logs.event(log, "audit.pruned", segment=number)
    return segments, events

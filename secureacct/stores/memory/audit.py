"""The security log's segments in memory.

The memory store keeps its newest events only; a log that outgrew it no longer verifies, and is not
meant to: what must be proved belongs into a database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from secureacct.ports.audit import SealRule
from secureacct.records.audit import Pending, Segment
from secureacct.records.events import Event
from secureacct.stores.memory.journal import MemoryBase


class MemoryAudit(MemoryBase):
    """See :class:`secureacct.ports.audit.AuditStore`."""

    @property
    def _segments(self) -> dict[int, Segment]:
        return self.state.topic("audit_segment")

    @property
    def _segment_of(self) -> dict[str, int]:
        return self.state.topic("audit_segment_of")

    def _unsealed(self) -> list[Event]:
        held = self._segment_of
        return sorted((one for one in self.state.events if one.id not in held), key=lambda one: one.id)

    async def seal_segment(self, rule: SealRule, *, limit: int) -> Segment | None:
        """See :class:`secureacct.ports.audit.AuditStore`."""
        with self.state.lock:
            events = self._unsealed()[:limit]
            if not events:
                return None
            segments = self._segments
            segment = rule(segments[max(segments)] if segments else None, events)
            segments[segment.number] = segment
            self._segment_of.update({one.id: segment.number for one in events})
            return segment

    async def pending_events(self, *, limit: int) -> Pending:
        """See :class:`secureacct.ports.audit.AuditStore`."""
        with self.state.lock:
            events = self._unsealed()[:limit]
        return Pending(count=len(events), oldest_at=min((one.at for one in events), default=None))

    async def segments_after(self, number: int, *, limit: int) -> Sequence[Segment]:
        """See :class:`secureacct.ports.audit.AuditStore`."""
        with self.state.lock:
            return [self._segments[one] for one in sorted(self._segments) if one > number][:limit]

    async def events_in(self, number: int) -> Sequence[Event]:
        """See :class:`secureacct.ports.audit.AuditStore`."""
        with self.state.lock:
            held = self._segment_of
            found = [one for one in self.state.events if held.get(one.id) == number]
        return sorted(found, key=lambda one: one.id)

    async def unsealed_after(self, event_id: str, *, limit: int) -> Sequence[Event]:
        """See :class:`secureacct.ports.audit.AuditStore`."""
        with self.state.lock:
            return [one for one in self._unsealed() if one.id > event_id][:limit]

    async def events_after(self, event_id: str, *, limit: int) -> Sequence[Event]:
        """See :class:`secureacct.ports.audit.AuditStore`."""
        with self.state.lock:
            later = [one for one in self.state.events if one.id > event_id]
        return sorted(later, key=lambda one: one.id)[:limit]

    async def newest_events(self, *, limit: int) -> Sequence[Event]:
        """See :class:`secureacct.ports.audit.AuditStore`."""
        with self.state.lock:
            return sorted(self.state.events, key=lambda one: one.id)[-limit:]

    async def stray_event(self) -> str | None:
        """See :class:`secureacct.ports.audit.AuditStore`."""
        with self.state.lock:
            held, segments = self._segment_of, self._segments
            return next(
                (one.id for one in self.state.events if one.id in held and held[one.id] not in segments), None
            )

    async def mark_handed_over(self, number: int) -> None:
        """See :class:`secureacct.ports.audit.AuditStore`."""
        with self.state.lock:
            self._segments[number] = replace(self._segments[number], handed_over=True)

    async def waiting_for_sinks(self, *, limit: int) -> Sequence[Segment]:
        """See :class:`secureacct.ports.audit.AuditStore`."""
        with self.state.lock:
            waiting = [self._segments[one] for one in sorted(self._segments)]
            return [one for one in waiting if not one.handed_over][:limit]

    async def prune_segment(self, number: int, *, at: int, mac: bytes) -> int:
        """See :class:`secureacct.ports.audit.AuditStore`."""
        with self.state.lock:
            segment = self._segments.get(number)
            if segment is None or segment.pruned_at is not None:
                return 0
            self._segments[number] = replace(segment, pruned_at=at, pruned_mac=mac)
            held = self._segment_of
            gone = {one for one, where in held.items() if where == number}
            before = len(self.state.events)
            self.state.events[:] = [one for one in self.state.events if one.id not in gone]
            for one in gone:
                del held[one]
            return before - len(self.state.events)

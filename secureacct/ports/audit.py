"""What a store promises about the security log, beyond writing events (``ports.journal``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from secureacct.records.audit import Pending, Segment
from secureacct.records.events import Event

SealRule = Callable[[Segment | None, Sequence[Event]], Segment]
"""The last segment and the next events, by id; gives the segment that holds them."""


class AuditStore(Protocol):
    """The log in the order of its segments. Inside a segment events are ordered by id."""

    async def seal_segment(self, rule: SealRule, *, limit: int) -> Segment | None:
        """Put up to ``limit`` committed events that have no segment into the next one.

        Promises: one sealer at a time, by a lock of the database; the segment and its events' marks
        are one transaction; None: nothing was pending, or another sealer is at work.

        :raises StoreUnavailable: nothing was sealed.
        """
        ...

    async def pending_events(self, *, limit: int) -> Pending:
        """How many events are not sealed (counting up to ``limit``), and since when."""
        ...

    async def segments_after(self, number: int, *, limit: int) -> Sequence[Segment]:
        """The segments after ``number``, in order."""
        ...

    async def events_in(self, number: int) -> Sequence[Event]:
        """All events that say they belong to this segment, by id."""
        ...

    async def unsealed_after(self, event_id: str, *, limit: int) -> Sequence[Event]:
        """Events without a segment whose id comes after ``event_id``, by id."""
        ...

    async def events_after(self, event_id: str, *, limit: int) -> Sequence[Event]:
        """Events whose id comes after ``event_id``, sealed or not, by id."""
        ...

    async def newest_events(self, *, limit: int) -> Sequence[Event]:
        """The last ``limit`` events, by id."""
        ...

    async def stray_event(self) -> str | None:
        """The id of an event that claims a segment which does not exist, or None."""
        ...

    async def mark_handed_over(self, number: int) -> None:
        """Every sink has the note of this segment."""
        ...

    async def waiting_for_sinks(self, *, limit: int) -> Sequence[Segment]:
        """Segments whose note some sink does not have yet, oldest first."""
        ...

    async def prune_segment(self, number: int, *, at: int, mac: bytes) -> int:
        """Remove the events of a segment and note that it was pruned, in one transaction.

        Promises: the note is set only if it was not set before; how many events were removed.
        """
        ...

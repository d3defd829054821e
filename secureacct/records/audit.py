"""A sealed stretch of the security log."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Up to 1,000 events, closed for ever by one signed checkpoint.

    ``hash`` covers the previous segment's hash, so the segments are one chain. ``note`` is the
    checkpoint, signed. Of a pruned segment only this record is left.
    """

    number: int  # 1, 2, 3, ... without gaps
    count: int  # events
    first_id: str
    last_id: str
    last_at: int  # the latest event's time, seconds since the epoch
    sealed_at: int  # seconds since the epoch
    hash: bytes  # 32 bytes
    note: str
    handed_over: bool = False  # whether every outside sink has the note
    pruned_at: int | None = None  # seconds since the epoch
    pruned_mac: bytes = field(default=b"", repr=False)  # says that a holder of the keys removed the events


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Events that no segment holds yet: what could still be deleted unseen."""

    count: int
    oldest_at: int | None = None  # seconds since the epoch

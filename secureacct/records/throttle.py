"""What a throttle counts: a charge against a bucket, and what came of it.

Rules of this file: a bucket is named by a keyed hash, so a store never sees an address or a name;
times are milliseconds since the epoch; a charge carries its own numbers, so that a store can decide
and count in one conditional statement.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FOREVER_MS = 1 << 52  # milliseconds; exact in SQL integers and in Lua numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One attempt, charged to one bucket, before anybody knows how it ends.

    Two kinds. A *ladder* (``cap_ms`` above 0) lets ``free`` attempts through and then asks for a
    wait that starts at ``step_ms`` and doubles up to ``cap_ms``. A *budget* (``cap_ms`` 0) gives one
    attempt back every ``step_ms``.
    """

    key: bytes = field(repr=False)  # 16 bytes, a keyed hash
    kind: str  # "device", "account_network", "account", "network", "everyone"
    free: int  # attempts
    step_ms: int  # milliseconds: a ladder's first wait, a budget's refill time
    cap_ms: int  # milliseconds: a ladder's longest wait; 0 makes it a budget
    pause_at: int  # attempts after which a ladder stays shut until it is cleared; 0: never
    room_ms: int  # milliseconds the bucket may be filled ahead of now and still admit
    forget_ms: int  # milliseconds of quiet after which the bucket is as new


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A bucket as it stands."""

    count: int
    until_ms: int  # a ladder: shut until then; a budget: filled up to then
    forget_at_ms: int
    seen_ms: int  # when it was last charged
    free: int
    step_ms: int
    cap_ms: int


@dataclass(frozen=True, slots=True)
class Counted:
    """Every bucket had room and all were charged. ``buckets[i]`` is charge ``i``'s (count, until)."""

    buckets: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """At least one bucket had no room, and none was charged. Maps each shut bucket's place in the
    charges to its (count, until)."""

    shut: tuple[tuple[int, int, int], ...]  # (place, count, until_ms)

"""What happened, as one row of the security log."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to an account or at the door.

    ``sealed`` holds the personal part (device, network, detail), encrypted with the event's id as
    its row; ``mac`` is the keyed MAC over the whole record, made when it is written.
    """

    id: str  # 26 characters, sortable by time
    at: int  # seconds since the epoch
    name: str  # "sign_in", "password_changed", ...
    outcome: str  # "ok", "refused", "attempted", "failed"
    reason: str = ""  # stable code, for instance "wrong_password"
    account_id: str | None = None
    session_id: str | None = None  # the public id
    correlation_id: str = ""
    sealed: bytes = field(default=b"", repr=False)
    mac: bytes = field(default=b"", repr=False)

"""What a store promises about sessions.

Rules of this file: ``session`` is the hot path, one statement or one round trip; a session it returns
belongs to an account that is active and in the session's epoch, and the caller only has the clock left
to ask. A missing account state means there is no session. When in doubt a store finds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from secureacct.ports.journal import Journal
from secureacct.records.sessions import AccountState, Moved, Session


class Purged(NamedTuple):
    """One batch of a purge. ``more`` is False when the batch came to the end."""

    removed: int
    more: bool
    cursor: bytes  # where the next batch begins


class SessionReads(Protocol):
    """Reads, and the removal of rows that are dead already."""

    async def session(self, key: bytes) -> Session | None:
        """The session, if its account is active and still in its epoch. One statement.

        :raises StoreUnavailable: the store did not answer.
        """
        ...

    async def touch_session(self, key: bytes, *, seen_at: int, now: int) -> bool:
        """Write ``now`` where ``seen_at`` still stands. False: somebody else did, or it ended."""
        ...

    async def moved_session(self, key: bytes) -> Moved | None:
        """What became of a key that the clock rotated out."""
        ...

    async def sessions_of(self, account_id: str) -> Sequence[Session]:
        """Sessions of the account in its epoch, oldest first, with their device; empty unless active."""
        ...

    async def account_state(self, account_id: str) -> AccountState | None:
        """The account's state."""
        ...

    async def session_data(self, key: bytes) -> str | None:
        """The app's own data of a session, as JSON."""
        ...

    async def purge_sessions(self, *, now: int, cursor: bytes, limit: int) -> Purged:
        """Look at the next ``limit`` rows from ``cursor`` on (empty: from the start) and remove the dead
        ones, in one short transaction: past their limits, or of an epoch that is over."""
        ...

    async def count_sessions(self) -> int:
        """How many rows there are, dead ones included; an estimate where counting is dear."""
        ...


class SessionStore(Journal, SessionReads, Protocol):
    """A store of sessions."""

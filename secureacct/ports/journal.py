"""The one door through which anything changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.events import Event
from secureacct.records.mail import OutboxMail


class Journal(Protocol):
    """A store that carries changes out together with the events and mails that tell of them."""

    async def commit(
        self,
        changes: Sequence[Change],
        *,
        events: Sequence[Event] = (),
        mails: Sequence[OutboxMail] = (),
    ) -> Committed | Lost:
        """Make every change, in order, and write events and mails, in one transaction, or nothing.

        Promises: a claim is one conditional statement, so of two callers with the same claim exactly
        one gets ``Committed``; after ``Lost`` nothing at all was written; when this returns
        ``Committed``, the change survives a crash of the process (and of the server, as far as the
        store's own page in ``docs/`` says).

        :raises StoreUnavailable: the store did not answer, is locked, full or read-only.
        :raises ConfigurationError: the store does not keep changes of this kind.
        """
        ...


class Outbox(Protocol):
    """Mails that wait for delivery."""

    async def due_mails(self, *, now: int, limit: int, lease_s: int) -> Sequence[OutboxMail]:
        """Up to ``limit`` mails that are due, leased: no other caller gets them for ``lease_s``
        seconds. Their ``attempts`` is already counted up, so a crash never tries for ever."""
        ...

    async def delivered(self, mail_id: str) -> None:
        """Delete the mail: its body is gone from the store. Unknown ids are no error."""
        ...

    async def postpone_mail(self, mail_id: str, *, until: int) -> None:
        """Try again at ``until`` (seconds since the epoch). Unknown ids are no error."""
        ...


class EventReads(Protocol):
    """Reading the security log."""

    async def events_of(self, account_id: str, *, limit: int, before: str | None = None) -> Sequence[Event]:
        """The newest events of an account, newest first, older than the id ``before``."""
        ...

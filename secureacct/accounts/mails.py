"""Account mails: what each journey says to whom, sealed for the outbox.

Rules of this file: words live in ``secureacct.mail.compose``; a security notice carries its own "this
was not me" link; a mail goes to the spelling of the address that was given, never to one that was
typed by somebody else; nothing is sent here.
"""

from __future__ import annotations

from secureacct.accounts.directory import Known
from secureacct.accounts.links import new_link
from secureacct.accounts.parts import AccountParts, Visit
from secureacct.audit.events import RANDOM_BYTES, event_id
from secureacct.mail import compose
from secureacct.records.changes import Change
from secureacct.records.mail import Message, OutboxMail

Told = tuple[tuple[OutboxMail, ...], tuple[Change, ...]]


def sealed(
    parts: AccountParts, kind: str, message: Message, *, now: int, account_id: str | None = None
) -> OutboxMail:
    """A message, encrypted for the outbox."""
    mail_id = event_id(now=parts.clock(), random=parts.random(RANDOM_BYTES))
    return OutboxMail(
        id=mail_id,
        created_at=now,
        kind=kind,
        account_id=account_id,
        sealed=parts.vault.seal_mail(message, mail_id=mail_id),
    )

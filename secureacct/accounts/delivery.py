"""Mails leave after the answer: taken from the outbox under a lease, deleted once handed over.

A mailer's trouble is nobody's error, nor is a key that is held back: the mail waits and is tried again, with
growing pauses, and is given up after two days with a line in the log that names no address.
"""

from __future__ import annotations

from typing import Final

from secureacct import logs
from secureacct.accounts.mails import DECOY
from secureacct.accounts.parts import AccountParts
from secureacct.errors import SecureAcctError
from secureacct.keys import KeyDisabled, UnknownKey
from secureacct.mail.lint import lint
from secureacct.ports.mailer import Mailer, MailTrouble
from secureacct.records.mail import OutboxMail

LEASE_S = 60  # seconds another worker leaves a mail alone; ours
FIRST_PAUSE_S = 30  # seconds, doubling; ours
LONGEST_PAUSE_S = 3600  # seconds; ours
GIVE_UP_AFTER_S = 2 * 86_400  # seconds; ours, longer than a week-end outage of one day

log: Final = logs.logger("mail")


async def deliver(parts: AccountParts, mailer: Mailer, *, limit: int = 20) -> int:
    """Hand over what is due; how many left. Safe to call from any number of workers.

    :raises StoreUnavailable: the store did not answer.
    """
    now = parts.now()
    sent = 0
    for mail in await parts.store.due_mails(now=now, limit=limit, lease_s=LEASE_S):
        if mail.kind == DECOY:
            await parts.store.delivered(mail.id)
            continue
        try:
            message = parts.vault.open_mail(mail.sealed, mail_id=mail.id)
            lint(message, base_url=parts.site.base_url, site=parts.site.name)
            await mailer.send(message)
        except MailTrouble as trouble:
            await _later(parts, mail, reason=trouble.reason, permanent=trouble.permanent, now=now)
        except (KeyDisabled, UnknownKey) as held_back:  # it is enabled again, or this process learns of it
            await _later(parts, mail, reason=held_back.code, permanent=False, now=now)
        except SecureAcctError as error:
            logs.event(log, "mail.refused", level="error", kind=mail.kind, reason=error.code)
            await parts.store.delivered(mail.id)
        else:
            await parts.store.delivered(mail.id)
            sent += 1
    return sent


async def _later(parts: AccountParts, mail: OutboxMail, *, reason: str, permanent: bool, now: int) -> None:
    if permanent or now - mail.created_at > GIVE_UP_AFTER_S:
        logs.event(log, "mail.given_up", level="error", kind=mail.kind, reason=reason)
        await parts.store.delivered(mail.id)
        return
    pause = min(FIRST_PAUSE_S * 2 ** min(mail.attempts, 10), LONGEST_PAUSE_S)
    logs.event(log, "mail.delayed", level="warning", kind=mail.kind, reason=reason)
    await parts.store.postpone_mail(mail.id, until=now + pause)

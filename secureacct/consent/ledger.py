"""The ledger of choices: appended to, never altered, each entry sealed to the one before.

Rules of this file: an entry's MAC covers all its fields and the MAC before it, under a key that the
database does not hold. So whoever can write to the database can neither change, insert, reorder nor
remove an entry unseen, with one exception that no chain escapes: cutting off the newest entries of a
subject. Where the choice stands (its own row) then points past the end, which ``verify`` reports too;
only a thief who rolls back both to the same moment goes unseen without an outside anchor.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Protocol

from secureacct._bytes import lp_join
from secureacct.consent.declarations import words_hash
from secureacct.consent.errors import LedgerAltered, LedgerBusy
from secureacct.keys import Keyring
from secureacct.ports.consents import ConsentReads
from secureacct.ports.journal import Journal
from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.consents import AppendEntry, Choice, KeepWords, LedgerEntry, SetChoice
from secureacct.records.events import Event
from secureacct.records.mail import OutboxMail

ATTEMPTS = 8  # tries, when several choices of one person arrive at once; ours
GENESIS = bytes(32)


class LedgerStore(Journal, ConsentReads, Protocol):
    """What the ledger asks of a store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A choice about to be recorded, with the words the person saw."""

    topic: str
    key: str
    choice: str  # "given", "withdrawn", "refused"
    words: str = field(repr=False)
    how: str
    context: str = ""


def ledger_mac(keys: Keyring, entry: LedgerEntry, *, previous: bytes) -> bytes:
    """The MAC of an entry after ``previous`` (32 zero bytes before the first)."""
    key = keys.derive("audit", b"ledger/v1", key_id=entry.key_id)
    text = (entry.subject, entry.topic, entry.key, entry.choice, entry.how, entry.context)
    parts = [previous, *(one.encode() for one in text), entry.words_hash]
    parts += [number.to_bytes(8, "big") for number in (entry.position, entry.at, entry.key_id)]
    return hmac.digest(key, lp_join(parts), "sha256")


def entries_for(
    keys: Keyring, subject: str, said: Sequence[Said], *, last: LedgerEntry | None, now: int
) -> tuple[Change, ...]:
    """The changes that append these choices after ``last`` and move where each stands."""
    changes: list[Change] = []
    position, previous = (0, GENESIS) if last is None else (last.position, last.mac)
    for one in said:
        position += 1
        hashed = words_hash(one.words)
        entry = LedgerEntry(
            subject=subject,
            position=position,
            topic=one.topic,
            key=one.key,
            choice=one.choice,
            words_hash=hashed,
            at=now,
            how=one.how,
            context=one.context,
            key_id=keys.primary("audit"),
        )
        entry = replace(entry, mac=ledger_mac(keys, entry, previous=previous))
        previous = entry.mac
        stands = Choice(
            subject=subject, topic=one.topic, key=one.key, choice=one.choice, position=position, at=now
        )
        changes += [
            KeepWords(hash=hashed, text=one.words, at=now),
            AppendEntry(entry=entry),
            SetChoice(choice=stands),
        ]
    return tuple(changes)


async def record(
    store: LedgerStore,
    keys: Keyring,
    subject: str,
    said: Sequence[Said],
    *,
    now: int,
    changes: Sequence[Change] = (),
    events: Sequence[Event] = (),
    mails: Sequence[OutboxMail] = (),
) -> Committed | Lost:
    """Append choices and make ``changes`` with them, in one transaction.

    Two choices of one person at the same moment queue up; neither is lost.

    :returns: what ``commit`` gave; ``Lost`` names a claim among ``changes``.
    :raises LedgerBusy: the position was taken by others again and again.
    """
    for _ in range(ATTEMPTS):
        last = await store.last_entry(subject)
        appended = entries_for(keys, subject, said, last=last, now=now)
        outcome = await store.commit((*appended, *changes), events=events, mails=mails)
        if not (isinstance(outcome, Lost) and isinstance(outcome.claim, AppendEntry)):
            return outcome
    raise LedgerBusy


async def verify(store: ConsentReads, keys: Keyring, subject: str, *, page: int = 500) -> int:
    """Check a subject's whole ledger against its MACs, and that no choice stands past its end.

    :returns: how many entries were checked.
    :raises LedgerAltered: an entry was changed, inserted, moved or removed.
    """
    position, previous = 0, GENESIS
    stands: dict[tuple[str, str], LedgerEntry] = {}
    while entries := await store.ledger_of(subject, after=position, limit=page):
        for entry in entries:
            if entry.position != position + 1 or entry.subject != subject:
                raise LedgerAltered(position=position + 1)
            if entry.key_id not in keys.readable("audit"):
                raise LedgerAltered(position=entry.position)
            if not hmac.compare_digest(ledger_mac(keys, entry, previous=previous), entry.mac):
                raise LedgerAltered(position=entry.position)
            position, previous = entry.position, entry.mac
            stands[entry.topic, entry.key] = entry
    for choice in await store.choices_of(subject):
        proof = stands.get((choice.topic, choice.key))
        if proof is None or (proof.position, proof.choice) != (choice.position, choice.choice):
            raise LedgerAltered(position=choice.position)
    return position


async def verify_all(store: ConsentReads, keys: Keyring) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Check every subject. Gives how many entries were sound, and (subject, position) of each break."""
    sound, broken, after = 0, [], ""
    while subjects := await store.ledger_subjects(after=after):
        for subject in subjects:
            try:
                sound += await verify(store, keys, subject)
            except LedgerAltered as error:
                broken.append((subject, error.position))
        after = subjects[-1]
    return sound, tuple(broken)


def account_subject(account_id: str) -> str:
    """The ledger's subject for an account."""
    return f"account:{account_id}"


def visitor_subject(visitor: str) -> str:
    """The ledger's subject for a browser that agreed to something without signing in."""
    return f"visitor:{visitor}"


def address_subject(token: bytes) -> str:
    """The ledger's subject for a mail address without an account, by its blind index."""
    return f"address:{sha256(b'secureacct/ledger/address/v1' + token).hexdigest()}"

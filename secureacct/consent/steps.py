"""Giving, refusing and taking back, each in as many steps as the other.

Rules of this file: every step says its store calls once; the faces serve them blocking and awaiting.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from secureacct._bytes import b64url
from secureacct._faces import Kind
from secureacct.consent import ledger
from secureacct.consent.cookie_choice import CookieChoice, read_choice
from secureacct.consent.declarations import Declarations
from secureacct.consent.ledger import Said, account_subject, visitor_subject
from secureacct.keys import Keyring
from secureacct.records.consents import Choice, LedgerEntry
from secureacct.records.events import Event


class ConsentStore(ledger.LedgerStore, Protocol):
    """What choices ask of a store."""

    @property
    def kind(self) -> Kind:
        """Blocking, awaiting or both."""
        ...


class NotesChoices(Protocol):
    """Makes the security-log event of a choice; the app's audit writer, or nothing."""

    def __call__(self, name: str, /, *, account_id: str | None, reason: str) -> Sequence[Event]:
        """Events to write in the same transaction."""
        ...


def no_events(_name: str, /, **_facts: object) -> Sequence[Event]:
    """The ledger alone is the record."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentParts:
    """What the steps work with."""

    store: ConsentStore
    keys: Keyring
    declarations: Declarations = field(default_factory=Declarations)
    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = os.urandom
    events: NotesChoices = no_events

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class PurposeStanding:
    """One purpose as a person sees it: the question, and their answer to it (None: never asked)."""

    id: str
    title: str
    words: str
    agreed: bool | None
    since: int | None  # seconds since the epoch


async def choose(
    parts: ConsentParts, account_id: str, purpose_id: str, *, agree: bool, how: str = "form"
) -> None:
    """Give or withdraw an account's agreement to a purpose. The same call for both.

    :raises UnknownPurpose: the app never declared it.
    :raises LedgerBusy: many choices of this person at once.
    """
    purpose = parts.declarations.purpose(purpose_id)
    before = await parts.store.choice_of(account_subject(account_id), "purpose", purpose_id)
    no = "withdrawn" if before is not None and before.choice == "given" else "refused"
    said = Said(topic="purpose", key=purpose_id, choice="given" if agree else no, words=purpose.text, how=how)
    await ledger.record(
        parts.store,
        parts.keys,
        account_subject(account_id),
        [said],
        now=parts.now(),
        events=parts.events("consent_changed", account_id=account_id, reason=f"{purpose_id}_{said.choice}"),
    )


async def allowed(parts: ConsentParts, account_id: str, purpose_id: str) -> bool:
    """Whether an account agreed to a purpose in the words that are in use today.

    :raises UnknownPurpose: the app never declared it.
    """
    purpose = parts.declarations.purpose(purpose_id)
    choice = await parts.store.choice_of(account_subject(account_id), "purpose", purpose_id)
    if choice is None or choice.choice != "given":
        return False
    return await _words_at(parts, choice) == purpose.text


async def _words_at(parts: ConsentParts, choice: Choice) -> str | None:
    entries = await parts.store.ledger_of(choice.subject, after=choice.position - 1, limit=1)
    return await parts.store.words(entries[0].words_hash) if entries else None


async def purposes_of(parts: ConsentParts, account_id: str) -> Sequence[PurposeStanding]:
    """Every declared purpose with this account's answer."""
    answers = {
        one.key: one
        for one in await parts.store.choices_of(account_subject(account_id))
        if one.topic == "purpose"
    }
    return [
        PurposeStanding(
            id=one.id,
            title=one.title,
            words=one.words,
            agreed=answers[one.id].choice == "given" if one.id in answers else None,
            since=answers[one.id].at if one.id in answers else None,
        )
        for one in parts.declarations.purposes
    ]


async def choose_cookies(
    parts: ConsentParts,
    *,
    agree: Collection[str],
    cookie: str | None = None,
    account_id: str | None = None,
    how: str = "banner",
) -> CookieChoice:
    """Record one browser's answer to the cookie question, and give the cookie that remembers it.

    Accept names purposes, Reject names none. A first Reject writes nothing to the store: there is
    nothing to prove, and nobody to number. A Reject after an Accept is recorded as withdrawal, under the
    same number, which ends there.

    :param agree: ids of purposes.
    :param cookie: the choice cookie the browser sent, if any.
    :raises UnknownPurpose: one of them was never declared.
    :raises LedgerBusy: many choices of this browser at once.
    """
    agreed = frozenset(parts.declarations.purpose(one).id for one in agree)
    before = read_choice(cookie)
    now = parts.now()
    visitor = before.visitor if before is not None else ""
    withdrawn = (before.agreed if before is not None else frozenset()) - agreed
    if agreed and not visitor:
        visitor = b64url(parts.random(16))
    known = {one.id for one in parts.declarations.purposes}
    said = [
        Said(
            topic="purpose",
            key=one,
            choice="given" if one in agreed else "withdrawn",
            words=parts.declarations.purpose(one).text,
            how=how,
            context="cookies",
        )
        for one in sorted(agreed | (withdrawn & known))
    ]
    if said:
        await ledger.record(parts.store, parts.keys, visitor_subject(visitor), said, now=now)
    if account_id is not None and (said or before is None):
        await _for_account(parts, account_id, agreed, how=how, now=now)
    return CookieChoice(
        at=now, asked=parts.declarations.fingerprint, agreed=agreed, visitor=visitor if agreed else ""
    )


async def _for_account(
    parts: ConsentParts, account_id: str, agreed: frozenset[str], *, how: str, now: int
) -> None:
    asked = [one for one in parts.declarations.purposes if one.cookies]
    said = [
        Said(
            topic="purpose",
            key=one.id,
            choice="given" if one.id in agreed else "refused",
            words=one.text,
            how=how,
            context="cookies",
        )
        for one in asked
    ]
    if said:
        await ledger.record(parts.store, parts.keys, account_subject(account_id), said, now=now)


async def history(parts: ConsentParts, account_id: str, *, after: int = 0) -> Sequence[LedgerEntry]:
    """An account's own choices, as they were made, up to 500 after position ``after``."""
    return await parts.store.ledger_of(account_subject(account_id), after=after)


async def words_of(parts: ConsentParts, entry: LedgerEntry) -> str | None:
    """The words the person saw when making a choice."""
    return await parts.store.words(entry.words_hash)


async def verify_history(parts: ConsentParts, account_id: str) -> int:
    """Check an account's ledger: how many entries are sound.

    :raises LedgerAltered: an entry was changed, inserted, moved or removed.
    """
    return await ledger.verify(parts.store, parts.keys, account_subject(account_id))


async def verify_everyone(parts: ConsentParts) -> tuple[int, tuple[tuple[str, int], ...]]:
    """Check every ledger: how many entries are sound, and (subject, position) of each break."""
    return await ledger.verify_all(parts.store, parts.keys)

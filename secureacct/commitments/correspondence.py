"""What people wrote to us, kept with the reply, for a while (C17).

Rules of this file: a letter is encrypted before a store sees it; it has an end from its first moment; it
is quoted in public only while its writer's recorded yes stands; and writing to us never puts anybody on
a list: nothing here knows of mailings.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

from secureacct._faces import Kind, awaiting, blocking, refuse_other_kind
from secureacct.commitments._ids import new_id
from secureacct.commitments.errors import LetterGone, TestimonialRefused
from secureacct.consent import ledger
from secureacct.consent.ledger import Said, account_subject, address_subject
from secureacct.consent.steps import NotesChoices, no_events
from secureacct.fields import BlindIndex, FieldCipher
from secureacct.keys import Keyring
from secureacct.ports.correspondence import LetterReads
from secureacct.records.changes import Change, Lost
from secureacct.records.correspondence import ForgetLetters, KeepLetter, Letter, SetTestimonial


class LetterStore(ledger.LedgerStore, LetterReads, Protocol):
    """What correspondence asks of a store."""

    @property
    def kind(self) -> Kind:
        """Blocking, awaiting or both."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterParts:
    """What the steps work with."""

    store: LetterStore
    keys: Keyring
    keep: timedelta = timedelta(days=730)  # two years, so that a question can be followed up; ours
    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = os.urandom
    events: NotesChoices = no_events
    index: BlindIndex = field(init=False, repr=False)
    body: FieldCipher[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        index = BlindIndex(self.keys, table="letter", column="address", normalise="email", unique=True)
        body = FieldCipher(self.keys, table="letter", column="body", type=str, max_value=MAX_LETTER_BYTES)
        object.__setattr__(self, "index", index)
        object.__setattr__(self, "body", body)

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())


MAX_LETTER_BYTES = 1 << 20  # 1 MiB of JSON; attachments belong elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLetter:
    """A letter in clear."""

    id: str
    thread: str
    direction: str
    at: int  # seconds since the epoch
    keep_until: int  # seconds since the epoch
    address: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    testimonial: bool


def _open(parts: LetterParts, letter: Letter) -> OpenLetter:
    held = json.loads(parts.body.decrypt(letter.sealed, row=letter.id))
    return OpenLetter(
        id=letter.id,
        thread=letter.thread,
        direction=letter.direction,
        at=letter.at,
        keep_until=letter.keep_until,
        address=held["address"],
        subject=held["subject"],
        text=held["text"],
        testimonial=letter.testimonial,
    )


async def receive(
    parts: LetterParts, *, address: str, subject: str, text: str, account_id: str | None = None
) -> str:
    """Keep a letter that somebody wrote to us. Gives its id."""
    return await _keep(parts, address, subject, text, account_id=account_id, direction="in", thread=None)


async def reply(parts: LetterParts, letter_id: str, *, subject: str, text: str) -> str:
    """Keep our answer beside the letter it answers, to the same end. Gives its id.

    :raises LetterGone: past its time, or never was.
    """
    first = await parts.store.letter(letter_id, now=parts.now())
    if first is None:
        raise LetterGone
    address = _open(parts, first).address
    return await _keep(
        parts, address, subject, text, account_id=first.account_id, direction="out", thread=first
    )


async def _keep(
    parts: LetterParts,
    address: str,
    subject: str,
    text: str,
    *,
    account_id: str | None,
    direction: str,
    thread: Letter | None,
) -> str:
    now = parts.now()
    letter_id = new_id(now=parts.clock(), random=parts.random(10))
    held = json.dumps({"address": address, "subject": subject, "text": text}, ensure_ascii=False)
    letter = Letter(
        id=letter_id,
        thread=letter_id if thread is None else thread.thread,
        direction=direction,
        at=now,
        keep_until=now + int(parts.keep.total_seconds()) if thread is None else thread.keep_until,
        token=parts.index.of(address),
        account_id=account_id,
        sealed=parts.body.encrypt(held, row=letter_id),
    )
    await parts.store.commit([KeepLetter(letter=letter)])
    return letter_id


async def read(parts: LetterParts, letter_id: str, *, by: str, purpose: str) -> OpenLetter:
    """Open a letter. Who reads it, and why, is noted with the reading.

    :param by: the account id of the reader.
    :param purpose: why, in a word: ``"answer"``, ``"complaint"``.
    :raises LetterGone: past its time, or never was.
    """
    letter = await parts.store.letter(letter_id, now=parts.now())
    if letter is None:
        raise LetterGone
    noted = parts.events("app.letter_read", account_id=by, reason=purpose)
    if noted:
        await parts.store.commit((), events=noted)
    return _open(parts, letter)


async def thread(parts: LetterParts, letter_id: str) -> Sequence[OpenLetter]:
    """A letter and all that belongs to it, oldest first.

    :raises LetterGone: past its time, or never was.
    """
    letter = await parts.store.letter(letter_id, now=parts.now())
    if letter is None:
        raise LetterGone
    return [_open(parts, one) for one in await parts.store.thread(letter.thread, now=parts.now())]


async def letters_of(
    parts: LetterParts, *, address: str | None = None, account_id: str | None = None
) -> Sequence[OpenLetter]:
    """What somebody wrote, and what we answered: for their export."""
    tokens = tuple(parts.index.lookup(address)) if address is not None else ()
    found = await parts.store.letters_of(tokens=tokens, account_id=account_id, now=parts.now())
    return [_open(parts, one) for one in found]


async def allow_testimonial(
    parts: LetterParts, letter_id: str, *, words: str, allow: bool, how: str = "form"
) -> None:
    """Record the writer's yes to being quoted, or its end. The same call for both.

    :param words: what the writer was asked.
    :raises LetterGone: past its time, or never was.
    """
    letter = await parts.store.letter(letter_id, now=parts.now())
    if letter is None:
        raise LetterGone
    who = account_subject(letter.account_id) if letter.account_id else address_subject(letter.token)
    choice = "given" if allow else "withdrawn"
    said = Said(topic="testimonial", key=letter_id, choice=choice, words=words, how=how)
    claim = SetTestimonial(letter_id=letter_id, allowed=allow, now=parts.now())
    events = parts.events("consent_changed", account_id=letter.account_id, reason=choice)
    outcome = await ledger.record(
        parts.store, parts.keys, who, [said], now=parts.now(), changes=[claim], events=events
    )
    if isinstance(outcome, Lost):
        raise LetterGone


async def quote(parts: LetterParts, letter_id: str) -> str:
    """The text of a letter for public use, while its writer's yes stands.

    :raises TestimonialRefused: never allowed, or taken back.
    :raises LetterGone: past its time, or never was.
    """
    letter = await parts.store.letter(letter_id, now=parts.now())
    if letter is None:
        raise LetterGone
    who = account_subject(letter.account_id) if letter.account_id else address_subject(letter.token)
    choice = await parts.store.choice_of(who, "testimonial", letter_id)
    if not letter.testimonial or letter.direction != "in" or choice is None or choice.choice != "given":
        raise TestimonialRefused
    return _open(parts, letter).text


def forget_changes(parts: LetterParts, *, address: str | None, account_id: str | None) -> tuple[Change, ...]:
    """The change that deletes everything of somebody: part of an erasure's one transaction."""
    tokens = tuple(parts.index.lookup(address)) if address is not None else ()
    return (ForgetLetters(tokens=tokens, account_id=account_id),)


class Correspondence:
    """Letters, for blocking programs."""

    def __init__(self, parts: LetterParts) -> None:
        """:raises ConfigurationError: the store is an awaiting one."""
        refuse_other_kind(parts.store, wanted="blocking")
        self.parts = parts

    receive: Final = blocking(receive)
    reply: Final = blocking(reply)
    read: Final = blocking(read)
    thread: Final = blocking(thread)
    letters_of: Final = blocking(letters_of)
    allow_testimonial: Final = blocking(allow_testimonial)
    quote: Final = blocking(quote)


class AsyncCorrespondence:
    """Letters, for awaiting programs."""

    def __init__(self, parts: LetterParts) -> None:
        """:raises ConfigurationError: the store is a blocking one."""
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    receive: Final = awaiting(receive)
    reply: Final = awaiting(reply)
    read: Final = awaiting(read)
    thread: Final = awaiting(thread)
    letters_of: Final = awaiting(letters_of)
    allow_testimonial: Final = awaiting(allow_testimonial)
    quote: Final = awaiting(quote)

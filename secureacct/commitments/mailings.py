"""Mailings that begin with a yes and end with a click (C10).

Rules of this file: an address gets on a list by a recorded opt-in and by nothing else, so people who
only wrote to us, or whom a customer named as a contact, cannot be reached; the claim that a mail may go
is decided in the transaction that queues it; the one-click link can only end, never begin; an address
that said stop stays stopped as a keyed hash, also after its account is gone.
RFC 8058 (one click), RFC 2369 (List-Unsubscribe), RFC 2919 (List-Id).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol
from urllib.parse import urlsplit

from secureacct._bytes import b64url, b64url_strict
from secureacct._faces import Kind
from secureacct.commitments.errors import BadPromise, NothingDeclared
from secureacct.consent import ledger
from secureacct.consent.ledger import Said, account_subject, address_subject
from secureacct.consent.steps import NotesChoices, no_events
from secureacct.fields import BlindIndex, FieldCipher
from secureacct.keys import Keyring
from secureacct.ports.mailings import MailingReads
from secureacct.records.changes import Change
from secureacct.records.mail import Message
from secureacct.records.mailings import (
    EVERY_LIST,
    ConfirmSubscription,
    EndSubscription,
    LiftSuppression,
    StartSubscription,
    Subscription,
)
from secureacct.tokens import BadToken, SignedTokens

LINK_LIFETIME = timedelta(days=3650)  # a mail may be opened years later; CAN-SPAM asks for 30 days at least
CONFIRM_LIFETIME = timedelta(days=7)  # to prove an address that asked for a list; ours
_LIST_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")


class MailingStore(ledger.LedgerStore, MailingReads, Protocol):
    """What mailings ask of a store."""

    @property
    def kind(self) -> Kind:
        """Blocking, awaiting or both."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingList:
    """One list, with the words people say yes to."""

    id: str
    title: str
    words: str  # what is sent, and how often


class SealsMail(Protocol):
    """Encrypts a mail that waits for delivery; the account vault does it."""

    def __call__(self, message: Message, /, *, mail_id: str) -> bytes:
        """The encrypted mail, bound to its id."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingParts:
    """What the steps work with. ``check`` is asked before a mail is queued; it raises to refuse."""

    store: MailingStore
    keys: Keyring
    lists: Sequence[MailingList]
    base_url: str  # "https://shop.example"
    seal_mail: SealsMail = field(repr=False)
    check: Callable[[Message], object]
    prefix: str = "/account"
    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = os.urandom
    events: NotesChoices = no_events
    index: BlindIndex = field(init=False, repr=False)
    address: FieldCipher[str] = field(init=False, repr=False)
    stop_tokens: SignedTokens = field(init=False, repr=False)
    start_tokens: SignedTokens = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """
        :raises BadPromise: a list has no name of its own or no words, or the site is not on TLS.
        """
        names = [one.id for one in self.lists]
        if len(set(names)) != len(names) or not all(_LIST_ID.match(one) for one in names):
            raise BadPromise("mailing lists need names of their own like 'product-updates'")
        if not all(one.title.strip() and one.words.strip() for one in self.lists):
            raise BadPromise("mailing lists need a title and words that people say yes to")
        url = urlsplit(self.base_url)
        if url.scheme != "https" and url.hostname not in ("localhost", "127.0.0.1"):
            raise BadPromise("RFC 8058 wants the unsubscribe link on https")
        made = {
            "index": BlindIndex(
                self.keys, table="subscription", column="address", normalise="email", unique=True
            ),
            "address": FieldCipher(self.keys, table="subscription", column="address", type=str, floor=64),
            "stop_tokens": SignedTokens(
                self.keys, purpose="unsubscribe", max_age=LINK_LIFETIME, clock=self.clock
            ),
            "start_tokens": SignedTokens(
                self.keys, purpose="subscribe", max_age=CONFIRM_LIFETIME, clock=self.clock
            ),
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())

    def list_of(self, list_id: str) -> MailingList:
        """The list of this name.

        :raises NothingDeclared: the app never declared it.
        """
        for one in self.lists:
            if one.id == list_id:
                return one
        raise NothingDeclared("no such mailing list")

    def tokens(self, address: str) -> tuple[bytes, ...]:
        """An address's index values under every live key, the newest first."""
        return tuple(self.index.lookup(address))


def mail_kind(list_id: str, token: bytes) -> str:
    """The outbox kind of a list's mails to one address, so that a stop reaches those still waiting."""
    return f"mailing:{list_id}:{b64url(token)}"


def row_of(list_id: str, token: bytes) -> str:
    """What the encrypted address of one subscription is bound to, and what its links are about."""
    return f"{list_id}:{b64url(token)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationDue:
    """The address is not proven yet: mail it a link with ``token``; a second yes begins the mailings."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """The address is on the list."""

    list_id: str


def said_about(choice: str, chosen: MailingList, how: str, *, context: str = "") -> Said:
    """A choice about a list, with its words."""
    words = f"{chosen.title}\n{chosen.words}"
    return Said(topic="list", key=chosen.id, choice=choice, words=words, how=how, context=context)


async def subscribe(
    parts: MailingParts,
    list_id: str,
    address: str,
    *,
    address_is_proven: bool,
    account_id: str | None = None,
    how: str = "form",
) -> Subscribed | ConfirmationDue:
    """Put an address on a list because its owner asked, and record that.

    A stop for this list is lifted by a proven yes, and so is that of an account that was erased; a
    complaint is not, and then nothing will be sent.

    :param address_is_proven: the person is signed in and this is their confirmed address. Otherwise the
        address waits, receives nothing, and is forgotten by retention unless it is confirmed.
    :raises NothingDeclared: no such list.
    :raises LedgerBusy: many choices of this person at once.
    """
    chosen = parts.list_of(list_id)
    tokens, now = parts.tokens(address), parts.now()
    token = tokens[0]
    current = await parts.store.subscription(list_id, tokens)
    if current is not None and current.state == "active":
        if address_is_proven:
            return Subscribed(list_id=list_id)
        # The same answer as for anybody: it does not tell who is on a list.
        again = parts.start_tokens.issue(row_of(list_id, current.token), state=str(current.since))
        return ConfirmationDue(token=again)
    who = account_subject(account_id) if account_id is not None else address_subject(token)
    last = await parts.store.last_entry(who)
    state = "active" if address_is_proven else "pending"
    new = Subscription(
        list_id=list_id,
        token=token,
        account_id=account_id,
        sealed=parts.address.encrypt(address, row=row_of(list_id, token)),
        state=state,
        since=now,
        opt_in=1 if last is None else last.position + 1,
    )
    # The end under an older index key comes first, so that an address is on a list once.
    changes: list[Change] = [EndSubscription(list_id=list_id, tokens=tokens[1:])] if tokens[1:] else []
    changes.append(StartSubscription(subscription=new))
    if address_is_proven:
        changes += _lift(list_id, tokens)
    said = said_about("given" if address_is_proven else "asked", chosen, how)
    await ledger.record(
        parts.store, parts.keys, who, [said], now=now, changes=changes,
        events=parts.events("consent_changed", account_id=account_id, reason=f"{list_id}_{state}"),
    )  # fmt: skip
    if address_is_proven:
        return Subscribed(list_id=list_id)
    return ConfirmationDue(token=parts.start_tokens.issue(row_of(list_id, token), state=str(new.since)))


async def confirm(parts: MailingParts, token: str, *, how: str = "link") -> Subscribed:
    """The second yes, from the mail that ``subscribe`` asked for. Again is fine; it works once.

    :raises BadToken, TokenExpired: not our link for this, or a stop or another request came after it.
    """
    list_id, index_value = _read_row(token)
    subscription = await parts.store.subscription(list_id, [index_value])
    if subscription is None or subscription.state == "ended":
        raise BadToken("nothing waits to be confirmed")
    parts.start_tokens.read(token, state=str(subscription.since))
    if subscription.state == "active":
        return Subscribed(list_id=list_id)
    account_id = subscription.account_id
    who = account_subject(account_id) if account_id is not None else address_subject(index_value)
    last = await parts.store.last_entry(who)
    # ``since`` stays, so that the same link read again still says yes.
    proven = ConfirmSubscription(
        list_id=list_id,
        token=index_value,
        since=subscription.since,
        opt_in=1 if last is None else last.position + 1,
    )
    address = parts.address.decrypt(subscription.sealed, row=row_of(list_id, index_value))
    lift = _lift(list_id, parts.tokens(address))
    said = said_about("given", parts.list_of(list_id), how)
    await ledger.record(
        parts.store, parts.keys, who, [said], now=parts.now(), changes=[proven, *lift],
        events=parts.events("consent_changed", account_id=account_id, reason=f"{list_id}_active"),
    )  # fmt: skip
    return Subscribed(list_id=list_id)


def _lift(list_id: str, tokens: tuple[bytes, ...]) -> tuple[Change, ...]:
    return (
        LiftSuppression(list_id=list_id, tokens=tokens),
        LiftSuppression(list_id=EVERY_LIST, tokens=tokens, reason="erased"),
    )


def _read_row(token: str) -> tuple[str, bytes]:
    """What a token is about, before its MAC is checked: only to find the row to check it against."""
    raw = b64url_strict(token) if len(token) <= 400 else None
    subject = raw[13:-32].decode("utf-8", "replace") if raw is not None and len(raw) > 45 else ""
    return split_row(subject)


def split_row(subject: str) -> tuple[str, bytes]:
    """List and token again.

    :raises BadToken: not a row of ours.
    """
    list_id, _, encoded = subject.partition(":")
    token = b64url_strict(encoded)
    if not _LIST_ID.match(list_id) or not token:
        raise BadToken("not a mailing link")
    return list_id, token


@dataclass(frozen=True, slots=True, kw_only=True)
class ListStanding:
    """One list as a person sees it."""

    list_id: str
    title: str
    words: str
    subscribed: bool
    since: int | None  # seconds since the epoch


async def lists_of(parts: MailingParts, account_id: str) -> Sequence[ListStanding]:
    """Every list, and whether this account gets it."""
    own = {
        one.list_id: one for one in await parts.store.subscriptions_of(account_id) if one.state == "active"
    }
    return [
        ListStanding(
            list_id=one.id,
            title=one.title,
            words=one.words,
            subscribed=one.id in own,
            since=own[one.id].since if one.id in own else None,
        )
        for one in parts.lists
    ]

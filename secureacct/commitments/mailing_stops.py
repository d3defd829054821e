"""Ending a mailing: by one click, on the privacy page, by a complaint, or because the person left (C10).

Rules of this file: a link can end one list for one address and nothing else; stop twice is fine; the end
of the subscription, the suppression and the emptying of the queue are one transaction. RFC 8058.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from secureacct.commitments.mailings import MailingParts, mail_kind, row_of, split_row
from secureacct.consent import ledger
from secureacct.consent.ledger import Said, account_subject, address_subject
from secureacct.records.changes import Change
from secureacct.records.mailings import (
    EVERY_LIST,
    DropQueuedMails,
    EndSubscription,
    Subscription,
    Suppress,
)


def unsubscribe_link(parts: MailingParts, list_id: str, token: bytes) -> str:
    """The address that ends one list for one mail address, and can do nothing else."""
    return f"{parts.base_url}{parts.prefix}/unsubscribe/{parts.stop_tokens.issue(row_of(list_id, token))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeOffer:
    """What the page behind a link shows: a button, and which list it ends."""

    list_id: str
    title: str


def read_unsubscribe(parts: MailingParts, token: str) -> UnsubscribeOffer:
    """What a link would end. Changes nothing: mail scanners follow links.

    :raises BadToken, TokenExpired: not a link of ours for this.
    """
    list_id, _ = split_row(parts.stop_tokens.read(token).subject)
    title = next((one.title for one in parts.lists if one.id == list_id), list_id)
    return UnsubscribeOffer(list_id=list_id, title=title)


async def unsubscribe(parts: MailingParts, token: str, *, how: str = "one_click") -> UnsubscribeOffer:
    """End a list for the address the link was made for. Needs no sign-in; again is fine.

    Ends the subscription, suppresses the address for the list, takes back mails that still wait, and
    records the withdrawal: one transaction.

    :raises BadToken, TokenExpired: not a link of ours for this.
    """
    offer = read_unsubscribe(parts, token)
    _, index_value = split_row(parts.stop_tokens.read(token).subject)
    subscription = await parts.store.subscription(offer.list_id, [index_value])
    await _stop(parts, offer.list_id, (index_value,), subscription, how=how)
    return offer


async def stop(
    parts: MailingParts,
    address: str,
    *,
    list_id: str | None = None,
    account_id: str | None = None,
    how: str = "form",
) -> None:
    """End one list, or (``None``) all of them, for an address: from the privacy page.

    :param account_id: whose address it is: what this account began under an address it had before ends too.
    :raises NothingDeclared: no such list.
    """
    chosen = [parts.list_of(list_id)] if list_id is not None else parts.lists
    tokens = parts.tokens(address)
    own = await parts.store.subscriptions_of(account_id) if account_id is not None else ()
    for one in chosen:
        await _stop(parts, one.id, tokens, await parts.store.subscription(one.id, tokens), how=how)
        for other in own:
            if other.list_id == one.id and other.state != "ended" and other.token not in tokens:
                await _stop(parts, one.id, (other.token,), other, how=how)


async def complain(parts: MailingParts, address: str) -> None:
    """A mail provider reported a complaint: nothing of any list goes to this address any more, whatever
    is asked for later. Lifting it is a decision for people, in the database."""
    tokens = parts.tokens(address)
    found = [await parts.store.subscription(one.id, tokens) for one in parts.lists]
    known = next((one for one in found if one is not None), None)
    await _stop(parts, EVERY_LIST, tokens, known, how="complaint")


async def _stop(
    parts: MailingParts,
    list_id: str,
    tokens: tuple[bytes, ...],
    subscription: Subscription | None,
    *,
    how: str,
) -> None:
    now = parts.now()
    names = [one.id for one in parts.lists] if list_id == EVERY_LIST else [list_id]
    account_id = subscription.account_id if subscription is not None else None
    who = account_subject(account_id) if account_id is not None else address_subject(tokens[0])
    changes = stop_changes(list_id, names, tokens, now=now, reason=how)
    if subscription is not None and subscription.state == "ended" and how == "one_click":
        await parts.store.commit(changes)  # said before: the ledger has it
        return
    title = next((f"{one.title}\n{one.words}" for one in parts.lists if one.id == list_id), list_id)
    said = Said(topic="list", key=list_id, choice="withdrawn", words=title, how=how)
    await ledger.record(
        parts.store, parts.keys, who, [said], now=now, changes=changes,
        events=parts.events("unsubscribed", account_id=account_id, reason=list_id),
    )  # fmt: skip


def stop_changes(
    list_id: str, names: Iterable[str], tokens: Sequence[bytes], *, now: int, reason: str
) -> tuple[Change, ...]:
    """The changes of a stop. The end of the subscription comes first: it takes the row that a mailing
    being queued at the same moment needs, so what is queued before is seen and taken back after."""
    kinds = tuple(mail_kind(name, token) for name in names for token in tokens)
    return (
        EndSubscription(list_id=list_id, tokens=tuple(tokens)),
        *(Suppress(list_id=list_id, token=one, at=now, reason=reason) for one in tokens),
        DropQueuedMails(kinds=kinds),
    )

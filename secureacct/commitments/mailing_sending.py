"""Sending a mailing: the one way to an address, through the list of who said stop (C10).

Rules of this file: an address is opened here and nowhere else; the claim that a mail may go is part of the
transaction that queues it; every mail carries the link that ends it. RFC 8058, RFC 2369, RFC 2919.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from secureacct.commitments._ids import new_id
from secureacct.commitments.errors import NotAllowedToMail
from secureacct.commitments.mailing_stops import unsubscribe_link
from secureacct.commitments.mailings import MailingList, MailingParts, mail_kind, row_of
from secureacct.mail.headers import header, unsubscribe_headers
from secureacct.records.changes import Lost
from secureacct.records.mail import Message, OutboxMail
from secureacct.records.mailings import ClaimMailing, Subscription


def compose_mailing(
    parts: MailingParts, chosen: MailingList, recipient: Subscription, message: Message
) -> Message:
    """The mail as it goes out: with one-click headers, and the link in its text and its HTML."""
    link = unsubscribe_link(parts, chosen.id, recipient.token)
    host = urlsplit(parts.base_url).hostname or "localhost"
    headers = (
        *message.headers,
        header("List-Id", f"<{chosen.id}.{host}>"),
        *unsubscribe_headers(link, base_url=parts.base_url),
    )
    text = f"{message.text.rstrip()}\n\n--\nYou asked for these mails. To end them: {link}\n"
    html = message.html
    if html:
        foot = f'<hr><p>You asked for these mails. <a href="{link}">End them</a></p>'
        body, end, rest = html.rpartition("</body>")
        html = f"{body}{foot}{end}{rest}" if end else f"{rest}{foot}"
    return replace(message, text=text, html=html, links=(*message.links, link), headers=headers)


async def queue_mailing(
    parts: MailingParts, list_id: str, recipient: Subscription, message: Message
) -> OutboxMail:
    """Queue one mail of a list to one subscriber, if that is allowed at this very moment.

    This is the only way to get an envelope: the address is opened here, after the subscription was
    read again, and the claim that nothing suppresses it is part of the transaction that queues the mail.

    :param recipient: from ``subscribers``; whatever it says, the store is asked again.
    :param message: subject and bodies; ``to`` and the unsubscribe headers are set here.
    :raises NotAllowedToMail: ended, suppressed, or never begun. Nothing was queued.
    :raises NothingDeclared: no such list.
    """
    chosen = parts.list_of(list_id)
    now = parts.now()
    current = await parts.store.subscription(list_id, [recipient.token])
    if current is None or current.state != "active":
        raise NotAllowedToMail("no live opt-in for this list")
    address = parts.address.decrypt(current.sealed, row=row_of(list_id, current.token))
    composed = compose_mailing(parts, chosen, current, replace(message, to=address))
    parts.check(composed)
    mail_id = new_id(now=parts.clock(), random=parts.random(10))
    mail = OutboxMail(
        id=mail_id,
        created_at=now,
        kind=mail_kind(list_id, current.token),
        account_id=current.account_id,
        sealed=parts.seal_mail(composed, mail_id=mail_id),
    )
    claim = ClaimMailing(
        list_id=list_id, token=current.token, suppression_tokens=parts.tokens(address), now=now
    )
    if isinstance(await parts.store.commit([claim], mails=[mail]), Lost):
        raise NotAllowedToMail("no live opt-in for this list, or it is suppressed")
    return mail


async def subscribers(parts: MailingParts, list_id: str, *, after: bytes = b"") -> Sequence[Subscription]:
    """The next 500 subscribers of a list, by token. An address comes out of ``queue_mailing`` only.

    :raises NothingDeclared: no such list.
    """
    parts.list_of(list_id)
    return await parts.store.subscribers(list_id, after=after)


async def send_mailing(
    parts: MailingParts,
    list_id: str,
    message: Message,
    *,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[int, int]:
    """Queue a mail to everyone on a list, in pages of 500 and flat memory.

    :param progress: called after each page with how many were queued and how many were refused.
    :returns: how many were queued, and how many said stop while this ran.
    :raises NothingDeclared: no such list.
    """
    queued, refused, after = 0, 0, b""
    while page := await subscribers(parts, list_id, after=after):
        for one in page:
            try:
                await queue_mailing(parts, list_id, one, message)
                queued += 1
            except NotAllowedToMail:
                refused += 1
        after = page[-1].token
        if progress is not None:
            progress(queued, refused)
    return queued, refused

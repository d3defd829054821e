"""The mails of taking one's data along and of leaving: to the account's owner, sealed for the outbox.

Rules of this file: a mail goes to the account's own address; it carries "this was not me" where an account is
left to protect; a link opens nothing without the sign-in, except that a deletion can be undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from secureacct._bytes import b64url, b64url_strict
from secureacct.accounts.links import new_link
from secureacct.accounts.mails import at, lasting, sealed
from secureacct.accounts.parts import AccountParts
from secureacct.commitments.export import LINK_BYTES, TellsOwner
from secureacct.mail.compose import compose
from secureacct.records.mail import OutboxMail


def keep_token(account_id: str, secret: str) -> str:
    """The link that undoes a deletion: its secret, and whose it is."""
    return b64url((b64url_strict(secret) or b"") + account_id.encode())


def read_keep_token(token: str) -> tuple[str, str] | None:
    """Account and secret again, or None: not a link of this kind."""
    raw = b64url_strict(token) if len(token) <= 400 else None
    if raw is None or len(raw) <= LINK_BYTES:
        return None
    try:
        return raw[LINK_BYTES:].decode(), b64url(raw[:LINK_BYTES])
    except UnicodeDecodeError:
        return None


def tells_owner(parts: AccountParts, *, keep_copies: timedelta) -> TellsOwner:
    """What exports and erasure tell an account's owner by.

    :param keep_copies: how long a copy waits, for the mail that says so.
    """

    async def tell(account_id: str, kind: str, facts: dict[str, str], /) -> Sequence[OutboxMail]:
        known = await parts.people.by_id(account_id)
        if known is None:
            return ()
        now = parts.now()
        links: dict[str, str] = {}
        words = {"when": at(now), "lifetime": lasting(keep_copies)}
        if kind == "export_ready":
            links["download"] = f"/privacy/export/download/{facts['token']}"
        elif kind == "deletion_requested":
            links["keep"] = f"/privacy/keep/{keep_token(account_id, facts['token'])}"
            words["when"] = at(int(facts["due_at"]))
        elif kind == "account_erased":
            words["receipt"] = facts["receipt"]
        if kind != "account_erased":
            token, link = new_link(
                parts, "not_me", lifetime=parts.lifetimes.not_me, now=now, account_id=account_id
            )
            await parts.store.commit((link,))  # nobody has it yet: harmless if what follows is refused
            links["not_me"] = f"/not-me/{token}"
        message = compose(
            kind,
            to=known.email,
            site=parts.site.name,
            base_url=parts.site.base_url,
            links={name: parts.site.prefix + path for name, path in links.items()},
            facts=words,
        )
        owner = None if kind == "account_erased" else account_id  # the last mail outlives the account
        return (sealed(parts, kind, message, now=now, account_id=owner),)

    return tell

"""One-time links: 32 random bytes in a mail, their hash in the store, one claim to use them.

Rules of this file: reading a link consumes nothing; why a link is refused is told by its row alone,
which exists only if we made it; a link bound to the security version dies with it.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from secureacct._bytes import b64url, b64url_strict
from secureacct.accounts.outcomes import LinkExpired, LinkUnknown, LinkUsed
from secureacct.accounts.parts import AccountParts
from secureacct.records.accounts import AddLink, Link, UseLink

TOKEN_BYTES = 32  # 256 bits; ASVS 5 V11.5.1 asks for 128


def hash_of(token: str) -> bytes | None:
    """What the store knows of a random token; None if it has not the form of one."""
    raw = b64url_strict(token) if len(token) <= 64 else None
    return hashlib.sha256(raw).digest() if raw is not None and len(raw) == TOKEN_BYTES else None


def new_token(parts: AccountParts) -> tuple[str, bytes]:
    """A random token and its hash."""
    raw = parts.random(TOKEN_BYTES)
    return b64url(raw), hashlib.sha256(raw).digest()


def new_link(
    parts: AccountParts,
    purpose: str,
    *,
    lifetime: timedelta,
    now: int,
    account_id: str | None = None,
    subject: str = "",
    security_version: int | None = None,
) -> tuple[str, AddLink]:
    """A link's token, and the change that keeps its hash."""
    token, digest = new_token(parts)
    link = Link(
        hash=digest,
        purpose=purpose,
        account_id=account_id,
        subject=subject,
        security_version=security_version,
        created_at=now,
        expires_at=now + int(lifetime.total_seconds()),
    )
    return token, AddLink(link=link)


async def read_link(parts: AccountParts, token: str, purpose: str, *, now: int) -> Link:
    """The link behind a token, still unused.

    :raises LinkUnknown: not a link of ours, or one for something else.
    :raises LinkUsed: used already.
    :raises LinkExpired: too old.
    """
    digest = hash_of(token)
    link = await parts.store.link(digest) if digest is not None else None
    if link is None or link.purpose != purpose:
        raise LinkUnknown
    if link.used_at is not None:
        raise LinkUsed
    if link.expires_at <= now:
        raise LinkExpired
    return link


def use(link: Link, *, now: int) -> UseLink:
    """The claim that uses a link up."""
    return UseLink(hash=link.hash, purpose=link.purpose, now=now)

"""Small things about bytes that more than one piece needs."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

_B64URL = re.compile(rb"[A-Za-z0-9_-]*\Z")


def lp(part: bytes) -> bytes:
    """A part with its length in front (u32, big endian): joining such parts is injective."""
    return len(part).to_bytes(4, "big") + part


def lp_join(parts: Iterable[bytes]) -> bytes:
    """Length-prefixed parts, joined: two different lists never give the same bytes."""
    return b"".join(lp(part) for part in parts)


def b64url(data: bytes) -> str:
    """base64url without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def b64url_strict(text: str) -> bytes | None:
    """The bytes, or None unless ``text`` is the one canonical spelling of them."""
    try:
        raw = text.encode("ascii")
    except UnicodeEncodeError:
        return None
    if len(raw) % 4 == 1 or not _B64URL.match(raw):
        return None
    data = base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4))
    return data if base64.urlsafe_b64encode(data).rstrip(b"=") == raw else None

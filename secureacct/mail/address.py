"""E-mail addresses: what is one, and how it is shown to others.

Rules of this file: an address that passes has one ``@``, no quotes, no comments, no display name, no
literal, no line break, and a domain with a dot; it is kept in the spelling that was given, for that is
where mail goes; folding for look-up is the blind index' business (``normalise="email"``); the answer for an
ASCII address is the same whatever is installed.

RFC 5321 section 4.5.3.1, RFC 5322 section 3.4.1 (dot-atom), RFC 1035 section 2.3; beyond ASCII RFC 6531, for
which the package email-validator decides; without it such addresses are not taken.
"""

from __future__ import annotations

import re

MAX_ADDRESS_BYTES = 254  # octets of the whole address, RFC 5321 4.5.3.1.3 with erratum 1690
MAX_LOCAL_BYTES = 64  # octets before the @, RFC 5321 4.5.3.1.1
MAX_DOMAIN_BYTES = 253  # octets after it, RFC 1035 2.3.4

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*\Z")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?=[A-Za-z0-9-]*[A-Za-z]){_LABEL}\Z")
_RESERVED_HYPHENS = re.compile(r"(?:^|\.)(?!xn--)[a-z0-9-]{2}--", re.IGNORECASE)  # RFC 5891 4.2.3.1


def parse_address(text: str) -> str | None:
    """The address in the spelling that was given, without spaces around it; None if it is none; pure."""
    address = text[: 4 * MAX_ADDRESS_BYTES].strip(" ")
    if not address.isprintable() or len(address.encode("utf-8", "replace")) > MAX_ADDRESS_BYTES:
        return None
    if text.strip(" ") != address:
        return None
    if not address.isascii():
        return _beyond_ascii(address)
    local, at, domain = address.partition("@")
    if not at or len(local) > MAX_LOCAL_BYTES or len(domain) > MAX_DOMAIN_BYTES:
        return None
    if not _LOCAL.match(local) or not _DOMAIN.match(domain) or _RESERVED_HYPHENS.search(domain):
        return None
    return address


def _beyond_ascii(address: str) -> str | None:
    try:
        from email_validator import EmailNotValidError, validate_email
    except ModuleNotFoundError:
        return None
    try:
        found = validate_email(
            address, check_deliverability=False, globally_deliverable=False, test_environment=True
        )
        domain_is_fine = found.ascii_domain and _DOMAIN.match(found.ascii_domain)
        return found.normalized if domain_is_fine and _fits(found.normalized) else None
    except (EmailNotValidError, UnicodeError, ValueError):
        return None


def _fits(address: str) -> bool:
    local = address.rpartition("@")[0]
    return (
        len(address.encode("utf-8", "replace")) <= MAX_ADDRESS_BYTES
        and len(local.encode("utf-8", "replace")) <= MAX_LOCAL_BYTES
    )


def masked(address: str) -> str:
    """An address as others may see it: the first character of the local part, and the domain; pure."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}\u2026@{domain}"

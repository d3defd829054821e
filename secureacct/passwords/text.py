"""From what was typed to the bytes that are hashed.

Rules of this file: NFC and nothing else (no NFKC, no folding, no trimming, no cutting); the length
is looked at before any work; NIST SP 800-63B-4 section 3.1.1.2, ASVS 5 6.2.8 and 6.2.9.
"""

from __future__ import annotations

import unicodedata

from secureacct.passwords.errors import (
    PasswordEmpty,
    PasswordHasNul,
    PasswordNotText,
    PasswordTooLong,
    PasswordUnusable,
)

MAX_CODE_POINTS = 1024  # code points after NFC; NIST SP 800-63B-4 3.1.1.2 (2) asks for at least 64
MAX_BYTES = 4096  # bytes of UTF-8; our own cap, four bytes for each code point


def nfc(password: object) -> str:
    """The password in normal form C.

    :raises PasswordNotText: not a ``str``, or one with lone surrogates.
    :raises PasswordEmpty: nothing was typed.
    :raises PasswordHasNul: it holds U+0000.
    :raises PasswordTooLong: over :data:`MAX_CODE_POINTS` or :data:`MAX_BYTES`.
    """
    if not isinstance(password, str):
        raise PasswordNotText("a password is a str")
    if not password:
        raise PasswordEmpty("the password is empty")
    if len(password) > MAX_BYTES:
        raise PasswordTooLong("the password is longer than any that can be used")
    if not password.isascii():
        password = unicodedata.normalize("NFC", password)
    if len(password) > MAX_CODE_POINTS:
        raise PasswordTooLong(f"the password has more than {MAX_CODE_POINTS} code points")
    if "\0" in password:
        raise PasswordHasNul("the password holds U+0000")
    return password


def to_bytes(password: object) -> bytes:
    """The UTF-8 bytes of the password in NFC: what is hashed.

    :raises PasswordUnusable: one of its leaves, as in :func:`nfc`.
    """
    text = nfc(password)
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise PasswordNotText("the password holds lone surrogates") from None
    if len(data) > MAX_BYTES:
        raise PasswordTooLong(f"the password has more than {MAX_BYTES} bytes of UTF-8")
    return data


def spellings(password: object) -> tuple[bytes, ...]:
    """The bytes to try against a stored hash: NFC first, then as typed if that differs; empty if unusable.

    Old systems hashed what they received, so an imported hash may hold another normal form.
    """
    try:
        first = to_bytes(password)
    except PasswordUnusable:
        return ()
    if not isinstance(password, str) or password.isascii():
        return (first,)
    raw = password.encode("utf-8")
    return (first,) if raw == first or len(raw) > MAX_BYTES else (first, raw)

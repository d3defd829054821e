"""bcrypt as many libraries store it, bare and with a SHA-2 in front.

What the variants are: ``2b`` and ``2y`` are today's; ``2a`` is the same for every password below 255
bytes; ``2x`` marks hashes of a crypt_blowfish before 1.1 that mixed up bytes above 0x7F, which is done
again here. All read at most 72 bytes, and all stop at U+0000, which our passwords never hold. A ``2a``
library that counted 255 bytes and more modulo 256 is not imitated: such a hash just does not verify.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final

from secureacct.errors import MissingExtra
from secureacct.passwords.foreign.stored import StoredHash, without_digest

FLOOR: Final = 10  # log2 of rounds; OWASP Password Storage Cheat Sheet; ASVS 5 appendix C
CEILING: Final = 15  # log2 of rounds; our own: two seconds on a core of 2026
READ: Final = 72  # bytes that bcrypt reads of a password; the rest never counted in the old library either

_CORE = r"\$(2[abxy])\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})"
_BARE = re.compile(r"(?:bcrypt\$|\$wp)?" + _CORE, re.ASCII)
_DJANGO_SHA256 = re.compile(r"bcrypt_sha256\$" + _CORE, re.ASCII)
_PASSLIB_1 = re.compile(
    r"\$bcrypt-sha256\$(2[aby]),(\d{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})", re.ASCII
)
_PASSLIB_2 = re.compile(
    r"\$bcrypt-sha256\$v=2,t=(2[aby]),r=(\d{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})", re.ASCII
)


def _as_typed(password: bytes) -> bytes:
    return password


def _hex_sha256(password: bytes) -> bytes:
    return hashlib.sha256(password).hexdigest().encode()


def _base64_sha256(password: bytes) -> bytes:
    return base64.b64encode(hashlib.sha256(password).digest())


def _wordpress(password: bytes) -> bytes:
    return base64.b64encode(hmac.digest(b"wp-sha384", password, "sha384"))


def _mixed_up(password: bytes) -> bytes:
    """The 72 key bytes that a crypt_blowfish before 1.1 made: each byte above 0x7F fills those before it."""
    ring = password[:READ] + b"\0"
    words = []
    for start in range(0, READ, 4):
        word = 0
        for at in range(start, start + 4):
            byte = ring[at % len(ring)]
            word = (word << 8 | (byte - 256 if byte > 0x7F else byte)) & 0xFFFFFFFF
        words.append(word.to_bytes(4, "big"))
    return b"".join(words)


def ready() -> None:
    """Load the optional package now: see ``secureacct.passwords.reading.ready``."""
    with contextlib.suppress(ImportError):
        import bcrypt as _  # noqa: F401 - only that it is loaded


class Bcrypt:
    """``$2?$``, Django's ``bcrypt$`` and ``bcrypt_sha256$``, passlib's ``$bcrypt-sha256$``, ``$wp$2y$``."""

    prefixes: tuple[str, ...] = ("$2", "bcrypt$", "bcrypt_sha256$", "$bcrypt-sha256$", "$wp$2")

    def read(self, stored: str) -> StoredHash | None:
        """See :class:`~secureacct.passwords.foreign.Scheme`.

        :raises MissingExtra: this is a bcrypt hash and the ``bcrypt`` extra is not installed
        """
        if found := _BARE.fullmatch(stored):
            if stored.startswith("$wp"):
                return _stored(stored, "wordpress-bcrypt", found, _wordpress)
            prepare = _mixed_up if found[1] == "2x" else _as_typed
            return _stored(stored, f"bcrypt-{found[1]}", found, prepare)
        if found := _DJANGO_SHA256.fullmatch(stored):
            return _stored(stored, "django-bcrypt-sha256", found, _hex_sha256)
        if found := _PASSLIB_1.fullmatch(stored):
            return _stored(stored, "passlib-bcrypt-sha256-v1", found, _base64_sha256)
        if found := _PASSLIB_2.fullmatch(stored):
            salt = found[3].encode()
            return _stored(
                stored,
                "passlib-bcrypt-sha256-v2",
                found,
                lambda password: base64.b64encode(hmac.digest(salt, password, "sha256")),
            )
        return None


def _stored(
    stored: str, scheme: str, found: re.Match[str], prepare: Callable[[bytes], bytes]
) -> StoredHash | None:
    variant, cost, salt, digest = found.group(1), int(found.group(2)), found.group(3), found.group(4)
    if not 4 <= cost <= CEILING:
        return None
    try:
        import bcrypt
    except ImportError:
        raise MissingExtra("bcrypt", needed_for="a bcrypt hash in the table") from None
    # One algorithm behind all names: what 2x did to its input is done above.
    setting = f"${'2b' if variant == '2x' else variant}${cost:02d}${salt}".encode()

    def derive(password: bytes) -> bytes:
        try:
            return bcrypt.hashpw(prepare(password)[:READ], setting)[-31:]
        except ValueError:
            return b""

    return StoredHash(
        scheme, digest.encode(), derive, cost < FLOOR or variant == "2x", without_digest(stored, digest, ".")
    )

"""PBKDF2 as Django, werkzeug and passlib store it."""

from __future__ import annotations

import binascii
import hashlib
import re
from typing import Final

from secureacct.passwords.foreign.stored import StoredHash, without_digest
from secureacct.passwords.phc import unpadded

FLOOR: Final = {
    "sha1": 1_400_000,  # rounds; OWASP Password Storage Cheat Sheet (ASVS 5 appendix C: 1,300,000)
    "sha256": 600_000,  # rounds; OWASP Password Storage Cheat Sheet; ASVS 5 appendix C
    "sha512": 220_000,  # rounds; OWASP Password Storage Cheat Sheet (ASVS 5 appendix C: 210,000)
}
CEILING: Final = 5_000_000  # rounds; our own: three seconds on a core of 2026
NATIVE: Final = {"sha1": 20, "sha256": 32, "sha512": 64}  # bytes of a digest; FIPS 180-4

_DJANGO = re.compile(r"pbkdf2_(sha1|sha256|sha512)\$([1-9]\d{0,7})\$([^$]{1,128})\$([A-Za-z0-9+/]{27,86}=*)")
_WERKZEUG = re.compile(r"pbkdf2:(sha1|sha256|sha512):([1-9]\d{0,7})\$([^$]{1,128})\$([0-9a-f]{40,128})")
_PASSLIB = re.compile(
    r"\$pbkdf2(-sha256|-sha512)?\$([1-9]\d{0,7})\$([A-Za-z0-9./]{0,256})\$([A-Za-z0-9./]{27,86})", re.ASCII
)


class Pbkdf2:
    """``pbkdf2_sha256$`` (Django), ``pbkdf2:sha256:`` (werkzeug), ``$pbkdf2-sha256$`` (passlib)."""

    prefixes: tuple[str, ...] = ("pbkdf2_", "pbkdf2:", "$pbkdf2")

    def read(self, stored: str) -> StoredHash | None:
        """See :class:`~secureacct.passwords.foreign.Scheme`."""
        digest: bytes | None
        try:
            if found := _DJANGO.fullmatch(stored):
                name, salt = found[1], found[3].encode()
                digest, owner, filler = binascii.a2b_base64(found[4], strict_mode=True), "django", "A"
            elif found := _WERKZEUG.fullmatch(stored):
                name, salt = found[1], found[3].encode()
                digest, owner, filler = bytes.fromhex(found[4]), "werkzeug", "0"
            elif found := _PASSLIB.fullmatch(stored):
                name = (found[1] or "-sha1")[1:]
                read_salt = unpadded(found[3].replace(".", "+"))
                digest, owner, filler = unpadded(found[4].replace(".", "+")), "passlib", "A"
                if read_salt is None:
                    return None
                salt = read_salt
            else:
                return None
        except ValueError:  # base64, hex, or a lone surrogate in the salt
            return None
        rounds = int(found[2])
        if digest is None or len(digest) != NATIVE[name] or rounds > CEILING:
            return None
        # A blank of '=' padded base64 keeps its padding, so that it can be read again.
        body = found[4].rstrip("=")
        padding = found[4][len(body) :]
        blank = without_digest(stored[: len(stored) - len(padding)], body, filler) + padding
        return StoredHash(
            f"{owner}-pbkdf2-{name}",
            digest,
            lambda password: hashlib.pbkdf2_hmac(name, password, salt, rounds),
            rounds < FLOOR[name],
            blank,
        )

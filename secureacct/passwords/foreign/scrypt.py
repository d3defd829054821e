"""scrypt as werkzeug, Django and passlib store it."""

from __future__ import annotations

import binascii
import hashlib
import re
from typing import Final

from secureacct.passwords.foreign.stored import StoredHash, without_digest
from secureacct.passwords.phc import unpadded

FLOOR: Final = ((17, 1), (16, 2), (15, 3), (14, 5), (13, 10))
"""(log2 N, least p) at r=8: OWASP Password Storage Cheat Sheet; ASVS 5 appendix C."""
CEILING_BYTES: Final = 256 * 1024 * 1024  # bytes of memory, 128 * N * r; our own
CEILING_WORK: Final = 1 << 22  # N * r * p; our own: four times the floor, about a second
CEILING_P: Final = 16  # lanes; our own

_WERKZEUG = re.compile(r"scrypt:(\d{1,7}):(\d{1,2}):(\d{1,2})\$([^$]{1,128})\$([0-9a-f]{128})")
_DJANGO = re.compile(r"scrypt\$(\d{1,7})\$([^$]{1,128})\$(\d{1,2})\$(\d{1,2})\$([A-Za-z0-9+/]{86}==)")
_PASSLIB = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{0,256})\$([A-Za-z0-9+/]{43})", re.ASCII
)


class Scrypt:
    """``scrypt:32768:8:1$`` (werkzeug), ``scrypt$16384$`` (Django), ``$scrypt$ln=`` (passlib)."""

    prefixes: tuple[str, ...] = ("scrypt:", "scrypt$", "$scrypt$")

    def read(self, stored: str) -> StoredHash | None:
        """See :class:`~secureacct.passwords.foreign.Scheme`."""
        try:
            if found := _WERKZEUG.fullmatch(stored):
                n, r, p, salt = int(found[1]), int(found[2]), int(found[3]), found[4].encode()
                digest, owner = bytes.fromhex(found[5]), "werkzeug"
                blank = without_digest(stored, found[5], "0")
            elif found := _DJANGO.fullmatch(stored):
                n, r, p, salt = int(found[1]), int(found[3]), int(found[4]), found[2].encode()
                digest, owner = binascii.a2b_base64(found[5], strict_mode=True), "django"
                blank = without_digest(stored[:-2], found[5][:-2], "A") + "=="
            elif found := _PASSLIB.fullmatch(stored):
                n, r, p = 1 << min(int(found[1]), 31), int(found[2]), int(found[3])
                salt, digest, owner = unpadded(found[4]) or b"", unpadded(found[5]) or b"", "passlib"
                blank = without_digest(stored, found[5], "A")
            else:
                return None
        except ValueError:  # base64, hex, or a lone surrogate in the salt
            return None
        if not _is_bearable(n, r, p) or not digest:
            return None
        size = len(digest)

        def derive(password: bytes) -> bytes:
            # Room beside the big table: OpenSSL counts its smaller blocks too.
            most = 128 * n * r + 128 * r * (p + 2) + 1024 * 1024
            try:
                return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=most, dklen=size)
            except ValueError:
                return b""

        strong = r >= 8 and any(n >= 1 << ln and p >= least for ln, least in FLOOR)
        return StoredHash(f"{owner}-scrypt", digest, derive, not strong, blank)


def _is_bearable(n: int, r: int, p: int) -> bool:
    return (
        n >= 2
        and n & (n - 1) == 0
        and r >= 1
        and 1 <= p <= CEILING_P
        and 128 * n * r <= CEILING_BYTES
        and n * r * p <= CEILING_WORK
    )

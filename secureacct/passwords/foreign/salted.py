"""Django's salted SHA-1 and MD5 of long ago: one fast hash, so only while importing."""

from __future__ import annotations

import hashlib
import re

from secureacct.passwords.foreign.stored import StoredHash, without_digest

_DJANGO = re.compile(r"(sha1|md5)\$([^$]{1,128})\$([0-9a-f]{32,40})")


class DjangoSalted:
    """``sha1$salt$hex`` and ``md5$salt$hex``."""

    prefixes: tuple[str, ...] = ("sha1$", "md5$")

    def read(self, stored: str) -> StoredHash | None:
        """See :class:`~secureacct.passwords.foreign.Scheme`."""
        found = _DJANGO.fullmatch(stored)
        if found is None or len(found[3]) != (40 if found[1] == "sha1" else 32):
            return None
        try:
            salt = found[2].encode()
        except UnicodeEncodeError:
            return None
        name = found[1]
        return StoredHash(
            f"django-salted-{name}",
            bytes.fromhex(found[3]),
            lambda password: hashlib.new(name, salt + password, usedforsecurity=False).digest(),
            below_floor=True,
            blank=without_digest(stored, found[3], "0"),
        )

"""SHA-crypt (``$5$``, ``$6$``) and phpass (``$P$``, ``$H$``): written for fast hashes, long ago.

Rules of this file: both are below today's floor at any cost, so they verify only while importing. The
loops are Python around hashlib, bounded by a ceiling of rounds.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from secureacct.passwords.foreign.stored import StoredHash, without_digest

ALPHABET: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CEILING: Final = 1_000_000  # rounds of SHA-crypt; our own: a second and a half; passlib's default is 656,000
PHPASS_CEILING: Final = 18  # log2 of rounds; our own: a tenth of a second; WordPress used 13

_SHA_CRYPT = re.compile(r"\$([56])\$(?:rounds=([1-9]\d{3,6})\$)?([^$]{0,16})\$([./0-9A-Za-z]{43,86})")
_PHPASS = re.compile(r"\$[PH]\$([./0-9A-Za-z])([./0-9A-Za-z]{8})([./0-9A-Za-z]{22})", re.ASCII)

_DEFAULT_ROUNDS: Final = 5000  # rounds where the string names none; the SHA-crypt specification


def _groups(size: int) -> tuple[tuple[int, int, int], ...]:
    """Which bytes of a digest go into each four characters: three columns, turned by one each time."""
    third = size // 3
    turned = []
    for row in range(third):
        column = [row, row + third, row + 2 * third]
        turn = row % 3 if size == 64 else -row % 3
        turned.append((column[turn], column[(turn + 1) % 3], column[(turn + 2) % 3]))
    return tuple(turned)


def _number(value: int, characters: int) -> str:
    """A number in the crypt alphabet, lowest six bits first."""
    return "".join(ALPHABET[value >> 6 * at & 63] for at in range(characters))


def _sha_crypt_text(digest: bytes) -> str:
    size = len(digest)
    text = "".join(_number(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in _groups(size))
    if size == 32:
        return text + _number(digest[31] << 8 | digest[30], 3)
    return text + _number(digest[63], 2)


def sha_crypt(name: str, password: bytes, salt: bytes, rounds: int) -> str:
    """The digest part of SHA-crypt (Drepper's specification, version 0.4), step by step."""
    new = hashlib.sha256 if name == "sha256" else hashlib.sha512
    size = new().digest_size

    def stretched(block: bytes, length: int) -> bytes:
        return (block * (length // size + 1))[:length]

    other = new(password + salt + password).digest()
    first = new(password + salt + stretched(other, len(password)))
    bits = len(password)
    while bits:
        first.update(other if bits & 1 else password)
        bits >>= 1
    digest = first.digest()
    p = stretched(new(password * len(password)).digest(), len(password))
    s = stretched(new(salt * (16 + digest[0])).digest(), len(salt))
    for turn in range(rounds):
        odd = turn & 1
        middle = (s if turn % 3 else b"") + (p if turn % 7 else b"")
        digest = new((p if odd else digest) + middle + (digest if odd else p)).digest()
    return _sha_crypt_text(digest)


class ShaCrypt:
    """``$5$`` (SHA-256) and ``$6$`` (SHA-512), as glibc, passlib and old Flask-Security make them."""

    prefixes: tuple[str, ...] = ("$5$", "$6$")

    def read(self, stored: str) -> StoredHash | None:
        """See :class:`~secureacct.passwords.foreign.Scheme`."""
        found = _SHA_CRYPT.fullmatch(stored)
        if found is None:
            return None
        name, characters = ("sha256", 43) if found[1] == "5" else ("sha512", 86)
        rounds = int(found[2] or _DEFAULT_ROUNDS)
        try:
            salt = found[3].encode()
        except UnicodeEncodeError:
            return None
        if len(found[4]) != characters or not 1000 <= rounds <= CEILING or len(salt) > 16:
            return None
        return StoredHash(
            f"{name}-crypt",
            found[4].encode(),
            lambda password: sha_crypt(name, password, salt, rounds).encode(),
            below_floor=True,
            blank=without_digest(stored, found[4], "."),
        )


class Phpass:
    """``$P$`` of WordPress before 6.8, ``$H$`` of phpBB: salted MD5, many times."""

    prefixes: tuple[str, ...] = ("$P$", "$H$")

    def read(self, stored: str) -> StoredHash | None:
        """See :class:`~secureacct.passwords.foreign.Scheme`."""
        found = _PHPASS.fullmatch(stored)
        if found is None:
            return None
        cost = ALPHABET.index(found[1])
        if not 7 <= cost <= PHPASS_CEILING:
            return None
        salt = found[2].encode()

        def derive(password: bytes) -> bytes:
            digest = hashlib.md5(salt + password, usedforsecurity=False).digest()
            for _ in range(1 << cost):
                digest = hashlib.md5(digest + password, usedforsecurity=False).digest()
            text = ""
            for start in range(0, 16, 3):
                group = digest[start : start + 3]
                text += _number(int.from_bytes(group, "little"), len(group) + 1)
            return text.encode()

        return StoredHash(
            "phpass", found[3].encode(), derive, below_floor=True, blank=without_digest(stored, found[3], ".")
        )

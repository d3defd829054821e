"""Recovery codes: ten ways back in, each once, for the day the phone is gone.

Rules of this file: codes are shown once and kept only as keyed hashes, bound to their account; reading
forgives what people do when they copy by hand (case, spaces, dashes, O for 0, I and L for 1) and nothing
else; what cannot be read is None. That a code is used once is a claim in the store: it deletes the row
whose hash is one of :meth:`RecoveryCodes.lookup`.

120 bits lie above the 112 from which a plain keyed hash is enough (OWASP ASVS 5 6.5.2; NIST SP 800-63B-4
3.1.2.2 and 4.2.1.1), so a wrong guess costs one HMAC and no slow hash that could be used to tire us out.
The format, with known answers: ``docs/specs/recovery-code.md``.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field

from secureacct._bytes import lp_join
from secureacct.errors import ConfigurationError
from secureacct.keys import Keyring

COUNT = 10  # codes in a set; our own number
CODE_BYTES = 15  # 120 bits; NIST SP 800-63B-4 4.2.1.1 asks for 64, ASVS 5 6.5.2 for 112
SET_BYTES = COUNT * CODE_BYTES  # random bytes a set is made of
CODE_CHARS = 24  # characters of Crockford's base32, 5 bits each
GROUP_CHARS = 4  # characters between two dashes
MAX_TYPED_CHARS = 100  # characters looked at; our own limit
VERSION = 0x01  # first byte of every stored hash
KEY_ID_BYTES = 4  # unsigned, big endian

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base32: no I, L, O, U
_INFO = lp_join((b"recovery-code/1",))
_VALUES = {char: value for value, char in enumerate(ALPHABET)}
_VALUES |= {char.lower(): value for char, value in _VALUES.items()}
_VALUES |= dict.fromkeys("Oo", 0) | dict.fromkeys("IiLl", 1)
_NOISE = str.maketrans("", "", " \t-\u00a0\u2010\u2011\u2012\u2013\u2014")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCodes:
    """A fresh set: ``shown`` goes to the person, once; ``stored`` goes to the store."""

    shown: tuple[str, ...] = field(repr=False)
    stored: tuple[bytes, ...] = field(repr=False)


def spell(code: bytes) -> str:
    """A code of 15 bytes as people see it: six groups of four; pure."""
    number = int.from_bytes(code, "big")
    chars = "".join(ALPHABET[number >> shift & 31] for shift in range(5 * (CODE_CHARS - 1), -1, -5))
    return "-".join(chars[at : at + GROUP_CHARS] for at in range(0, CODE_CHARS, GROUP_CHARS))


def parse(typed: str) -> bytes | None:
    """The 15 bytes of a code as somebody typed it, or None; pure."""
    if len(typed) > MAX_TYPED_CHARS:
        return None
    chars = typed.strip("\r\n").translate(_NOISE)
    if len(chars) != CODE_CHARS:
        return None
    number = 0
    for char in chars:
        value = _VALUES.get(char)
        if value is None:
            return None
        number = number << 5 | value
    return number.to_bytes(CODE_BYTES, "big")


def generate(random_bytes: bytes) -> tuple[bytes, ...]:
    """Ten codes from 150 random bytes; pure.

    :raises ConfigurationError: not 150 bytes.
    """
    if len(random_bytes) != SET_BYTES:
        raise ConfigurationError("a set of recovery codes is made of 150 random bytes")
    return tuple(random_bytes[at : at + CODE_BYTES] for at in range(0, SET_BYTES, CODE_BYTES))


def keyed_hash(*, key: bytes, key_id: int, account_id: str, code: bytes) -> bytes:
    """What is stored of a code: version, key id, HMAC-SHA-256 over the account and the code; pure."""
    account = account_id.encode("utf-8", "surrogatepass")
    mac = hmac.digest(key, lp_join((account, code)), hashlib.sha256)
    return bytes([VERSION]) + key_id.to_bytes(KEY_ID_BYTES, "big") + mac


class RecoveryCodes:
    """Makes sets of codes, and finds the hashes a typed code could have.

    :param keys: the keyring; codes use its root ``tokens``.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys

    def new(self, *, account_id: str, random_bytes: bytes | None = None) -> NewCodes:
        """A fresh set for an account. Storing it replaces the set before it.

        :param random_bytes: 150 bytes for tests; from the operating system unless given.
        :raises ConfigurationError: not 150 bytes.
        :raises KeyringError: the keyring has no key to hash with.
        """
        codes = generate(os.urandom(SET_BYTES) if random_bytes is None else random_bytes)
        key_id = self._keys.primary("tokens")
        return NewCodes(
            shown=tuple(spell(code) for code in codes),
            stored=tuple(self._hash(code, account_id, key_id) for code in codes),
        )

    def lookup(self, typed: str | None, *, account_id: str) -> tuple[bytes, ...]:
        """Every hash the typed code may be stored under: one for each key that is still readable.

        Empty if it is no code at all. Never raises about what was typed.
        """
        code = parse(typed) if isinstance(typed, str) else None
        if code is None:
            return ()
        return tuple(self._hash(code, account_id, key_id) for key_id in self._keys.readable("tokens"))

    def _hash(self, code: bytes, account_id: str, key_id: int) -> bytes:
        key = self._keys.derive("tokens", _INFO, key_id=key_id)
        return keyed_hash(key=key, key_id=key_id, account_id=account_id, code=code)

"""The pepper: a stored hash is encrypted, bound to its account, under a key that is not in the database.

Encrypting and not keying the hash means the key can be changed for every row without any password
(NIST SP 800-63B-4 3.1.1.2 asks for a keyed step whose key is kept apart; encryption is such a step).

    $sa-pepper$v=1$k=<key id>$<base64url of nonce | ciphertext | tag>

AES-256-GCM, 96-bit random nonce, key ``derive("pepper", "password-pepper/v1", key_id)``, associated
data the length-prefixed parts ``secureacct/password-pepper/v1``, key id, account id.

Rules of this file: a key that is unknown, disabled or destroyed raises, for the password may be right;
everything else that does not open is None.
"""

from __future__ import annotations

import os
import re
from typing import Final, Protocol

from secureacct._bytes import b64url, b64url_strict, lp_join
from secureacct.errors import ConfigurationError

PREFIX: Final = "$sa-pepper$"
MAX_SEALED: Final = 4096  # characters; our own cap: twice the longest thing we seal

_NONCE_BYTES: Final = 12  # bytes; NIST SP 800-38D 8.2.2: random nonce, at most 2^32 messages for each key
_TAG_BYTES: Final = 16  # bytes; NIST SP 800-38D: full tag
_PURPOSE: Final = "password-pepper/v1"
_SEALED = re.compile(r"\$sa-pepper\$v=1\$k=(0|[1-9]\d{0,18})\$([A-Za-z0-9_-]+)", re.ASCII)


class PepperKeys(Protocol):
    """What is needed of a keyring; :class:`secureacct.keys.Keyring` has it."""

    def primary(self, root: str) -> int:
        """The id of the key that seals."""
        ...

    def derive(
        self, root: str, purpose: str | bytes, *, key_id: int | None = None, length: int = 32
    ) -> bytes:
        """A key for one purpose; raises ``UnknownKey`` for an id it does not hold."""
        ...


def ready() -> None:
    """Load AES-GCM now: see ``secureacct.passwords.reading.ready``."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    AESGCM.generate_key(256)


def is_sealed(stored: str) -> bool:
    """True if this says that it is a peppered hash."""
    return stored.startswith(PREFIX)


def key_of(stored: str) -> int | None:
    """The id of the key that a peppered hash needs, or None if it is not well formed."""
    found = _SEALED.fullmatch(stored) if len(stored) <= MAX_SEALED else None
    return int(found[1]) if found else None


def seal(encoded: str, *, keys: PepperKeys, account_id: str) -> str:
    """The peppered form of a hash string, under the primary pepper key.

    :raises ConfigurationError: no account id
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key_id = keys.primary("pepper")
    key = keys.derive("pepper", _PURPOSE, key_id=key_id, length=32)
    nonce = os.urandom(_NONCE_BYTES)
    body = AESGCM(key).encrypt(nonce, encoded.encode("ascii"), _bound_to(key_id, account_id))
    return f"{PREFIX}v=1$k={key_id}${b64url(nonce + body)}"


def unseal(stored: str, *, keys: PepperKeys, account_id: str) -> str | None:
    """The hash string inside; None if it is damaged or belongs to another account.

    :raises UnknownKey, KeyDisabled, KeyDestroyed: the key is not usable here (never "wrong password")
    :raises ConfigurationError: no account id
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    found = _SEALED.fullmatch(stored) if len(stored) <= MAX_SEALED else None
    body = b64url_strict(found[2]) if found else None
    if found is None or body is None or len(body) <= _NONCE_BYTES + _TAG_BYTES:
        return None
    key_id = int(found[1])
    key = keys.derive("pepper", _PURPOSE, key_id=key_id, length=32)
    try:
        opened = AESGCM(key).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], _bound_to(key_id, account_id))
        return opened.decode("ascii")
    except (InvalidTag, UnicodeDecodeError):
        return None


def _bound_to(key_id: int, account_id: str) -> bytes:
    if not account_id:
        raise ConfigurationError("a pepper binds a hash to its account: give account_id")
    return lp_join((b"secureacct/password-pepper/v1", str(key_id).encode(), account_id.encode()))

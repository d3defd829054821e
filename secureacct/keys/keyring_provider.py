"""The keyring's own ``kek`` root as a key provider: nothing else to run, and epochs that can die.

Rules of this file: a wrapped key names the ``kek`` key that wrapped it, so ``rotate(root="kek")`` starts
a new epoch and destroying an old key makes everything still wrapped under it unreadable, in every
backup too; the context is in the key derivation and the key commits to itself.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from secureacct._bytes import lp_join
from secureacct.keys.errors import KeyringError, KeyringSealed
from secureacct.keys.keyring import Keyring
from secureacct.keys.providers import NONCE_BYTES, Context, context_bytes

COMMITMENT_BYTES = 28  # 224 bits, as in front of encrypted fields
_VERSION = 1
_AT_COMMITMENT = 5  # version and key id
_AT_NONCE = _AT_COMMITMENT + COMMITMENT_BYTES
_AT_BODY = _AT_NONCE + NONCE_BYTES


class KeyringProvider:
    """Wraps under the ``kek`` root. Blocking, and without any I/O: fit for awaiting callers too.

    Wrapped form: version 1, key id u32, commitment 28, nonce 12, AES-256-GCM of the material. Key and
    commitment are HKDF of the kek key with the context; the header is associated data.
    """

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys

    @property
    def name(self) -> str:
        """``"keyring"``."""
        return "keyring"

    @property
    def key_id(self) -> str:
        """The id of the primary ``kek`` key: the epoch."""
        return str(self._keys.primary("kek"))

    def wrap(self, material: bytes, *, context: Context) -> bytes:
        """See :meth:`secureacct.keys.providers.KeyProvider.wrap`."""
        key_id = self._keys.primary("kek")
        key, commitment = self._key(key_id, context)
        head = bytes([_VERSION]) + key_id.to_bytes(4, "big") + commitment
        nonce = os.urandom(NONCE_BYTES)
        return head + nonce + AESGCM(key).encrypt(nonce, material, head)

    def unwrap(self, wrapped: bytes, *, context: Context) -> bytes:
        """See :meth:`secureacct.keys.providers.KeyProvider.unwrap`. A destroyed epoch is
        ``KeyringSealed`` too: nobody opens it again."""
        if len(wrapped) < _AT_BODY + 16 or wrapped[0] != _VERSION:
            raise KeyringSealed("this was not wrapped by a keyring")
        try:
            key, commitment = self._key(int.from_bytes(wrapped[1:_AT_COMMITMENT], "big"), context)
        except KeyringError as error:
            raise KeyringSealed(f"the key that wrapped this cannot be used: {error}") from None
        if not hmac.compare_digest(commitment, wrapped[_AT_COMMITMENT:_AT_NONCE]):
            raise KeyringSealed("wrapped for another context, or by another keyring")
        try:
            opener = AESGCM(key)
            return opener.decrypt(wrapped[_AT_NONCE:_AT_BODY], wrapped[_AT_BODY:], wrapped[:_AT_NONCE])
        except InvalidTag:
            raise KeyringSealed("the wrapped key is damaged") from None

    def rewrap_many(self, wrapped: Sequence[tuple[bytes, Context]]) -> Sequence[bytes]:
        """See :meth:`secureacct.keys.providers.KeyProvider.rewrap_many`."""
        opened = [(self.unwrap(one, context=context), context) for one, context in wrapped]
        return [self.wrap(material, context=context) for material, context in opened]

    def _key(self, key_id: int, context: Context) -> tuple[bytes, bytes]:
        purpose = lp_join((b"wrap", context_bytes(context)))
        both = self._keys.derive("kek", purpose, key_id=key_id, length=32 + COMMITMENT_BYTES)
        return both[:32], both[32:]

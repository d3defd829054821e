"""XAES-256-GCM (c2sp.org/XAES-256-GCM): AES-256-GCM with 192-bit nonces.

Rules of this file: the sub-key is SP 800-108r1 in counter mode with CMAC, made with the primitives of
``cryptography``; the CMAC object is only ever copied, so many threads may derive at once.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC

from secureacct.fields.errors import InvalidValue

KEY_BYTES = 32  # AES-256
NONCE_BYTES = 24  # 192 bits: 2^80 random nonces at a collision risk of 2^-32
SUBKEY_PART_BYTES = 12  # the first half of the nonce chooses the sub-key
TAG_BYTES = 16  # SP 800-38D


class Xaes256Gcm:
    """One key. :meth:`subkey` lets a caller keep the AES-GCM object of a whole segment of nonces.

    :raises InvalidValue: the key is not 32 bytes.
    """

    __slots__ = ("_base",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise InvalidValue("XAES-256-GCM takes a 32-byte key")
        self._base = CMAC(algorithms.AES256(key))

    def subkey(self, nonce_part: bytes) -> bytes:
        """The AES-256-GCM key for every nonce that starts with these 12 bytes."""
        first = self._base.copy()
        first.update(b"\x00\x01X\x00" + nonce_part)
        second = self._base.copy()
        second.update(b"\x00\x02X\x00" + nonce_part)
        return first.finalize() + second.finalize()

    def encrypt(self, nonce: bytes, data: bytes, aad: bytes | None) -> bytes:
        """Ciphertext and tag. The nonce is 24 random bytes, never used twice."""
        return self._gcm(nonce).encrypt(nonce[SUBKEY_PART_BYTES:], data, aad)

    def decrypt(self, nonce: bytes, data: bytes, aad: bytes | None) -> bytes:
        """The plaintext.

        :raises cryptography.exceptions.InvalidTag: it is not authentic.
        """
        return self._gcm(nonce).decrypt(nonce[SUBKEY_PART_BYTES:], data, aad)

    def _gcm(self, nonce: bytes) -> AESGCM:
        if len(nonce) != NONCE_BYTES:
            raise InvalidValue("XAES-256-GCM takes a 24-byte nonce")
        return AESGCM(self.subkey(nonce[:SUBKEY_PART_BYTES]))

"""The envelope, suite 0xA1 (the specification is ``docs/specs/field-envelope.md``).

     0   1  suite
     1   4  key id, u32 big endian            bytes 0..32 are the same for every value of one field
     5  28  key commitment                    under one key: one prefix comparison finds what to rotate
    33  24  XAES nonce: 12 of the segment, 12 of the message
    57   n  AES-256-GCM( payload || 0x80 || 00* )
    57+n 16 tag

Rules of this file: layout and key schedule, nothing else. Suite, key id, type, kind of row id, tenant,
table, column and subject are all in the key derivation, each with its length in front, so nothing
in the header can be exchanged for something else; the row id is the associated data.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from secureacct._bytes import lp
from secureacct.keys.file_format import expand

XAES = 0xA1
"""XAES-256-GCM, HKDF-SHA256, 224-bit commitment, ISO 7816-4 padding to Padme lengths."""
SIV_GCM = 0xA2  # reserved: AES-256-GCM-SIV
SIV = 0xA3  # reserved: deterministic AES-SIV
COBBLESTONE = 0xA4
"""Cobblestone-256 (C2SP chunked encryption) behind the same 33 bytes, for large values."""

PREFIX_BYTES = 33  # suite, key id, commitment
SEGMENT_END = 45  # prefix and the segment's half of the nonce
NONCE_END = 57  # prefix and the whole nonce
TAG_BYTES = 16  # SP 800-38D
OVERHEAD_BYTES = NONCE_END + TAG_BYTES
COMMITMENT_BYTES = 28  # 224 bits: 112 bits against finding two keys with one commitment
FIELD_KEY_BYTES = 32  # AES-256
SHORTEST_BYTES = OVERHEAD_BYTES + 2  # less cannot hold a padded payload


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value belongs. Each part keeps its own length, so parts never run into each other."""

    tenant: str
    table: str
    column: str
    type_name: str
    subject: bytes = b""

    def info(self, *, key_id: int, suite: int, kind: str) -> bytes:
        """The HKDF-Expand info of this place under one key."""
        texts = (self.type_name, kind, self.tenant, self.table, self.column)
        return b"".join(
            (
                lp(b"field"),
                key_id.to_bytes(4, "big"),
                bytes([suite]),
                *(lp(text.encode("utf-8")) for text in texts),
                lp(self.subject),
            )
        )


@dataclass(frozen=True, slots=True)
class FieldKey:
    """What one root key gives one place: the encryption key, and the 33 bytes in front of its values."""

    prefix: bytes
    key: bytes = field(repr=False)


def field_key(okm: bytes, *, key_id: int, suite: int) -> FieldKey:
    """Split 60 derived bytes into the key and its commitment."""
    prefix = bytes([suite]) + key_id.to_bytes(4, "big") + okm[FIELD_KEY_BYTES:]
    return FieldKey(prefix=prefix, key=okm[:FIELD_KEY_BYTES])


def mixed_with(okm: bytes, *, data_key: bytes) -> bytes:
    """The 60 bytes of a field whose subject has a data key: without that key they are out of reach."""
    return expand(
        hmac.digest(data_key, okm, "sha256"),
        b"secureacct/fields/subject/v1",
        FIELD_KEY_BYTES + COMMITMENT_BYTES,
    )


def key_id_of(blob: bytes) -> int:
    """The key id in front of a value. Not authenticated: good for counting and for messages."""
    return int.from_bytes(blob[1:5], "big")

"""Suite 0xA4: Cobblestone-256 (C2SP chunked encryption) behind our 33 bytes, for values over 64 KiB.

Rules of this file: the stream commits to its key and binds the row id as its context; it is written
only where ``cryptography`` has it, and a reader without it says so instead of failing otherwise.
"""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import InvalidTag

from secureacct.errors import ConfigurationError
from secureacct.fields.envelope import PREFIX_BYTES, FieldKey
from secureacct.fields.errors import TamperedCiphertext

EXTRA_BYTES = 64 + (1 << 15)  # salt, commitment, and a tag for every 16 KiB up to 32 MiB
MOST_PAYLOAD_BYTES = 32 << 20  # 32 MiB: what 2^55 messages under one key were counted with


def check_available() -> None:
    """Say at construction that this installation cannot write large fields.

    :raises ConfigurationError: ``cryptography`` has no Cobblestone (46 has not, 50 has).
    """
    _module()


def seal(key: FieldKey, payload: bytes, aad: bytes) -> bytes:
    """Prefix and stream of a padded payload."""
    encryptor = _module().Cobblestone256Encryptor(key.key, aad)
    return b"".join((key.prefix, encryptor.update(payload), encryptor.finalize()))


def open_sealed(key: FieldKey, blob: bytes, aad: bytes) -> bytes:
    """The padded payload.

    :raises TamperedCiphertext: not authentic, cut short, or of another row.
    """
    decryptor = _module().Cobblestone256Decryptor(key.key, aad)
    try:
        opened: bytes = decryptor.update(memoryview(blob)[PREFIX_BYTES:])
        return opened + bytes(decryptor.finalize())
    except (InvalidTag, ValueError):  # ValueError: a stream of impossible length
        pass
    raise TamperedCiphertext("not authentic: altered, cut, or the value of another row")


def _module() -> Any:
    try:
        from cryptography import cobblestone
    except ImportError:
        raise ConfigurationError(
            "large fields need a cryptography release with Cobblestone: pip install -U cryptography"
        ) from None
    return cobblestone

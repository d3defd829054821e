"""Readers for values that other libraries wrote, to take them over.

Rules of this file: readers only, nothing here writes the old forms; a reader is given to the one column
(or flag) that is known to hold its form, and never tried on anything else; what it cannot open is
``ForeignCiphertext``, without the reason the other library gave, which may hold the value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from secureacct.fields.errors import ForeignCiphertext, InvalidValue

T = TypeVar("T")

Read = Callable[[Any], Any]
SqlalchemyUtilsEngine = Literal["aes", "aes-gcm", "fernet"]
Padding = Literal["pkcs5", "oneandzeroes", "zeroes", "naive"]

BLOCK_BYTES = 16  # AES


def plain(value: T) -> T:
    """The reader for a column of plain values."""
    return value


def fernet(keys: Sequence[str | bytes], *, parse: Callable[[str], Any] = str) -> Read:
    """Reads Fernet tokens, those of any of the keys (as MultiFernet does).

    :param keys: the keys, in their base64 form.
    :param parse: turns the text into the field's type; ``bytes`` fields use ``str.encode``.
    :raises InvalidValue: a key is not a Fernet key.
    """
    try:
        opener = MultiFernet([Fernet(key) for key in keys])
    except (ValueError, binascii.Error):
        raise InvalidValue("not a Fernet key: 32 bytes in urlsafe base64") from None

    def read(stored: Any) -> Any:
        try:
            return parse(opener.decrypt(stored if isinstance(stored, str) else bytes(stored)).decode("utf-8"))
        except (InvalidToken, ValueError, TypeError):
            pass
        raise ForeignCiphertext("none of the Fernet keys opens this value")

    return read


def sqlalchemy_utils(
    key: str | bytes,
    *,
    engine: SqlalchemyUtilsEngine = "aes",
    padding: Padding = "naive",
    parse: Callable[[str], Any] = str,
) -> Read:
    """Reads values of sqlalchemy-utils' ``EncryptedType`` and ``StringEncryptedType``.

    Its default engine has no authentication: a value that was altered may open as another one, so look
    at what was taken over (``aes-gcm`` and ``fernet`` values are authenticated).

    :param key: the key that was given to the type.
    :param engine: ``aes`` (AesEngine), ``aes-gcm`` (AesGcmEngine) or ``fernet`` (FernetEngine).
    :param padding: the padding of AesEngine.
    :param parse: turns the text into the field's type.
    """
    derived = hashlib.sha256(key.encode("utf-8") if isinstance(key, str) else key).digest()
    if engine == "fernet":
        return _fernet_engine(derived, parse)
    opened = _open_aes(derived, padding) if engine == "aes" else _open_gcm(derived)

    def read(stored: Any) -> Any:
        try:
            text = stored if isinstance(stored, str) else bytes(stored).decode("ascii")
            return parse(opened(base64.b64decode(text, validate=True)).decode("utf-8"))
        except (InvalidTag, ValueError, TypeError):
            pass
        raise ForeignCiphertext("the sqlalchemy-utils key does not open this value")

    return read


def _fernet_engine(derived: bytes, parse: Callable[[str], Any]) -> Read:
    return fernet([base64.urlsafe_b64encode(derived)], parse=parse)


def _open_gcm(key: bytes) -> Callable[[bytes], bytes]:
    def opened(raw: bytes) -> bytes:
        nonce, tag, body = raw[:12], raw[12:28], raw[28:]
        return AESGCM(key).decrypt(nonce, body + tag, None)

    return opened


def _open_aes(key: bytes, padding: Padding) -> Callable[[bytes], bytes]:
    unpad = _UNPADDERS[padding]

    def opened(raw: bytes) -> bytes:
        if not raw or len(raw) % BLOCK_BYTES:
            raise _Unreadable
        decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:BLOCK_BYTES])).decryptor()
        return unpad(decryptor.update(raw) + decryptor.finalize())

    return opened


class _Unreadable(ValueError):
    """Not in the old form."""


def _unpad_pkcs5(data: bytes) -> bytes:
    count = data[-1]
    if not 1 <= count <= BLOCK_BYTES or data[-count:] != bytes([count]) * count:
        raise _Unreadable
    return data[:-count]


def _unpad_one_and_zeroes(data: bytes) -> bytes:
    body, mark, rest = data.rpartition(b"\x80")
    if not mark or rest.strip(b"\x00"):
        raise _Unreadable
    return body


def _unpad_zeroes(data: bytes) -> bytes:
    count = data[-1]
    if not 1 <= count <= BLOCK_BYTES or data[-count:-1] != bytes(count - 1):
        raise _Unreadable
    return data[:-count]


def _unpad_naive(data: bytes) -> bytes:
    return data.rstrip(b"*")


_UNPADDERS: dict[str, Callable[[bytes], bytes]] = {
    "pkcs5": _unpad_pkcs5,
    "oneandzeroes": _unpad_one_and_zeroes,
    "zeroes": _unpad_zeroes,
    "naive": _unpad_naive,
}

"""The token in every form: tied to one browser before sign-in, to one session after it.

Rules of this file: the token is an HMAC over what it is tied to, so no row is kept for it; a mask that
changes with every response hides it from those who guess by the size of compressed answers (BREACH); it is
compared in constant time; nothing empty is ever a binding; every cause of refusal is the same error.

Session-bound value in the body: NIST SP 800-63B-4 5.1; before sign-in too, so that nobody is signed in to
somebody else's account: OWASP CSRF Prevention Cheat Sheet, "login CSRF"; ASVS 5 3.5.1.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import Literal

from secureacct._bytes import b64url, b64url_strict, lp_join
from secureacct.errors import ConfigurationError, Rejected
from secureacct.keys import KeyDestroyed, KeyDisabled, Keyring, UnknownKey

VERSION = 0x01  # first byte of every token
KEY_ID_BYTES = 4  # unsigned, big endian
MAC_BYTES = 32  # bytes, HMAC-SHA-256 untruncated; the mask has as many
TOKEN_CHARS = 92  # characters of base64url: version, key id, mask, masked MAC
PRESESSION_BYTES = 32  # random bytes, 256 bits; ASVS 5 7.2.3 asks for 128

_INFO = lp_join((b"csrf-token/1",))


class CsrfFailed(Rejected):
    """The token is missing, or not this browser's."""

    code = "csrf_failed"
    public_message = "This form is no longer valid. Please open the page again."


@dataclass(frozen=True, slots=True)
class Binding:
    """What a token is tied to. Made by :func:`to_presession` or :func:`to_session`."""

    kind: Literal["pre", "session"]
    value: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.value:
            raise ConfigurationError("a CSRF token cannot be tied to nothing")


def to_presession(cookie_value: str) -> Binding:
    """Tied to the presession cookie's value: nobody is signed in."""
    return Binding("pre", cookie_value)


def to_session(public_id: str) -> Binding:
    """Tied to a session's public id: somebody is."""
    return Binding("session", public_id)


def presession_value(random_bytes: bytes) -> str:
    """What a fresh presession cookie holds; pure.

    :param random_bytes: 32 bytes from the operating system.
    :raises ConfigurationError: not 32 bytes.
    """
    if len(random_bytes) != PRESESSION_BYTES:
        raise ConfigurationError("a presession is made of 32 random bytes")
    return b64url(random_bytes)


def is_presession(cookie_value: str | None) -> bool:
    """Whether a cookie's value could be one of ours; pure. If not, a fresh one is set."""
    if cookie_value is None or len(cookie_value) != 43:
        return False
    return b64url_strict(cookie_value) is not None


class CsrfTokens:
    """Issues and checks the tokens.

    :param keys: the keyring; tokens use its root ``csrf``.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys

    def issue(self, binding: Binding, *, mask: bytes | None = None) -> str:
        """A token for one response.

        :param mask: 32 bytes for tests; from the operating system unless given.
        :raises ConfigurationError: not 32 bytes.
        :raises KeyringError: the keyring has no key to sign with.
        """
        hidden_by = os.urandom(MAC_BYTES) if mask is None else mask
        if len(hidden_by) != MAC_BYTES:
            raise ConfigurationError("a mask has 32 bytes")
        key_id = self._keys.primary("csrf")
        masked = _xor(hidden_by, self._mac(binding, key_id))
        return b64url(bytes([VERSION]) + key_id.to_bytes(KEY_ID_BYTES, "big") + hidden_by + masked)

    def check(self, token: str | None, binding: Binding | None) -> None:
        """Return if the token was issued for this binding.

        :param token: the form's field or the request's header; None if there is none.
        :param binding: what this request's cookies say; None if they say nothing.
        :raises CsrfFailed: anything is missing or does not fit.
        """
        if token is None or binding is None or len(token) != TOKEN_CHARS:
            raise CsrfFailed("no token, or none of ours")
        data = b64url_strict(token)
        if data is None or data[0] != VERSION:
            raise CsrfFailed("no token of ours")
        key_id = int.from_bytes(data[1 : 1 + KEY_ID_BYTES], "big")
        mask, masked = data[-2 * MAC_BYTES : -MAC_BYTES], data[-MAC_BYTES:]
        try:
            wanted = self._mac(binding, key_id)
        except (UnknownKey, KeyDisabled, KeyDestroyed):
            raise CsrfFailed("made under a key that is not in use") from None
        if not hmac.compare_digest(_xor(mask, masked), wanted):
            raise CsrfFailed("another browser's or another session's")

    def _mac(self, binding: Binding, key_id: int) -> bytes:
        key = self._keys.derive("csrf", _INFO, key_id=key_id)
        tied_to = (binding.kind.encode("ascii"), binding.value.encode("utf-8", "surrogatepass"))
        return hmac.digest(key, lp_join(tied_to), hashlib.sha256)


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).to_bytes(MAC_BYTES, "big")

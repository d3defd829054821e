"""Signed tokens: what we said ourselves, for one purpose, until our clock says it is over.

Rules of this file: a purpose is part of the key, so a token for one is noise to another; ``state`` (what
must still be true when the token is used) enters the MAC and is not in the token; a token is read in
one spelling only; time comes from the clock that was given; every cause of refusal but age looks alike.

A signature shows that we issued the token, never that it was not used before: single use is a
conditional statement in a store. The format, with known answers: ``docs/specs/signed-token.md``.
HMAC-SHA-256 and HKDF: OWASP ASVS 5 appendix C; 128 bits or more: ASVS 5 11.5.1.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar, Final

from itsdangerous.signer import HMACAlgorithm

from secureacct._bytes import b64url, b64url_strict, lp_join
from secureacct.errors import ConfigurationError, InvalidInput, SecureAcctError
from secureacct.keys import KeyDestroyed, KeyDisabled, Keyring, UnknownKey

VERSION = 0x01  # first byte of every token
KEY_ID_BYTES = 4  # unsigned, big endian
TIME_BYTES = 8  # seconds since the epoch, unsigned, big endian
MAC_BYTES = 32  # bytes, HMAC-SHA-256 untruncated (RFC 2104)
HEAD_BYTES = 1 + KEY_ID_BYTES + TIME_BYTES
MAX_SUBJECT_BYTES = 255  # bytes of UTF-8; our own limit
MAX_TOKEN_CHARS = 400  # characters: the longest subject, encoded
TOLERATED_SKEW_S = 60  # seconds a token may lie ahead of our clock: two servers are never quite of one mind
MAX_AGE_CAP_S = 315_360_000  # seconds, ten years; our own limit

_PURPOSE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_mac = HMACAlgorithm(hashlib.sha256)


class TokenError(SecureAcctError):
    """A token that is not good, or no longer."""

    code: ClassVar[str] = "token_refused"
    http_status_hint: ClassVar[int] = 410
    public_message: ClassVar[str] = "This link does not work."


class BadToken(TokenError):
    """Not ours, altered, for another purpose, under a key that is gone, or what it relied on has changed."""

    code = "bad_token"


class TokenExpired(TokenError):
    """Ours, and too old."""

    code = "token_expired"
    public_message = "This link has expired."


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedToken:
    """A token that was read. Times are seconds since the epoch."""

    subject: str
    issued_at: int
    expires_at: int
    key_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    key_id: int
    issued_at: int
    subject: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    signed: bytes = field(repr=False)


def mac_info(purpose: str) -> bytes:
    """The HKDF info of a purpose's MAC key; pure."""
    return lp_join((b"signed-token/1", purpose.encode("ascii")))


def encode(*, mac_key: bytes, key_id: int, issued_at: int, subject: bytes, state: bytes) -> str:
    """A token; pure. The MAC covers everything in the token, and the state."""
    head = bytes([VERSION]) + key_id.to_bytes(KEY_ID_BYTES, "big") + issued_at.to_bytes(TIME_BYTES, "big")
    signed = head + subject
    return b64url(signed + _mac.get_signature(mac_key, lp_join((signed, state))))


def decode(token: str) -> _Body | None:
    """The parts of a token, nothing of it verified; None unless it is spelled the one right way; pure."""
    if len(token) > MAX_TOKEN_CHARS:
        return None
    data = b64url_strict(token)
    if data is None or len(data) <= HEAD_BYTES + MAC_BYTES or data[0] != VERSION:
        return None
    signed, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
    return _Body(
        key_id=int.from_bytes(signed[1 : 1 + KEY_ID_BYTES], "big"),
        issued_at=int.from_bytes(signed[1 + KEY_ID_BYTES : HEAD_BYTES], "big"),
        subject=signed[HEAD_BYTES:],
        mac=mac,
        signed=signed,
    )


def verified(body: _Body, *, mac_key: bytes, state: bytes) -> bool:
    """Whether the MAC is right for this key and this state, in constant time; pure."""
    return _mac.verify_signature(mac_key, lp_join((body.signed, state)), body.mac)


class SignedTokens:
    """Issues and reads the tokens of one purpose.

    :param keys: the keyring; tokens use its root ``tokens``.
    :param purpose: lower-case words with dashes, like ``password-reset``.
    :param max_age: how long a token is good for. It is the reader's rule, so shortening it also
        shortens the life of tokens that are already out.
    :param clock: seconds since the epoch.
    :raises ConfigurationError: an unusable purpose or age.
    """

    __slots__ = ("_clock", "_info", "_keys", "_max_age", "purpose")

    def __init__(
        self,
        keys: Keyring,
        *,
        purpose: str,
        max_age: timedelta,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if len(purpose) > 64 or not _PURPOSE.match(purpose):
            raise ConfigurationError("a purpose is lower-case words joined by dashes, 64 characters at most")
        if not isinstance(max_age, timedelta):
            raise ConfigurationError("max_age is a timedelta, such as timedelta(hours=1)")
        seconds = int(max_age.total_seconds())
        if not 0 < seconds <= MAX_AGE_CAP_S:
            raise ConfigurationError("a token is good for 1 second to ten years")
        self.purpose: Final = purpose
        self._keys = keys
        self._info = mac_info(purpose)
        self._max_age = seconds
        self._clock = clock

    def issue(self, subject: str, *, state: str = "") -> str:
        """A token about ``subject``, good as long as ``state`` stays what it is.

        :param subject: who or what it is about, 1 to 255 bytes of UTF-8. Whoever holds the token can
            read it: an id, not an address.
        :param state: whatever must still be the same when the token is used, such as a counter that
            grows with every change of the password. It cannot be read from the token.
        :raises InvalidInput: the subject is empty, too long or no text.
        :raises KeyringError: the keyring has no key to sign with.
        """
        if not isinstance(subject, str):
            raise InvalidInput("a token's subject must be text: str(account_id)")
        try:
            raw = subject.encode("utf-8")
        except UnicodeEncodeError:
            raise InvalidInput("a token's subject must be text") from None
        if not 0 < len(raw) <= MAX_SUBJECT_BYTES:
            raise InvalidInput("a token's subject is 1 to 255 bytes of UTF-8")
        key_id = self._keys.primary("tokens")
        return encode(
            mac_key=self._keys.derive("tokens", self._info, key_id=key_id),
            key_id=key_id,
            issued_at=int(self._clock()),
            subject=raw,
            state=_state_bytes(state),
        )

    def read(self, token: str | None, *, state: str = "") -> SignedToken:
        """What the token says, if we said it, for this purpose, and ``state`` is still the same.

        :param token: as it came; None, for there was none, is no token either.

        :raises TokenExpired: it was ours and is too old.
        :raises BadToken: anything else.
        """
        body = decode(token) if isinstance(token, str) else None
        if body is None:
            raise BadToken("not a token")
        try:
            mac_key = self._keys.derive("tokens", self._info, key_id=body.key_id)
        except (UnknownKey, KeyDisabled, KeyDestroyed):
            raise BadToken("signed under a key that is not in use") from None
        if not verified(body, mac_key=mac_key, state=_state_bytes(state)):
            raise BadToken("altered, for another purpose, or what it relied on has changed")
        now = int(self._clock())
        if body.issued_at > now + TOLERATED_SKEW_S:
            raise BadToken("issued in the future")
        expires_at = body.issued_at + self._max_age
        if now >= expires_at:
            raise TokenExpired("too old")
        return SignedToken(
            subject=body.subject.decode("utf-8"),
            issued_at=body.issued_at,
            expires_at=expires_at,
            key_id=body.key_id,
        )

    def __repr__(self) -> str:
        return f"<SignedTokens for {self.purpose}>"


def _state_bytes(state: str) -> bytes:
    return state.encode("utf-8", "surrogatepass")  # only ever a MAC's input: any text has its bytes

"""Tokens of blind indexes: HMAC-SHA256 under a key per version, cut to some bits.

Rules of this file: everything that changes a token is in the purpose its key is derived for; tokens are
written under the primary key and searched under every key that may still be in the table; a value
that cannot be indexed leaves no trace of itself in an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from secureacct._bytes import lp, lp_join
from secureacct.fields.errors import InvalidValue, of_field
from secureacct.keys import Keyring, KeyringError
from secureacct.keys.keyring import RELOAD_SECONDS

_SHA256 = hashes.SHA256()
_UNFIT = (InvalidValue, TypeError, ValueError, AttributeError)
TOKENS_PER_LOOK = 64  # tokens made between two looks at the clock; a stale key makes findable tokens too

Ready = tuple[bytes, Callable[[], HMAC]]
"""A version byte, and how to begin a MAC under its key: a copy of one that is never used itself."""


def _no_mac() -> HMAC:
    raise InvalidValue("no index key")  # never reached: the first beat ends at once


_NO_PRIMARY: tuple[Callable[[], int], bytes, Callable[[], HMAC]] = (iter(range(0)).__next__, b"", _no_mac)


class Tokens:
    """The part that all indexes share: keys per version, HMAC, cut."""

    def __init__(self, keys: Keyring, *, purpose: bytes, bits: int) -> None:
        self._keys = keys
        self._purpose = purpose
        self._bits = bits
        self._bytes = (bits + 7) // 8
        self._mask = 0xFF << (-bits % 8) & 0xFF
        self._ready: tuple[Ready, ...] = ()
        self._primary = _NO_PRIMARY
        self._deadline = 0.0
        self._epoch = 0
        keys.watch(self.reset)

    def reset(self) -> None:
        """Forget the derived keys: the keyring changed."""
        self._epoch += 1
        self._ready = ()
        self._primary = _NO_PRIMARY

    def maker(self, prepare: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
        """A function from a value to its token under the primary key; ``prepare`` makes the hashed bytes."""
        size, whole = self._bytes, self._mask == 0xFF

        def of(value: Any) -> bytes:
            data: bytes | None = None
            try:
                data = prepare(value)
            except _UNFIT:
                pass
            if data is None:
                problem = prepared([prepare], [value])
                value = None
                raise problem if isinstance(problem, InvalidValue) else InvalidValue("not a value to index")
            try:
                beat, version, copy = self._primary
                beat()
            except StopIteration:  # time to look at the clock, or the keyring changed
                version, copy = self._next_primary()
            mac = copy()
            mac.update(data)
            if whole:
                return version + mac.finalize()[:size]
            return version + self._cut(mac.finalize()[:size])

        return of

    def version(self) -> bytes:
        """The version byte of the primary key."""
        return version_of(self._keys.primary("index"))

    def each(self, data: bytes) -> tuple[bytes, ...]:
        """Under every key that may still be in the table, the primary first."""
        tokens = []
        for version, copy in self._current():
            mac = copy()
            mac.update(data)
            tokens.append(version + self._cut(mac.finalize()[: self._bytes]))
        return tuple(tokens)

    def _cut(self, digest: bytes) -> bytes:
        return digest[:-1] + bytes([digest[-1] & self._mask])

    def _next_primary(self) -> Ready:
        epoch = self._epoch
        version, copy = self._current()[0]
        self._primary = (iter(range(TOKENS_PER_LOOK)).__next__, version, copy)
        if self._epoch != epoch:
            self._primary = _NO_PRIMARY
        return version, copy

    def _current(self) -> tuple[Ready, ...]:
        ready = self._ready
        return ready if ready and monotonic() <= self._deadline else self._derive()

    def _derive(self) -> tuple[Ready, ...]:
        problem: Exception | None = None
        ready: tuple[Ready, ...] = ()
        try:
            self._keys.refresh()
            epoch = self._epoch
            ready = self._ready or tuple(
                (version_of(key_id), HMAC(self._key(key_id), _SHA256).copy)
                for key_id in self._keys.readable("index")
            )
        except KeyringError as error:
            problem = of_field(error)
        else:
            self._ready = ready
            self._deadline = monotonic() + RELOAD_SECONDS
            if self._epoch != epoch:
                self._ready = ()
        if problem is not None:
            raise problem
        return ready

    def _key(self, key_id: int) -> bytes:
        return self._keys.derive("index", self._purpose + key_id.to_bytes(4, "big"), key_id=key_id)


def version_of(key_id: int) -> bytes:
    """The byte in front of a token: the key id, cut to eight bits."""
    return bytes([key_id & 0xFF])


def prepared(rules: Sequence[Callable[[Any], bytes]], values: Sequence[Any]) -> bytes | InvalidValue:
    """What is hashed; an error is returned, so that its frames can drop the value before it is raised."""
    try:
        parts = [prepare(value) for prepare, value in zip(rules, values, strict=True)]
    except InvalidValue as error:
        return error.with_traceback(None)
    except _UNFIT:
        return InvalidValue("not a value that this index can hold")
    return parts[0] if len(parts) == 1 else lp_join(parts)


def purpose_of(texts: Sequence[str], bits: int) -> bytes:
    """What index keys are derived for: everything that tells one index from another."""
    joined = lp_join(text.encode("utf-8") for text in texts)
    return lp(joined) + bits.to_bytes(2, "big")

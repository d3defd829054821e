"""The keys one field works with at this moment, and the segment it encrypts in.

Rules of this file: the fast path reads immutable tuples and takes no lock; uniqueness of nonces rests
on 12 fresh kernel bytes per message, never on a counter; a segment ends after 2^16 messages, at a fork
and whenever the keyring changes; an opener is kept only after it opened an authentic value, so
forged rows cannot push others out; whatever was derived from a keyring that changed meanwhile is dropped.
"""

from __future__ import annotations

import hmac
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from secureacct.fields import envelope
from secureacct.fields.errors import (
    FieldError,
    MalformedCiphertext,
    UnknownSuite,
    ValueTooLarge,
    WrongContext,
    of_field,
)
from secureacct.fields.xaes import Xaes256Gcm
from secureacct.keys import Keyring, KeyringError
from secureacct.keys.keyring import RELOAD_SECONDS

SEGMENT_MESSAGES = 1 << 16  # messages per sub-key: 2^32 blocks at 1 MiB each, far below GCM's limit
CACHED_OPENERS = 1024  # sub-keys kept per field: one per process that wrote what is read

Seal = Callable[[bytes, bytes, bytes | None], bytes]
Open = Callable[[bytes, bytes | memoryview, bytes | None], bytes]
Tick = Callable[[], int]
Segment = tuple[bytes, Seal, Tick, Iterator[int]]

_all: weakref.WeakSet[FieldState] = weakref.WeakSet()


class DataKeys(Protocol):
    """Where a field finds the data key of its subject: loaded ahead, never fetched here."""

    def data_key(self, tenant: str, subject: bytes) -> bytes:
        """The loaded key.

        :raises SubjectNotLoaded: it was not loaded, or its time is up.
        :raises SubjectForgotten: it was destroyed.
        """
        ...

    def watch(self, callback: Callable[[], None]) -> None:
        """Call a bound method, held weakly, whenever a key is forgotten or replaced."""
        ...


def _no_seal(_nonce: bytes, _data: bytes, _aad: bytes | None) -> bytes:
    raise FieldError("no segment")  # never reached: the first tick of an empty segment ends it


def _empty() -> Segment:
    nothing: Iterator[int] = iter(())
    return (b"", _no_seal, nothing.__next__, nothing)


class FieldState:
    """Keys, segment and openers of one place and one kind of row id."""

    __slots__ = (
        "__weakref__",
        "_cap",
        "_data_keys",
        "_field_keys",
        "_keys",
        "_kind",
        "_lock",
        "_place",
        "_suites",
        "deadline",
        "epoch",
        "openers",
        "segment",
    )

    def __init__(
        self,
        keys: Keyring,
        place: envelope.Place,
        kind: str,
        *,
        suites: tuple[int, ...],
        data_keys: DataKeys | None,
        openers: int = CACHED_OPENERS,
    ) -> None:
        self._keys = keys
        self._place = place
        self._kind = kind
        self._suites = suites
        self._data_keys = data_keys
        self._cap = openers
        self._lock = threading.Lock()
        self._field_keys: dict[tuple[int, int], envelope.FieldKey] = {}
        self.openers: dict[bytes, Open] = {}
        self.segment: Segment = _empty()
        self.deadline: float = 0.0
        self.epoch: int = 0
        keys.watch(self.reset)
        if data_keys is not None:
            data_keys.watch(self.reset)
        _all.add(self)

    def look(self) -> None:
        """Let the keyring notice a changed file, at most every ``RELOAD_SECONDS``."""
        self._keys.refresh()
        if self._data_keys is not None:
            self._data_keys.data_key(self._place.tenant, self._place.subject)
        self.deadline = time.monotonic() + RELOAD_SECONDS

    def look_if_due(self) -> None:
        """The same, when it is time."""
        if time.monotonic() > self.deadline:
            self.look()

    def roll(self) -> tuple[bytes, Seal]:
        """A segment with one message of it spent: the current one, or a new one."""
        head, seal, _, _ = self._segment_with(1)
        return head, seal

    def spend(self, messages: int) -> tuple[bytes, Seal]:
        """A segment with as many messages spent.

        :raises ValueTooLarge: more than one segment holds.
        """
        if messages > SEGMENT_MESSAGES:
            raise ValueTooLarge(f"a batch holds at most {SEGMENT_MESSAGES} values")
        self.look_if_due()
        head, seal, _, _ = self._segment_with(messages)
        return head, seal

    def opener(self, blob: bytes, aad: bytes) -> Open:
        """What opens this value and those of its segment, after it opened this one.

        :raises MalformedCiphertext: too short.
        :raises UnknownSuite: not on this field's list.
        :raises UnknownKey, KeyDisabled, KeyDestroyed: as the keyring says.
        :raises WrongContext: the key is known and made this for another place.
        :raises InvalidTag: not authentic.
        """
        epoch = self.epoch
        key = self._checked_key(blob)
        found = AESGCM(Xaes256Gcm(key.key).subkey(blob[envelope.PREFIX_BYTES : envelope.SEGMENT_END])).decrypt
        found(blob[envelope.SEGMENT_END : envelope.NONCE_END], blob[envelope.NONCE_END :], aad)
        self._remember(bytes(blob[: envelope.SEGMENT_END]), found, epoch)
        return found

    def large_key(self, blob: bytes | None) -> envelope.FieldKey:
        """The Cobblestone key: of a value, or the one to write with."""
        if blob is None:
            return self._field_key(self._primary(), envelope.COBBLESTONE)
        return self._checked_key(blob)

    def prefixes(self) -> tuple[bytes, ...]:
        """The 33 bytes in front of every value written now, one for each suite it may use."""
        primary = self._primary()
        return tuple(self._field_key(primary, suite).prefix for suite in self._suites)

    def prefix_under(self, key_id: int, suite: int) -> bytes:
        """The 33 bytes in front of every value written under a key."""
        return self._field_key(key_id, suite).prefix

    def reset(self) -> None:
        """Forget everything derived. Called after the keyring changed, from any thread, without a lock."""
        self.epoch += 1
        self.segment = _empty()
        self._field_keys.clear()
        self.openers.clear()

    def after_fork(self) -> None:
        """A child encrypts in its own segment and waits on no lock of its parent's."""
        self._lock = threading.Lock()
        self.segment = _empty()

    # -- what follows is private --

    def _primary(self) -> int:
        try:
            return self._keys.primary("fields")
        except KeyringError as error:
            problem = of_field(error)
        raise problem

    def _checked_key(self, blob: bytes) -> envelope.FieldKey:
        if len(blob) < envelope.SHORTEST_BYTES:
            raise MalformedCiphertext("too short to be an encrypted value")
        if blob[0] not in self._suites:
            raise UnknownSuite(f"suite 0x{blob[0]:02x} is not allowed for this field")
        key = self._field_key(envelope.key_id_of(blob), blob[0])
        if not hmac.compare_digest(key.prefix, blob[: envelope.PREFIX_BYTES]):
            raise WrongContext("made for another column, table, tenant, type, row kind or subject")
        return key

    def _field_key(self, key_id: int, suite: int) -> envelope.FieldKey:
        known = self._field_keys.get((key_id, suite))
        if known is not None:
            return known
        epoch = self.epoch
        info = self._place.info(key_id=key_id, suite=suite, kind=self._kind)
        length = envelope.FIELD_KEY_BYTES + envelope.COMMITMENT_BYTES
        problem: Exception | None = None
        okm = b""
        try:
            okm = self._keys.derive("fields", info, key_id=key_id, length=length)
        except KeyringError as error:
            problem = of_field(error)
        if problem is not None:
            raise problem
        if self._data_keys is not None:
            data_key = self._data_keys.data_key(self._place.tenant, self._place.subject)
            okm = envelope.mixed_with(okm, data_key=data_key)
        made = envelope.field_key(okm, key_id=key_id, suite=suite)
        self._field_keys[key_id, suite] = made
        if self.epoch != epoch:
            self._field_keys.pop((key_id, suite), None)
        return made

    def _segment_with(self, messages: int) -> Segment:
        segment = self.segment
        if _take(segment, messages):
            return segment
        with self._lock:
            segment = self.segment
            while not _take(segment, messages):
                segment = self._new_segment()
            return segment

    def _new_segment(self) -> Segment:
        while True:
            epoch = self.epoch
            key = self._field_key(self._primary(), envelope.XAES)
            part = os.urandom(12)
            aead = AESGCM(Xaes256Gcm(key.key).subkey(part))
            head = key.prefix + part
            left = iter(range(SEGMENT_MESSAGES))
            made: Segment = (head, aead.encrypt, left.__next__, left)
            self._remember(head, aead.decrypt, epoch)
            self.segment = made
            if self.epoch == epoch:
                return made
            self.segment = _empty()

    def _remember(self, head: bytes, found: Open, epoch: int) -> None:
        while len(self.openers) >= self._cap:
            try:
                self.openers.pop(next(iter(self.openers)), None)
            except (StopIteration, RuntimeError):  # another thread was faster
                break
        self.openers[head] = found
        if self.epoch != epoch:
            self.openers.pop(head, None)


def _take(segment: Segment, messages: int) -> bool:
    return len(deque(islice(segment[3], messages), maxlen=messages)) == messages


def _renew() -> None:
    for state in list(_all):
        state.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)

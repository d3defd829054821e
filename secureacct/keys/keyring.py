"""The keyring: seven independent roots, each a list of keys with a life of their own.

Rules of this file: whoever asks gets a key derived for one purpose, never a root key; a change to a
keyring that lives in a file is made on what the file holds *now*, under its lock, and is on disk
before the call returns; readers see one immutable snapshot, swapped as a whole.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Self

from secureacct.keys import file_format, files, states
from secureacct.keys.errors import KeyringError, UnknownKey
from secureacct.keys.providers import KeyProvider, PassphraseProvider
from secureacct.keys.refusals import (
    refuse_to_exchange,
    refuse_to_lose,
    refuse_while_needed,
    refuse_while_settling,
)
from secureacct.keys.states import ROOTS, Entry, Snapshot, State
from secureacct.keys.watchers import Watchers

RELOAD_SECONDS = 5.0  # how long a process may go on without noticing that its file was changed
LOOK_AGAIN_SECONDS = 1.0  # an unknown key id makes us look at the file, but not more often than this
SETTLE_SECONDS = 2 * RELOAD_SECONDS  # a key that was primary so recently may still be written with
MOST_DERIVED_BYTES = 255 * 32  # RFC 5869 section 2.3

_log = logging.getLogger("secureacct.keys")
_all: weakref.WeakSet[Keyring] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What may be shown of a key. ``created`` and ``changed`` are seconds since the epoch."""

    root: str
    id: int
    state: State
    created: int
    changed: int


class Keyring:
    """All keys of an application. Make one with :meth:`generate`, open one with :meth:`load`.

    Nothing of it shows key material, and it cannot be pickled or copied: give the object itself to
    the pieces that need it.
    """

    def __init__(self, snapshot: Snapshot, *, clock: Callable[[], float] = time.time) -> None:
        """Use :meth:`generate` or :meth:`load`."""
        self._clock = clock
        self._lock = threading.Lock()
        self._provider: KeyProvider | None = None
        self._path: str | None = None
        self._mark: files.Mark | None = None
        self._next_look = float("inf")
        self._last_forced_look = float("-inf")
        self._watchers = Watchers()
        self._snapshot = snapshot
        self._prks: dict[tuple[str, int], bytes] = {}
        _all.add(self)

    @classmethod
    def generate(cls, *, clock: Callable[[], float] = time.time) -> Self:
        """A new keyring with one primary per root, in memory until it is saved.

        :param clock: seconds since the epoch, for the dates of keys.
        """
        materials = {root: os.urandom(states.MATERIAL_BYTES) for root in ROOTS}
        ring_id = os.urandom(file_format.RING_ID_BYTES)
        return cls(states.fresh(ring_id=ring_id, materials=materials, now=int(clock())), clock=clock)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        passphrase: str | bytes | None = None,
        *,
        provider: KeyProvider | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """The keyring in a file. It stays bound to it: changes are written, others' are noticed.

        :param passphrase: opens a file that was saved with one.
        :param provider: opens a file wrapped by a key service; not together with ``passphrase``.
        :param clock: seconds since the epoch, for the dates of keys.
        :raises KeyringNotFound: no such file.
        :raises KeyringUnsafe: others may read or replace it.
        :raises KeyringAltered: damaged, edited, or no keyring.
        :raises KeyringSealed: wrapped, and what was given does not open it; or the other way round.
        :raises KmsUnavailable: the provider did not answer.
        """
        given = _provider(passphrase, provider)
        real = os.path.realpath(path)
        data, mark = files.read_private(real)
        ring = cls(file_format.decode(data, provider=given, name=os.fspath(path)), clock=clock)
        ring._bind(real, mark, given)
        return ring

    def save(
        self,
        path: str | os.PathLike[str],
        passphrase: str | bytes | None = None,
        *,
        provider: KeyProvider | None = None,
    ) -> None:
        """Write the keyring (mode 0600, atomically) and bind it to the file.

        Saving again over the same keyring changes how it is wrapped: to a passphrase, or to none.

        :raises KeyringExists: the file holds keys this keyring lacks, or cannot be read to tell.
        :raises KeyringError: the folder cannot be written.
        :raises KmsUnavailable: the provider did not answer.
        """
        given = _provider(passphrase, provider)
        real = os.path.realpath(path)
        with self._lock, files.locked(real):
            exists = os.path.lexists(real)
            if exists:
                opening = [given, self._provider, None] if real == self._path else [given, None]
                found = refuse_to_lose(self._snapshot, real, name=os.fspath(path), providers=opening)
                if found.revision > self._snapshot.revision:
                    self._install(found)
            data = file_format.encode(self._snapshot, provider=given)
            mark = files.write_private(real, data, must_be_new=not exists)
            self._bind(real, mark, given)
        self._watchers.tell()

    def primary(self, root: str) -> int:
        """The id of the key that writes.

        :raises KeyringError: no such root, or it has no primary.
        """
        self._look()
        return states.primary(self._snapshot, root).id

    def readable(self, root: str) -> tuple[int, ...]:
        """The ids that may still verify or decrypt: the primary, then the others, newest first.

        :raises KeyringError: no such root.
        """
        self._look()
        return tuple(entry.id for entry in states.readable(self._snapshot, root))

    def derive(
        self, root: str, purpose: str | bytes, *, key_id: int | None = None, length: int = 32
    ) -> bytes:
        """A key for one purpose: HKDF-SHA256 of the root key (RFC 5869, SP 800-108).

        :param root: one of the seven roots.
        :param purpose: what the key is for; a purpose of several parts must be joined injectively
            (``secureacct._bytes.lp_join``), or two purposes could meet.
        :param key_id: an older key; the primary if None.
        :param length: bytes, 1 to 8160.
        :raises UnknownKey: the id was never held, here or in the file.
        :raises KeyDisabled: it is held back.
        :raises KeyDestroyed: its material is gone.
        """
        if not purpose or not 1 <= length <= MOST_DERIVED_BYTES:
            raise KeyringError("a derived key needs a purpose and a length of 1 to 8160 bytes")
        self._look()
        snapshot, prks = self._snapshot, self._prks
        if key_id is None:
            entry = states.primary(snapshot, root)
        else:
            try:
                entry = states.usable(snapshot, root, key_id)
            except UnknownKey:
                self._look_now()
                snapshot, prks = self._snapshot, self._prks
                entry = states.usable(snapshot, root, key_id)
        info = purpose.encode("utf-8") if isinstance(purpose, str) else purpose
        return file_format.expand(_prk(prks, entry), info, length)

    def describe(self, root: str | None = None) -> tuple[KeyInfo, ...]:
        """Every key of a root, or of all, without its material."""
        self._look()
        roots = ROOTS if root is None else (root,)
        return tuple(
            KeyInfo(entry.root, entry.id, entry.state, entry.created, entry.changed)
            for one in roots
            for entry in states.entries(self._snapshot, one)
        )

    @property
    def path(self) -> str | None:
        """The file this keyring is bound to, or None while it lives in memory only."""
        return self._path

    @property
    def revision(self) -> int:
        """Grows with every change."""
        return self._snapshot.revision

    def rotate(self, root: str = "fields") -> int:
        """A new primary, on disk before this returns; older keys still verify and decrypt.

        :returns: the new key's id.
        :raises KeyringError: no such root, or the file cannot be written.
        """
        material = os.urandom(states.MATERIAL_BYTES)
        return self._change(
            lambda before: states.rotated(before, root, material=material, now=self._now()), root
        )

    def add_pending(self, root: str = "fields") -> int:
        """A new key that decrypts and does not write yet: tell the fleet, then :meth:`promote`.

        :returns: its id.
        :raises KeyringError: no such root, or the file cannot be written.
        """
        material = os.urandom(states.MATERIAL_BYTES)
        return self._change(
            lambda before: states.with_pending(before, root, material=material, now=self._now()), root
        )

    def promote(self, root: str, key_id: int) -> None:
        """Make a pending or decrypt-only key the primary.

        :raises UnknownKey: no such key.
        :raises KeyStateError: it is in another state.
        """
        self._change(lambda before: states.promoted(before, root, key_id, now=self._now()), root)

    def disable(self, root: str, key_id: int) -> None:
        """Hold a key back: what it protects raises ``KeyDisabled`` until :meth:`enable`.

        :raises UnknownKey: no such key.
        :raises KeyStateError: it is the primary, or not in use.
        """
        self._change(lambda before: states.disabled(before, root, key_id, now=self._now()), root)

    def enable(self, root: str, key_id: int) -> None:
        """Bring a disabled key back as decrypt-only.

        :raises UnknownKey: no such key.
        :raises KeyStateError: it is not disabled.
        """
        self._change(lambda before: states.enabled(before, root, key_id, now=self._now()), root)

    def destroy(
        self,
        root: str,
        key_id: int,
        force: bool = False,
        *,
        remaining: Callable[[], int] | None = None,
    ) -> None:
        """Forget a key for good. What it still protects can never be read again.

        :param remaining: counts what the key still protects, asked while the keyring is locked.
        :param force: destroy although something remains, nobody counted, or it was primary just now.
        :raises UnknownKey: no such key.
        :raises KeyStateError: it is the primary, gone already, in use, uncounted, or still settling.
        """

        def rule(before: Snapshot) -> Snapshot:
            after = states.destroyed(before, root, key_id, now=self._now())
            if not force:
                entry = states.existing(before, root, key_id)
                refuse_while_needed(entry, remaining)
                if self._path is not None:
                    refuse_while_settling(entry, now=self._now(), seconds=SETTLE_SECONDS)
            return after

        self._change(rule, root)

    def reload(self) -> bool:
        """Read the file again now. True: it had changed.

        Happens by itself within :data:`RELOAD_SECONDS`, and at once when an unknown key id turns up.

        :raises KeyringAltered: the file is damaged, another keyring, or older than what is in memory;
            the keyring goes on with what it has.
        """
        with self._lock:
            changed = self._reload_locked()
        if changed:
            self._watchers.tell()
        return changed

    def watch(self, callback: Callable[[], None]) -> None:
        """Call a bound method after every change; it is held weakly."""
        self._watchers.add(callback)

    def refresh(self) -> None:
        """Look at the file if it was not looked at for :data:`RELOAD_SECONDS`; never raises."""
        self._look()

    def __repr__(self) -> str:
        where = "memory" if self._path is None else self._path
        return f"<Keyring revision {self._snapshot.revision} in {where}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keyring cannot be pickled or copied; load it where it is needed")

    # -- what follows is private --

    def _now(self) -> int:
        return int(self._clock())

    def _bind(self, path: str, mark: files.Mark, provider: KeyProvider | None) -> None:
        self._path, self._mark, self._provider = path, mark, provider
        self._next_look = time.monotonic() + RELOAD_SECONDS

    def _install(self, snapshot: Snapshot) -> None:
        self._prks = {}
        self._snapshot = snapshot

    def _change(self, rule: Callable[[Snapshot], Snapshot], root: str) -> int:
        with self._lock:
            if self._path is None:
                after = rule(self._snapshot)
            else:
                with files.locked(self._path):
                    self._reload_locked()
                    after = rule(self._snapshot)
                    data = file_format.encode(after, provider=self._provider)
                    self._mark = files.write_private(self._path, data, must_be_new=False)
            self._install(after)
        self._watchers.tell()
        return max(entry.id for entry in states.entries(after, root))

    def _look(self) -> None:
        if time.monotonic() >= self._next_look:
            self._look_quietly()

    def _look_now(self) -> None:
        moment = time.monotonic()
        if self._path is not None and moment >= self._last_forced_look + LOOK_AGAIN_SECONDS:
            self._last_forced_look = moment
            self._look_quietly()

    def _look_quietly(self) -> None:
        if not self._lock.acquire(blocking=False):
            return  # somebody is looking, or changing it: their result is as new as ours would be
        changed = False
        try:
            self._next_look = time.monotonic() + RELOAD_SECONDS
            changed = self._reload_locked()
        except KeyringError as error:
            _log.error("keyring not reloaded, going on with revision %d: %s", self._snapshot.revision, error)
        finally:
            self._lock.release()
        if changed:
            self._watchers.tell()

    def _reload_locked(self) -> bool:
        if self._path is None or files.mark_of(self._path) == self._mark:
            return False
        data, mark = files.read_private(self._path)
        found = file_format.decode(data, provider=self._provider, name=self._path)
        refuse_to_exchange(self._snapshot, found, name=self._path)
        self._mark = mark
        if found == self._snapshot:
            return False
        self._install(found)
        return True

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._watchers.after_fork()


def _prk(prks: dict[tuple[str, int], bytes], entry: Entry) -> bytes:
    where = (entry.root, entry.id)
    known = prks.get(where)
    if known is None:
        if entry.material is None:
            raise KeyringError(f"key {entry.id} of root {entry.root!r} has no material")
        known = prks[where] = file_format.prk(entry.root, entry.material)
    return known


def _provider(passphrase: str | bytes | None, provider: KeyProvider | None) -> KeyProvider | None:
    if passphrase is None:
        return provider
    if provider is not None:
        raise KeyringError("give a passphrase or a provider, not both")
    return PassphraseProvider(passphrase)


def _renew_locks() -> None:
    for ring in list(_all):
        ring._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)

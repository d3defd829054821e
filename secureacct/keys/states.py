"""The life of a key, as rules.

    pending ──promote──> primary ──(another is promoted)──> decrypt-only <──enable── disabled
                                                                  └──────disable──────^
    pending | decrypt-only | disabled ──destroy──> destroyed

Rules of this file: pure functions from one snapshot to the next; time and random bytes come in as
arguments; a root has at most one primary; ids only grow, and a destroyed key leaves its id behind, so
no id is ever used twice (NIST SP 800-57 part 1 rev. 5, section 7, key states).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NoReturn

from secureacct.keys.errors import KeyDestroyed, KeyDisabled, KeyringError, KeyStateError, UnknownKey

ROOTS = ("fields", "index", "kek", "tokens", "pepper", "audit", "csrf")
"""The seven roots. They are independent random keys: none can be computed from another."""

MATERIAL_BYTES = 32
"""Length of one root key: 256 bits, the strength of AES-256 and HMAC-SHA256 (SP 800-57 table 2)."""

LAST_ID = 2**32 - 1
"""Key ids travel as 32-bit numbers in front of what they protect."""


class State(Enum):
    """Where a key is in its life."""

    PENDING = "pending"
    """Known, verifies and decrypts, writes nothing yet: for telling a fleet before anyone uses it."""
    PRIMARY = "primary"
    """Writes, verifies and decrypts."""
    DECRYPT_ONLY = "decrypt-only"
    """Verifies and decrypts what it wrote; writes nothing new."""
    DISABLED = "disabled"
    """Refuses everything, and can be brought back."""
    DESTROYED = "destroyed"
    """The material is gone. The id stays behind."""


READABLE = frozenset({State.PENDING, State.PRIMARY, State.DECRYPT_ONLY})


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of one root. ``created`` and ``changed`` are seconds since the epoch."""

    root: str
    id: int
    state: State
    created: int
    changed: int
    material: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole keyring at one moment. ``revision`` grows with every change."""

    ring_id: bytes
    revision: int
    roots: Mapping[str, tuple[Entry, ...]]

    def find(self, root: str, key_id: int) -> Entry | None:
        """The entry, in whatever state, or None."""
        for entry in entries(self, root):
            if entry.id == key_id:
                return entry
        return None


def entries(snapshot: Snapshot, root: str) -> tuple[Entry, ...]:
    """All keys of a root, destroyed ones too, by id.

    :raises KeyringError: there is no such root.
    """
    try:
        return snapshot.roots[root]
    except KeyError:
        raise KeyringError(f"there is no root {root!r}; the roots are {', '.join(ROOTS)}") from None


def fresh(*, ring_id: bytes, materials: Mapping[str, bytes], now: int) -> Snapshot:
    """A first keyring: one primary with id 1 for every root."""
    return Snapshot(
        ring_id=ring_id,
        revision=1,
        roots={root: (Entry(root, 1, State.PRIMARY, now, now, materials[root]),) for root in ROOTS},
    )


def primary(snapshot: Snapshot, root: str) -> Entry:
    """The key that writes.

    :raises KeyringError: no such root, or the root has no primary.
    """
    for entry in entries(snapshot, root):
        if entry.state is State.PRIMARY:
            return entry
    raise KeyringError(f"root {root!r} has no primary key; promote one")


def readable(snapshot: Snapshot, root: str) -> tuple[Entry, ...]:
    """The keys that may still verify or decrypt: the primary, then the others, newest first."""
    able = [entry for entry in entries(snapshot, root) if entry.state in READABLE]
    return tuple(sorted(able, key=lambda entry: (entry.state is not State.PRIMARY, -entry.id)))


def existing(snapshot: Snapshot, root: str, key_id: int) -> Entry:
    """The entry, in whatever state.

    :raises UnknownKey: the id was never held.
    """
    entry = snapshot.find(root, key_id)
    if entry is None:
        raise UnknownKey(f"key id {key_id} is not in root {root!r} of this keyring")
    return entry


def usable(snapshot: Snapshot, root: str, key_id: int) -> Entry:
    """The entry, if it may verify or decrypt.

    :raises UnknownKey: the id was never held.
    :raises KeyDisabled: it is held back.
    :raises KeyDestroyed: its material is gone.
    """
    entry = existing(snapshot, root, key_id)
    if entry.state is State.DISABLED:
        raise KeyDisabled(f"key {key_id} of root {root!r} is disabled; enable it to read what it protects")
    if entry.state is State.DESTROYED or entry.material is None:
        raise KeyDestroyed(f"key {key_id} of root {root!r} has been destroyed")
    return entry


def rotated(snapshot: Snapshot, root: str, *, material: bytes, now: int) -> Snapshot:
    """A new primary; the one before keeps decrypting."""
    new = _new_entry(snapshot, root, State.PRIMARY, material=material, now=now)
    return _with(snapshot, root, (*_demoted(snapshot, root, now=now), new))


def with_pending(snapshot: Snapshot, root: str, *, material: bytes, now: int) -> Snapshot:
    """A new key that is known to everybody before anybody writes with it."""
    new = _new_entry(snapshot, root, State.PENDING, material=material, now=now)
    return _with(snapshot, root, (*entries(snapshot, root), new))


def promoted(snapshot: Snapshot, root: str, key_id: int, *, now: int) -> Snapshot:
    """A pending or decrypt-only key becomes the primary.

    :raises UnknownKey: no such key.
    :raises KeyStateError: it is in another state.
    """
    entry = existing(snapshot, root, key_id)
    if entry.state not in {State.PENDING, State.DECRYPT_ONLY}:
        _refuse(entry, "only a pending or decrypt-only key can be promoted")
    others = _demoted(snapshot, root, now=now)
    return _with(snapshot, root, _replaced(others, entry, State.PRIMARY, now=now))


def disabled(snapshot: Snapshot, root: str, key_id: int, *, now: int) -> Snapshot:
    """A key is held back. Nothing is lost: ``enabled`` undoes it.

    :raises UnknownKey: no such key.
    :raises KeyStateError: it is the primary, disabled already, or destroyed.
    """
    entry = existing(snapshot, root, key_id)
    if entry.state not in {State.PENDING, State.DECRYPT_ONLY}:
        _refuse(entry, "only a pending or decrypt-only key can be disabled; promote another one first")
    return _with(snapshot, root, _replaced(entries(snapshot, root), entry, State.DISABLED, now=now))


def enabled(snapshot: Snapshot, root: str, key_id: int, *, now: int) -> Snapshot:
    """A disabled key decrypts again.

    :raises UnknownKey: no such key.
    :raises KeyStateError: it is not disabled.
    """
    entry = existing(snapshot, root, key_id)
    if entry.state is not State.DISABLED:
        _refuse(entry, "only a disabled key can be enabled")
    return _with(snapshot, root, _replaced(entries(snapshot, root), entry, State.DECRYPT_ONLY, now=now))


def destroyed(snapshot: Snapshot, root: str, key_id: int, *, now: int) -> Snapshot:
    """The material is forgotten, the id is kept as a tombstone.

    :raises UnknownKey: no such key.
    :raises KeyStateError: it is the primary, or destroyed already.
    """
    entry = existing(snapshot, root, key_id)
    if entry.state is State.PRIMARY:
        _refuse(entry, "the primary cannot be destroyed; rotate first")
    if entry.state is State.DESTROYED:
        _refuse(entry, "it is gone already")
    return _with(
        snapshot,
        root,
        _replaced(entries(snapshot, root), entry, State.DESTROYED, now=now, material=None),
    )


def ids_missing_from(snapshot: Snapshot, *, held_by: Snapshot) -> tuple[tuple[str, int], ...]:
    """What ``held_by`` knows and ``snapshot`` would lose: unknown ids, and tombstones undone."""
    lost = []
    for root, known in held_by.roots.items():
        for entry in known:
            ours = snapshot.find(root, entry.id) if root in snapshot.roots else None
            revived = ours is not None and entry.material is None and ours.material is not None
            differs = (
                ours is not None
                and None not in (entry.material, ours.material)
                and entry.material != ours.material
            )
            if ours is None or revived or differs:
                lost.append((root, entry.id))
    return tuple(lost)


def _new_entry(snapshot: Snapshot, root: str, state: State, *, material: bytes, now: int) -> Entry:
    if len(material) != MATERIAL_BYTES:
        raise KeyringError(f"a root key is {MATERIAL_BYTES} random bytes")
    next_id = 1 + max((entry.id for entry in entries(snapshot, root)), default=0)
    if next_id > LAST_ID:
        raise KeyringError(f"root {root!r} has used every key id")
    return Entry(root, next_id, state, now, now, material)


def _demoted(snapshot: Snapshot, root: str, *, now: int) -> tuple[Entry, ...]:
    return tuple(
        replace(entry, state=State.DECRYPT_ONLY, changed=now) if entry.state is State.PRIMARY else entry
        for entry in entries(snapshot, root)
    )


def _replaced(
    known: tuple[Entry, ...],
    entry: Entry,
    state: State,
    *,
    now: int,
    material: bytes | None = b"",
) -> tuple[Entry, ...]:
    kept = entry.material if material == b"" else material
    new = replace(entry, state=state, changed=now, material=kept)
    return tuple(new if other.id == entry.id else other for other in known)


def _with(snapshot: Snapshot, root: str, known: tuple[Entry, ...]) -> Snapshot:
    return Snapshot(
        ring_id=snapshot.ring_id,
        revision=snapshot.revision + 1,
        roots={**snapshot.roots, root: known},
    )


def _refuse(entry: Entry, why: str) -> NoReturn:
    raise KeyStateError(f"key {entry.id} of root {entry.root!r} is {entry.state.value}: {why}")

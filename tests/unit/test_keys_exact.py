"""Boundaries, names and numbers of keys, exactly: what a small wrong change would move."""

from __future__ import annotations

import gc
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secureacct.keys import (
    ROOTS,
    KeyDestroyed,
    KeyDisabled,
    Keyring,
    KeyringAltered,
    KeyringError,
    KeyringExists,
    KeyringUnsafe,
    KeyStateError,
    State,
    UnknownKey,
    errors,
    file_format,
    files,
    keyring,
    refusals,
    states,
    watchers,
)
from secureacct.keys.watchers import Watchers
from tests.field_kit import ring_with

NUMBERS = {
    (keyring, "RELOAD_SECONDS"): 5.0,
    (keyring, "LOOK_AGAIN_SECONDS"): 1.0,
    (keyring, "SETTLE_SECONDS"): 10.0,
    (keyring, "MOST_DERIVED_BYTES"): 8160,
    (states, "MATERIAL_BYTES"): 32,
    (states, "LAST_ID"): 4_294_967_295,
    (file_format, "CHECK_BYTES"): 16,
    (file_format, "RING_ID_BYTES"): 16,
    (file_format, "FORMAT"): "secureacct-keyring/1",
    (files, "PRIVATE"): 0o600,
    (watchers, "LEAST_KEPT"): 64,
}

CODES = {
    "KeyDestroyed": "key_destroyed",
    "KeyDisabled": "key_disabled",
    "KeyStateError": "key_state",
    "KeyringAltered": "keyring_altered",
    "KeyringError": "keyring",
    "KeyringExists": "keyring_exists",
    "KeyringNotFound": "keyring_not_found",
    "KeyringSealed": "keyring_sealed",
    "KeyringUnsafe": "keyring_unsafe",
    "KmsUnavailable": "kms_unavailable",
    "UnknownKey": "unknown_key",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a keyring may be."""
    return tmp_path / "keyring.json"


class Watcher:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told = 0

    def changed(self) -> None:
        """Something changed."""
        self.told += 1


def only(snapshot: states.Snapshot, key_id: int) -> states.Entry:
    """One key of the fields root."""
    return states.existing(snapshot, "fields", key_id)


@pytest.mark.parametrize(("place", "number"), NUMBERS.items(), ids=lambda each: str(each)[-40:])
def test_numbers_are_those_of_the_specification(place: tuple[Any, str], number: Any) -> None:
    """A security number moves only together with this list."""
    assert getattr(*place) == number


def test_error_codes_stay() -> None:
    """Programs switch on them: each error has the code it always had."""
    assert {name: getattr(errors, name).code for name in CODES} == CODES


def test_the_roots_and_states_stay() -> None:
    """Their names are in files and key derivations."""
    assert ROOTS == ("fields", "index", "kek", "tokens", "pepper", "audit", "csrf")
    assert [state.value for state in State] == ["pending", "primary", "decrypt-only", "disabled", "destroyed"]


def test_what_a_change_leaves_behind() -> None:
    """State, dates, material and revision after each step of a key's life; other roots stay as they were."""
    first = states.fresh(ring_id=bytes(16), materials={root: bytes(32) for root in ROOTS}, now=1)
    assert (first.revision, {len(known) for known in first.roots.values()}) == (1, {1})
    rotated = states.rotated(first, "fields", material=b"2" * 32, now=2)
    pending = states.with_pending(rotated, "fields", material=b"3" * 32, now=3)
    promoted = states.promoted(pending, "fields", 3, now=4)
    disabled = states.disabled(promoted, "fields", 1, now=5)
    enabled = states.enabled(disabled, "fields", 1, now=6)
    destroyed = states.destroyed(enabled, "fields", 1, now=7)
    assert [each.revision for each in (rotated, pending, promoted, disabled, enabled, destroyed)] == [
        2, 3, 4, 5, 6, 7,
    ]  # fmt: skip
    told = [
        [(entry.id, entry.state.name, entry.created, entry.changed) for entry in each.roots["fields"]]
        for each in (rotated, pending, promoted, disabled, enabled, destroyed)
    ]
    old, new = (1, "DECRYPT_ONLY", 1, 2), (2, "PRIMARY", 2, 2)
    after = [(2, "DECRYPT_ONLY", 2, 4), (3, "PRIMARY", 3, 4)]
    assert told == [
        [old, new],
        [old, new, (3, "PENDING", 3, 3)],
        [old, *after],
        [(1, "DISABLED", 1, 5), *after],
        [(1, "DECRYPT_ONLY", 1, 6), *after],
        [(1, "DESTROYED", 1, 7), *after],
    ]
    assert (only(enabled, 1).material, only(destroyed, 1).material) == (bytes(32), None)
    assert {root: known for root, known in destroyed.roots.items() if root != "fields"} == {
        root: known for root, known in first.roots.items() if root != "fields"
    }
    assert [entry.id for entry in states.readable(pending, "fields")] == [2, 3, 1]
    assert [entry.id for entry in states.readable(disabled, "fields")] == [3, 2]
    assert destroyed.find("fields", 9) is None
    with pytest.raises(KeyringError, match="no root 'x'; the roots are fields, index"):
        states.entries(first, "x")


@pytest.mark.parametrize(
    ("act", "key_id", "words"),
    [
        (states.promoted, 3, "key 3 of root 'fields' is primary: only a pending or decrypt-only"),
        (states.disabled, 3, "key 3 .* is primary: .*; promote another one first"),
        (states.enabled, 2, "key 2 .* is decrypt-only: only a disabled key can be enabled"),
        (states.destroyed, 3, "key 3 .* is primary: the primary cannot be destroyed; rotate first"),
        (states.destroyed, 1, "key 1 .* is destroyed: it is gone already$"),
        (states.promoted, 1, "key 1 .* is destroyed"),
        (states.disabled, 1, "key 1 .* is destroyed"),
        (states.enabled, 1, "key 1 .* is destroyed"),
    ],
)  # fmt: skip
def test_refused_changes_say_the_state_and_the_way(act: Callable[..., Any], key_id: int, words: str) -> None:
    """Each refusal names the key, its state, and what to do."""
    ring = Keyring.generate(clock=lambda: 1)
    ring.rotate()
    ring.rotate()
    ring.destroy("fields", 1, force=True)
    with pytest.raises(KeyStateError, match=words):
        act(ring._snapshot, "fields", key_id, now=2)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_root_key_is_32_bytes(length: int) -> None:
    """Anything else is refused."""
    snapshot = Keyring.generate()._snapshot
    with pytest.raises(KeyringError, match="32 random bytes"):
        states.rotated(snapshot, "fields", material=bytes(length), now=0)


def test_the_last_id_is_given_once() -> None:
    """2^32 - 1 is the last one."""
    ring = ring_with({states.LAST_ID - 1: bytes(32)})
    assert ring.rotate() == states.LAST_ID
    with pytest.raises(KeyringError, match="every key id"):
        ring.rotate()


def test_unusable_keys_say_why() -> None:
    """Unknown, disabled and destroyed are three errors with the id in them."""
    ring = Keyring.generate()
    ring.rotate()
    ring.rotate()
    ring.disable("fields", 1)
    ring.destroy("fields", 2, force=True)
    for key_id, error, words in (
        (1, KeyDisabled, "key 1 of root 'fields' is disabled; enable it"),
        (2, KeyDestroyed, "key 2 of root 'fields' has been destroyed"),
        (9, UnknownKey, "key id 9 is not in root 'fields'"),
    ):
        with pytest.raises(error, match=words):
            ring.derive("fields", "p", key_id=key_id)
    nothing = states.Snapshot(bytes(16), 1, {**ring._snapshot.roots, "index": ()})
    with pytest.raises(KeyringError, match="root 'index' has no primary key; promote one"):
        states.primary(nothing, "index")


def test_what_would_be_lost() -> None:
    """Unknown ids, tombstones undone and other material are lost; a key destroyed here is not."""
    ring = ring_with({1: b"1" * 32, 2: b"2" * 32})
    held = ring._snapshot
    assert states.ids_missing_from(held, held_by=held) == ()
    fewer = ring_with({2: b"2" * 32})._snapshot
    assert states.ids_missing_from(fewer, held_by=held) == (("fields", 1),)
    assert states.ids_missing_from(held, held_by=fewer) == ()
    other = ring_with({1: b"x" * 32, 2: b"2" * 32})._snapshot
    assert states.ids_missing_from(other, held_by=held) == (("fields", 1),)
    gone = states.destroyed(held, "fields", 1, now=0)
    assert states.ids_missing_from(held, held_by=gone) == (("fields", 1),)
    assert states.ids_missing_from(gone, held_by=held) == ()
    rootless = states.Snapshot(held.ring_id, 1, {})
    assert ("fields", 2) in states.ids_missing_from(rootless, held_by=held)


@pytest.mark.parametrize(
    ("state", "now", "refused"),
    [
        (State.DECRYPT_ONLY, 109, True),
        (State.DECRYPT_ONLY, 110, False),
        (State.DISABLED, 109, True),
        (State.PENDING, 100, False),
    ],
)
def test_a_key_settles_for_ten_seconds(state: State, now: int, refused: bool) -> None:
    """One that may have written is kept until every process has noticed; one that never wrote is not."""
    entry = states.Entry("fields", 1, state, 0, 100, bytes(32))
    if not refused:
        refusals.refuse_while_settling(entry, now=now, seconds=10)
        return
    with pytest.raises(KeyStateError, match="key 1 of root 'fields' was changed less than 10 s ago"):
        refusals.refuse_while_settling(entry, now=now, seconds=10)


def test_a_key_that_is_needed_says_by_how_much() -> None:
    """Nobody counted, one value left, none left."""
    entry = states.Entry("fields", 1, State.DECRYPT_ONLY, 0, 0, bytes(32))
    with pytest.raises(KeyStateError, match="nobody counted what key 1 of root 'fields' still protects"):
        refusals.refuse_while_needed(entry, None)
    with pytest.raises(KeyStateError, match="still protects 1 values"):
        refusals.refuse_while_needed(entry, lambda: 1)
    refusals.refuse_while_needed(entry, lambda: 0)


def test_only_what_came_later_is_taken_up() -> None:
    """The same revision is no step back; an older one is, and so is another keyring."""
    one = ring_with({1: bytes(32)})._snapshot
    two = states.rotated(one, "fields", material=bytes(32), now=0)
    refusals.refuse_to_exchange(one, one, name="f")
    refusals.refuse_to_exchange(one, two, name="f")
    with pytest.raises(KeyringAltered, match="f was replaced by an older copy; restart"):
        refusals.refuse_to_exchange(two, one, name="f")
    stranger = states.Snapshot(b"x" * 16, 9, two.roots)
    with pytest.raises(KeyringAltered, match="f was replaced by another keyring; restart"):
        refusals.refuse_to_exchange(two, stranger, name="f")


def test_dead_watchers_are_dropped_at_every_doubling() -> None:
    """A thousand objects that came and went leave at most 64 references; the living are told once each."""
    kept, living = Watchers(), [Watcher() for _ in range(40)]
    for each in living:
        kept.add(each.changed)
    for _ in range(1000):
        kept.add(Watcher().changed)
    gc.collect()
    kept.add(living[0].changed)
    assert len(kept._kept) <= 81
    kept.tell()
    assert [each.told for each in living] == [2, *[1] * 39]


def test_who_watches_a_keyring_is_told_of_every_change(path: Path) -> None:
    """Of changes here, of a reload that found one, of a file looked at in passing, and of no others."""
    ring, watcher = Keyring.generate(), Watcher()
    ring.watch(watcher.changed)
    ring.save(path)
    other = Keyring.load(path)
    told = watcher.told
    assert (ring.reload(), watcher.told) == (False, told)
    other.rotate()
    assert (ring.reload(), watcher.told) == (True, told + 1)
    assert (ring.reload(), watcher.told) == (False, told + 1)
    other.rotate()
    ring._next_look = 0.0
    assert (ring.primary("fields"), watcher.told) == (3, told + 2)
    ring.add_pending()
    assert watcher.told == told + 3


def test_a_damaged_file_tells_nobody(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing changed: fields keep what they derived; the log says so in one line, once in five seconds."""
    ring, watcher = Keyring.generate(), Watcher()
    ring.save(path)
    ring.watch(watcher.changed)
    path.write_bytes(b"{}")
    now = [time.monotonic() + 6]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for _ in range(3):
        ring.refresh()
    assert (watcher.told, len(caplog.records)) == (0, 1)
    assert caplog.records[0].getMessage().startswith("keyring not reloaded, going on with revision 1: ")
    assert caplog.records[0].getMessage().endswith("restore it from a backup")
    now[0] += 4.9
    ring.refresh()
    assert len(caplog.records) == 1
    now[0] += 0.1
    ring.refresh()
    assert len(caplog.records) == 2


def test_an_unknown_key_looks_at_the_file_once_a_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once for the first unknown id, and not again before a second has passed."""
    ring = Keyring.generate()
    ring.save(path)
    now = [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    looks: list[float] = []

    def looked(_path: str) -> files.Mark | None:
        looks.append(now[0])
        return ring._mark

    monkeypatch.setattr(files, "mark_of", looked)
    for step in (0.0, 0.9, 0.1, 0.5, 0.6):
        now[0] += step
        with pytest.raises(UnknownKey):
            ring.derive("fields", "p", key_id=9)
    assert [round(each - looks[0], 1) for each in looks] == [0.0, 1.0, 2.1]


def test_the_file_is_whole_before_it_is_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forced to disk is the whole file, private, before it gets its name; then the folder."""
    real, seen = os.fsync, []

    def noted(handle: int) -> None:
        found = os.fstat(handle)
        seen.append((stat.S_ISDIR(found.st_mode), found.st_size, stat.S_IMODE(found.st_mode), path.exists()))
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    files.write_private(str(path), b"x" * 5000, must_be_new=True)
    assert seen[0] == (False, 5000, 0o600, False)
    assert (seen[1][0], seen[1][3], len(seen)) == (True, True, 2)
    with pytest.raises(KeyringExists, match="exists; load it instead of making a new one"):
        files.write_private(str(path), b"y", must_be_new=True)
    assert path.read_bytes() == b"x" * 5000
    assert [each.name for each in path.parent.iterdir()] == ["keyring.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(path: Path) -> None:
    """Root's own is taken, anybody else's is not."""
    Keyring.generate().save(path)
    Keyring.load(path)
    os.chown(path, 1, -1)
    with pytest.raises(KeyringUnsafe, match="belongs to another user; run: chown 0 "):
        Keyring.load(path)


@pytest.mark.parametrize(
    ("mode", "refused"), [(0o777, True), (0o1777, False), (0o775, False), (0o700, False)]
)
def test_a_folder_where_everybody_may_replace_it(path: Path, mode: int, refused: bool) -> None:
    """Open to everybody is refused, unless it is sticky as /tmp is."""
    Keyring.generate().save(path)
    path.parent.chmod(mode)
    if not refused:
        assert Keyring.load(path).primary("fields") == 1
        return
    with pytest.raises(KeyringUnsafe, match=r"everybody may replace .*; run: chmod o-w "):
        Keyring.load(path)


def test_what_is_no_file_is_refused(path: Path) -> None:
    """A folder in its place is no keyring."""
    path.mkdir(mode=0o700)
    with pytest.raises(KeyringAltered, match="is not a file"):
        Keyring.load(path)


def test_what_describes_a_keyring(path: Path) -> None:
    """Path, revision and the keys by root, without anything secret."""
    ring = Keyring.generate(clock=lambda: 7.9)
    assert (ring.path, ring.revision, repr(ring)) == (None, 1, "<Keyring revision 1 in memory>")
    ring.save(path)
    assert repr(ring) == f"<Keyring revision 1 in {path}>"
    ring.rotate("kek")
    (first, second) = ring.describe("kek")
    assert (first.root, first.id, first.state, first.created, first.changed) == (
        "kek", 1, State.DECRYPT_ONLY, 7, 7,
    )  # fmt: skip
    assert (second.id, second.state, len(ring.describe())) == (2, State.PRIMARY, 8)
    assert len(ring.derive("kek", "p", length=8160)) == 8160
    assert len(ring.derive("kek", "p", length=1)) == 1
    assert ring.derive("kek", "p") == ring.derive("kek", b"p", key_id=2, length=32)
    with pytest.raises(KeyringError, match="not both"):
        Keyring.load(path, "x", provider=object())  # type: ignore[arg-type]

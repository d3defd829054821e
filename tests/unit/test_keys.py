"""The keyring in memory and its states."""

from __future__ import annotations

import copy
import hashlib
import hmac
import pickle
import threading
from itertools import combinations

import pytest

from secureacct.keys import (
    ROOTS,
    KeyDestroyed,
    KeyDisabled,
    Keyring,
    KeyringError,
    KeyStateError,
    State,
    UnknownKey,
)
from secureacct.keys import states as rules
from tests.field_kit import ring_with


def states_of(ring: Keyring, root: str = "fields") -> dict[int, State]:
    """Key id to state."""
    return {info.id: info.state for info in ring.describe(root)}


def test_a_new_keyring_has_seven_independent_roots() -> None:
    """Every root has one primary with id 1, and no two roots derive the same key for one purpose."""
    ring = Keyring.generate()
    assert ROOTS == ("fields", "index", "kek", "tokens", "pepper", "audit", "csrf")
    assert [ring.primary(root) for root in ROOTS] == [1] * 7
    derived = [ring.derive(root, "one purpose") for root in ROOTS]
    assert all(a != b for a, b in combinations(derived, 2))


def test_roots_with_equal_material_still_derive_apart() -> None:
    """The name of the root enters the derivation, so even equal root keys give different keys."""
    same = rules.fresh(ring_id=bytes(16), materials={root: bytes(32) for root in ROOTS}, now=0)
    derived = {Keyring(same).derive(root, "p") for root in ROOTS}
    assert len(derived) == 7


def test_derivation_is_hkdf_sha256() -> None:
    """A derived key is HKDF-Expand of HKDF-Extract salted with the root's name, as the spec says."""
    root_key = bytes(range(32))
    prk = hmac.new(b"secureacct/fields/v1", root_key, hashlib.sha256).digest()
    first = hmac.new(prk, b"purpose\x01", hashlib.sha256).digest()
    second = hmac.new(prk, first + b"purpose\x02", hashlib.sha256).digest()
    ring = ring_with({7: root_key})
    assert ring.derive("fields", "purpose", length=60) == (first + second)[:60]
    assert ring.derive("fields", b"purpose", key_id=7) == first


@pytest.mark.parametrize(("purpose", "length"), [("", 32), (b"", 32), ("p", 0), ("p", 8161)])
def test_a_key_for_nothing_or_of_no_length_is_refused(purpose: str | bytes, length: int) -> None:
    """No purpose, no bytes and more than HKDF can give are refused."""
    with pytest.raises(KeyringError):
        Keyring.generate().derive("fields", purpose, length=length)


def test_an_unknown_root_is_refused() -> None:
    """Every method that takes a root names the roots there are when it gets another."""
    ring = Keyring.generate()
    for act in (ring.primary, ring.readable, ring.rotate, ring.add_pending, ring.describe):
        with pytest.raises(KeyringError, match="fields, index, kek"):
            act("nothing")


def test_rotating_keeps_the_old_key_readable() -> None:
    """After a rotation the new key is primary, the old one derives what it did, and only that root moved."""
    ring = Keyring.generate()
    before, tokens = ring.derive("fields", "p"), ring.derive("tokens", "p")
    assert ring.rotate() == 2
    assert ring.primary("fields") == 2
    assert ring.readable("fields") == (2, 1)
    assert ring.derive("fields", "p", key_id=1) == before != ring.derive("fields", "p")
    assert ring.primary("tokens") == 1
    assert ring.derive("tokens", "p") == tokens


def test_a_pending_key_reads_and_does_not_write_until_it_is_promoted() -> None:
    """A pending key is readable and not primary; promoting it demotes the old primary."""
    ring = Keyring.generate()
    assert ring.add_pending("fields") == 2
    assert (ring.primary("fields"), ring.readable("fields")) == (1, (1, 2))
    ring.promote("fields", 2)
    assert states_of(ring) == {1: State.DECRYPT_ONLY, 2: State.PRIMARY}


def test_a_disabled_key_refuses_until_it_is_enabled() -> None:
    """Disabling is reversible, and refuses by name meanwhile."""
    ring = Keyring.generate()
    before = ring.derive("fields", "p")
    ring.rotate()
    ring.disable("fields", 1)
    assert ring.readable("fields") == (2,)
    with pytest.raises(KeyDisabled, match="key 1 of root 'fields'"):
        ring.derive("fields", "p", key_id=1)
    ring.enable("fields", 1)
    assert ring.derive("fields", "p", key_id=1) == before


def test_a_destroyed_key_leaves_its_id_behind() -> None:
    """Destroyed material is gone, the id is remembered, and the next key gets a new id."""
    ring = Keyring.generate()
    ring.rotate()
    ring.destroy("fields", 1, remaining=lambda: 0)
    with pytest.raises(KeyDestroyed):
        ring.derive("fields", "p", key_id=1)
    newest = ring.add_pending("fields")
    ring.destroy("fields", newest, force=True)
    assert ring.rotate() == newest + 1
    assert states_of(ring)[1] is State.DESTROYED
    for act in (ring.promote, ring.disable, ring.enable, ring.destroy):
        with pytest.raises(KeyStateError):
            act("fields", 1)


def test_destroying_is_refused_while_something_remains() -> None:
    """A count above zero and no count at all refuse; force does not ask."""
    ring = Keyring.generate()
    ring.rotate()
    with pytest.raises(KeyStateError, match="3 values"):
        ring.destroy("fields", 1, remaining=lambda: 3)
    with pytest.raises(KeyStateError, match="remaining="):
        ring.destroy("fields", 1)
    assert states_of(ring)[1] is State.DECRYPT_ONLY
    ring.destroy("fields", 1, True, remaining=lambda: 3)
    assert states_of(ring)[1] is State.DESTROYED


@pytest.mark.parametrize("act", ["disable", "destroy", "promote", "enable"])
def test_the_primary_stays(act: str) -> None:
    """The primary cannot be disabled, destroyed, promoted or enabled."""
    ring = Keyring.generate()
    with pytest.raises(KeyStateError):
        getattr(ring, act)("fields", 1)
    assert states_of(ring) == {1: State.PRIMARY}


@pytest.mark.parametrize("act", ["disable", "destroy", "promote", "enable"])
def test_an_unknown_key_is_unknown_to_every_change(act: str) -> None:
    """A key id that was never held is UnknownKey, with the id in the message."""
    with pytest.raises(UnknownKey, match="key id 9"):
        getattr(Keyring.generate(), act)("fields", 9)


def test_ids_end_at_32_bits() -> None:
    """The last id is 2^32 - 1; after it a rotation is refused instead of wrapping round."""
    ring = ring_with({2**32 - 1: bytes(32)})
    with pytest.raises(KeyringError, match="every key id"):
        ring.rotate()


def test_a_keyring_shows_and_gives_away_nothing() -> None:
    """No repr holds material; pickling and copying are refused."""
    material = bytes(range(1, 33))
    ring = ring_with({1: material})
    for text in (repr(ring), str(ring.describe()), repr(ring._snapshot), f"{ring}"):
        assert repr(material)[2:-1] not in text
        assert material.hex() not in text
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="pickled"):
            attempt(ring)


def test_watchers_are_told_and_held_weakly() -> None:
    """A watcher hears of every change while it lives, and does not live longer for it."""

    class Listener:
        heard = 0

        def listen(self) -> None:
            Listener.heard += 1

    ring = Keyring.generate()
    listener = Listener()
    ring.watch(listener.listen)
    ring.rotate()
    ring.add_pending()
    assert Listener.heard == 2
    del listener
    ring.rotate()
    assert Listener.heard == 2


def test_threads_rotate_one_after_the_other() -> None:
    """Eight threads that rotate at once make eight keys with different ids and one primary."""
    ring = Keyring.generate()
    made: list[int] = []
    threads = [threading.Thread(target=lambda: made.append(ring.rotate())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states_of(ring)) == list(range(1, 10))
    assert list(states_of(ring).values()).count(State.PRIMARY) == 1


def test_dates_come_from_the_clock() -> None:
    """A key's dates are the clock's, in whole seconds."""
    now = [1_700_000_000.9]
    ring = Keyring.generate(clock=lambda: now[0])
    now[0] += 100
    ring.rotate()
    first, second = ring.describe("fields")
    assert (first.created, first.changed, second.created) == (1_700_000_000, 1_700_000_100, 1_700_000_100)

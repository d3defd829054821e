"""Persons: a data key each, and forgetting them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from secureacct.errors import ConfigurationError, TemporarilyUnavailable
from secureacct.fields import FieldCipher, SubjectForgotten, SubjectNotLoaded, WrongContext
from secureacct.fields.loaded_keys import LoadedKeys
from secureacct.fields.subjects import AsyncSubjects, Subjects
from secureacct.keys import Keyring, KeyringProvider, KeyringSealed, KmsUnavailable, PassphraseProvider
from secureacct.records.events import Event
from secureacct.stores.memory.journal import MemoryJournal
from secureacct.stores.memory.subject_keys import MemorySubjectKeys
from secureacct.stores.sql.base import metadata
from secureacct.stores.sql.journal import AwaitingJournal, BlockingJournal
from secureacct.stores.sql.subject_keys import AwaitingSubjectKeys, BlockingSubjectKeys
from secureacct.testing.key_providers import AwaitedProvider, TransitProvider, TransitService, check_provider

TABLES = ("sa_subject_key", "sa_event", "sa_outbox")


class MemoryStore(MemorySubjectKeys, MemoryJournal):
    """In memory."""


class SqlStore(BlockingSubjectKeys, BlockingJournal):
    """On a blocking engine."""


class AsyncSqlStore(AwaitingSubjectKeys, AwaitingJournal):
    """On an awaiting engine."""


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """An empty store of each kind."""
    if request.param == "memory":
        yield MemoryStore()
        return
    url = f"sqlite:///{tmp_path}/app.db"
    engine = sa.create_engine(request.getfixturevalue("pg_database") if request.param != "sqlite" else url)
    metadata.create_all(engine, tables=[metadata.tables[name] for name in TABLES])
    yield SqlStore(engine)
    engine.dispose()


def note(keys: Keyring, subjects: Any, subject: str = "42", **options: Any) -> FieldCipher[str]:
    """A field of one person."""
    place = {"table": "letter", "column": "note", **options}
    return FieldCipher(keys, type=str, subject=subject, data_keys=subjects.loaded, **place)


def test_a_persons_data_needs_their_key(store: Any) -> None:
    """Before load() reading and writing are refused; after it, in any process, the value is there."""
    keys = Keyring.generate()
    subjects = Subjects(store, keys=keys)
    field = note(keys, subjects)
    with pytest.raises(SubjectNotLoaded):
        field.encrypt("v", row="1")
    subjects.load(["42"])
    blob = field.encrypt("v", row="1")
    elsewhere = Subjects(store, keys=keys)
    with pytest.raises(SubjectNotLoaded):
        note(keys, elsewhere).decrypt(blob, row="1")
    elsewhere.load(["42", "43", "42"])
    assert note(keys, elsewhere).decrypt(blob, row="1") == "v"
    with pytest.raises(WrongContext):
        note(keys, elsewhere, "43").decrypt(blob, row="1")
    with pytest.raises(WrongContext):
        FieldCipher(keys, table="letter", column="note", type=str, subject="42").decrypt(blob, row="1")


def test_forgetting_is_final(store: Any) -> None:
    """After forget() nothing opens, nothing can be written, no new key is made, and others are untouched."""
    keys = Keyring.generate()
    subjects = Subjects(store, keys=keys, clock=lambda: 1_800_000_000)
    subjects.load(["42", "43"])
    field, other = note(keys, subjects), note(keys, subjects, "43")
    blob, kept = field.encrypt("v", row="1"), other.encrypt("w", row="1")
    assert field.decrypt(blob, row="1") == "v"
    assert subjects.forget("42") is True
    assert subjects.forget("42") is False
    subjects.load(["42"])
    for act in (lambda: field.decrypt(blob, row="1"), lambda: field.encrypt("v", row="1")):
        with pytest.raises(SubjectForgotten):
            act()
    fresh = Subjects(store, keys=keys)
    fresh.load(["42", "43"])
    with pytest.raises(SubjectForgotten):
        note(keys, fresh).decrypt(blob, row="1")
    assert note(keys, fresh, "43").decrypt(kept, row="1") == "w"
    (record,) = _run(store.subject_keys("", ["42"]))
    assert (record.wrapped, record.destroyed_at) == (None, 1_800_000_000)


def _run(promise: Any) -> Any:
    from secureacct._faces import run_inline

    return run_inline(promise)


def test_who_never_had_a_key_can_be_forgotten_too(store: Any) -> None:
    """Forgetting an unknown person leaves a tombstone: no first key is made afterwards."""
    keys = Keyring.generate()
    subjects = Subjects(store, keys=keys)
    assert subjects.forget("7") is True
    fresh = Subjects(store, keys=keys)
    fresh.load(["7"])
    with pytest.raises(SubjectForgotten):
        note(keys, fresh, "7").encrypt("v", row="1")


def test_forgetting_elsewhere_is_noticed(store: Any) -> None:
    """Another process learns of it by refresh() at once, and by the end of the TTL in any case."""
    keys = Keyring.generate()
    ticks = [0.0]
    here = Subjects(store, keys=keys, clock=lambda: 1000)
    there = Subjects(store, keys=keys, loaded=LoadedKeys(ticks=lambda: ticks[0]))
    late = Subjects(store, keys=keys, loaded=LoadedKeys(ticks=lambda: ticks[0]))
    for each in (here, there, late):
        each.load(["42"])
    blob = note(keys, here).encrypt("v", row="1")
    field = note(keys, there)
    assert field.decrypt(blob, row="1") == "v"
    here.forget("42")
    assert field.decrypt(blob, row="1") == "v"
    assert there.refresh(since=1000) == 1
    with pytest.raises(SubjectForgotten):
        field.decrypt(blob, row="1")
    assert there.refresh(since=1001) == 0
    ticks[0] = 61.0
    with pytest.raises(SubjectNotLoaded):
        note(keys, late).decrypt(blob, row="1")
    late.load(["42"])
    with pytest.raises(SubjectForgotten):
        note(keys, late).decrypt(blob, row="1")


def test_a_keys_time_ends_for_warm_fields_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that derived its keys long ago stops when the data key's time is over."""
    import time

    from secureacct.fields import codec
    from secureacct.keys import keyring

    keys = Keyring.generate()
    ticks = [0.0]
    subjects = Subjects(MemoryStore(), keys=keys, loaded=LoadedKeys(ticks=lambda: ticks[0]))
    subjects.load(["42"])
    field = note(keys, subjects)
    blob = field.encrypt("v", row="1")
    assert field.decrypt(blob, row="1") == "v"
    ticks[0] = 61.0
    later = time.monotonic() + keyring.RELOAD_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    monkeypatch.setattr(codec, "monotonic", lambda: later)
    with pytest.raises(SubjectNotLoaded):
        for _ in range(codec.READS_PER_LOOK + 1):
            field.decrypt(blob, row="1")
    with pytest.raises(SubjectNotLoaded):
        field.encrypt("v", row="1")
    subjects.load(["42"])
    assert field.decrypt(blob, row="1") == "v"


def test_two_processes_end_with_one_key(store: Any) -> None:
    """Eight callers that load a new person at once all read what any of them wrote."""
    keys = Keyring.generate()
    callers = [Subjects(store, keys=keys) for _ in range(8)]
    barrier = threading.Barrier(8)

    def first(caller: Subjects) -> None:
        barrier.wait()
        caller.load(["new"])

    threads = [threading.Thread(target=first, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    blobs = [note(keys, caller, "new").encrypt("v", row="1") for caller in callers]
    assert all(
        note(keys, caller, "new").decrypt(blob, row="1") == "v" for caller in callers for blob in blobs
    )


def test_epochs_die(store: Any) -> None:
    """Rotate kek, rewrap, destroy the old epoch: live keys open, copies from before do not."""
    keys = Keyring.generate()
    subjects = Subjects(store, keys=keys)
    people = [str(n) for n in range(250)]
    subjects.load(people)
    blob = note(keys, subjects).encrypt("v", row="1")
    (backup,) = _run(store.subject_keys("", ["42"]))
    subjects.forget("7")
    keys.rotate("kek")
    assert subjects.rewrap(limit=100) == 100
    assert subjects.rewrap() == 149
    assert subjects.rewrap() == 0
    keys.destroy("kek", 1, force=True)
    fresh = Subjects(store, keys=keys)
    fresh.load(people)
    assert note(keys, fresh).decrypt(blob, row="1") == "v"
    with pytest.raises(KeyringSealed, match="destroyed"):
        KeyringProvider(keys).unwrap(
            backup.wrapped, context={"purpose": "secureacct-subject-key", "tenant": "", "subject": "42"}
        )


def test_a_fields_rotation_needs_no_new_data_key(store: Any) -> None:
    """Rotating the fields root moves a person's values like any others."""
    keys = Keyring.generate()
    subjects = Subjects(store, keys=keys)
    subjects.load(["42"])
    field = note(keys, subjects)
    old = field.encrypt("v", row="1")
    keys.rotate()
    new = field.encrypt(field.decrypt(old, row="1"), row="1")
    keys.destroy("fields", 1, force=True)
    assert field.decrypt(new, row="1") == "v"


def test_a_silent_key_service_is_retryable_and_loaded_keys_go_on() -> None:
    """When the service is down new persons cannot be loaded, loaded ones work until their time is over."""
    service = TransitService()
    ticks = [0.0]
    keys = Keyring.generate()
    subjects = Subjects(
        MemoryStore(), provider=TransitProvider(service), loaded=LoadedKeys(ticks=lambda: ticks[0])
    )
    subjects.load(["42"])
    field = note(keys, subjects)
    blob = field.encrypt("v", row="1")
    service.down = True
    with pytest.raises(KmsUnavailable) as caught:
        subjects.load(["43"])
    assert isinstance(caught.value, TemporarilyUnavailable)
    subjects.load(["42"])
    assert field.decrypt(blob, row="1") == "v"
    ticks[0] = 31.0
    with pytest.raises(KmsUnavailable):
        subjects.load(["42"])
    assert field.decrypt(blob, row="1") == "v"
    service.down = False
    subjects.load(["42"])
    assert field.decrypt(blob, row="1") == "v"


def test_the_key_service_is_called_once_per_person() -> None:
    """A thousand values cost one call; a person loaded again within their time costs none."""
    service = TransitService()
    keys = Keyring.generate()
    subjects = Subjects(MemoryStore(), provider=TransitProvider(service))
    subjects.load(["42"])
    field = note(keys, subjects)
    blobs = field.encrypt_many(["v"] * 1000, rows=["1"] * 1000)
    assert field.decrypt_many(blobs, rows=["1"] * 1000) == ["v"] * 1000
    subjects.load(["42"])
    assert service.calls == 1
    service.rotate()
    assert subjects.rewrap() == 1
    assert service.calls == 2


def test_a_refused_key_is_not_a_silent_service() -> None:
    """A record moved to another person, or a closed version, is KeyringSealed."""
    service = TransitService()
    store = MemoryStore()
    subjects = Subjects(store, provider=TransitProvider(service))
    subjects.load(["42"])
    records = store.state.topic("subject_key")
    import dataclasses

    records["", "43"] = dataclasses.replace(records["", "42"], subject="43")
    with pytest.raises(KeyringSealed):
        Subjects(store, provider=TransitProvider(service)).load(["43"])
    service.rotate()
    service.least_version = 2
    with pytest.raises(KeyringSealed):
        Subjects(store, provider=TransitProvider(service)).load(["42"])


def test_what_happened_is_written_with_it(store: Any) -> None:
    """The event of forgetting is in the store in the same transaction."""
    subjects = Subjects(store, keys=Keyring.generate())
    told = Event(id="e1", account_id="42", name="account_erased", outcome="ok", at=1)
    subjects.forget("42", events=[told])
    assert [event.id for event in _run(store.events_of("42", limit=5))] == ["e1"]


def test_awaiting_callers_have_the_same() -> None:
    """The awaiting face loads and forgets, with a blocking and with an awaited provider."""

    async def story() -> None:
        keys = Keyring.generate()
        store = MemoryStore()
        for subjects in (
            AsyncSubjects(store, keys=keys),
            AsyncSubjects(MemoryStore(), provider=AwaitedProvider(TransitProvider(TransitService()))),
        ):
            await subjects.load(["42"])
            field = note(keys, subjects)
            blob = field.encrypt("v", row="1")
            assert await subjects.rewrap() == 0
            assert await subjects.forget("42")
            assert await subjects.refresh(since=0) == 1
            with pytest.raises(SubjectForgotten):
                field.decrypt(blob, row="1")

    asyncio.run(story())


def test_subjects_need_something_that_wraps() -> None:
    """Neither keys nor provider, and an awaited provider on the blocking face, are configuration errors."""
    with pytest.raises(ConfigurationError):
        Subjects(MemoryStore())
    awaited: Any = AwaitedProvider(TransitProvider(TransitService()))
    waiting = Subjects(MemoryStore(), provider=awaited)
    waiting.load(["42"])  # never suspends, so it is served


def test_loaded_keys_are_bounded_and_show_nothing() -> None:
    """No more than the bound are held, the first loaded goes first, and no repr has a key."""
    loaded = LoadedKeys(most=3)
    for number in range(5):
        loaded.put("", str(number).encode(), b"k" * 32)
    assert loaded.data_key("", b"4") == b"k" * 32
    with pytest.raises(SubjectNotLoaded):
        loaded.data_key("", b"1")
    assert repr(loaded) == "<LoadedKeys, 3 held>"


@pytest.mark.parametrize("name", ["keyring", "transit", "passphrase"])
def test_our_providers_keep_the_contract(name: str) -> None:
    """The suite that is published for other providers holds for our own."""
    made: dict[str, Any] = {
        "keyring": lambda: KeyringProvider(Keyring.generate()),
        "transit": lambda: TransitProvider(TransitService()),
        "passphrase": lambda: PassphraseProvider("correct horse", memory_kib=19456, passes=1, lanes=1),
    }
    check_provider(made[name]())


class _Broken(TransitProvider):
    """A provider that forgets the context."""

    def wrap(self, material: bytes, *, context: Any) -> bytes:
        return super().wrap(material, context={})

    def unwrap(self, wrapped: bytes, *, context: Any) -> bytes:
        return super().unwrap(wrapped, context={})


def test_the_contract_finds_a_provider_that_forgets_the_context() -> None:
    """A provider that does not bind its context fails the suite, with the promise it broke."""
    with pytest.raises(AssertionError, match="another context"):
        check_provider(_Broken(TransitService()))

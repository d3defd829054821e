"""Persons: a data key each, and a way to forget them.

    subjects = Subjects(store, keys=keys)
    note = FieldCipher(keys, table="letter", column="note", type=str, subject="42", data_keys=subjects.loaded)
    subjects.load(["42"])                # at the start of a request or job
    note.encrypt("...", row="7")
    subjects.forget("42")                # and nothing that was encrypted for them opens again

Rules of this file: one call to the key provider per person and TTL, never per value; a provider that is
down is ``KmsUnavailable`` and says nothing about data; two processes that make a person's first key
end with the same one; forgetting is one statement in the store.

What forgetting cannot reach: a backup of the key table from before. Keep that table in its own database
with short backups, and rotate the ``kek`` root on the rhythm of those backups: destroying an old kek key
closes every copy that was wrapped under it.
"""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

from secureacct._faces import ServesAwaiting, ServesBlocking, awaiting, blocking, refuse_other_kind
from secureacct.errors import ConfigurationError
from secureacct.fields.errors import SubjectForgotten
from secureacct.fields.loaded_keys import LoadedKeys
from secureacct.keys import Keyring
from secureacct.keys.errors import KeyringSealed
from secureacct.keys.keyring_provider import KeyringProvider
from secureacct.keys.providers import AsyncKeyProvider, Context, KeyProvider
from secureacct.ports.journal import Journal
from secureacct.ports.subject_keys import SubjectKeyReads
from secureacct.records.changes import Committed
from secureacct.records.events import Event
from secureacct.records.subject_keys import ForgetSubject, PutSubjectKey, RewrapSubjectKey, SubjectKey

R = TypeVar("R")

DATA_KEY_BYTES = 32  # 256 bits
REWRAP_AT_ONCE = 100  # keys per call to the provider


class SubjectStore(Journal, SubjectKeyReads, Protocol):
    """What the steps need of a store."""


class BlockingSubjectStore(SubjectStore, ServesBlocking, Protocol):
    """A store for :class:`Subjects`."""


class AwaitingSubjectStore(SubjectStore, ServesAwaiting, Protocol):
    """A store for :class:`AsyncSubjects`."""


@dataclass(frozen=True, slots=True)
class SubjectParts:
    """What the steps stand on."""

    store: SubjectStore
    provider: KeyProvider | AsyncKeyProvider
    loaded: LoadedKeys
    clock: Callable[[], float]


async def load(
    parts: SubjectParts, subjects: Iterable[str], *, tenant: str = "", create: bool = True
) -> None:
    """Have the data keys of these persons at hand, making those that are missing.

    A forgotten person is no error here: their fields raise ``SubjectForgotten``.

    :param create: make a first key where there is none; False leaves such fields unreadable.
    :raises StoreUnavailable: the store did not answer.
    :raises KmsUnavailable: the key provider did not answer; what is loaded keeps working.
    :raises KeyringSealed: the provider refuses a key: another one is needed, or its epoch is destroyed.
    """
    wanted = [
        one for one in dict.fromkeys(subjects) if not parts.loaded.is_fresh(tenant, one.encode("utf-8"))
    ]
    if not wanted:
        return
    missing = dict.fromkeys(wanted)
    for record in await parts.store.subject_keys(tenant, wanted):
        await _take(parts, record)
        missing.pop(record.subject, None)
    for subject in missing if create else ():
        await _make(parts, tenant, subject)


async def forget(
    parts: SubjectParts, subject: str, *, tenant: str = "", events: Sequence[Event] = ()
) -> bool:
    """Destroy a person's data key for good; no new one can be made under this id.

    Delete their blind indexes too: those do not depend on the data key.

    :param events: written in the same transaction.
    :returns: False if they were forgotten already.
    :raises StoreUnavailable: the store did not answer; nothing was destroyed.
    """
    change = ForgetSubject(tenant=tenant, subject=subject, at=int(parts.clock()))
    done = await parts.store.commit((change,), events=events)
    parts.loaded.forget(tenant, subject.encode("utf-8"))
    return isinstance(done, Committed) and done.counts[0] == 1


async def refresh(parts: SubjectParts, *, since: int) -> int:
    """Learn who was forgotten elsewhere, sooner than the TTL would tell. Returns how many.

    :param since: seconds since the epoch; ask again with a little overlap.
    """
    forgotten = await parts.store.subjects_forgotten(since=since)
    for record in forgotten:
        parts.loaded.forget(record.tenant, record.subject.encode("utf-8"))
    return len(forgotten)


async def rewrap(parts: SubjectParts, *, limit: int = 10_000) -> int:
    """Bring wrapped keys to the provider's newest key, in batches. Returns how many were moved.

    Run it until it returns 0, after ``rotate(root="kek")`` and before destroying the old epoch.

    :param limit: at most so many.
    :raises KmsUnavailable, StoreUnavailable, KeyringSealed: as :func:`load`; call again to go on.
    """
    moved = 0
    while moved < limit:
        epoch = parts.provider.key_id
        found = await parts.store.subject_keys_outside(epoch, limit=min(REWRAP_AT_ONCE, limit - moved))
        pairs = [(record.wrapped, _context(record.tenant, record.subject)) for record in found]
        sealed = [(wrapped, context) for wrapped, context in pairs if wrapped is not None]
        if not sealed:
            return moved
        renewed = await _maybe(parts.provider.rewrap_many(sealed))
        changes = [
            RewrapSubjectKey(
                tenant=record.tenant, subject=record.subject, was=was, wrapped=wrapped, epoch=epoch
            )
            for record, (was, _), wrapped in zip(found, sealed, renewed, strict=True)
        ]
        done = await parts.store.commit(changes)
        if isinstance(done, Committed):
            moved += sum(done.counts)
    return moved


async def key_now(
    parts: SubjectParts, subject: str, *, tenant: str = "", record: SubjectKey | None = None
) -> bytes | None:
    """A person's data key as the store has it at this moment; None if there is none. Nothing stays loaded.

    :param record: the store's answer, where it is known already.
    :raises SubjectForgotten: it was destroyed.
    :raises StoreUnavailable, KmsUnavailable, KeyringSealed: as :func:`load`.
    """
    found = [record] if record is not None else await parts.store.subject_keys(tenant, [subject])
    return await _opened(parts, found[0]) if found else None


async def sealed_key(parts: SubjectParts, key: bytes, subject: str, *, tenant: str = "") -> SubjectKey:
    """The record of a data key, not stored yet.

    :raises KmsUnavailable, KeyringSealed: as :func:`load`.
    """
    return SubjectKey(
        tenant=tenant,
        subject=subject,
        epoch=parts.provider.key_id,
        wrapped=await _maybe(parts.provider.wrap(key, context=_context(tenant, subject))),
        created_at=int(parts.clock()),
    )


async def _opened(parts: SubjectParts, record: SubjectKey) -> bytes:
    if record.wrapped is None:
        raise SubjectForgotten("this person was forgotten; what was encrypted for them is gone")
    context = _context(record.tenant, record.subject)
    key = await _maybe(parts.provider.unwrap(record.wrapped, context=context))
    if len(key) != DATA_KEY_BYTES:
        raise KeyringSealed("the key provider gave something that is no data key")
    return key


async def _take(parts: SubjectParts, record: SubjectKey) -> None:
    key = await _opened(parts, record) if record.wrapped is not None else None
    parts.loaded.put(record.tenant, record.subject.encode("utf-8"), key)


async def _make(parts: SubjectParts, tenant: str, subject: str) -> None:
    key = os.urandom(DATA_KEY_BYTES)
    record = await sealed_key(parts, key, subject, tenant=tenant)
    if isinstance(await parts.store.commit((PutSubjectKey(key=record),)), Committed):
        parts.loaded.put(tenant, subject.encode("utf-8"), key)
        return
    for winner in await parts.store.subject_keys(tenant, [subject]):  # somebody made it, or forgot them
        await _take(parts, winner)


async def _maybe(result: R | Awaitable[R]) -> R:
    """The result of a provider, blocking or awaiting."""
    if inspect.isawaitable(result):
        return await result
    return result


def _context(tenant: str, subject: str) -> Context:
    return {"purpose": "secureacct-subject-key", "tenant": tenant, "subject": subject}


def _parts(
    store: Any,
    keys: Keyring | None,
    provider: KeyProvider | AsyncKeyProvider | None,
    loaded: LoadedKeys | None,
    clock: Callable[[], float],
) -> SubjectParts:
    if provider is None:
        if keys is None:
            raise ConfigurationError("subjects need keys= (a keyring) or provider= (a key service)")
        provider = KeyringProvider(keys)
    return SubjectParts(store, provider, loaded or LoadedKeys(), clock)


class Subjects:
    """Data keys of persons, for blocking callers.

    :param store: keeps the wrapped keys.
    :param keys: the keyring, whose ``kek`` root wraps them.
    :param provider: a key service instead of the keyring.
    :param loaded: share the loaded keys with another object.
    :param clock: seconds since the epoch.
    """

    def __init__(
        self,
        store: BlockingSubjectStore,
        *,
        keys: Keyring | None = None,
        provider: KeyProvider | None = None,
        loaded: LoadedKeys | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        refuse_other_kind(store, wanted="blocking")
        self.parts: Final = _parts(store, keys, provider, loaded, clock)

    load: Final = blocking(load)
    forget: Final = blocking(forget)
    refresh: Final = blocking(refresh)
    rewrap: Final = blocking(rewrap)

    @property
    def loaded(self) -> LoadedKeys:
        """What fields take as ``data_keys``."""
        return self.parts.loaded


class AsyncSubjects:
    """The same for awaiting callers; the provider may be blocking without I/O, or awaiting."""

    def __init__(
        self,
        store: AwaitingSubjectStore,
        *,
        keys: Keyring | None = None,
        provider: KeyProvider | AsyncKeyProvider | None = None,
        loaded: LoadedKeys | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        refuse_other_kind(store, wanted="awaiting")
        self.parts: Final = _parts(store, keys, provider, loaded, clock)

    load: Final = awaiting(load)
    forget: Final = awaiting(forget)
    refresh: Final = awaiting(refresh)
    rewrap: Final = awaiting(rewrap)

    @property
    def loaded(self) -> LoadedKeys:
        """What fields take as ``data_keys``."""
        return self.parts.loaded

"""The person's part of the security log, under the person's own data key.

Rule 1: an event about an account is encrypted a second time, at the one place where events are committed,
        under that account's data key: destroying the key makes device, network and detail unreadable and
        leaves the chain whole. Events about nobody, and those from before a key was there, stay under the
        site's key.
Rule 2: a key is made with the account, or with the first thing that somebody who is signed in does; what
        strangers do makes none.
Rule 3: where nobody is signed in the key is read anew each time, and for nobody too, so that an answer takes
        as long for an address that has no account.
Rule 4: a key that cannot be had costs the event its personal part, never the event.
The format is written down in ``docs/specs/audit-log.md``.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from secureacct import logs
from secureacct.audit.encoding import EventKeys
from secureacct.audit.events import Outcome, open_event, with_mac
from secureacct.fields import FieldCipher, FieldError, SubjectForgotten, WrongContext
from secureacct.fields.loaded_keys import LoadedKeys
from secureacct.fields.subjects import SubjectParts, key_now, load, sealed_key
from secureacct.keys import Keyring, KeyringError
from secureacct.keys.keyring_provider import KeyringProvider
from secureacct.keys.providers import AsyncKeyProvider, KeyProvider
from secureacct.records.accounts import OpenAccount
from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.events import Event
from secureacct.records.mail import OutboxMail
from secureacct.records.subject_keys import ForgetSubject, SubjectKey

MOST_CIPHERS: Final = 1024  # people whose cipher is kept ready; ours
NOBODY: Final = "secureacct: nobody"  # whose key is asked for where there is no account; no id has a blank

log: Final = logs.logger("accounts")


class _OneKey:
    """A data key at hand for one use."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def data_key(self, tenant: str, subject: bytes) -> bytes:
        """The key, whoever is asked for."""
        del tenant, subject
        return self._key

    def watch(self, callback: Callable[[], None]) -> None:
        """It never changes."""


class PersonalLog:
    """Encrypts and opens the personal part of events.

    :param store: an account store; one that keeps no data keys leaves everything under the site's key.
    :param provider: wraps the data keys; None: the keyring's ``kek`` root. An app whose ``Subjects`` use a
        key service on the same store gives the same one here.
    :param clock: seconds since the epoch.
    """

    def __init__(
        self,
        store: Any,
        keys: Keyring,
        *,
        provider: KeyProvider | AsyncKeyProvider | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.event_keys: Final = EventKeys(keys)
        self.subjects: Final = SubjectParts(store, provider or KeyringProvider(keys), LoadedKeys(), clock)
        self.of_site: Final = FieldCipher(keys, table="event", column="personal", type=str)
        self._ciphers: dict[str, FieldCipher[str]] = {}
        self._lock = threading.Lock()
        self._decoy: SubjectKey | None = None
        self._keeps_keys = hasattr(store, "subject_keys")

    async def load(self, accounts: Iterable[str | None]) -> None:
        """Have the keys of these accounts at hand before their events are read. Makes none.

        :raises StoreUnavailable: the store did not answer.
        """
        if not self._keeps_keys:
            return
        try:
            await load(self.subjects, [one for one in accounts if one is not None], create=False)
        except KeyringError as error:
            _lost(error)

    def read(self, event: Event) -> dict[str, str]:
        """The personal part of an event, after its MAC was checked; see :meth:`load`.

        :raises EventAltered: the MAC is not the event's own.
        :raises SubjectForgotten: the person was erased.
        :raises FieldError: another key is missing.
        """
        return open_event(self.event_keys, _Either(self, event.account_id), event)

    async def sealed(self, event: Event, *, opens_account: bool = False) -> Event:
        """The event with its personal part under the key of its account.

        :param opens_account: the account is made together with this event.
        :raises StoreUnavailable: the store did not answer.
        """
        if not event.sealed or not self._keeps_keys:
            return event
        try:
            text = self.of_site.decrypt(event.sealed, row=event.id)
        except WrongContext:
            return event  # it is under its person's key already
        try:
            if event.session_id is None and not opens_account:
                return await self._of_a_stranger(event, text)
            if event.account_id is None:
                return event
            await load(self.subjects, [event.account_id])
            return self._again(event, self.cipher_of(event.account_id).encrypt(text, row=event.id))
        except SubjectForgotten:
            return self._again(event, b"")
        except (KeyringError, FieldError) as error:
            _lost(error)
            return self._again(event, b"")

    def told_as(self, event: Event, *, id: str, outcome: Outcome) -> Event:
        """The same event under another id, told before its effect. Its account's key was used a moment ago.

        :param id: from :func:`secureacct.audit.events.event_id`.
        """
        either, sealed = _Either(self, event.account_id), b""
        try:
            if event.sealed:
                sealed = either.encrypt(either.decrypt(event.sealed, row=event.id), row=id)
        except FieldError as error:
            _lost(error)
        return with_mac(self.event_keys, replace(event, id=id, outcome=outcome, sealed=sealed))

    def cipher_of(self, account_id: str) -> FieldCipher[str]:
        """The cipher of one account, whose key is loaded."""
        found = self._ciphers.get(account_id)
        if found is None:
            found = self.of_site.for_subject(account_id, data_keys=self.subjects.loaded)
            with self._lock:
                while len(self._ciphers) >= MOST_CIPHERS:
                    del self._ciphers[next(iter(self._ciphers))]
                self._ciphers[account_id] = found
        return found

    def forget(self, tenant: str, subject: str) -> None:
        """The person is forgotten: nothing of theirs stays ready."""
        self.subjects.loaded.forget(tenant, subject.encode())
        with self._lock:
            self._ciphers.pop(subject, None)

    async def _of_a_stranger(self, event: Event, text: str) -> Event:
        """The same work for every address: one read, one key opened, one cipher made."""
        account_id = event.account_id or NOBODY
        key = await key_now(self.subjects, account_id)
        cipher = self.of_site.for_subject(account_id, data_keys=_OneKey(key or await self._nobodys_key()))
        sealed = cipher.encrypt(text, row=event.id)
        return event if key is None else self._again(event, sealed)

    async def _nobodys_key(self) -> bytes:
        if self._decoy is None:
            self._decoy = await sealed_key(self.subjects, os.urandom(32), NOBODY)
        return await key_now(self.subjects, NOBODY, record=self._decoy) or b""

    def _again(self, event: Event, sealed: bytes) -> Event:
        return with_mac(self.event_keys, replace(event, sealed=sealed))


class _Either:
    """Opens what is under the site's key or the account's, and encrypts under the account's."""

    def __init__(self, of: PersonalLog, account_id: str | None) -> None:
        self._of, self._account_id = of, account_id

    def encrypt(self, value: str, *, row: str) -> bytes:
        """See :class:`secureacct.audit.events.PersonalCipher`."""
        of = self._of
        return (of.of_site if self._account_id is None else of.cipher_of(self._account_id)).encrypt(
            value, row=row
        )

    def decrypt(self, blob: bytes, *, row: str) -> str:
        """See :class:`secureacct.audit.events.PersonalCipher`."""
        try:
            return self._of.of_site.decrypt(blob, row=row)
        except WrongContext:
            if self._account_id is None:
                raise
        return self._of.cipher_of(self._account_id).decrypt(blob, row=row)


class PersonalStore:
    """A store whose events are encrypted for their persons as they are committed. Everything else is the
    store's own."""

    def __init__(self, store: Any, personal: PersonalLog) -> None:
        self._store = store
        self.personal: Final = personal

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "_store":
            raise AttributeError(name)
        return getattr(self._store, name)

    async def commit(
        self, changes: Sequence[Change], *, events: Sequence[Event] = (), mails: Sequence[OutboxMail] = ()
    ) -> Committed | Lost:
        """See :class:`secureacct.ports.journal.Journal`."""
        if events:
            opens = any(isinstance(one, OpenAccount) for one in changes)
            events = [await self.personal.sealed(one, opens_account=opens) for one in events]
        done: Committed | Lost = await self._store.commit(changes, events=events, mails=mails)
        for one in changes:
            if isinstance(one, ForgetSubject) and isinstance(done, Committed):
                self.personal.forget(one.tenant, one.subject)
        return done


def _lost(error: KeyringError | FieldError) -> None:
    logs.event_at_most(
        log, "audit.personal_part_lost", every_s=60, now=time.monotonic(), level="error", reason=error.code
    )

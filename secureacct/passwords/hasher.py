"""The password hasher: Argon2id by default, foreign and wrapped hashes on the way in, a pepper if asked.

Rules of this file
1. A check has two halves: *planning* reads the password and the stored string, costs microseconds and
   never raises about either; *working* holds a slot of :mod:`secureacct.passwords.admission`.
2. ``TooBusy`` and the errors of a pepper key do raise: they are not "wrong password".
3. Checking against nothing costs what checking against a hash of the current profile costs.
4. Only strings of the current profile are ever made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from secureacct.errors import ConfigurationError
from secureacct.passwords import native, pepper, reading
from secureacct.passwords.admission import Admission, Slot, shared
from secureacct.passwords.profiles import DEFAULT, Profile, refuse_in_production
from secureacct.passwords.text import spellings, to_bytes

if TYPE_CHECKING:
    from secureacct.passwords.foreign import Scheme

R = TypeVar("R")

Checked = tuple[bool, str | None]
Work = Callable[[Slot], R]

_NOTHING: Final = b"secureacct-none\0"  # the salt of work that only takes time; the tag is thrown away
_NOBODY: Final = "nobody"  # the account of the hash that no password has


class PasswordHasher:
    """Hashes passwords, checks them, and says when a stored hash should be replaced.

    :param profile: what new hashes are made with (:mod:`secureacct.passwords.profiles`)
    :param keys: a keyring; with one every hash is peppered and bound to its ``account_id``
    :param importing: also accept hashes below today's floor, unpeppered ones beside a pepper, and
        passwords as typed where NFC differs; each is replaced at the first sign-in
    :param foreign: the foreign schemes to read, default all that ship
    :param flask_security_salt: the ``SECURITY_PASSWORD_SALT`` of a Flask-Security table that is moving in
    :param alongside: a sample of the old stored hashes; while given, every check also costs what that
        one costs, so that time does not tell which accounts have moved
    :param admission: how many hashes run at once; default one for the whole process
    :raises WeakProfile: a profile for tests where ``SECUREACCT_ENV=production``
    :raises ConfigurationError: ``alongside`` cannot be read
    """

    def __init__(
        self,
        profile: Profile = DEFAULT,
        *,
        keys: pepper.PepperKeys | None = None,
        importing: bool = False,
        foreign: Sequence[Scheme] | None = None,
        flask_security_salt: str | None = None,
        alongside: str | None = None,
        admission: Admission | None = None,
    ) -> None:
        refuse_in_production(profile)
        reading.ready()
        if keys is not None:
            pepper.ready()
        self.profile = profile
        self._nobody: str | None = None
        self.importing = importing
        self.keys = keys
        self.foreign: Final = None if foreign is None else tuple(foreign)
        self._double_salt = flask_security_salt.encode() if flask_security_salt is not None else None
        self._admission = admission
        self._alongside = None if alongside is None else self._read(alongside)
        if alongside is not None and self._alongside is None:
            raise ConfigurationError("alongside= must be a stored hash that can be read")

    def __repr__(self) -> str:
        return f"PasswordHasher({self.profile.name}, pepper={'on' if self.keys else 'off'})"

    @property
    def admission(self) -> Admission:
        """The admission in use."""
        return self._admission or shared()

    # -- the four things it does ---------------------------------------------------------------

    def hash(self, password: str, *, account_id: str | None = None) -> str:
        """The string to store for a new password.

        :param account_id: the account it belongs to; needed with a pepper
        :raises PasswordUnusable: one of its leaves: empty, too long, U+0000, not text
        :raises TooBusy: too many hashes wait
        :raises ConfigurationError: a pepper without ``account_id``
        """
        return self.run(self.plan_hash(password, account_id=account_id), known_device=False)

    def verify(
        self,
        password: str,
        encoded: str,
        *,
        account_id: str | None = None,
        known_device: bool = False,
    ) -> bool:
        """True if ``password`` is the one that ``encoded`` was made from; otherwise False.

        :param known_device: goes before strangers where checks wait
        :raises TooBusy: too many checks wait
        :raises UnknownKey: a pepper key that this process does not hold (also ``KeyDisabled``, ...)
        """
        work = self.plan_check(password, encoded, account_id=account_id, update=False)
        return self.run(work, known_device=known_device)[0] if work else False

    def verify_and_update(
        self,
        password: str,
        encoded: str,
        *,
        account_id: str | None = None,
        known_device: bool = False,
    ) -> Checked:
        """``(True, new hash to store or None)`` or ``(False, None)``.

        Store the new one only where the stored hash is still ``encoded`` (compare and set), so that a
        password change at the same moment is not lost.

        :raises TooBusy, UnknownKey: as in :meth:`verify`
        """
        work = self.plan_check(password, encoded, account_id=account_id, update=True)
        return self.run(work, known_device=known_device) if work else (False, None)

    def verify_nothing(self, password: str, *, known_device: bool = False) -> None:
        """Spend what a check costs, for an account that does not exist or has no password.

        :raises TooBusy: too many checks wait
        """
        work = self.plan_nothing(password)
        if work:
            self.run(work, known_device=known_device)

    def needs_update(self, encoded: str, *, account_id: str | None = None) -> bool:
        """True if a hash of another profile, scheme or pepper key is stored; costs microseconds."""
        if not self._is_sealed_now(encoded):
            return True
        opened = self._open(encoded, account_id)
        return opened is None or not self._is_current(opened)

    def rebind(self, encoded: str, *, account_id: str, to: str) -> str:
        """A peppered hash for another account id, such as that of a sign-up which became an account.

        Without a pepper hashes are bound to nobody and ``encoded`` comes back as it is. Microseconds.

        :raises ConfigurationError: the hash does not belong to ``account_id``
        :raises UnknownKey: a pepper key that this process does not hold (also ``KeyDisabled``, ...)
        """
        if self.keys is None or not pepper.is_sealed(encoded):
            return encoded
        opened = pepper.unseal(encoded, keys=self.keys, account_id=account_id)
        if opened is None:
            raise ConfigurationError("this password hash does not belong to the id it was said to belong to")
        return pepper.seal(opened, keys=self.keys, account_id=to)

    def can_read(self, encoded: str) -> bool:
        """True if this string (without a pepper) is of a known scheme and within the ceilings."""
        return self._read(encoded) is not None

    # -- planning: microseconds, no slot -------------------------------------------------------

    def plan_hash(self, password: str, *, account_id: str | None = None) -> Work[str]:
        """The work of :meth:`hash`, for who brings a slot. Raises what :meth:`hash` raises about input."""
        data = to_bytes(password)
        refuse_in_production(self.profile)
        if self.keys is not None and not account_id:
            raise ConfigurationError("a pepper binds a hash to its account: give account_id")
        return lambda slot: self._make(data, account_id, slot)

    def plan_check(
        self, password: str, encoded: str, *, account_id: str | None = None, update: bool = True
    ) -> Work[Checked] | None:
        """The work of a check, for who brings a slot; None: the answer is False and costs nothing."""
        typed = spellings(password)
        if not typed or not isinstance(encoded, str):
            return None
        opened = self._open(encoded, account_id)
        stored = None if opened is None else self._read(opened)
        if opened is None or stored is None or (stored.below_floor and not self.importing):
            return None
        candidates = self._candidates(typed, every=not stored.native)
        current = stored.native and stored.as_profile and self._is_sealed_now(encoded)

        def work(slot: Slot) -> Checked:
            if any(stored.matches(candidate, slot) for candidate in candidates):
                self._spend_alongside(typed[0], stored, slot)
                return True, self._make(typed[0], account_id, slot) if update and not current else None
            if not stored.as_profile:
                native.tag(self.profile, typed[0], _NOTHING, slot)
            self._spend_alongside(typed[0], stored, slot)
            return False, None

        return work

    def plan_nothing(self, password: str) -> Work[Checked] | None:
        """The work of :meth:`verify_nothing`, for who brings a slot; None for an unusable password.

        It is the very work of a check, against a hash of the current profile that no password has.
        """
        return self.plan_check(password, self._nobodys(), account_id=_NOBODY)

    # -- parts ---------------------------------------------------------------------------------

    def run(self, work: Work[R], *, known_device: bool = False) -> R:
        """Do planned work in this thread, in a slot. Raises ``TooBusy``."""
        admission = self.admission
        slot = admission.acquire(known_device=known_device)
        try:
            return work(slot)
        finally:
            admission.release(slot)

    def _make(self, data: bytes, account_id: str | None, slot: Slot) -> str:
        salt = os.urandom(self.profile.salt_bytes)
        encoded = native.write(self.profile, salt, native.tag(self.profile, data, salt, slot))
        if self.keys is None:
            return encoded
        return pepper.seal(encoded, keys=self.keys, account_id=account_id or "")

    def _nobodys(self) -> str:
        """A hash of the current profile, and under the current pepper key, whose tag is random."""
        if self._nobody is None or not self._is_sealed_now(self._nobody):
            salt, tag = os.urandom(self.profile.salt_bytes), os.urandom(self.profile.tag_bytes)
            encoded = native.write(self.profile, salt, tag)
            if self.keys is not None:
                encoded = pepper.seal(encoded, keys=self.keys, account_id=_NOBODY)
            self._nobody = encoded
        return self._nobody

    def _open(self, encoded: str, account_id: str | None) -> str | None:
        """The hash string inside the pepper; without a pepper the string itself."""
        if not pepper.is_sealed(encoded):
            return encoded if self.keys is None or self.importing else None
        if self.keys is None:
            from secureacct.keys.errors import UnknownKey  # the package behind it is heavy

            raise UnknownKey("the stored hash is peppered, and this hasher has no keys")
        return pepper.unseal(encoded, keys=self.keys, account_id=account_id or "")

    def _read(self, opened: str) -> reading.Readable | None:
        return reading.read(opened, profile=self.profile, schemes=self.foreign)

    def _is_current(self, opened: str) -> bool:
        return native.is_current(self.profile, opened)

    def _is_sealed_now(self, encoded: str) -> bool:
        return self.keys is None or pepper.key_of(encoded) == self.keys.primary("pepper")

    def _candidates(self, typed: tuple[bytes, ...], *, every: bool) -> tuple[bytes, ...]:
        """What may have been hashed for this typed password; the same for every hash of one kind."""
        found = typed if every or self.importing else typed[:1]
        if self._double_salt is None:
            return found
        import base64
        import hmac

        key = self._double_salt
        # Flask-Security hashes base64(HMAC-SHA512(salt, password)) in place of the password.
        return tuple(base64.b64encode(hmac.digest(key, each, "sha512")) for each in found) + found

    def _spend_alongside(self, data: bytes, stored: reading.Readable | None, slot: Slot) -> None:
        other = self._alongside
        if other is not None and (stored is None or stored.scheme != other.scheme):
            other.derive(data, slot)

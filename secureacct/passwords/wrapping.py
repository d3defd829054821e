"""Protecting a table of old hashes at once, before anybody signs in: Argon2id over the old digest.

    $sa-wrap$v=1$<base64url of the old string without its digest>$argon2id$v=19$m=..,t=..,p=..$salt$tag

The old digest is in the string no more, so what was a weak hash can be attacked only through Argon2id.
At the first sign-in ``verify_and_update`` replaces the whole by a plain hash of the password.

Rules of this file: wrapping twice changes nothing; what cannot be read is left alone and reported.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal

from secureacct._bytes import b64url
from secureacct.errors import ConfigurationError
from secureacct.passwords import foreign, native, pepper, phc
from secureacct.passwords.admission import Slot
from secureacct.passwords.hasher import PasswordHasher
from secureacct.passwords.profiles import Argon2Profile
from secureacct.passwords.reading import WRAPPED, wrapped_input

Outcome = Literal["wrapped", "peppered", "kept", "unreadable"]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What became of one stored hash.

    :param outcome: ``wrapped``: Argon2id over the old digest; ``peppered``: only encrypted; ``kept``:
        nothing to do; ``unreadable``: no scheme knows it, or its cost is above a ceiling
    :param stored: the string to store, where it changed
    """

    outcome: Outcome
    stored: str | None = field(default=None, repr=False)


def outlook(hasher: PasswordHasher, stored: str) -> Outcome:
    """What :func:`wrap` would do, without doing it."""
    outcome, bare, _ = _look(hasher, stored)
    return "peppered" if outcome == "kept" and hasher.keys is not None and bare is not None else outcome


def wrap(hasher: PasswordHasher, stored: str, *, account_id: str | None = None) -> Rewritten:
    """Protect one stored hash.

    :param hasher: its profile is what the old digest is hashed with, its keys the pepper
    :param account_id: the account it belongs to; needed where the hasher has a pepper
    :raises ConfigurationError: the hasher's profile is not Argon2id, or a pepper without ``account_id``
    :raises TooBusy: too many hashes wait
    """
    profile = hasher.profile
    if not isinstance(profile, Argon2Profile):
        raise ConfigurationError("wrapping needs a hasher with an Argon2id profile")
    outcome, bare, found = _look(hasher, stored)
    if found is not None:
        blank, digest = found.blank, found.digest

        def work(slot: Slot) -> str:
            salt = os.urandom(profile.salt_bytes)
            outer = native.write(profile, salt, native.tag(profile, wrapped_input(digest), salt, slot))
            return f"{WRAPPED}v=1${b64url(blank.encode())}{outer}"

        bare = hasher.run(work)
    if bare is None or hasher.keys is None:
        return Rewritten(outcome, bare if outcome == "wrapped" else None)
    sealed = pepper.seal(bare, keys=hasher.keys, account_id=account_id or "")
    return Rewritten("wrapped" if outcome == "wrapped" else "peppered", sealed)


def _look(hasher: PasswordHasher, stored: str) -> tuple[Outcome, str | None, foreign.StoredHash | None]:
    """The outcome, the bare string that a pepper could seal, and the old hash to wrap."""
    if pepper.is_sealed(stored):
        return "kept", None, None
    bare = stored.removeprefix("argon2") if stored.startswith("argon2$argon2") else stored
    if bare.startswith((WRAPPED, "$argon2")):
        return ("kept", bare, None) if hasher.can_read(bare) else ("unreadable", None, None)
    found = foreign.read(stored, hasher.foreign) if len(stored) <= phc.MAX_ENCODED else None
    return ("unreadable", None, None) if found is None else ("wrapped", None, found)

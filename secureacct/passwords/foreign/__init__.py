"""Hashes of other libraries: read and checked, never made."""

from __future__ import annotations

from secureacct.passwords.foreign.bcrypt import Bcrypt
from secureacct.passwords.foreign.pbkdf2 import Pbkdf2
from secureacct.passwords.foreign.salted import DjangoSalted
from secureacct.passwords.foreign.scrypt import Scrypt
from secureacct.passwords.foreign.stored import Scheme, StoredHash
from secureacct.passwords.foreign.unixcrypt import Phpass, ShaCrypt

ALL: tuple[Scheme, ...] = (Bcrypt(), Pbkdf2(), Scrypt(), ShaCrypt(), Phpass(), DjangoSalted())
"""Every scheme that ships. Argon2 of any library is read without one."""


def read(stored: str, schemes: tuple[Scheme, ...] | None = None) -> StoredHash | None:
    """The parts of a foreign hash, or None. ``schemes``: None stands for :data:`ALL`.

    :raises MissingExtra: a bcrypt hash, and the ``bcrypt`` extra is not installed
    """
    for scheme in ALL if schemes is None else schemes:
        if stored.startswith(scheme.prefixes):
            found = scheme.read(stored)
            if found is not None:
                return found
    return None


__all__ = ["ALL", "Scheme", "StoredHash", "read"]

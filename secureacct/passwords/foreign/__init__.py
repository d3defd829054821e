"""Hashes of other libraries: read and checked, never made."""

from __future__ import annotations

from secureacct.passwords.foreign.stored import Scheme, StoredHash

ALL: tuple[Scheme, ...] = ()
"""Every scheme that ships."""


def read(stored: str, schemes: tuple[Scheme, ...] = ALL) -> StoredHash | None:
    """The parts of a foreign hash, or None. Never raises."""
    for scheme in schemes:
        if stored.startswith(scheme.prefixes):
            found = scheme.read(stored)
            if found is not None:
                return found
    return None


__all__ = ["ALL", "Scheme", "StoredHash", "read"]

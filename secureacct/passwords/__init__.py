"""Passwords: hashed with Argon2id in memory that is bounded, checked, moved in from elsewhere, ruled on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from secureacct.passwords import profiles
from secureacct.passwords.admission import Admission
from secureacct.passwords.errors import (
    BlocklistUnreadable,
    PasswordEmpty,
    PasswordHasNul,
    PasswordNotText,
    PasswordTooLong,
    PasswordUnusable,
    WeakProfile,
)
from secureacct.passwords.hasher import PasswordHasher
from secureacct.passwords.profiles import Argon2Profile, Pbkdf2Profile

if TYPE_CHECKING:
    from secureacct.passwords.work import InlinePasswordWork, OffloadedPasswordWork

__all__ = [
    "Admission",
    "Argon2Profile",
    "BlocklistUnreadable",
    "InlinePasswordWork",
    "OffloadedPasswordWork",
    "PasswordEmpty",
    "PasswordHasNul",
    "PasswordHasher",
    "PasswordNotText",
    "PasswordTooLong",
    "PasswordUnusable",
    "Pbkdf2Profile",
    "WeakProfile",
    "profiles",
]


def __getattr__(name: str) -> object:
    """What only steps need is loaded when it is asked for."""
    if name in ("InlinePasswordWork", "OffloadedPasswordWork"):
        from secureacct.passwords import work

        return getattr(work, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

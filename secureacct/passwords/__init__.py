"""Passwords: hashed with Argon2id in memory that is bounded, checked, moved in from elsewhere, ruled on."""

from __future__ import annotations

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

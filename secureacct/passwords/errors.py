"""What can be wrong with a password that somebody wants to set, and with how passwords are set up.

    InvalidInput
    └── PasswordUnusable        cannot be hashed, whoever sent it               422
        ├── PasswordEmpty       nothing was typed
        ├── PasswordTooLong     over 1024 code points or 4096 bytes of UTF-8
        ├── PasswordHasNul      holds U+0000, where some old schemes stop reading
        └── PasswordNotText     not a ``str``, or a ``str`` that is not valid Unicode
    ConfigurationError
    ├── WeakProfile             parameters below the floor, or a test profile in production
    └── BlocklistUnreadable     a blocklist file is damaged, cut off, or of another version

Rules of this file: these are raised where a password is *set*; where one is *checked* the answer is
False. No message holds the password or any part of it.
"""

from __future__ import annotations

from secureacct.errors import ConfigurationError, InvalidInput


class PasswordUnusable(InvalidInput):
    """The root of what makes a password impossible to hash."""

    code = "password_unusable"
    public_message = "This password cannot be used."


class PasswordEmpty(PasswordUnusable):
    """Nothing was typed."""

    code = "password_empty"
    public_message = "Please type a password."


class PasswordTooLong(PasswordUnusable):
    """More than 1024 code points or 4096 bytes of UTF-8. It is refused, never cut."""

    code = "password_too_long"
    public_message = "This password is too long: at most 1024 characters can be used."


class PasswordHasNul(PasswordUnusable):
    """The password holds U+0000."""

    code = "password_has_nul"
    public_message = "This password holds a character that cannot be used."


class PasswordNotText(PasswordUnusable):
    """Not a ``str``, or one with lone surrogates, which has no UTF-8 form."""

    code = "password_not_text"
    public_message = "This password holds a character that cannot be used."


class WeakProfile(ConfigurationError):
    """Hashing parameters below the floor, or a test profile where ``SECUREACCT_ENV=production``."""

    code = "weak_profile"


class BlocklistUnreadable(ConfigurationError):
    """A blocklist file is damaged, cut off, not sorted, or of a version this code does not know."""

    code = "blocklist_unreadable"

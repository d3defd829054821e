"""Account security for Python web apps: passwords, sessions that end, encrypted fields, second factors,
passkeys, signed tokens, throttling, audit, consent.

Every piece is imported from its own module (``secureacct.passwords``, ``secureacct.sessions``, ...); the
names below are here too, and are loaded when they are asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from secureacct.cookies import SecureCookie
    from secureacct.errors import SecureAcctError
    from secureacct.fields import BlindIndex, FieldCipher
    from secureacct.keys import Keyring
    from secureacct.password_rules import PasswordRules
    from secureacct.passwords import PasswordHasher
    from secureacct.sessions import AsyncSessions, SessionPolicy, Sessions
    from secureacct.settings import Settings
    from secureacct.tokens import SignedTokens
    from secureacct.totp import Totp

__version__ = "0.1.0"

__all__ = [
    "AsyncSessions",
    "BlindIndex",
    "FieldCipher",
    "Keyring",
    "PasswordHasher",
    "PasswordRules",
    "SecureAcctError",
    "SecureCookie",
    "SessionPolicy",
    "Sessions",
    "Settings",
    "SignedTokens",
    "Totp",
    "__version__",
]

_HOMES = {
    "AsyncSessions": "sessions",
    "BlindIndex": "fields",
    "FieldCipher": "fields",
    "Keyring": "keys",
    "PasswordHasher": "passwords",
    "PasswordRules": "password_rules",
    "SecureAcctError": "errors",
    "SecureCookie": "cookies",
    "SessionPolicy": "sessions",
    "Sessions": "sessions",
    "Settings": "settings",
    "SignedTokens": "tokens",
    "Totp": "totp",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'secureacct' has no attribute {name!r}")
    return getattr(importlib.import_module(f"secureacct.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

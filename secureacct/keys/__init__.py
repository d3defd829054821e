"""Keys: seven separate roots, five states, one file that says when it was touched."""

from __future__ import annotations

from secureacct.keys.errors import (
    KeyDestroyed,
    KeyDisabled,
    KeyringAltered,
    KeyringError,
    KeyringExists,
    KeyringNotFound,
    KeyringSealed,
    KeyringUnsafe,
    KeyStateError,
    KmsUnavailable,
    UnknownKey,
)
from secureacct.keys.keyring import KeyInfo, Keyring
from secureacct.keys.keyring_provider import KeyringProvider
from secureacct.keys.providers import AsyncKeyProvider, KeyProvider, PassphraseProvider
from secureacct.keys.states import ROOTS, State

__all__ = [
    "ROOTS",
    "AsyncKeyProvider",
    "KeyDestroyed",
    "KeyDisabled",
    "KeyInfo",
    "KeyProvider",
    "KeyStateError",
    "Keyring",
    "KeyringAltered",
    "KeyringError",
    "KeyringExists",
    "KeyringNotFound",
    "KeyringProvider",
    "KeyringSealed",
    "KeyringUnsafe",
    "KmsUnavailable",
    "PassphraseProvider",
    "State",
    "UnknownKey",
]

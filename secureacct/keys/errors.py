"""What can go wrong with keys.

    KeyringError
    ├── UnknownKey          a key id that this keyring has never held
    ├── KeyDisabled         the key is held back, and can be enabled again
    ├── KeyDestroyed        the key material is gone for good
    ├── KeyStateError       the change does not fit the state a key is in
    ├── KeyringNotFound     there is no such file
    ├── KeyringExists       saving would lose keys that a file holds
    ├── KeyringUnsafe       others may read or replace the file
    ├── KeyringAltered      the file is damaged, edited, older than what was seen, or not a keyring
    ├── KeyringSealed       a passphrase or key provider is needed, or the one given does not fit
    └── KmsUnavailable      the key provider did not answer; try again

Rules of this file: every message is one line that says what is wrong and how to mend it, and none
carries key material or a passphrase.
"""

from __future__ import annotations

from secureacct.errors import SecureAcctError, TemporarilyUnavailable


class KeyringError(SecureAcctError):
    """The root of everything that can go wrong with keys."""

    code = "keyring"


class UnknownKey(KeyringError):
    """A key id that this keyring has never held."""

    code = "unknown_key"


class KeyDisabled(KeyringError):
    """The key is held back; ``Keyring.enable`` brings it back."""

    code = "key_disabled"


class KeyDestroyed(KeyringError):
    """The key material is gone for good; only its id is remembered."""

    code = "key_destroyed"


class KeyStateError(KeyringError):
    """The change that was asked for does not fit the state the key is in."""

    code = "key_state"


class KeyringNotFound(KeyringError):
    """There is no file at this path."""

    code = "keyring_not_found"


class KeyringExists(KeyringError):
    """Saving here would lose keys that the file already holds."""

    code = "keyring_exists"


class KeyringUnsafe(KeyringError):
    """Somebody else may read or replace the file."""

    code = "keyring_unsafe"


class KeyringAltered(KeyringError):
    """The file is damaged, edited by hand, older than what was already seen, or no keyring at all."""

    code = "keyring_altered"


class KeyringSealed(KeyringError):
    """A passphrase or a key provider is needed, or the one that was given does not fit."""

    code = "keyring_sealed"


class KmsUnavailable(KeyringError, TemporarilyUnavailable):
    """The key provider did not answer. Nothing is known to be wrong with the data: try again."""

    code = "kms_unavailable"

"""What can go wrong with an encrypted field.

    FieldError
    ├── InvalidValue            not a value of this field, or not a row id; nothing was encrypted
    ├── ValueTooLarge           longer than the field allows; nothing was encrypted or decrypted
    ├── MalformedCiphertext     cut, not ours, plain text, or authentic and yet unreadable
    ├── UnknownSuite            an algorithm that this field does not allow
    ├── UnknownKey              also a keys.UnknownKey: the id is in the message
    ├── KeyDisabled             also a keys.KeyDisabled
    ├── KeyDestroyed            also a keys.KeyDestroyed
    ├── WrongContext            made for another column, table, tenant, type, kind of row id or subject
    ├── TamperedCiphertext      altered, or moved to another row
    ├── SubjectForgotten        the person's data key was destroyed
    ├── SubjectNotLoaded        the person's data key was not loaded before it was needed
    ├── PurposeRequired         the field is read for a declared purpose only
    ├── LeakyIndex              an index that gives too much away, without accept_leakage=
    ├── NotSearchable           an encrypted value was compared; names the blind index
    ├── ForeignCiphertext       a value of another library that none of the given keys opens
    └── SystemicDecryptError    most of a batch failed: a wrong key or column, not single bad rows

Rules of this file: no message, attribute or chained exception holds a value, a key or a ciphertext.
"""

from __future__ import annotations

import secureacct.keys.errors as keys
from secureacct.errors import SecureAcctError


class FieldError(SecureAcctError):
    """The root of everything that can go wrong with an encrypted field."""

    code = "field"


class InvalidValue(FieldError):
    """Not a value of this field's type, or not a row id. Nothing was encrypted."""

    code = "field_invalid_value"
    http_status_hint = 422


class ValueTooLarge(FieldError):
    """Longer than this field allows. Refused before any cryptography."""

    code = "field_value_too_large"
    http_status_hint = 422


class MalformedCiphertext(FieldError):
    """Cut short, not one of ours, plain text, or authentic and still not a value of this type."""

    code = "field_malformed"


class UnknownSuite(FieldError):
    """The first byte names an algorithm that is not on this field's list."""

    code = "field_unknown_suite"


class UnknownKey(FieldError, keys.UnknownKey):
    """Encrypted under a key id that the keyring has never held."""

    code = "field_unknown_key"


class KeyDisabled(FieldError, keys.KeyDisabled):
    """Encrypted under a key that is held back."""

    code = "field_key_disabled"


class KeyDestroyed(FieldError, keys.KeyDestroyed):
    """Encrypted under a key whose material is gone."""

    code = "field_key_destroyed"


class WrongContext(FieldError):
    """Made for another column, table, tenant, type, kind of row id or subject, or under another key."""

    code = "field_wrong_context"


class TamperedCiphertext(FieldError):
    """Altered bytes, or the value of another row."""

    code = "field_tampered"


class SubjectForgotten(FieldError):
    """The data key of this person was destroyed on purpose; what it protected is gone."""

    code = "field_subject_forgotten"


class SubjectNotLoaded(FieldError):
    """The data key of this person was not loaded. Fields do no I/O: load it before reading."""

    code = "field_subject_not_loaded"


class PurposeRequired(FieldError):
    """The field is read in clear only for a purpose that was declared for it."""

    code = "field_purpose_required"
    http_status_hint = 403


class LeakyIndex(FieldError):
    """A blind index that would tell an observer too much, and nobody accepted that in writing."""

    code = "field_leaky_index"


class NotSearchable(FieldError):
    """Encrypted values are different every time, so comparing them finds nothing."""

    code = "field_not_searchable"


class ForeignCiphertext(FieldError):
    """A value written by another library that none of the given keys opens."""

    code = "field_foreign_ciphertext"


class SystemicDecryptError(FieldError):
    """More than half of a batch cannot be read: look for a wrong key or column, not for bad rows."""

    code = "field_systemic"


def of_field(error: keys.KeyringError) -> Exception:
    """The field's own form of a key error; anything else (``KmsUnavailable``) as it is."""
    for ours, theirs in (
        (UnknownKey, keys.UnknownKey),
        (KeyDisabled, keys.KeyDisabled),
        (KeyDestroyed, keys.KeyDestroyed),
    ):
        if isinstance(error, theirs):
            return ours(str(error))
    return error

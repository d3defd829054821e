"""Everything about an account that is encrypted before a store sees it.

Rules of this file: a value is bound to its table, column and row; a look-up goes by blind index;
nothing here does I/O. Stores get bytes and tokens, journeys get words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from secureacct.audit.encoding import EventKeys
from secureacct.errors import ConfigurationError
from secureacct.fields import BlindIndex, FieldCipher
from secureacct.keys import Keyring
from secureacct.records.mail import Message

_FIELD_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")  # it names a form field and is bound to a column
_FORM_NAMES: Final = frozenset(("password", "code", "csrf_token", "credential"))  # what our own forms hold


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileField:
    """One field of the profile an app keeps for its people, always encrypted.

    ``show_last``: only that many characters are ever answered (4 for a card number); 0 shows all.
    """

    name: str
    label: str
    max_length: int = 200  # characters
    show_last: int = 0  # characters
    autocomplete: str = "off"  # the HTML autofill token

    def __post_init__(self) -> None:
        if not _FIELD_NAME.match(self.name) or self.name in _FORM_NAMES:
            raise ConfigurationError(
                f"a profile field cannot be named {self.name!r}: lower-case letters, digits and '_', "
                f"and none of {', '.join(sorted(_FORM_NAMES))}; what people see is its label"
            )


class Vault:
    """The ciphers and the index of account data, all under one keyring."""

    def __init__(self, keys: Keyring, *, profile: Sequence[ProfileField] = ()) -> None:
        self.keys = keys
        self.profile_fields: Final = {one.name: one for one in profile}
        self._identifiers = BlindIndex(keys, table="account", column="email", normalise="email", unique=True)
        self._email = FieldCipher(keys, table="account", column="email", type=str, floor=64)
        self._attempt_email = FieldCipher(keys, table="attempt", column="email", type=str, floor=64)
        self._change_old = FieldCipher(keys, table="email_change", column="old", type=str, floor=64)
        self._change_new = FieldCipher(keys, table="email_change", column="new", type=str, floor=64)
        self._totp = FieldCipher(keys, table="totp", column="secret", type=str)
        self._mail = FieldCipher(keys, table="outbox", column="body", type=str)
        self.event_keys: Final = EventKeys(keys)
        self.event_cipher: Final = FieldCipher(keys, table="event", column="personal", type=str)
        self._interrupted = FieldCipher(keys, table="interrupted", column="form", type=str)
        self._profile = {
            name: FieldCipher(keys, table="profile", column=name, type=str) for name in self.profile_fields
        }

    def tokens(self, address: str) -> tuple[bytes, ...]:
        """The identifier's tokens under every live index version, the newest first."""
        return tuple(self._identifiers.lookup(address))

    def seal_email(self, address: str, *, account_id: str) -> bytes:
        """An account's address."""
        return self._email.encrypt(address, row=account_id)

    def open_email(self, sealed: bytes, *, account_id: str) -> str:
        """An account's address."""
        return self._email.decrypt(sealed, row=account_id)

    def seal_attempt_email(self, address: str, *, attempt_id: str) -> bytes:
        """The address of a sign-up."""
        return self._attempt_email.encrypt(address, row=attempt_id)

    def open_attempt_email(self, sealed: bytes, *, attempt_id: str) -> str:
        """The address of a sign-up."""
        return self._attempt_email.decrypt(sealed, row=attempt_id)

    def seal_change(self, *, old: str, new: str, change_id: str) -> tuple[bytes, bytes]:
        """Both addresses of a change."""
        return self._change_old.encrypt(old, row=change_id), self._change_new.encrypt(new, row=change_id)

    def open_change(self, *, old: bytes, new: bytes, change_id: str) -> tuple[str, str]:
        """Both addresses of a change."""
        return self._change_old.decrypt(old, row=change_id), self._change_new.decrypt(new, row=change_id)

    def seal_totp(self, secret: str, *, factor_id: str) -> bytes:
        """An authenticator's secret."""
        return self._totp.encrypt(secret, row=factor_id)

    def open_totp(self, sealed: bytes, *, factor_id: str) -> str:
        """An authenticator's secret."""
        return self._totp.decrypt(sealed, row=factor_id)

    def seal_profile(self, name: str, value: str, *, account_id: str) -> bytes:
        """One profile field."""
        return self._profile[name].encrypt(value, row=account_id)

    def open_profile(self, sealed: Sequence[tuple[str, bytes]], *, account_id: str) -> dict[str, str]:
        """The profile in clear. Fields the app no longer declares stay closed."""
        return {
            name: self._profile[name].decrypt(value, row=account_id)
            for name, value in sealed
            if name in self._profile
        }

    def seal_mail(self, message: Message, *, mail_id: str) -> bytes:
        """A mail waiting for delivery."""
        return self._mail.encrypt(
            json.dumps(
                {
                    "to": message.to,
                    "subject": message.subject,
                    "text": message.text,
                    "html": message.html,
                    "links": message.links,
                    "headers": message.headers,
                }
            ),
            row=mail_id,
        )

    def open_mail(self, sealed: bytes, *, mail_id: str) -> Message:
        """A mail waiting for delivery."""
        data = json.loads(self._mail.decrypt(sealed, row=mail_id))
        return Message(
            to=data["to"],
            subject=data["subject"],
            text=data["text"],
            html=data["html"],
            links=tuple(data["links"]),
            headers=tuple((name, value) for name, value in data["headers"]),
        )

    def seal_form(self, form: Mapping[str, str], *, session_id: str) -> bytes:
        """A POST that waits for a fresh proof."""
        return self._interrupted.encrypt(json.dumps(dict(form)), row=session_id)

    def open_form(self, sealed: bytes, *, session_id: str) -> dict[str, str]:
        """A POST that waits for a fresh proof."""
        form: dict[str, str] = json.loads(self._interrupted.decrypt(sealed, row=session_id))
        return form

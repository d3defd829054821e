"""How journeys end.

Several good endings are a union the type checker makes the caller handle; failures are exceptions.

    Rejected
    ├── SignInRejected          wrong credentials, whatever the cause     401 sign_in_rejected
    │   ├── PasswordRejected    of somebody signed in, or on our link
    │   └── SecondFactorRejected
    ├── SignInRequired          nobody is signed in                       401 sign_in_required
    ├── FreshProofRequired      stronger or fresher proof is needed       401 fresh_proof_required
    │   └── EnrolmentRequired   the account has no means to give it
    ├── Frozen                  changes are frozen after "not me"         403 changes_frozen
    ├── NotFound                another account's or an unknown id        404 not_found
    └── LinkRefused
        ├── LinkUsed            used before                               410 link_used
        ├── LinkExpired         too old                                   410 link_expired
        └── LinkUnknown         never issued, or altered                  410 link_unknown
    InvalidInput
    ├── PasswordUnacceptable    breaks the password rules; ``problems``   422 password_unacceptable
    ├── FieldInvalid            one field of a form; ``field``            422 field_invalid
    └── CodeRejected            a wrong code while enrolling              422 code_rejected
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from secureacct.errors import InvalidInput, Rejected
from secureacct.password_rules import Problem


class SignInRejected(Rejected):
    """Wrong credentials, whatever the cause: unknown, wrong, disabled, not confirmed, paused."""

    code = "sign_in_rejected"
    http_status_hint = 401
    public_message = (
        "We could not sign you in with that. Check the e-mail address and the password. "
        "If you signed up a short while ago, first open the link in the mail we sent you."
    )


class PasswordRejected(SignInRejected):
    """The password of somebody who is signed in, or who just followed our link, did not match."""

    code = "sign_in_rejected"
    public_message = "That password did not match. Please try again."


class SecondFactorRejected(SignInRejected):
    """A wrong or used code, or a sign-in that waited too long between password and code."""

    code = "sign_in_rejected"
    public_message = "That code did not work. Use a new code from your app, or one of your recovery codes."


class SignInRequired(Rejected):
    """Nobody is signed in."""

    code = "sign_in_required"
    http_status_hint = 401
    public_message = "Please sign in first."


class FreshProofRequired(Rejected):
    """A stronger or fresher proof is needed. ``accepts`` names the factors that would do;
    ``password_proved``: the inline password was right, so only the factor is missing."""

    code = "fresh_proof_required"
    http_status_hint = 401
    public_message = "Please confirm that it is you."

    def __init__(self, accepts: Sequence[str], *, password_proved: bool = False) -> None:
        super().__init__(self.public_message)
        self.accepts: Final = tuple(accepts)
        self.password_proved = password_proved


class EnrolmentRequired(FreshProofRequired):
    """What is asked for, the account has no means to prove yet: a second step must be set up first."""

    code = "fresh_proof_required"
    public_message = "Please set up a second step first."

    def __init__(self) -> None:
        super().__init__(("enrol",))


class Frozen(Rejected):
    """Address and factors cannot be changed for a while, because someone said "this was not me"."""

    code = "changes_frozen"
    public_message = "For your protection this cannot be changed now. Please try again in a few days."


class NotFound(Rejected):
    """Another account's, or no such id: the same answer."""

    code = "not_found"
    http_status_hint = 404
    public_message = "There is nothing here."


class LinkRefused(Rejected):
    """A link that does nothing."""

    code = "link_refused"
    http_status_hint = 410
    public_message = "This link does not work."


class LinkUsed(LinkRefused):
    """Used before, or replaced by something that happened since."""

    code = "link_used"
    public_message = "This link has been used already."


class LinkExpired(LinkRefused):
    """Too old."""

    code = "link_expired"
    public_message = "This link is too old."


class LinkUnknown(LinkRefused):
    """Never issued, cut off, or altered."""

    code = "link_unknown"
    public_message = "We do not know this link. Perhaps a part of it is missing."


class PasswordUnacceptable(InvalidInput):
    """A new password breaks the rules. ``problems`` have a ``code`` and a ``message`` each."""

    code = "password_unacceptable"
    public_message = "Please choose another password."

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(self.public_message)
        self.problems: Final = tuple(problems)


class FieldInvalid(InvalidInput):
    """One field cannot be right. ``message`` may be shown beside it and holds nothing of the value."""

    code = "field_invalid"

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(f"{field_name}: {message}")
        self.field = field_name
        self.message = message


class CodeRejected(InvalidInput):
    """A code that does not match while an authenticator is being set up."""

    code = "code_rejected"
    public_message = "That code does not match. Check the clock of your phone and try the next code."


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session has begun. ``token`` is the cookie's value."""

    token: str = field(repr=False)
    account_id: str
    session_id: str  # the public id
    remember: bool = False
    max_age_s: int | None = None  # lifetime of the cookie; None: dies with the window
    device_mark: str | None = field(default=None, repr=False)  # the known-device cookie's value
    next: str = ""
    recovery_codes_left: int | None = None  # set when a recovery code was used


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsSecondFactor:
    """The password was right; a code is needed. ``pending_token`` is the pending cookie's value."""

    pending_token: str = field(repr=False)
    factors: tuple[str, ...]  # "totp", "recovery_code", "passkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMail:
    """The same answer for every address. ``browser_token`` is the attempt cookie's value (sign-up)."""

    browser_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The address is confirmed and the account exists. Signing in is the next step."""

    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMoved:
    """The thing was done and the session has a new token (the old one is dead)."""

    token: str = field(repr=False)
    session_id: str
    max_age_s: int | None = None
    ended: int = 0  # how many other sessions ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """An authenticator to be confirmed by a code."""

    factor_id: str
    secret: str = field(repr=False)
    uri: str = field(repr=False)
    qr_svg: str | None = field(default=None, repr=False)  # None: the qr extra is not installed
    moved: SessionMoved | None = None  # the session's new token; None where the enrolment is only shown again


@dataclass(frozen=True, slots=True, kw_only=True)
class CodesShownOnce:
    """New recovery codes, in clear, once. ``moved`` holds the session's new token."""

    codes: tuple[str, ...] = field(repr=False)
    moved: SessionMoved


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who is signed in, as an app sees it."""

    id: str
    email: str = field(repr=False)
    email_verified: bool
    session_id: str
    proofs: tuple[tuple[str, int], ...] = ()  # (kind, seconds since the epoch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One line of the device list."""

    id: str  # public: ends this session and opens nothing
    name: str
    current: bool
    created_at: int  # seconds since the epoch
    last_seen_at: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of the account's own security log, in plain words."""

    id: str
    at: int  # seconds since the epoch
    name: str
    outcome: str
    text: str
    device: str = ""

"""Every page, as the facts its template gets. The template of ``SignIn`` is ``secureacct/sign_in.html``.

Rules of this file: a page is a frozen fact with nothing to call; a template uses exactly these names,
plus ``layout`` (the template to extend) and ``ui`` facts that the shell adds; a secret is here only
where the page shows it once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from secureacct.accounts.outcomes import Device, Happening
from secureacct.accounts.vault import ProfileField


@dataclass(frozen=True, slots=True)
class FieldError:
    """A message about one field; ``field`` is its name, empty for the whole form."""

    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """Who is signed in, for the page's head."""

    id: str
    email: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What every page gets."""

    title: ClassVar[str] = ""
    csrf_token: str = field(default="", repr=False)
    account: Signed | None = None
    errors: Sequence[FieldError] = ()
    values: Mapping[str, str] = field(default_factory=dict, repr=False)  # what was typed, never a password
    notice: str = ""  # something that was done, or a hint
    password_rules: str = ""  # for the passwordrules attribute of new-password inputs
    min_password: int = 15  # code points

    @property
    def template(self) -> str:
        """The template's path."""
        return f"secureacct/{re.sub(r'(?<!^)(?=[A-Z])', '_', type(self).__name__).lower()}.html"

    def error_of(self, name: str) -> str:
        """The first message about a field, or nothing."""
        return next((one.message for one in self.errors if one.field == name), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Page):
    """The index of the signed-in person's pages. ``/account/``"""

    title: ClassVar[str] = "Your account"
    has_second_factor: bool = False
    recovery_codes_left: int = 0
    passkeys: bool = False  # the passkey extra is there


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUp(Page):
    """``/account/sign-up``: fields email, password."""

    title: ClassVar[str] = "Create an account"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMail(Page):
    """After sign-up, resend, reset and e-mail change: look into your mail. ``purpose`` is one of
    "sign_up", "reset", "email", "recover". On sign_up it has a form to send again (POST /verify: email)."""

    title: ClassVar[str] = "Look into your mail"
    purpose: str = "sign_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify(Page):
    """``/account/verify/<token>``: confirm the address; ``needs_password`` in another browser."""

    title: ClassVar[str] = "Confirm your address"
    needs_password: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyAgain(Page):
    """``/account/verify``: send the confirmation mail again; field email."""

    title: ClassVar[str] = "Send the confirmation again"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(Page):
    """``/account/sign-in``: fields email, password, next (hidden), remember, shared_computer."""

    title: ClassVar[str] = "Sign in"
    next: str = ""
    offers_remember: bool = True
    passkeys: bool = False  # the passkey extra is there: load static/passkeys.js


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInCode(Page):
    """``/account/sign-in/code``: field code."""

    title: ClassVar[str] = "Enter your code"
    factors: Sequence[str] = ()
    passkeys: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut(Page):
    """After a sign-out; ``ended`` False: the store was down, the session ends by itself at ``ends_at``."""

    title: ClassVar[str] = "Signed out"
    ended: bool = True
    ends_at: int | None = None  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices(Page):
    """``/account/devices``: a POST for each device (id), for others, for all."""

    title: ClassVar[str] = "Your devices"
    devices: Sequence[Device] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Password(Page):
    """``/account/password``: fields current_password, new_password, hidden username; end_others checkbox."""

    title: ClassVar[str] = "Change your password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(Page):
    """``/account/reset``: field email."""

    title: ClassVar[str] = "Reset your password"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPassword(Page):
    """``/account/reset/<token>``: field new_password."""

    title: ClassVar[str] = "Choose a new password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Email(Page):
    """``/account/email``: fields password, new_email."""

    title: ClassVar[str] = "Change your e-mail address"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkAction(Page):
    """One button that does what a mailed link is for. ``action`` is one of "email_confirm", "email_undo",
    "not_me", "recover", "recover_cancel", "unlock"; ``path`` is where its form posts to."""

    title: ClassVar[str] = "Please confirm"
    action: str = ""
    path: str = ""
    ripe_at: int | None = None  # a recovery that waits, seconds since the epoch
    ripe: bool = False  # it may be finished now


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(Page):
    """``/account/profile``: field password and the declared fields; ``values`` are the current ones,
    ``masked`` the ends of those that are never shown whole."""

    title: ClassVar[str] = "Your profile"
    fields: Sequence[ProfileField] = ()
    masked: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """An authenticator or passkey in a list."""

    id: str
    name: str = field(repr=False)
    created_at: int
    last_used_at: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoStep(Page):
    """``/account/two-step``: on (password, name) and off (POST /two-step/off: password)."""

    title: ClassVar[str] = "Two-step sign-in"
    totp: Sequence[Factor] = ()
    passkeys: Sequence[Factor] = ()
    recovery_codes_left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoStepConfirm(Page):
    """``/account/two-step/confirm``: secret, QR and the field code."""

    title: ClassVar[str] = "Set up your authenticator app"
    secret_groups: Sequence[str] = field(default=(), repr=False)  # in groups of four
    uri: str = field(default="", repr=False)
    qr_svg: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodes(Page):
    """``/account/recovery-codes``: the count left and a form (password); ``codes`` once, after making."""

    title: ClassVar[str] = "Recovery codes"
    codes: Sequence[str] = field(default=(), repr=False)
    left: int = 0
    enrolled: bool = False  # they come with a second step just switched on


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm(Page):
    """``/account/confirm``: password and/or code, whatever ``accepts`` names; hidden field resume."""

    title: ClassVar[str] = "Confirm it is you"
    accepts: Sequence[str] = ()  # "password", "totp", "recovery_code", "passkey"
    resume: str = field(default="", repr=False)
    next: str = ""
    have: str = (
        ""  # what was shown already and is not asked for again: "password", or "factor" (nothing more)
    )
    passkeys: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity(Page):
    """``/account/activity``: the account's own log, newest first; ``older`` is the query of the next page."""

    title: ClassVar[str] = "Account activity"
    events: Sequence[Happening] = ()
    older: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recover(Page):
    """``/account/recover``: fields email, password."""

    title: ClassVar[str] = "Lost your second step?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkeys(Page):
    """``/account/passkeys``: the list, the button to add (script), removal forms (password)."""

    title: ClassVar[str] = "Passkeys"
    passkeys: Sequence[Factor] = ()
    recovery_codes_left: int = 0
    accepted_credentials: Mapping[str, object] | None = None  # for the browser's password manager


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(Page):
    """Something is done; ``next_path``/``next_label`` lead on."""

    title: ClassVar[str] = "Done"
    message: str = ""
    next_path: str = ""
    next_label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLink(Page):
    """410: a used, old or unknown link; ``reason`` is its code, the next step leads on."""

    title: ClassVar[str] = "This link does not work"
    reason: str = "link_unknown"
    message: str = ""
    next_path: str = ""
    next_label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem(Page):
    """Any other refusal: 400, 403, 404, 413, 429, 503; ``wait_s`` with Retry-After."""

    title: ClassVar[str] = "This did not work"
    heading: ClassVar[Mapping[int, str]] = {
        404: "Page not found",
        429: "Too many attempts",
        503: "Not available just now",
    }
    status: int = 400
    code: str = ""
    message: str = ""
    wait_s: int | None = None
    next_path: str = ""
    next_label: str = ""


def all_pages() -> tuple[type[Page], ...]:
    """Every page class of this file."""
    found = [one for one in globals().values() if isinstance(one, type) and issubclass(one, Page)]
    return tuple(one for one in found if one is not Page)

"""Every error of secureacct, under one root.

    SecureAcctError
    ├── ConfigurationError      the program was set up wrongly; refuses at start        500
    │   └── MissingExtra        an optional package is needed                           500
    ├── InvalidInput            what was sent cannot be right, whoever sent it          422
    ├── Rejected                well formed, and refused                                403
    ├── TemporarilyUnavailable  try again later; carries ``retry_after``                503
    │   ├── StoreUnavailable    a database or cache did not answer                      503
    │   ├── TooBusy             more work of one kind in flight than allowed            503
    │   └── Throttled           too many attempts                                       429
    ├── KeyringError            in secureacct.keys                                      500
    ├── FieldError              in secureacct.fields                                    500
    └── TokenError              in secureacct.tokens                                    410

Rules of this file: an error has a stable ``code``; ``public_message`` may be shown to anybody and is
the same for every cause that could tell whether an account exists; no error carries a secret; each
piece keeps its own leaves beside its own code, and no third-party error crosses the public API.
"""

from __future__ import annotations

from typing import ClassVar


class SecureAcctError(Exception):
    """The root. ``code`` is stable, ``http_status_hint`` is what a web layer would answer."""

    code: ClassVar[str] = "error"
    http_status_hint: ClassVar[int] = 500
    public_message: ClassVar[str] = "Something went wrong on our side."


class ConfigurationError(SecureAcctError):
    """The program was set up wrongly: raised at start, never in the middle of a request."""

    code = "configuration"


class MissingExtra(ConfigurationError):
    """An optional package is not installed. The message has the command that installs it."""

    code = "missing_extra"

    def __init__(self, extra: str, *, needed_for: str) -> None:
        super().__init__(f"{needed_for} needs an optional package: pip install 'secureacct[{extra}]'")
        self.extra = extra


class InvalidInput(SecureAcctError):
    """What was sent cannot be right, whoever sent it."""

    code = "invalid_input"
    http_status_hint = 422
    public_message = "Something in what you sent is not right."


class Rejected(SecureAcctError):
    """Well formed, understood, and refused."""

    code = "rejected"
    http_status_hint = 403
    public_message = "This is not allowed."


class TemporarilyUnavailable(SecureAcctError):
    """Try again in ``retry_after`` seconds."""

    code = "temporarily_unavailable"
    http_status_hint = 503
    public_message = "We cannot do this right now. Please try again shortly."

    def __init__(self, message: str = "", *, retry_after: int = 5) -> None:
        super().__init__(message or self.public_message)
        self.retry_after = retry_after


class StoreUnavailable(TemporarilyUnavailable):
    """A database or cache did not answer, is locked, full or read-only. Nothing was acknowledged."""

    code = "store_unavailable"


class TooBusy(TemporarilyUnavailable):
    """More work of one kind is in flight than the limits allow."""

    code = "too_busy"


class Throttled(TemporarilyUnavailable):
    """Too many attempts; the next one is looked at after ``retry_after`` seconds."""

    code = "throttled"
    http_status_hint = 429
    public_message = "Too many attempts. Please wait before you try again."

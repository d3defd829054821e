"""The errors of choices.

SecureAcctError
├── ConfigurationError
│   └── BadDeclaration          a purpose or cookie was declared wrongly          500
├── Rejected
│   ├── UndeclaredCookie        the app sets a cookie nobody was told about       500
│   ├── UnknownPurpose          a choice about something that was never declared  404
│   └── LedgerAltered           an entry of the ledger is not as it was written   500
└── TemporarilyUnavailable
    └── LedgerBusy              many choices of one person at once                503
"""

from __future__ import annotations

from secureacct.errors import ConfigurationError, Rejected, TemporarilyUnavailable


class BadDeclaration(ConfigurationError):
    """A purpose, cookie, list or partner was declared wrongly."""

    code = "bad_declaration"


class UndeclaredCookie(Rejected):
    """The app tried to set a cookie that it never declared, so nobody could decline it."""

    code = "undeclared_cookie"
    http_status_hint = 500
    public_message = "Something went wrong on our side."


class UnknownPurpose(Rejected):
    """A choice about something that was never declared."""

    code = "unknown_purpose"
    http_status_hint = 404
    public_message = "There is no such choice."


class LedgerAltered(Rejected):
    """An entry of the ledger is not as it was written, or one is missing."""

    code = "ledger_altered"
    http_status_hint = 500
    public_message = "Something went wrong on our side."

    def __init__(self, *, position: int) -> None:
        super().__init__(f"the ledger is broken at position {position}")
        self.position = position


class LedgerBusy(TemporarilyUnavailable):
    """Many choices of one person arrived at once; none of this one was recorded."""

    code = "ledger_busy"

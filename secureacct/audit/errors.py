"""How the security log refuses.

SecureAcctError
├── AuditError              the log cannot be used like this          500
│   └── EventAltered        an event does not carry its own MAC       500
└── TemporarilyUnavailable
    └── SinkUnavailable     an outside sink did not take a note       503
"""

from __future__ import annotations

from secureacct.errors import SecureAcctError, TemporarilyUnavailable


class AuditError(SecureAcctError):
    """The log cannot be used like this."""

    code = "audit"


class EventAltered(AuditError):
    """An event does not carry the MAC that was made when it was written."""

    code = "audit_event_altered"


class SinkUnavailable(TemporarilyUnavailable):
    """An outside sink did not take a note. It is kept and tried again."""

    code = "audit_sink_unavailable"

"""What can go wrong with a session."""

from __future__ import annotations

from secureacct.errors import InvalidInput, Rejected


class SessionEnded(Rejected):
    """The token belongs to no live session (any more), so there is nothing to change."""

    code = "session_ended"
    http_status_hint = 401
    public_message = "Please sign in again."


class AccountNotActive(Rejected):
    """The account is disabled or deleted, so no session begins."""

    code = "account_not_active"


class TooManySessions(Rejected):
    """The account has as many sessions as the policy allows, and none may be ended to make room."""

    code = "too_many_sessions"
    http_status_hint = 409
    public_message = "You are signed in on too many devices. Sign out on one of them first."


class SessionDataRefused(InvalidInput):
    """What the app wants to keep in the session is no JSON object, or larger than the policy allows."""

    code = "session_data_refused"

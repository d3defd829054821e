"""Choices for blocking and for awaiting programs: one line for each step."""

from __future__ import annotations

from typing import Final

from secureacct._faces import awaiting, blocking, refuse_other_kind
from secureacct.consent import steps
from secureacct.consent.cookie_choice import CookieStanding, cookie_standing
from secureacct.consent.steps import ConsentParts


class _Choices:
    def cookie_standing(self, *, cookie: str | None, gpc: str | None) -> CookieStanding:
        """What may be set in a browser with this choice cookie and ``Sec-GPC`` header. No I/O."""
        return cookie_standing(self.parts.declarations, cookie=cookie, gpc=gpc, now=self.parts.now())

    parts: ConsentParts


class Consents(_Choices):
    """Choices, for blocking programs."""

    def __init__(self, parts: ConsentParts) -> None:
        """:raises ConfigurationError: the store is an awaiting one."""
        refuse_other_kind(parts.store, wanted="blocking")
        self.parts = parts

    choose: Final = blocking(steps.choose)
    allowed: Final = blocking(steps.allowed)
    purposes_of: Final = blocking(steps.purposes_of)
    choose_cookies: Final = blocking(steps.choose_cookies)
    history: Final = blocking(steps.history)
    words_of: Final = blocking(steps.words_of)
    verify_history: Final = blocking(steps.verify_history)
    verify_everyone: Final = blocking(steps.verify_everyone)


class AsyncConsents(_Choices):
    """Choices, for awaiting programs."""

    def __init__(self, parts: ConsentParts) -> None:
        """:raises ConfigurationError: the store is a blocking one."""
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    choose: Final = awaiting(steps.choose)
    allowed: Final = awaiting(steps.allowed)
    purposes_of: Final = awaiting(steps.purposes_of)
    choose_cookies: Final = awaiting(steps.choose_cookies)
    history: Final = awaiting(steps.history)
    words_of: Final = awaiting(steps.words_of)
    verify_history: Final = awaiting(steps.verify_history)
    verify_everyone: Final = awaiting(steps.verify_everyone)

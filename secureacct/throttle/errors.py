"""How a throttle refuses.

Throttled
└── TooManyAttempts           wait; ``retry_after`` says how long          429
    └── AuthenticatorPaused   100 wrong ones: a mail unlocks it            429
"""

from __future__ import annotations

from typing import ClassVar

from secureacct.errors import Throttled
from secureacct.throttle.rules import waiting_sentence


class TooManyAttempts(Throttled):
    """The next attempt is looked at after ``retry_after`` seconds.

    ``bucket`` says which count refused ("account", "network", ...): for logs, never for the answer,
    although unknown names are counted alike. ``sentence`` may be shown.
    """

    code = "throttled"

    def __init__(self, *, action: str, bucket: str, retry_after: int) -> None:
        super().__init__(f"{action} is throttled by its {bucket} count", retry_after=retry_after)
        self.action = action
        self.bucket = bucket

    @property
    def sentence(self) -> str:
        """The waiting time in words, for a person."""
        return waiting_sentence(self.retry_after)


class AuthenticatorPaused(TooManyAttempts):
    """The authenticator had its 100 failures (NIST SP 800-63B-4 section 3.2.2) and stays shut for
    strangers until ``cleared``; known devices, passkeys and the reset go on working."""

    code = "authenticator_paused"
    public_message: ClassVar[str] = waiting_sentence(3600, what="paused")

    @property
    def sentence(self) -> str:
        """What goes on working, for a person."""
        return waiting_sentence(self.retry_after, what="paused")

"""Many sign-ins that fail across accounts go into the security log: once an hour, whichever process saw it.

Rules of this file: the event names no account, for it is about none; the network is that of the attempt at
which it was noticed, coarse like every other; what cannot be written down refuses nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from secureacct import logs
from secureacct.audit.encoding import EventKeys
from secureacct.audit.events import RANDOM_BYTES, PersonalCipher, event_id, seal_event
from secureacct.client_address import coarse
from secureacct.errors import SecureAcctError
from secureacct.ports.journal import Journal
from secureacct.throttle import ThrottleParts, TooManyAttempts, admit

log: Final = logs.logger("throttle")


@dataclass(frozen=True, slots=True, kw_only=True)
class SprayingLog:
    """Writes the event. The throttle says who of many does: its action ``spraying_event`` admits one."""

    store: Journal
    throttle: ThrottleParts
    keys: EventKeys = field(repr=False)
    cipher: PersonalCipher = field(repr=False)
    random: Callable[[int], bytes]

    async def __call__(self, action: str, *, network: str | None, failures: int, now: float) -> None:
        """See :class:`secureacct.throttle.steps.TellSpraying`. Never raises for the log's sake."""
        try:
            await admit(self.throttle, action="spraying_event", account=action, now=now)
            event = seal_event(
                self.keys,
                self.cipher,
                id=event_id(now=now, random=self.random(RANDOM_BYTES)),
                at=int(now),
                name="spraying",
                outcome="ok",
                reason=action,
                personal={
                    "network": coarse(network or ""),
                    "detail": f"{failures} attempts within an hour that did not succeed",
                },
            )
            await self.store.commit((), events=(event,))
        except TooManyAttempts:
            return
        except SecureAcctError as error:
            logs.event(log, "throttle.spraying_not_recorded", level="warning", reason=error.code)

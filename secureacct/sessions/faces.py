"""Sessions for blocking and for awaiting callers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from secureacct._faces import ServesAwaiting, ServesBlocking, awaiting, blocking, refuse_other_kind
from secureacct.ports.sessions import SessionStore
from secureacct.records.sessions import Session
from secureacct.sessions import many, rules, steps
from secureacct.sessions.parts import Meter, TellReuse, parts_of
from secureacct.sessions.policy import STANDARD, SessionPolicy

if TYPE_CHECKING:
    from secureacct.keys import Keyring


class BlockingStore(SessionStore, ServesBlocking, Protocol):
    """A session store whose methods never suspend."""


class AwaitingStore(SessionStore, ServesAwaiting, Protocol):
    """A session store whose methods may suspend."""


class Sessions:
    """Server-side sessions; the store keeps a hash of the token.

    :param policy: limits; :data:`secureacct.sessions.STANDARD` unless given.
    :param keys: encrypts what is kept about devices. Without, it is kept in clear.
    :param clock: seconds since the epoch.
    :param meter: gets ``("sessions.load", outcome, seconds)`` for each check.
    :param tell_reuse: makes the events and mails that go with the end of a stolen remembered session.
    :raises ConfigurationError: the store is for :class:`AsyncSessions`.
    """

    def __init__(
        self,
        store: BlockingStore,
        *,
        policy: SessionPolicy = STANDARD,
        keys: Keyring | None = None,
        clock: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
        meter: Meter | None = None,
        tell_reuse: TellReuse | None = None,
    ) -> None:
        refuse_other_kind(store, wanted="blocking")
        self.parts: Final = parts_of(
            store, policy, keys=keys, clock=clock, random=random, meter=meter, tell_reuse=tell_reuse
        )

    load: Final = blocking(steps.load)
    start: Final = blocking(steps.start)
    rotate: Final = blocking(steps.rotate)
    renew: Final = blocking(steps.renew)
    end: Final = blocking(steps.end)
    end_by_id: Final = blocking(steps.end_by_id)
    list: Final = blocking(many.live_sessions)
    devices: Final = blocking(many.devices)
    end_all: Final = blocking(many.end_all)
    end_everyone: Final = blocking(many.end_everyone)
    set_status: Final = blocking(many.set_status)
    account_state: Final = blocking(many.account_state)
    data: Final = blocking(many.data)
    set_data: Final = blocking(many.set_data)
    purge: Final = blocking(many.purge)
    count: Final = blocking(many.count)

    def renewal_is_due(self, session: Session) -> bool:
        """Whether ``renew`` would give this session a new token now. Asks no store."""
        return rules.renewal_is_due(session, self.parts.remembered, now=self.parts.now())

    def expires_at(self, session: Session) -> int:
        """Seconds since the epoch at which it ends if nothing more is seen of it."""
        return rules.ends_by_itself(session, self.parts.limits_of(session))


class AsyncSessions:
    """The same, awaited."""

    def __init__(
        self,
        store: AwaitingStore,
        *,
        policy: SessionPolicy = STANDARD,
        keys: Keyring | None = None,
        clock: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = os.urandom,
        meter: Meter | None = None,
        tell_reuse: TellReuse | None = None,
    ) -> None:
        refuse_other_kind(store, wanted="awaiting")
        self.parts: Final = parts_of(
            store, policy, keys=keys, clock=clock, random=random, meter=meter, tell_reuse=tell_reuse
        )

    load: Final = awaiting(steps.load)
    start: Final = awaiting(steps.start)
    rotate: Final = awaiting(steps.rotate)
    renew: Final = awaiting(steps.renew)
    end: Final = awaiting(steps.end)
    end_by_id: Final = awaiting(steps.end_by_id)
    list: Final = awaiting(many.live_sessions)
    devices: Final = awaiting(many.devices)
    end_all: Final = awaiting(many.end_all)
    end_everyone: Final = awaiting(many.end_everyone)
    set_status: Final = awaiting(many.set_status)
    account_state: Final = awaiting(many.account_state)
    data: Final = awaiting(many.data)
    set_data: Final = awaiting(many.set_data)
    purge: Final = awaiting(many.purge)
    count: Final = awaiting(many.count)

    def renewal_is_due(self, session: Session) -> bool:
        """Whether ``renew`` would give this session a new token now. Asks no store."""
        return rules.renewal_is_due(session, self.parts.remembered, now=self.parts.now())

    def expires_at(self, session: Session) -> int:
        """Seconds since the epoch at which it ends if nothing more is seen of it."""
        return rules.ends_by_itself(session, self.parts.limits_of(session))

"""Sessions for blocking and for awaiting callers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

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
        self.parts = parts_of(
            store, policy, keys=keys, clock=clock, random=random, meter=meter, tell_reuse=tell_reuse
        )

    load = blocking(steps.load)
    start = blocking(steps.start)
    rotate = blocking(steps.rotate)
    renew = blocking(steps.renew)
    end = blocking(steps.end)
    end_by_id = blocking(steps.end_by_id)
    list = blocking(many.live_sessions)
    devices = blocking(many.devices)
    end_all = blocking(many.end_all)
    end_everyone = blocking(many.end_everyone)
    set_status = blocking(many.set_status)
    account_state = blocking(many.account_state)
    data = blocking(many.data)
    set_data = blocking(many.set_data)
    purge = blocking(many.purge)
    count = blocking(many.count)

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
        self.parts = parts_of(
            store, policy, keys=keys, clock=clock, random=random, meter=meter, tell_reuse=tell_reuse
        )

    load = awaiting(steps.load)
    start = awaiting(steps.start)
    rotate = awaiting(steps.rotate)
    renew = awaiting(steps.renew)
    end = awaiting(steps.end)
    end_by_id = awaiting(steps.end_by_id)
    list = awaiting(many.live_sessions)
    devices = awaiting(many.devices)
    end_all = awaiting(many.end_all)
    end_everyone = awaiting(many.end_everyone)
    set_status = awaiting(many.set_status)
    account_state = awaiting(many.account_state)
    data = awaiting(many.data)
    set_data = awaiting(many.set_data)
    purge = awaiting(many.purge)
    count = awaiting(many.count)

    def renewal_is_due(self, session: Session) -> bool:
        """Whether ``renew`` would give this session a new token now. Asks no store."""
        return rules.renewal_is_due(session, self.parts.remembered, now=self.parts.now())

    def expires_at(self, session: Session) -> int:
        """Seconds since the epoch at which it ends if nothing more is seen of it."""
        return rules.ends_by_itself(session, self.parts.limits_of(session))

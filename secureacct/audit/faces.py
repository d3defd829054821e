"""The security log for blocking and for awaiting callers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from secureacct._faces import ServesAwaiting, ServesBlocking, awaiting, blocking, refuse_other_kind
from secureacct.audit import steps
from secureacct.audit.encoding import EventKeys
from secureacct.audit.sinks import Sink
from secureacct.audit.steps import AuditParts
from secureacct.keys import Keyring
from secureacct.ports.audit import AuditStore


class BlockingStore(AuditStore, ServesBlocking, Protocol):
    """A store of the log whose methods never suspend."""


class AwaitingStore(AuditStore, ServesAwaiting, Protocol):
    """A store of the log whose methods may suspend."""


class AuditLog:
    """Seals, checks and prunes the security log. ``clock`` gives seconds since the epoch."""

    def __init__(
        self,
        store: BlockingStore,
        keys: Keyring,
        *,
        sinks: tuple[Sink, ...] = (),
        name: str = "secureacct/audit",
        clock: Callable[[], float] = time.time,
    ) -> None:
        refuse_other_kind(store, wanted="blocking")
        self.parts: Final = AuditParts(store, EventKeys(keys), sinks, name, clock)

    seal: Final = blocking(steps.seal)
    hand_over: Final = blocking(steps.hand_over)
    verify: Final = blocking(steps.verify)
    prune: Final = blocking(steps.prune)


class AsyncAuditLog:
    """The same, awaited."""

    def __init__(
        self,
        store: AwaitingStore,
        keys: Keyring,
        *,
        sinks: tuple[Sink, ...] = (),
        name: str = "secureacct/audit",
        clock: Callable[[], float] = time.time,
    ) -> None:
        refuse_other_kind(store, wanted="awaiting")
        self.parts: Final = AuditParts(store, EventKeys(keys), sinks, name, clock)

    seal: Final = awaiting(steps.seal)
    hand_over: Final = awaiting(steps.hand_over)
    verify: Final = awaiting(steps.verify)
    prune: Final = awaiting(steps.prune)

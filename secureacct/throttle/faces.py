"""The throttle for blocking and for awaiting callers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Protocol

from secureacct._faces import ServesAwaiting, ServesBlocking, awaiting, blocking, refuse_other_kind
from secureacct.keys import Keyring
from secureacct.ports.throttle import ThrottleStore
from secureacct.throttle import steps
from secureacct.throttle.policies import ThrottlePolicy
from secureacct.throttle.steps import ThrottleParts


class BlockingStore(ThrottleStore, ServesBlocking, Protocol):
    """A throttle store whose methods never suspend."""


class AwaitingStore(ThrottleStore, ServesAwaiting, Protocol):
    """A throttle store whose methods may suspend."""


class Throttle:
    """Counts attempts before they are judged. ``clock`` gives seconds since the epoch."""

    def __init__(
        self,
        store: BlockingStore,
        keys: Keyring,
        *,
        policy: ThrottlePolicy | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        refuse_other_kind(store, wanted="blocking")
        self.parts: Final = ThrottleParts(store, keys, policy or ThrottlePolicy(), clock)

    admit: Final = blocking(steps.admit)
    succeeded: Final = blocking(steps.succeeded)
    withdrawn: Final = blocking(steps.withdrawn)
    cleared: Final = blocking(steps.cleared)
    forget: Final = blocking(steps.forget)


class AsyncThrottle:
    """The same, awaited."""

    def __init__(
        self,
        store: AwaitingStore,
        keys: Keyring,
        *,
        policy: ThrottlePolicy | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        refuse_other_kind(store, wanted="awaiting")
        self.parts: Final = ThrottleParts(store, keys, policy or ThrottlePolicy(), clock)

    admit: Final = awaiting(steps.admit)
    succeeded: Final = awaiting(steps.succeeded)
    withdrawn: Final = awaiting(steps.withdrawn)
    cleared: Final = awaiting(steps.cleared)
    forget: Final = awaiting(steps.forget)

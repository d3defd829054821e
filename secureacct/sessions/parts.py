"""What the session steps work with."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from secureacct.ports.sessions import SessionStore
from secureacct.records.changes import Change
from secureacct.records.events import Event
from secureacct.records.mail import OutboxMail
from secureacct.records.sessions import Session
from secureacct.sessions.devices import Device
from secureacct.sessions.policy import Limits, SessionPolicy

if TYPE_CHECKING:
    from secureacct.keys import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """What tells an owner of a dead token's use, committed together: events, mails, and their links."""

    events: Sequence[Event] = ()
    mails: Sequence[OutboxMail] = ()
    links: Sequence[Change] = ()


class Meter(Protocol):
    """Where counts and latencies go: ``meter("sessions.load", "live", 0.000012)``."""

    def __call__(self, name: str, outcome: str, seconds: float) -> None:
        """Take one measurement. Must not raise."""
        ...


class TellReuse(Protocol):
    """Makes what tells an owner that a dead token was used again, committed with what ends that."""

    def __call__(
        self, account_id: str, session_id: str, now: int, *, ended: bool, device: Device | None
    ) -> Notices:
        """What to commit.

        :param ended: the session was over before; else it lived on under a newer token, and ends now.
        :param device: who used it, where the caller of ``load`` could say.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionParts:
    """The bundle. ``limits`` and ``remembered`` are the policy's numbers, worked out once."""

    store: SessionStore
    policy: SessionPolicy
    limits: Limits
    remembered: Limits
    longest_s: int  # seconds; no session of this policy is older
    keys: Keyring | None = field(default=None, repr=False)
    clock: Callable[[], float] = time.time  # seconds since the epoch
    random: Callable[[int], bytes] = os.urandom
    meter: Meter | None = None
    tell_reuse: TellReuse | None = None

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())

    def limits_of(self, session: Session) -> Limits:
        """The policy's numbers for this kind of session."""
        return self.limits if session.token_at is None else self.remembered


def parts_of(
    store: SessionStore,
    policy: SessionPolicy,
    *,
    keys: Keyring | None,
    clock: Callable[[], float],
    random: Callable[[int], bytes],
    meter: Meter | None,
    tell_reuse: TellReuse | None,
) -> SessionParts:
    """The bundle of a policy."""
    return SessionParts(
        store=store,
        policy=policy,
        limits=policy.limits(),
        remembered=policy.limits(remember=True),
        longest_s=policy.longest_s,
        keys=keys,
        clock=clock,
        random=random,
        meter=meter,
        tell_reuse=tell_reuse,
    )

"""How long sessions live: numbers as frozen data.

Rules of this file: every number has a unit and a source. A session is stored with the limits it began
with, and the policy in force is asked again at each check: the stricter of the two holds, so making a
policy stricter reaches sessions that exist already, and one account's own policy can only be stricter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from secureacct.errors import ConfigurationError

LONGEST = timedelta(days=400)  # a cookie's Max-Age is cut there; RFC 6265bis section 5.5
GRACE_S = 10  # seconds a token that the clock rotated out may still read; ours
CLOCK_SLACK_S = 2 * 86_400  # seconds a session may seem to begin in the future (a clock set back); ours


class Limits(NamedTuple):
    """The numbers of one kind of session, in seconds. ``idle_s`` 0: no idle limit."""

    absolute_s: int
    idle_s: int
    touch_s: int
    rotate_s: int  # 0: the clock does not rotate its token


def _seconds(span: timedelta) -> int:
    return max(int(span.total_seconds()), 1)


def _refuse_odd(absolute: timedelta, idle: timedelta | None) -> None:
    if not all(isinstance(one, timedelta | None) for one in (absolute, idle)):
        raise ConfigurationError("limits of a session are timedeltas, such as timedelta(minutes=30)")
    if not timedelta(seconds=1) <= absolute <= LONGEST:
        raise ConfigurationError("the absolute limit lies between a second and 400 days")
    if idle is not None and not timedelta(seconds=1) <= idle <= absolute:
        raise ConfigurationError("the idle limit lies between a second and the absolute limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remember:
    """Limits of a session that outlives the browser window. Counts as AAL1 whatever was proved
    (NIST SP 800-63B-4 section 5.1: a bearer secret should not survive a restart)."""

    absolute: timedelta = timedelta(days=30)  # NIST SP 800-63B-4 section 2.1.3: at most 30 days at AAL1
    idle: timedelta | None = timedelta(days=14)  # ours
    rotate_every: timedelta = timedelta(hours=24)  # ours; how long a stolen copy goes unnoticed

    def __post_init__(self) -> None:
        _refuse_odd(self.absolute, self.idle)
        if not timedelta(minutes=1) <= self.rotate_every <= self.absolute:
            raise ConfigurationError("rotate_every lies between a minute and the absolute limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """Limits of a session.

    :param idle: without a request until it ends; None: only the absolute limit holds.
    :param absolute: from its start until it ends, whatever happens.
    :param remember: limits of "stay signed in"; None: that wish is not granted.
    :param touch_every: how exactly idleness is known. An idle limit may bite that much earlier.
    :param at_most: live sessions of an account; None: no limit.
    :param make_room_after: a full account's session may be ended for a new one if it was unseen this
        long and proved no more than the new one; None: never, the new one is refused.
    """

    idle: timedelta | None = timedelta(hours=1)  # NIST SP 800-63B-4 section 2.2.3: AAL2, at most 1 hour
    absolute: timedelta = timedelta(hours=24)  # NIST SP 800-63B-4 section 2.2.3: AAL2, at most 24 hours
    remember: Remember | None = None  # opt-in: a shared computer stays signed in otherwise
    touch_every: timedelta = timedelta(minutes=1)  # ours: one write a minute and session at most
    at_most: int | None = None
    make_room_after: timedelta | None = None

    def __post_init__(self) -> None:
        _refuse_odd(self.absolute, self.idle)
        if self.touch_every < timedelta(seconds=1):
            raise ConfigurationError("touch_every is at least a second")
        if self.at_most is not None and self.at_most < 1:
            raise ConfigurationError("at_most is at least one session")

    def limits(self, *, remember: bool = False) -> Limits:
        """The numbers for a session of this kind. Where nothing may be remembered, a session that was
        remembered earlier has the limits of any other."""
        kept = self.remember if remember else None
        absolute, idle = (self.absolute, self.idle) if kept is None else (kept.absolute, kept.idle)
        idle_s = _seconds(idle) if idle is not None else 0
        touch_s = _seconds(self.touch_every)
        return Limits(
            absolute_s=_seconds(absolute),
            idle_s=idle_s,
            touch_s=min(touch_s, max(idle_s // 10, 1)) if idle_s else touch_s,
            rotate_s=_seconds(kept.rotate_every) if kept is not None else 0,
        )

    @property
    def longest_s(self) -> int:
        """Seconds after which no session of this policy can be alive."""
        return max(self.limits().absolute_s, self.limits(remember=True).absolute_s)


STANDARD = SessionPolicy(remember=Remember())
"""24 hours, 1 hour idle, and 30 days for whoever wishes to be remembered."""

AAL1 = SessionPolicy(absolute=timedelta(days=30), idle=None, remember=Remember())
"""NIST SP 800-63B-4 section 2.1.3: an overall limit of at most 30 days, an idle limit is optional."""

AAL2 = SessionPolicy(absolute=timedelta(hours=24), idle=timedelta(hours=1), remember=None)
"""NIST SP 800-63B-4 section 2.2.3: at most 24 hours, at most 1 hour idle, nothing remembered."""

AAL3 = SessionPolicy(absolute=timedelta(hours=12), idle=timedelta(minutes=15), remember=None)
"""NIST SP 800-63B-4 section 2.3.3: at most 12 hours, at most 15 minutes idle, nothing remembered."""

OFFICE = SessionPolicy(absolute=timedelta(hours=12), idle=timedelta(minutes=30), remember=None)
"""A working day; ours, inside AAL2."""

ADMIN = SessionPolicy(absolute=timedelta(hours=8), idle=timedelta(minutes=15), remember=None)
"""People who can change other people's accounts; ours, inside AAL3."""

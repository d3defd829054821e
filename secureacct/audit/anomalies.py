"""What looks unusual, and why. Pure rules that explain themselves.

Rule 1: a warning names the facts it rests on in words its reader can check ("you signed out at ...").
Rule 2: no geography and no scores: a network is a coarse prefix, a device is a name or a known mark.
Rule 3: a rule warns; it never refuses. What refuses is the throttle and the proof that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

FAILURES_BEFORE_SUCCESS = 5  # failures; the free attempts of the throttle
FAILURES_WITHIN_S = 3600  # seconds; the throttle's longest wait
AT_ONCE_S = 600  # seconds; nobody changes continent, and a train ride changes network more slowly


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One use or attempt, with what is known of where it came from."""

    at: int  # seconds since the epoch
    device: str  # a name for people, "Firefox on Linux"
    network: str  # a coarse network, client_address.coarse
    session_id: str | None = None  # the public id
    outcome: str = "ok"
    event_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Warning:
    """One rule that struck. ``why`` is for the account's owner."""

    rule: str  # stable: "new_device_new_network", ...
    why: str
    events: tuple[str, ...] = ()  # ids of the events it rests on


def new_device_on_new_network(now: Sighting, before: Sequence[Sighting]) -> Warning | None:
    """A device and a network, both never seen with this account. The very first sign-in is no news."""
    good = [one for one in before if one.outcome == "ok"]
    if not good or any(one.device == now.device or one.network == now.network for one in good):
        return None
    return Warning(
        rule="new_device_new_network",
        why=f"{now.device} signed in from the network {now.network}. "
        "Neither was used with your account before.",
        events=(now.event_id,) if now.event_id else (),
    )


def failures_then_success(now: Sighting, before: Sequence[Sighting]) -> Warning | None:
    """Many wrong attempts within an hour, then a right one."""
    if now.outcome != "ok":
        return None
    since = max(
        (one.at for one in before if one.outcome == "ok" and one.at <= now.at),
        default=now.at - FAILURES_WITHIN_S,
    )
    wrong = [
        one
        for one in before
        if one.outcome == "refused" and max(since, now.at - FAILURES_WITHIN_S) <= one.at <= now.at
    ]
    if len(wrong) < FAILURES_BEFORE_SUCCESS:
        return None
    return Warning(
        rule="failures_then_success",
        why=f"{len(wrong)} wrong attempts within an hour were followed by a sign-in with {now.device}.",
        events=tuple(one.event_id for one in (*wrong, now) if one.event_id),
    )


def used_after_sign_out(use: Sighting, *, ended_at: int) -> Warning | None:
    """A session's token came back after its session had ended: somebody kept a copy."""
    if use.at <= ended_at:
        return None
    return Warning(
        rule="used_after_sign_out",
        why=f"A session that had ended {_span(use.at - ended_at)} earlier was used again by {use.device} "
        f"from the network {use.network}. It opened nothing.",
        events=(use.event_id,) if use.event_id else (),
    )


def two_networks_at_once(now: Sighting, before: Sequence[Sighting]) -> Warning | None:
    """One session in use from two networks, forth and back, within ten minutes.

    A phone that leaves its Wi-Fi changes once; a stolen token makes the networks alternate.
    """
    if now.session_id is None:
        return None
    own = sorted(
        (one for one in before if one.session_id == now.session_id and 0 <= now.at - one.at <= AT_ONCE_S),
        key=lambda one: one.at,
    )
    places = [one.network for one in own] + [now.network]
    changes = sum(1 for left, right in pairwise(places) if left != right)
    if len(set(places)) < 2 or changes < 2:
        return None
    others = sorted(set(places) - {now.network})
    return Warning(
        rule="two_networks_at_once",
        why=f"One session was used from {now.network} and from {', '.join(others)}, "
        "in turns, within ten minutes.",
        events=tuple(one.event_id for one in (*own, now) if one.event_id),
    )


def _span(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} seconds"
    if seconds < 7200:
        return f"{seconds // 60} minutes"
    return f"{seconds // 3600} hours"

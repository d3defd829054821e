"""What looks unusual about a sign-in, and why. Pure rules that explain themselves.

Rule 1: an anomaly names the facts it rests on in words its reader can check.
Rule 2: no geography and no scores: a network is a coarse prefix, a device is the name of a browser.
Rule 3: a rule warns; it never refuses. What refuses is the throttle and the proof that is asked for.
Rule 4: each rule strikes once: what it told of is part of what the next sign-in is compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FAILURES_BEFORE_SUCCESS: Final = 5  # failures; the free attempts of the throttle
FAILURES_WITHIN_S: Final = 3600  # seconds; the throttle's longest wait
AT_ONCE_S: Final = 600  # seconds; nobody changes continent, and a train ride changes network more slowly


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One use of an account or an attempt at it, with what is known of where it came from."""

    at: int  # seconds since the epoch
    device: str  # a name for people, "Firefox on Linux"
    network: str  # a coarse network, client_address.coarse; empty: not known
    session_id: str | None = None  # the public id
    outcome: str = "ok"  # "refused"; "told": failures up to here were told of


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """One rule that struck. ``why`` is a sentence for the account's owner."""

    rule: str  # stable: "failures_then_success", ...
    why: str


def of_sign_in(now: Sighting, before: Sequence[Sighting], *, since_ever: bool) -> tuple[Anomaly, ...]:
    """What is unusual about a sign-in by a browser that bears no mark of a known device, the gravest first.

    :param before: what was seen of the account, in any order.
    :param since_ever: whether ``before`` holds everything; if not, what it lacks may be known all the same.
    """
    struck = (
        failures_then_success(now, before),
        two_networks_at_once(now, before),
        new_device_on_new_network(now, before, since_ever=since_ever),
    )
    return tuple(one for one in struck if one is not None)


def new_device_on_new_network(
    now: Sighting, before: Sequence[Sighting], *, since_ever: bool = True
) -> Anomaly | None:
    """A device and a network, both not seen with this account. The very first sign-in is no news, nor is one
    where it is not known from where."""
    good = [one for one in before if one.outcome == "ok" and one.network]
    if (
        not now.network
        or (not good and since_ever)
        or any(one.device == now.device or one.network == now.network for one in good)
    ):
        return None
    return Anomaly(
        rule="new_device_on_new_network",
        why=f"{now.device} signed in from {_named(now.network)}. Neither was used with your account before.",
    )


def failures_then_success(now: Sighting, before: Sequence[Sighting]) -> Anomaly | None:
    """Many wrong attempts within an hour, then a right one. A success in between, which may be the owner's,
    makes them no fewer."""
    told = max((one.at for one in before if one.outcome == "told"), default=0)
    since = max(told + 1, now.at - FAILURES_WITHIN_S)
    wrong = sum(1 for one in before if one.outcome == "refused" and since <= one.at <= now.at)
    if wrong < FAILURES_BEFORE_SUCCESS:
        return None
    return Anomaly(
        rule="failures_then_success",
        why=f"{wrong} wrong attempts within an hour were followed by a sign-in with {now.device}.",
    )


def two_networks_at_once(now: Sighting, before: Sequence[Sighting]) -> Anomaly | None:
    """A sign-in from a network that was never used, while another session is in use from elsewhere.

    A phone that leaves its Wi-Fi goes on with the session it has; a thief begins one of their own.
    """
    good = [one for one in before if one.outcome == "ok"]
    if not now.network or any(one.network == now.network for one in good):
        return None
    meanwhile = [
        one
        for one in good
        if one.network
        and 0 <= now.at - one.at <= AT_ONCE_S
        and one.session_id is not None
        and one.session_id != now.session_id
    ]
    if not meanwhile:
        return None
    other = max(meanwhile, key=lambda one: one.at)
    return Anomaly(
        rule="two_networks_at_once",
        why=f"{now.device} signed in from {_named(now.network)} while {other.device} was in use "
        f"from {_named(other.network)}.",
    )


def used_after_sign_out(use: Sighting) -> Anomaly:
    """A session's token came back after its owner had signed out: somebody kept a copy."""
    return Anomaly(
        rule="used_after_sign_out",
        why=f"A sign-in that had ended was used again by {use.device} from {_named(use.network)}. "
        "It opened nothing.",
    )


def _named(network: str) -> str:
    return f"the network {network}" if network else "an unknown network"

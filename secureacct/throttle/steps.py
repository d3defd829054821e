"""Admit an attempt before it is judged, and settle it after.

Rule 1: ``admit`` counts first, in one statement for all buckets. What it returns is the proof that
        an attempt was counted; a verifier should ask for it.
Rule 2: whoever got a ticket settles it: ``succeeded`` or ``withdrawn``. Doing nothing means failed.
Rule 3: a success empties this account's own ladders and gives the shared budgets back one attempt,
        so signing in to an account of one's own buys nothing against another.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from secureacct import logs
from secureacct.client_address import widening
from secureacct.errors import StoreUnavailable
from secureacct.keys import Keyring
from secureacct.ports.throttle import ThrottleStore
from secureacct.records.throttle import FOREVER_MS, Charge, Refused
from secureacct.throttle import rules
from secureacct.throttle.errors import AuthenticatorPaused, TooManyAttempts
from secureacct.throttle.policies import ActionPolicy, Budget, Ladder, ThrottlePolicy

HOUR_MS = 3_600_000
UNKNOWN_NETWORK = "unknown"  # everybody without an address shares one budget
MOST_NETWORKS_KEPT = 4096  # networks whose charges are kept ready; about 5 MB
LONGEST_RETRY_AFTER_S = 86_400  # seconds; what an answer may ask a client to wait

log: Final = logs.logger("throttle")


class TellSpraying(Protocol):
    """Records that more attempts fail everywhere than the policy expects. Asked at most once a minute in a
    process; must not raise."""

    async def __call__(self, action: str, *, network: str | None, failures: int, now: float) -> None:
        """Record it. ``failures`` of the last hour, ``now`` in seconds since the epoch."""
        ...


@dataclass(frozen=True, slots=True)
class ThrottleParts:
    """What the steps need: a store, the keyring that names buckets, the numbers, a clock; and, if given, what
    records that spraying was seen."""

    store: ThrottleStore
    keys: Keyring = field(repr=False)
    policy: ThrottlePolicy = field(default_factory=ThrottlePolicy)
    clock: Callable[[], float] = time.time  # seconds since the epoch
    tell_spraying: TellSpraying | None = None
    _secrets: dict[int, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)
    _shared: dict[tuple[bytes, str, str | None], tuple[Charge, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def secret(self) -> bytes:
        """The key that names buckets, derived once for each key of the index root."""
        key_id = self.keys.primary("index")
        found = self._secrets.get(key_id)
        if found is None:
            found = self._secrets[key_id] = self.keys.derive("index", "throttle", key_id=key_id)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An attempt was counted and may be judged."""

    action: str
    keys: tuple[bytes, ...] = field(repr=False)
    lane: str  # "device" or "stranger"
    pauses: bool = False  # if this one fails, the authenticator is paused: the owner should get a mail
    everywhere: int = 0  # failures of the last hour everywhere, where they are more than the policy expects
    counted: bool = True  # False: the store was down and every bucket said open

    @property
    def spraying(self) -> bool:
        """Whether more attempts fail everywhere than the policy expects."""
        return self.everywhere > 0


async def admit(
    parts: ThrottleParts,
    *,
    action: str,
    account: str | None = None,
    network: str | None = None,
    known_device: str | None = None,
    now: float | None = None,
) -> Admitted:
    """Count one attempt, or refuse it.

    :param action: a name in the policy.
    :param account: the identifier as typed, or an account id; an unknown one is counted alike.
    :param network: the client's address or group (``client_address``); None shares one budget.
    :param known_device: the id of a device mark the caller has verified for this account.
    :param now: seconds since the epoch; the clock's time if None.
    :raises TooManyAttempts: 429, with ``retry_after`` and a ``sentence``; nothing was counted.
    :raises AuthenticatorPaused: the same, until somebody clears it.
    :raises StoreUnavailable: the store did not answer and a bucket is closed then.
    :raises ConfigurationError: no policy guards this action.
    """
    policy = parts.policy.of(action)
    now_ms = int((parts.clock() if now is None else now) * 1000)
    if known_device is not None and account is not None and policy.device is not None:
        charges = _device_lane(parts, policy, action, account, known_device)
        try:
            return await _through(parts, policy, action, charges, "device", network, now_ms)
        except AuthenticatorPaused:
            logs.event(log, "throttle.device_mark_void", action=action)
    charges = _stranger_lane(parts, policy, action, account, network)
    return await _through(parts, policy, action, charges, "stranger", network, now_ms)


async def succeeded(parts: ThrottleParts, ticket: Admitted) -> None:
    """The attempt was right. Empties its own ladders, gives back what it took from shared budgets."""
    if ticket.counted and ticket.keys:
        await parts.store.settle_success(ticket.keys)


async def withdrawn(parts: ThrottleParts, ticket: Admitted) -> None:
    """The attempt was never judged (busy, an outage, a key not yet here): it costs nothing."""
    if ticket.counted and ticket.keys:
        await parts.store.settle_withdrawn(ticket.keys)


async def cleared(parts: ThrottleParts, *, action: str, account: str, network: str | None = None) -> None:
    """The owner has shown who they are in another way (a mail's link, a reset): the account's ladder
    for this action is empty again, and that of ``network`` with it."""
    policy = parts.policy.of(action)
    lane = _stranger_lane(parts, policy, action, account, network)
    await parts.store.settle_success([one.key for one in lane if one.kind in ("account", "account_network")])


async def forget(parts: ThrottleParts, *, limit: int = 10_000, now: float | None = None) -> int:
    """Remove buckets whose quiet time is over; how many went. Call it now and then (``limit`` rows)."""
    now_ms = int((parts.clock() if now is None else now) * 1000)
    return await parts.store.forget_buckets(now_ms=now_ms, limit=limit)


def _device_lane(
    parts: ThrottleParts, policy: ActionPolicy, action: str, account: str, device: str
) -> list[Charge]:
    lane: list[Charge] = []
    if policy.device is not None:
        key = rules.bucket_key(parts.secret, action, "device", rules.subject(account), device)
        lane.append(_charge(key, "device", policy.device))
    lane += (one for one in _shared_by_all(parts, policy, action, None) if one.kind == "everyone")
    return lane


def _stranger_lane(
    parts: ThrottleParts, policy: ActionPolicy, action: str, account: str | None, network: str | None
) -> list[Charge]:
    secret = parts.secret
    lane: list[Charge] = []
    if account is not None:
        who = rules.subject(account)
        if policy.account_network is not None:
            near = widening(network)[0] if network is not None else UNKNOWN_NETWORK
            key = rules.bucket_key(secret, action, "account_network", who, near)
            lane.append(_charge(key, "account_network", policy.account_network))
        if policy.account is not None:
            lane.append(_charge(rules.bucket_key(secret, action, "account", who), "account", policy.account))
    lane += _shared_by_all(parts, policy, action, network)
    return lane


def _shared_by_all(
    parts: ThrottleParts, policy: ActionPolicy, action: str, network: str | None
) -> tuple[Charge, ...]:
    """The charges that do not depend on the account, made once for a network."""
    secret = parts.secret
    place = (secret, action, network)
    found = parts._shared.get(place)
    if found is None:
        groups = widening(network) if network is not None else (UNKNOWN_NETWORK,)
        made = [
            _charge(rules.bucket_key(secret, action, "network", group), "network", budget)
            for group, budget in zip(groups, policy.networks, strict=False)
        ]
        if policy.everyone is not None:
            key = rules.bucket_key(secret, action, "everyone")
            made.append(_charge(key, "everyone", policy.everyone))
        if len(parts._shared) >= MOST_NETWORKS_KEPT:
            parts._shared.clear()
        found = parts._shared[place] = tuple(made)
    return found


def _charge(key: bytes, kind: str, numbers: Ladder | Budget) -> Charge:
    if isinstance(numbers, Ladder):
        return Charge(
            key=key,
            kind=kind,
            free=numbers.free,
            step_ms=numbers.first_wait_s * 1000,
            cap_ms=numbers.longest_wait_s * 1000,
            pause_at=numbers.pause_at or 0,
            room_ms=0,
            forget_ms=numbers.forget_after_s * 1000,
        )
    step_ms = HOUR_MS // numbers.per_hour
    return Charge(
        key=key,
        kind=kind,
        free=numbers.per_hour,
        step_ms=step_ms,
        cap_ms=0,
        pause_at=0,
        room_ms=FOREVER_MS if numbers.over == "watch" else (numbers.per_hour - 1) * step_ms,
        forget_ms=2 * HOUR_MS,
    )


async def _through(
    parts: ThrottleParts,
    policy: ActionPolicy,
    action: str,
    charges: list[Charge],
    lane: str,
    network: str | None,
    now_ms: int,
) -> Admitted:
    if not charges:
        return Admitted(action=action, keys=(), lane=lane)
    try:
        answer = await parts.store.count_attempt(charges, now_ms=now_ms)
    except StoreUnavailable:
        if _opens_without_store(policy, lane):
            logs.event(log, "throttle.uncounted", action=action, level="warning")
            return Admitted(action=action, keys=(), lane=lane, counted=False)
        raise
    if isinstance(answer, Refused):
        raise _refusal(action, charges, answer, now_ms=now_ms)
    ticket = _ticket(action, charges, answer.buckets, lane, now_ms=now_ms)
    if ticket.everywhere:
        await _tell_spraying(parts, ticket, network, now=now_ms / 1000)
    return ticket


async def _tell_spraying(parts: ThrottleParts, ticket: Admitted, network: str | None, *, now: float) -> None:
    told = logs.event_at_most(
        log,
        "throttle.spraying",
        every_s=60,
        now=now,
        action=ticket.action,
        failures=ticket.everywhere,
        level="warning",
    )
    if told and parts.tell_spraying is not None:
        await parts.tell_spraying(ticket.action, network=network, failures=ticket.everywhere, now=now)


def _opens_without_store(policy: ActionPolicy, lane: str) -> bool:
    """Whether every bucket of a lane says open, also those this attempt had no subject for."""
    strangers = (policy.account, policy.account_network, *policy.networks)
    buckets = (policy.device, policy.everyone) if lane == "device" else (*strangers, policy.everyone)
    return all(one.store_down == "open" for one in buckets if one is not None)


def _refusal(action: str, charges: list[Charge], answer: Refused, *, now_ms: int) -> TooManyAttempts:
    place, _, until = max(answer.shut, key=lambda one: one[2] - charges[one[0]].room_ms)
    shut = charges[place]
    if until >= FOREVER_MS:
        error: TooManyAttempts = AuthenticatorPaused(
            action=action, bucket=shut.kind, retry_after=shut.cap_ms // 1000
        )
    else:
        retry_after = rules.retry_after_s(
            until, room_ms=shut.room_ms, cap_s=LONGEST_RETRY_AFTER_S, now_ms=now_ms
        )
        error = TooManyAttempts(action=action, bucket=shut.kind, retry_after=retry_after)
    logs.event(log, "throttle.refused", action=action, bucket=shut.kind, retry_after_s=error.retry_after)
    return error


def _ticket(
    action: str, charges: list[Charge], buckets: tuple[tuple[int, int], ...], lane: str, *, now_ms: int
) -> Admitted:
    pauses, everywhere = False, 0
    for charge, (_, until) in zip(charges, buckets, strict=True):
        if charge.kind == "account":
            pauses = until >= FOREVER_MS
        elif charge.kind == "everyone" and until - now_ms > charge.free * charge.step_ms:
            everywhere = (until - now_ms) // charge.step_ms
    return Admitted(
        action=action,
        keys=tuple([charge.key for charge in charges]),
        lane=lane,
        pauses=pauses,
        everywhere=everywhere,
    )

"""The numbers of throttling, as data: which buckets guard which action.

Rule 1: per account there is a ladder and never a lock: the owner's known devices, passkeys and the
        reset have buckets of their own.
Rule 2: ``store_down`` is closed unless an app says otherwise, bucket by bucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, Self

from secureacct.errors import ConfigurationError

StoreDown = Literal["closed", "open"]

HOUR_S = 3600
DAY_S = 86_400
MOST_PER_HOUR = 3_600_000  # attempts: one a millisecond, the finest a bucket counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Some attempts are free, then each asks for twice the wait of the one before."""

    free: int = 5  # attempts; NIST SP 800-63B-4 3.2.2 leaves the number open, OWASP names 5
    first_wait_s: int = 30  # seconds; NIST SP 800-63B-4 3.2.2
    longest_wait_s: int = 3600  # seconds; NIST SP 800-63B-4 3.2.2 (100 failures then take 89 h)
    pause_at: int | None = None  # attempts in a row after which it stays shut until cleared
    forget_after_s: int = DAY_S  # seconds of quiet after which it starts again
    store_down: StoreDown = "closed"  # ASVS 5 V16.5.3: a failing control never opens

    def __post_init__(self) -> None:
        if not 1 <= self.free <= 100 or self.first_wait_s < 1 or self.longest_wait_s < self.first_wait_s:
            raise ConfigurationError(
                "a ladder needs 1 to 100 free attempts, and waits of 1 s or more that grow"
            )
        if self.pause_at is not None and not self.free < self.pause_at <= 100:
            raise ConfigurationError("pause_at lies above free and is at most 100 (NIST SP 800-63B-4 3.2.2)")
        if self.forget_after_s <= self.longest_wait_s:
            raise ConfigurationError("a ladder must remember for longer than its longest wait")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Up to ``per_hour`` at once, refilled evenly over an hour."""

    per_hour: int  # attempts that were not given back
    over: Literal["refuse", "watch"] = "refuse"  # watch: say so in the log and let through
    store_down: StoreDown = "closed"

    def __post_init__(self) -> None:
        if not 1 <= self.per_hour <= MOST_PER_HOUR:
            raise ConfigurationError("a budget is 1 to 3,600,000 attempts an hour")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPolicy:
    """The buckets of one action. A bucket that is None is not kept.

    ``device`` replaces all but ``everyone`` where the caller proved a known device. ``networks``
    holds a budget per width: the address itself (IPv6 /64), then /56, then /48.
    """

    account: Ladder | None = None
    account_network: Ladder | None = None
    device: Ladder | None = None
    networks: tuple[Budget, ...] = ()
    everyone: Budget | None = None


NETWORKS = (
    Budget(per_hour=100),  # one IPv4 address or IPv6 /64, which is one household or office
    Budget(per_hour=300),  # IPv6 /56, what many providers give one customer
    Budget(per_hour=1000),  # IPv6 /48, what one site may hold
)
ANYBODY = tuple(replace(one, per_hour=12 * one.per_hour) for one in NETWORKS)
"""What a browser may begin before anything is typed: a sign-in page asks for a passkey by itself."""
EVERYONE = Budget(per_hour=1000, over="watch", store_down="open")  # sees spraying; refusing would be a weapon

GUESSED_BY_ALL = Ladder(free=20, pause_at=100, forget_after_s=30 * DAY_S)  # many networks against one account
GUESSED = Ladder(pause_at=100, forget_after_s=30 * DAY_S)  # NIST SP 800-63B-4 3.2.2: at most 100 in a row
KNOWN_DEVICE = Ladder(pause_at=20, forget_after_s=30 * DAY_S)  # after 20 the mark buys nothing any more
MAILED = Ladder(free=3, first_wait_s=60)  # each request costs: nobody's mailbox is flooded

_PASSWORD = ActionPolicy(
    account=GUESSED_BY_ALL,
    account_network=Ladder(),
    device=KNOWN_DEVICE,
    networks=NETWORKS,
    everyone=EVERYONE,
)
_PROOF = ActionPolicy(account=GUESSED, device=KNOWN_DEVICE, networks=NETWORKS)
_MAIL = ActionPolicy(account=MAILED, networks=NETWORKS, everyone=EVERYONE)

STANDARD: Mapping[str, ActionPolicy] = MappingProxyType(
    {
        "sign_in": _PASSWORD,
        "second_factor": _PROOF,
        "fresh_proof": _PROOF,
        "passkey": ActionPolicy(networks=NETWORKS, everyone=EVERYONE),  # nothing to guess: only load
        "passkey_options": ActionPolicy(networks=ANYBODY),  # each writes a row that lives five minutes
        "cookie_choice": ActionPolicy(networks=ANYBODY),  # each writes a row of the ledger
        "reset": _MAIL,
        "recovery": _MAIL,
        "registration": _MAIL,
        "verification_mail": _MAIL,
        "email_change": _MAIL,
        "unlock_mail": ActionPolicy(
            account=Ladder(free=1, first_wait_s=DAY_S, longest_wait_s=DAY_S, forget_after_s=2 * DAY_S)
        ),
        "spraying_event": ActionPolicy(
            account=Ladder(free=1, first_wait_s=HOUR_S, longest_wait_s=HOUR_S, forget_after_s=2 * HOUR_S)
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottlePolicy:
    """What guards each action. An action without a policy is refused, not let through."""

    actions: Mapping[str, ActionPolicy] = field(default_factory=lambda: STANDARD)

    def of(self, action: str) -> ActionPolicy:
        """The buckets of an action.

        :raises ConfigurationError: nobody said how this action is guarded.
        """
        try:
            return self.actions[action]
        except KeyError:
            raise ConfigurationError(f"no throttle policy guards the action {action!r}") from None

    def with_action(self, action: str, policy: ActionPolicy) -> Self:
        """The same, with one action guarded differently or an app's own action added."""
        return replace(self, actions=MappingProxyType({**self.actions, action: policy}))

    def with_network_budget(self, *, per_hour: int) -> Self:
        """The same, with wider or narrower budgets per network for every action that has them.

        The wider networks (/56, /48) keep three and ten times that, and what may be done more often than a
        sign-in keeps its share. For a place where everybody comes from one address, a demo on loopback for
        instance; counts per account stay as they are.

        :param per_hour: sign-ins from one address in an hour that do not succeed; 100 unless said otherwise.
        """
        return replace(
            self,
            actions=MappingProxyType(
                {
                    name: replace(
                        one,
                        networks=tuple(
                            replace(budget, per_hour=_scaled(budget.per_hour, per_hour))
                            for budget in one.networks
                        ),
                    )
                    for name, one in self.actions.items()
                }
            ),
        )


def _scaled(usual: int, per_hour: int) -> int:
    return max(1, min(usual * per_hour // NETWORKS[0].per_hour, MOST_PER_HOUR))

"""How strong, and how fresh: the one rule that says whether what was proved is enough.

Rules of this file: pure. Strength is looked up in ``WAYS``, the table that the documentation shows.
Two things one *has* are still one kind of factor. Freshness is asked of the proofs themselves: only
those young enough are counted, and they alone must reach the level, so nothing is ever made fresh by
something weaker. Levels are those of NIST SP 800-63B-4 section 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations

from secureacct.errors import ConfigurationError
from secureacct.records.factors import Factors

PASSWORD = "password"
TOTP = "totp"
RECOVERY_CODE = "recovery_code"
PASSKEY = "passkey"  # somebody touched it (UV=0), and it may have been copied (BE=1)
PASSKEY_UV = "passkey:uv"  # its holder gave a PIN or biometric (UV=1)
PASSKEY_BOUND = "passkey:bound"  # it cannot leave its authenticator (BE=0)
PASSKEY_BOUND_UV = "passkey:bound:uv"

FACTORS = (PASSWORD, TOTP, RECOVERY_CODE, PASSKEY)
"""What a person is asked for."""

COUNTS_AS: Mapping[str, frozenset[str]] = {
    PASSWORD: frozenset({PASSWORD}),
    TOTP: frozenset({TOTP}),
    RECOVERY_CODE: frozenset({RECOVERY_CODE}),
    PASSKEY: frozenset({PASSKEY}),
    PASSKEY_UV: frozenset({PASSKEY, PASSKEY_UV}),
    PASSKEY_BOUND: frozenset({PASSKEY, PASSKEY_BOUND}),
    PASSKEY_BOUND_UV: frozenset({PASSKEY, PASSKEY_UV, PASSKEY_BOUND, PASSKEY_BOUND_UV}),
}
"""Every kind of proof, and what it also is."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to reach a level: all of ``needs`` were proved."""

    level: int
    needs: frozenset[str]
    why: str


WAYS = (
    Way(3, frozenset({PASSKEY_BOUND_UV}), "a key that cannot be copied, opened by its holder (2.3.1)"),
    Way(3, frozenset({PASSKEY_BOUND, PASSWORD}), "a key that cannot be copied, and a password (2.3.1)"),
    Way(2, frozenset({PASSKEY_UV}), "a key opened by its holder: two factors in one (2.2.1)"),
    Way(2, frozenset({PASSWORD, PASSKEY}), "something known and something held (2.2.1)"),
    Way(2, frozenset({PASSWORD, TOTP}), "something known and something held (2.2.1)"),
    Way(2, frozenset({PASSWORD, RECOVERY_CODE}), "something known and something held (2.2.1)"),
    Way(1, frozenset({PASSWORD}), "one factor (2.1.1)"),
    Way(1, frozenset({TOTP}), "one factor (2.1.1)"),
    Way(1, frozenset({RECOVERY_CODE}), "one factor (2.1.1)"),
    Way(1, frozenset({PASSKEY}), "one factor (2.1.1)"),
)
"""Every way to every level, the strongest first; numbers are sections of NIST SP 800-63B-4."""

OWN_LEVEL_AT_MOST = 2  # of ``level=None``; ours: else a lost security key could only be removed with itself
MAX_CLOCK_SKEW_S = 60  # seconds a proof may lie in the future (hosts disagree); ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Require:
    """What is asked.

    ``level``: 1, 2 or 3; None asks for the level that the account itself can reach, at most 2.
    ``factors``: named ones that must all be among the proofs. ``max_age``: how old a proof may be.

    :raises ConfigurationError: no such level or factor, or an age that is not positive.
    """

    level: int | None = None
    factors: frozenset[str] = frozenset()
    max_age: timedelta | None = None

    def __post_init__(self) -> None:
        if self.level not in (None, 1, 2, 3):
            raise ConfigurationError(f"no assurance level {self.level!r}; choose 1, 2 or 3")
        if unknown := set(self.factors) - set(FACTORS):
            raise ConfigurationError(f"no factor {sorted(unknown)}; choose among {', '.join(FACTORS)}")
        if self.max_age is not None and self.max_age <= timedelta(0):
            raise ConfigurationError("max_age must be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Satisfied:
    """What was proved is enough. ``level`` is what the counted proofs reach."""

    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Something more must be proved. ``accepts`` names every factor that brings it closer."""

    accepts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MustEnrol:
    """The account holds nothing that could be enough. ``choices`` names what it would have to add."""

    choices: tuple[str, ...]


Decision = Satisfied | Needs | MustEnrol


def decide(
    require: Require, *, proofs: Iterable[tuple[str, int]], enrolled: Iterable[str], now: int
) -> Decision:
    """Whether ``proofs`` satisfy ``require`` at ``now``.

    :param proofs: pairs of kind and time (seconds since the epoch), as a session records them. They
        must be of the account that asks; kinds that are not known count for nothing.
    :param enrolled: the kinds that the account can prove, see :func:`enrolled_kinds`.
    :param now: seconds since the epoch.
    """
    held = frozenset(enrolled) & COUNTS_AS.keys()
    level = own_level(held) if require.level is None else require.level
    fresh = _fresh(proofs, max_age=require.max_age, now=now)
    if _enough(fresh, level, require.factors):
        return Satisfied(level=level_of(fresh))
    closer = _closer(fresh, held, level, require.factors)
    if closer:
        return Needs(accepts=closer)
    new = COUNTS_AS.keys() - {RECOVERY_CODE}  # codes come with another factor, never alone
    return MustEnrol(choices=_closer(held, new, level, require.factors))


def level_of(kinds: Iterable[str]) -> int:
    """The level that these kinds of proof reach together: 0 for none, up to 3."""
    traits = _traits(kinds)
    return next((way.level for way in WAYS if way.needs <= traits), 0)


def own_level(enrolled: Iterable[str]) -> int:
    """The level an account must prove for changes to itself: what it can reach, 1 at least, 2 at most."""
    return max(1, min(level_of(enrolled), OWN_LEVEL_AT_MOST))


def passkey_kind(*, user_verified: bool, device_bound: bool) -> str:
    """The kind of proof that a use of a passkey is, from its flags."""
    if device_bound:
        return PASSKEY_BOUND_UV if user_verified else PASSKEY_BOUND
    return PASSKEY_UV if user_verified else PASSKEY


def factor_of(kind: str) -> str:
    """What a person calls a kind of proof: ``"passkey:uv"`` is a ``"passkey"``."""
    return kind.partition(":")[0]


def enrolled_kinds(factors: Factors, *, password: bool) -> frozenset[str]:
    """The kinds of proof an account can give. ``password``: whether it has one."""
    kinds = {
        passkey_kind(user_verified=one.user_verified, device_bound=not one.backup_eligible)
        for one in factors.passkeys
    }
    if password:
        kinds.add(PASSWORD)
    if factors.usable_totp:
        kinds.add(TOTP)
    if factors.any and factors.recovery_codes_left:
        kinds.add(RECOVERY_CODE)
    return frozenset(kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRule:
    """Who must be able to reach a level ("admins must have a second factor"), and by when.

    ``grace`` counts from the moment the rule began to apply to the account.
    """

    level: int = 2
    grace: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentDue:
    """The account cannot reach the level yet. ``overdue``: until it can, it should reach nothing else."""

    due_at: int  # seconds since the epoch
    overdue: bool
    choices: tuple[str, ...]


def enrolment_due(
    rule: EnrolmentRule, *, enrolled: Iterable[str], since: int, now: int
) -> EnrolmentDue | None:
    """What the rule still asks of an account to which it applies since ``since``; None: nothing."""
    held = frozenset(enrolled) & COUNTS_AS.keys()
    if level_of(held) >= rule.level:
        return None
    due_at = since + int(rule.grace.total_seconds())
    choices = _closer(held, COUNTS_AS.keys() - {RECOVERY_CODE}, rule.level, frozenset())
    return EnrolmentDue(due_at=due_at, overdue=now >= due_at, choices=choices)


def _traits(kinds: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(COUNTS_AS.get(kind, frozenset()) for kind in kinds))


def _fresh(proofs: Iterable[tuple[str, int]], *, max_age: timedelta | None, now: int) -> frozenset[str]:
    oldest = 0 if max_age is None else now - int(max_age.total_seconds())
    return frozenset(kind for kind, at in proofs if oldest <= at <= now + MAX_CLOCK_SKEW_S)


def _enough(kinds: frozenset[str], level: int, factors: frozenset[str]) -> bool:
    return level_of(kinds) >= level and factors <= _traits(kinds)


def _closer(
    have: frozenset[str], could: Iterable[str], level: int, factors: frozenset[str]
) -> tuple[str, ...]:
    """The factors in the smallest additions from ``could`` that make ``have`` enough."""
    choices = sorted(could)
    smallest: list[frozenset[str]] = []
    for size in range(1, len(choices) + 1):
        for added in map(frozenset, combinations(choices, size)):
            if not any(known <= added for known in smallest) and _enough(have | added, level, factors):
                smallest.append(added)
    named = {factor_of(kind) for added in smallest for kind in added}
    return tuple(factor for factor in FACTORS if factor in named)

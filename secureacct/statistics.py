"""Counting what happens without counting who (C12).

Rules of this file: a counter is declared with the groups it may have, so no value of a person can become
a group; each counter has one grouping and one period, and only whole periods that are over are
published, so no two publications differ by a person; a group below the minimum is withheld, with so
many others that neither the total nor the known bounds give it away. People are counted once a day by
a mark under that day's secret; both are deleted when the day is over, and only counts stay.
"""

from __future__ import annotations

import hmac
import os
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Protocol

from secureacct._bytes import lp_join
from secureacct._faces import Kind, awaiting, blocking, refuse_other_kind
from secureacct.errors import ConfigurationError, Rejected
from secureacct.ports.journal import Journal
from secureacct.ports.statistics import StatisticReads
from secureacct.records.statistics import AddCount, AddCountOnce, Cell, ForgetDays, KeepDaySecret

DAY_S = 86_400
SECRET_BYTES = 32  # a day's secret, 256 bits
MIN_GROUP = 10  # people; common in official statistics (5 to 10), ours is the upper end
OTHER = "other"
PERSONAL = frozenset(
    "account account_id address card_number city country_of_birth date_of_birth device_id email first_name "
    "iban id ip ip_address last_name mail name phone postal_code session session_id shipping_address "
    "street surname user user_agent user_id username".split()
)
"""Fields nobody may group by. An app adds its own."""


class CannotCount(ConfigurationError):
    """A counter was declared in a way that could point at a person."""

    code = "cannot_count"


class NotPublishable(Rejected):
    """The period is not over, or not a whole one, or the counter was never declared."""

    code = "not_publishable"
    http_status_hint = 404


class StatisticStore(Journal, StatisticReads, Protocol):
    """What statistics ask of a store."""

    @property
    def kind(self) -> Kind:
        """Blocking, awaiting or both."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """One thing to count.

    ``by`` names what it is grouped by; ``groups`` are all its values (anything else counts as
    ``"other"``), or ``edges`` cut a number into a histogram. Neither: a plain count.
    """

    name: str
    by: str = ""
    groups: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()
    period_days: int = 7  # days; published as whole periods only

    def group_of(self, value: str | float | None) -> str:
        """The group a value falls in. Never the value itself, unless it was declared."""
        if self.edges and isinstance(value, int | float):
            at = bisect_right(self.edges, value)
            return self.all_groups[at]
        if self.groups:
            return value if isinstance(value, str) and value in self.groups else OTHER
        return ""

    @property
    def all_groups(self) -> tuple[str, ...]:
        """Every group there can be."""
        if self.edges:
            shown = [f"{edge:g}" for edge in self.edges]
            between = [f"{low} to {high}" for low, high in pairwise(shown)]
            return (f"below {shown[0]}", *between, f"{shown[-1]} and more")
        return (*self.groups, OTHER) if self.groups else ("",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What may be shown to others. A group that is missing from ``counts`` is withheld."""

    name: str
    first_day: int  # days since 1970-01-01
    last_day: int
    total: int | None  # None: withheld
    counts: Mapping[str, int]
    withheld: tuple[str, ...]
    min_group: int


def publishable(
    counts: Mapping[str, int], *, min_group: int = MIN_GROUP
) -> tuple[dict[str, int], int | None]:
    """The counts that may be shown, and the total, or None where even that tells too much.

    Small groups go first; then the smallest of the others, one by one, until nobody who knows the total,
    this rule and the shown groups can narrow a withheld group down to fewer than half of ``min_group``
    values.
    """
    total = sum(counts.values())
    shown = {name: count for name, count in counts.items() if count >= min_group}
    hidden = {name: count for name, count in counts.items() if count < min_group}
    if not hidden:
        return shown, total
    bounds = dict.fromkeys(hidden, (0, min_group - 1))
    while _gives_away(bounds, total - sum(shown.values()), min_group):
        if not shown:
            return {}, None
        smallest = min(shown, key=lambda name: (shown[name], name))
        del shown[smallest]
        ceiling = min(shown.values(), default=total)
        bounds = {
            name: (low, high) if high == min_group - 1 else (min_group, ceiling)
            for name, (low, high) in bounds.items()
        }
        bounds[smallest] = (min_group, ceiling)
    return shown, total


def _gives_away(bounds: Mapping[str, tuple[int, int]], rest: int, min_group: int) -> bool:
    if rest < min_group:
        return True
    lows, highs = sum(low for low, _ in bounds.values()), sum(high for _, high in bounds.values())
    for low, high in bounds.values():
        least = max(low, rest - (highs - high))
        most = min(high, rest - (lows - low))
        if most - least + 1 < max(2, min_group // 2):
            return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticParts:
    """What the steps work with."""

    store: StatisticStore
    counters: Sequence[Counter]
    personal: frozenset[str] = PERSONAL
    min_group: int = MIN_GROUP
    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = os.urandom
    by_name: Mapping[str, Counter] = field(init=False, repr=False)
    secrets: dict[int, bytes] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """:raises CannotCount: a counter is grouped by something personal, or by anything at all."""
        for one in self.counters:
            if one.by.lower() in self.personal:
                raise CannotCount(f"counter {one.name!r}: {one.by!r} is a person's; count something else")
            if bool(one.by) != bool(one.groups or one.edges) or (one.groups and one.edges):
                raise CannotCount(
                    f"counter {one.name!r}: a grouping needs its groups, or its edges, in advance"
                )
            if list(one.edges) != sorted(set(one.edges)) or one.period_days < 1:
                raise CannotCount(f"counter {one.name!r}: edges must rise, a period is one day or more")
        by_name = {one.name: one for one in self.counters}
        if len(by_name) != len(self.counters) or self.min_group < 2:
            raise CannotCount("counters need names of their own, and a group of one person is no group")
        object.__setattr__(self, "by_name", by_name)

    def today(self) -> int:
        """Days since 1970-01-01, UTC."""
        return int(self.clock()) // DAY_S

    def counter(self, name: str) -> Counter:
        """:raises NotPublishable: it was never declared."""
        try:
            return self.by_name[name]
        except KeyError:
            raise NotPublishable(f"no counter {name!r} was declared") from None


async def count(parts: StatisticParts, name: str, value: str | float | None = None) -> None:
    """Count one more. ``value`` chooses the group and is forgotten.

    :raises NotPublishable: the counter was never declared.
    """
    group = parts.counter(name).group_of(value)
    await parts.store.commit([AddCount(cell=Cell(day=parts.today(), name=name, group=group, count=1))])


async def count_once(parts: StatisticParts, name: str, who: str, value: str | float | None = None) -> None:
    """Count somebody once a day, however often they come.

    :param who: anything that tells people apart today. It is turned into a mark under the day's secret
        and never stored; nobody can tell tomorrow whether a mark was theirs.
    :raises NotPublishable: the counter was never declared.
    """
    day = parts.today()
    group = parts.counter(name).group_of(value)
    mark = hmac.digest(await _secret(parts, day), lp_join([name.encode(), who.encode()]), "sha256")
    cell = Cell(day=day, name=name, group=group, count=1)
    await parts.store.commit([AddCountOnce(cell=cell, mark=mark)])


async def _secret(parts: StatisticParts, day: int) -> bytes:
    known = parts.secrets.get(day)
    if known is not None:
        return known
    offered = KeepDaySecret(day=day, secret=parts.random(SECRET_BYTES))
    await parts.store.commit([offered, ForgetDays(day=day)])
    kept = await parts.store.day_secret(day)
    parts.secrets.clear()
    secret = parts.secrets[day] = offered.secret if kept is None else kept
    return secret


async def forget_days(parts: StatisticParts) -> None:
    """Delete the secrets and marks of days that are over. Run it daily; counting does it as well."""
    parts.secrets.clear()
    await parts.store.commit([ForgetDays(day=parts.today())])


async def publish(parts: StatisticParts, name: str, *, day: int) -> Published:
    """The period a day lies in, as it may be shown to others.

    :param day: days since 1970-01-01, UTC.
    :raises NotPublishable: the counter was never declared, or the period is not over.
    """
    counter = parts.counter(name)
    first = day - day % counter.period_days
    last = first + counter.period_days - 1
    if last >= parts.today():
        raise NotPublishable("the period is not over: what is shown twice can be compared")
    counts = dict.fromkeys(counter.all_groups, 0)
    for cell in await parts.store.cells(name, first_day=first, last_day=last):
        group = cell.group if cell.group in counts else counter.all_groups[-1]
        counts[group] += cell.count
    shown, total = publishable(counts, min_group=parts.min_group)
    return Published(
        name=name,
        first_day=first,
        last_day=last,
        total=total,
        counts=shown,
        withheld=tuple(_missing(counts, shown)),
        min_group=parts.min_group,
    )


def _missing(counts: Iterable[str], shown: Mapping[str, int]) -> Iterable[str]:
    return (name for name in counts if name not in shown)


class Statistics:
    """Counters, for blocking programs."""

    def __init__(self, parts: StatisticParts) -> None:
        """:raises ConfigurationError: the store is an awaiting one."""
        refuse_other_kind(parts.store, wanted="blocking")
        self.parts = parts

    count: Final = blocking(count)
    count_once: Final = blocking(count_once)
    publish: Final = blocking(publish)
    forget_days: Final = blocking(forget_days)


class AsyncStatistics:
    """Counters, for awaiting programs."""

    def __init__(self, parts: StatisticParts) -> None:
        """:raises ConfigurationError: the store is a blocking one."""
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    count: Final = awaiting(count)
    count_once: Final = awaiting(count_once)
    publish: Final = awaiting(publish)
    forget_days: Final = awaiting(forget_days)

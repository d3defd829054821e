"""Counts that are about nobody."""

from __future__ import annotations

from dataclasses import dataclass, field

from secureacct.records.changes import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """How often something happened on a day, for one value of one group."""

    day: int  # days since 1970-01-01, UTC
    name: str
    group: str  # "" when not grouped
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCount(Change):
    """Add to a cell."""

    cell: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class AddCountOnce(Change):
    """Add one to a cell, unless this mark was seen that day already. One transaction with the mark."""

    cell: Cell
    mark: bytes = field(repr=False)  # HMAC under the day's secret


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepDaySecret(Change):
    """Offer a day's secret. The first one offered stays; others are dropped."""

    day: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetDays(Change):
    """Delete secrets and marks of days before ``day``: what is left are counts."""

    day: int

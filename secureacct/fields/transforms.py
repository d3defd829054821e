"""Transforms: an index on a part of a value, such as the last four digits.

Rules of this file: a part leaks more than the whole, so every transform says how many different
results it can have, and the planner counts with that; name and version enter the index key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from secureacct.fields.errors import InvalidValue

_PREFIX = re.compile(r"prefix([1-9][0-9]?)\Z")
_LAST = re.compile(r"last([1-9][0-9]?)\Z")


@dataclass(frozen=True, slots=True)
class Transform:
    """A named, versioned cut. ``most`` is the largest number of different results, None if unbounded."""

    name: str
    version: int
    apply: Callable[[str], str]
    most: int | None

    @property
    def label(self) -> str:
        """How it is written into the key."""
        return f"{self.name}/{self.version}"


def transform(name: str) -> Transform:
    """``whole``, ``initial``, ``prefixN``, ``lastN`` (N characters, 1 to 99) or ``domain``.

    :raises InvalidValue: none of these.
    """
    if name == "whole":
        return Transform(name, 1, lambda value: value, None)
    if name == "initial":
        return Transform(name, 1, lambda value: value[:1].casefold(), 36)
    if name == "domain":
        return Transform(name, 1, lambda value: value.rpartition("@")[2], None)
    found = _PREFIX.match(name)
    if found:
        first = int(found.group(1))
        return Transform(name, 1, lambda value: value[:first], 36**first)
    found = _LAST.match(name)
    if found:
        last = int(found.group(1))
        return Transform(name, 1, lambda value: value[-last:], 10**last)
    raise InvalidValue(f"there is no transform {name!r}; there are whole, initial, domain, prefixN, lastN")

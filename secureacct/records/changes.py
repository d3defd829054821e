"""A change: one conditional statement, as data.

A step that changes anything hands one tuple of changes to ``Journal.commit``, together with the
events and mails that tell of them; a store carries all of it out in one transaction or none of it.

Rules of this file: a change names what it does and when it holds, never how; a *claim* (a change
with ``must_hold``) touches a row only if its condition is true at that moment, and when it touches
none, the whole transaction is undone and the caller learns which claim was lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The base of every change. ``must_hold``: touching no row undoes the whole commit."""

    must_hold: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Committed:
    """All changes were made. ``counts[i]`` is how many rows change ``i`` touched."""

    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """A claim did not hold, so nothing was changed, recorded or mailed."""

    claim: Change

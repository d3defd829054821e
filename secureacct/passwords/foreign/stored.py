"""A stored hash of another library, taken apart, and what it takes to read one.

Rules of this folder: verify only, nothing here makes a hash that is stored. Every parameter is bounded
before any work. What does not fit a grammar is None; a primitive that refuses makes the check False.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoredHash:
    """One readable stored hash.

    :param scheme: the name in the table of the docs, such as ``bcrypt-2b``
    :param derive: from the password's bytes to what ``digest`` must equal
    :param below_floor: weaker than today's floor: verifies only with ``importing=True``
    :param blank: the same string with the digest overwritten, enough to derive again
    """

    scheme: str
    digest: bytes = field(repr=False)
    derive: Callable[[bytes], bytes] = field(repr=False)
    below_floor: bool
    blank: str = field(repr=False)


class Scheme(Protocol):
    """A foreign scheme: add your own with ``PasswordHasher(foreign=(*foreign.ALL, mine))``."""

    @property
    def prefixes(self) -> tuple[str, ...]:
        """How its strings start."""
        ...

    def read(self, stored: str) -> StoredHash | None:
        """The parts of one stored hash; None if unreadable or above a ceiling. Never raises about it."""
        ...


def without_digest(stored: str, digest: str, filler: str) -> str:
    """``stored`` with the digest at its end overwritten, for the inner part of a wrapped hash."""
    return stored[: len(stored) - len(digest)] + filler * len(digest)

"""A value that stays out of logs, pages, traces, pickles and JSON until it is asked for by name."""

from __future__ import annotations

import hmac
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")


class Sensitive(Generic[T]):
    """Holds a decrypted value. ``reveal()`` is the only way to it.

    ``repr``, ``str`` and ``format`` give ``Sensitive(****)``; there is no hash, no pickle, no copy and
    no JSON; ``==`` takes the same time wherever text or bytes differ.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself. Searching a code base for this word finds every reader."""
        return self._value

    def __repr__(self) -> str:
        return "Sensitive(****)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Sensitive(****)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sensitive):
            return NotImplemented
        mine, theirs = self._value, other._value
        if isinstance(mine, str) and isinstance(theirs, str):
            # "surrogatepass": any str at all can be compared, and equal texts give equal bytes
            return hmac.compare_digest(
                mine.encode("utf-8", "surrogatepass"), theirs.encode("utf-8", "surrogatepass")
            )
        if isinstance(mine, bytes) and isinstance(theirs, bytes):
            return hmac.compare_digest(mine, theirs)
        return type(mine) is type(theirs) and bool(mine == theirs)

    def __hash__(self) -> NoReturn:
        raise TypeError("a Sensitive value cannot be hashed; call reveal()")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Sensitive value cannot be pickled or copied; call reveal()")


class Masked(Sensitive[T]):
    """A sensitive value that shows a chosen part of itself, such as the last four digits of a card."""

    __slots__ = ("_shown",)

    def __init__(self, value: T, shown: str) -> None:
        super().__init__(value)
        self._shown = shown

    def __repr__(self) -> str:
        return self._shown

    def __str__(self) -> str:
        return self._shown

    def __format__(self, spec: str) -> str:
        return format(self._shown, spec)

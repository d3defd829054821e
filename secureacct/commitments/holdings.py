"""What is held about a person, table by table: what it says, how it is shown, how it goes (C20).

Rules of this file: a piece registers what it holds, and nothing here imports a piece; what is kept when
a person leaves says why, and the person reads it; showing never shows a secret or anybody else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secureacct.commitments.errors import BadPromise
from secureacct.ports.exports import HeldReads
from secureacct.records.changes import Change
from secureacct.records.deletions import EraseHeld

PAGE = 500  # rows read at a time

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One table, or one place, that holds something about a person.

    ``rows`` gives what is shown to them; ``erase`` gives changes for the one transaction of an erasure;
    ``erase_elsewhere`` deletes what lies in another store, may be called again, and gives how many went.
    A holding that does neither is kept, and ``kept`` says why.
    """

    name: str  # "profile"; also the file's name in the archive
    title: str
    words: str  # what it is and what for, for people
    rows: Callable[[str], AsyncIterator[Facts]] | None = None
    erase: Callable[[str], Awaitable[Sequence[Change]]] | None = None
    erase_elsewhere: Callable[[str], Awaitable[int]] | None = None
    kept: str = ""

    def __post_init__(self) -> None:
        """:raises BadPromise: no file name, or neither erased nor kept for a reason."""
        if not self.name.replace("-", "").replace("_", "").isalnum() or not self.name.isascii():
            raise BadPromise(f"holding {self.name!r}: its name becomes a file's name")
        if (self.erase is None and self.erase_elsewhere is None) == (not self.kept):
            raise BadPromise(f"holding {self.name!r}: say how it is erased, or why it is kept")


def held(
    store: HeldReads,
    table: str,
    *,
    title: str,
    words: str,
    show: Callable[[Facts], Facts | None],
    kept: str = "",
) -> Holding:
    """A holding made of a table that the store has registered.

    :param show: a row as the person sees it; None leaves it out.
    :param kept: why it stays when the person leaves; empty: it is erased.
    """

    async def rows(account_id: str) -> AsyncIterator[Facts]:
        after: Any = None
        while page := await store.held_rows(table, account_id, after=after, limit=PAGE):
            for row in page:
                shown = show(row)
                if shown is not None:
                    yield shown
            after = page[-1]["_key"]

    async def erase(account_id: str) -> Sequence[Change]:
        return (EraseHeld(table=table, account_id=account_id),)

    return Holding(name=table, title=title, words=words, rows=rows, erase=None if kept else erase, kept=kept)


def from_rows(read: Callable[[str], Iterable[Facts]]) -> Callable[[str], AsyncIterator[Facts]]:
    """``rows`` of a holding out of a plain function: for an app's own blocking tables."""

    async def rows(account_id: str) -> AsyncIterator[Facts]:
        for row in read(account_id):
            yield row

    return rows


def from_call(erase: Callable[[str], int]) -> Callable[[str], Awaitable[int]]:
    """``erase_elsewhere`` of a holding out of a plain function."""

    async def run(account_id: str) -> int:
        return erase(account_id)

    return run


class Holdings:
    """All holdings of an app, by name. Filled at start; whoever is not in it is not exported, so a
    table with a person in it that nobody registered is a broken promise: the evidence looks for it."""

    def __init__(self, holdings: Iterable[Holding] = ()) -> None:
        self._by_name: dict[str, Holding] = {}
        for one in holdings:
            self.add(one)

    def add(self, holding: Holding) -> None:
        """:raises BadPromise: the name is taken."""
        if holding.name in self._by_name:
            raise BadPromise(f"two holdings named {holding.name!r}")
        self._by_name[holding.name] = holding

    def __iter__(self) -> Iterator[Holding]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def missing(self, tables: Iterable[str]) -> tuple[str, ...]:
        """Tables with a person in them that no holding speaks for."""
        return tuple(sorted(set(tables) - set(self._by_name)))

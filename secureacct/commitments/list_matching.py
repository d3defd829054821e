"""Comparing an outside list of addresses with ours, by blind index (C14).

Rules of this file: an address of the list lives as long as its batch and is written nowhere; both sides
are normalised by the same index; memory does not grow with the list; what comes out is account ids. Two
sides that trust each other less than this can want an exchange in which neither shows its list
(private set intersection); that is not done here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from secureacct._faces import run_inline
from secureacct.errors import InvalidInput
from secureacct.fields import InvalidValue
from secureacct.ports.matching import FindsByToken

BATCH = 500  # look-ups in one statement: below the number of variables any database takes
WINDOW = 20_000  # addresses in memory at a time: looked up in the index's order, so that pages are met once


class Tokens(Protocol):
    """The index that the accounts' addresses were stored under."""

    def lookup(self, value: str, /) -> Sequence[bytes]:
        """The tokens of an address under every live key."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchProgress:
    """How far a comparison is."""

    read: int  # addresses taken from the list
    matched: int
    unreadable: int  # lines that are no address


async def match_batch(
    store: FindsByToken, index: Tokens, addresses: Sequence[str]
) -> tuple[tuple[str, ...], int]:
    """Account ids for one batch, in the list's order, and how many lines were no address.

    An address that is in the batch twice is answered once.
    """
    tokens: dict[bytes, None] = {}
    unreadable = 0
    for address in addresses:
        try:
            tokens.update(dict.fromkeys(index.lookup(address.strip())))
        except (InvalidInput, InvalidValue):
            unreadable += 1
    wanted = sorted(tokens)
    found: dict[bytes, str] = {}
    for start in range(0, len(wanted), BATCH):
        found.update(await store.accounts_of_tokens(wanted[start : start + BATCH]))
    ids = dict.fromkeys(found[token] for token in tokens if token in found)
    return tuple(ids), unreadable


def match_list(
    store: FindsByToken,
    index: Tokens,
    addresses: Iterable[str],
    *,
    progress: Callable[[MatchProgress], object] | None = None,
) -> Iterator[str]:
    """The ids of accounts whose address is on the list, as they are found. For blocking stores.

    Blank lines are skipped. An address that the list repeats far apart is answered each time: keeping
    every answer in mind would make memory grow with the list.
    """
    at = MatchProgress(read=0, matched=0, unreadable=0)
    stream = (one for one in addresses if one.strip())
    while batch := list(islice(stream, WINDOW)):
        ids, unreadable = run_inline(match_batch(store, index, batch))
        at = _forward(at, batch, ids, unreadable)
        yield from ids
        if progress is not None:
            progress(at)


async def match_list_async(
    store: FindsByToken,
    index: Tokens,
    addresses: Iterable[str],
    *,
    progress: Callable[[MatchProgress], object] | None = None,
) -> AsyncIterator[str]:
    """The same, for awaiting stores."""
    at = MatchProgress(read=0, matched=0, unreadable=0)
    stream = (one for one in addresses if one.strip())
    while batch := list(islice(stream, WINDOW)):
        ids, unreadable = await match_batch(store, index, batch)
        at = _forward(at, batch, ids, unreadable)
        for one in ids:
            yield one
        if progress is not None:
            progress(at)


def _forward(at: MatchProgress, batch: Sequence[str], ids: Sequence[str], unreadable: int) -> MatchProgress:
    return MatchProgress(
        read=at.read + len(batch), matched=at.matched + len(ids), unreadable=at.unreadable + unreadable
    )

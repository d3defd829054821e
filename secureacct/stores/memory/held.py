"""What each table of the memory store holds about a person, so that it can be shown, aged and erased."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from secureacct.errors import ConfigurationError
from secureacct.records.deletions import EraseHeld, PurgeHeld
from secureacct.stores.memory.journal import MemoryBase, State, makes


@dataclass(frozen=True, slots=True)
class _Held:
    topic: str
    person: str | None  # the attribute with the account id
    at: str | None  # the attribute with the time that ages a row
    erased: bool


_held: dict[str, _Held] = {}


def holds(table: str, *, topic: str, person: str | None, at: str | None = None, erased: bool = True) -> None:
    """Register a topic whose records are dataclasses: the attribute that says whose a record is, and
    the one that ages it. ``erased=False``: kept when the person leaves (it names nobody)."""
    _held[table] = _Held(topic=topic, person=person, at=at, erased=erased)


def _of(table: str) -> _Held:
    try:
        return _held[table]
    except KeyError:
        raise ConfigurationError(f"the memory store has no registered table {table!r}") from None


def _own(state: State, held: _Held, account_id: str) -> Iterator[tuple[Any, Any]]:
    if held.person is not None:
        for key, record in sorted(state.topic(held.topic).items()):
            if getattr(record, held.person) == account_id:
                yield key, record


@makes(EraseHeld)
def _erase(state: State, change: EraseHeld) -> int:
    held = _of(change.table)
    doomed = [key for key, _ in _own(state, held, change.account_id)]
    for key in doomed:
        state.drop(state.topic(held.topic), key)
    return len(doomed)


def _older(state: State, held: _Held, before: int) -> list[Any]:
    if held.at is None:
        return []
    topic = state.topic(held.topic)
    return [key for key, record in topic.items() if getattr(record, held.at) < before]


@makes(PurgeHeld)
def _purge(state: State, change: PurgeHeld) -> int:
    held = _of(change.table)
    doomed = sorted(_older(state, held, change.before))[: change.limit]
    for key in doomed:
        state.drop(state.topic(held.topic), key)
    return len(doomed)


class MemoryHeld(MemoryBase):
    """Walking what is held, in memory."""

    def held_tables(self) -> Sequence[str]:
        """See :class:`secureacct.ports.exports.HeldReads`."""
        return sorted(name for name, held in _held.items() if held.person and held.erased)

    async def held_rows(
        self, table: str, account_id: str, *, after: Any = None, limit: int = 500
    ) -> Sequence[Mapping[str, Any]]:
        """See :class:`secureacct.ports.exports.HeldReads`."""
        held = _of(table)
        with self.state.lock:
            own = [
                {"_key": key, **{one.name: getattr(record, one.name) for one in fields(record)}}
                for key, record in _own(self.state, held, account_id)
                if after is None or key > after
            ]
        return own[:limit]

    async def held_older(self, table: str, *, before: int) -> int:
        """See :class:`secureacct.ports.exports.HeldReads`."""
        with self.state.lock:
            return len(_older(self.state, _of(table), before))

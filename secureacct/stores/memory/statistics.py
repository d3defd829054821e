"""Counts that are about nobody, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from secureacct.records.statistics import AddCount, AddCountOnce, Cell, ForgetDays, KeepDaySecret
from secureacct.stores.memory.journal import MemoryBase, State, makes


def _add(state: State, cell: Cell) -> int:
    cells = state.topic("cell")
    key = (cell.day, cell.name, cell.group)
    before = cells[key].count if key in cells else 0
    state.put(cells, key, replace(cell, count=before + cell.count))
    return 1


@makes(AddCount)
def _add_count(state: State, change: AddCount) -> int:
    return _add(state, change.cell)


@makes(AddCountOnce)
def _add_once(state: State, change: AddCountOnce) -> int:
    marks = state.topic("cell_mark")
    key = (change.cell.day, change.mark)
    if key in marks:
        return 0
    state.put(marks, key, True)
    return _add(state, change.cell)


@makes(KeepDaySecret)
def _keep_secret(state: State, change: KeepDaySecret) -> int:
    secrets = state.topic("day_secret")
    if change.day in secrets:
        return 0
    state.put(secrets, change.day, change.secret)
    return 1


@makes(ForgetDays)
def _forget(state: State, change: ForgetDays) -> int:
    secrets, marks = state.topic("day_secret"), state.topic("cell_mark")
    for day in [day for day in secrets if day < change.day]:
        state.drop(secrets, day)
    doomed = [key for key in marks if key[0] < change.day]
    for key in doomed:
        state.drop(marks, key)
    return len(doomed)


class MemoryStatistics(MemoryBase):
    """Counts that are about nobody, in memory."""

    async def day_secret(self, day: int) -> bytes | None:
        """See :class:`secureacct.ports.statistics.StatisticReads`."""
        with self.state.lock:
            secret: bytes | None = self.state.topic("day_secret").get(day)
            return secret

    async def cells(self, name: str, *, first_day: int, last_day: int) -> Sequence[Cell]:
        """See :class:`secureacct.ports.statistics.StatisticReads`."""
        with self.state.lock:
            own = [
                one
                for one in self.state.topic("cell").values()
                if one.name == name and first_day <= one.day <= last_day
            ]
        return sorted(own, key=lambda one: (one.day, one.group))

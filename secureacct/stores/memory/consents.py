"""Choices and their ledger, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from secureacct.records.consents import AppendEntry, Choice, KeepWords, LedgerEntry, SetChoice
from secureacct.stores.memory.journal import MemoryBase, State, makes


@makes(KeepWords)
def _keep_words(state: State, change: KeepWords) -> int:
    words = state.topic("words")
    if change.hash in words:
        return 0
    state.put(words, change.hash, change.text)
    return 1


@makes(AppendEntry)
def _append(state: State, change: AppendEntry) -> int:
    ledger = state.topic("ledger")
    key = (change.entry.subject, change.entry.position)
    if key in ledger:
        return 0
    state.put(ledger, key, change.entry)
    state.put(state.topic("ledger_end"), change.entry.subject, change.entry.position)
    return 1


@makes(SetChoice)
def _set_choice(state: State, change: SetChoice) -> int:
    choices = state.topic("choice")
    new = change.choice
    key = (new.subject, new.topic, new.key)
    if key in choices and choices[key].position >= new.position:
        return 0
    state.put(choices, key, new)
    return 1


class MemoryConsents(MemoryBase):
    """Choices and their ledger, in memory."""

    async def ledger_of(self, subject: str, *, after: int = 0, limit: int = 500) -> Sequence[LedgerEntry]:
        """See :class:`secureacct.ports.consents.ConsentReads`."""
        with self.state.lock:
            ledger = self.state.topic("ledger")
            end = self.state.topic("ledger_end").get(subject, 0)
            positions = range(after + 1, min(end, after + limit) + 1)
            return [ledger[subject, at] for at in positions if (subject, at) in ledger]

    async def last_entry(self, subject: str) -> LedgerEntry | None:
        """See :class:`secureacct.ports.consents.ConsentReads`."""
        with self.state.lock:
            end = self.state.topic("ledger_end").get(subject, 0)
            entry: LedgerEntry | None = self.state.topic("ledger").get((subject, end))
            return entry

    async def choice_of(self, subject: str, topic: str, key: str) -> Choice | None:
        """See :class:`secureacct.ports.consents.ConsentReads`."""
        with self.state.lock:
            choice: Choice | None = self.state.topic("choice").get((subject, topic, key))
            return choice

    async def choices_of(self, subject: str) -> Sequence[Choice]:
        """See :class:`secureacct.ports.consents.ConsentReads`."""
        with self.state.lock:
            own = [one for key, one in self.state.topic("choice").items() if key[0] == subject]
        return sorted(own, key=lambda one: (one.topic, one.key))

    async def words(self, words_hash: bytes) -> str | None:
        """See :class:`secureacct.ports.consents.ConsentReads`."""
        with self.state.lock:
            text: str | None = self.state.topic("words").get(words_hash)
            return text

    async def ledger_subjects(self, *, after: str = "", limit: int = 500) -> Sequence[str]:
        """See :class:`secureacct.ports.consents.ConsentReads`."""
        with self.state.lock:
            return sorted(one for one in self.state.topic("ledger_end") if one > after)[:limit]

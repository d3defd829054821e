"""What went to partners, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from secureacct.records.disclosures import Disclosure, RecordDisclosure
from secureacct.stores.memory.held import holds
from secureacct.stores.memory.journal import MemoryBase, State, makes

holds("disclosure", topic="disclosure", person="account_id", at="at")


@makes(RecordDisclosure)
def _record(state: State, change: RecordDisclosure) -> int:
    choice = state.topic("choice").get((change.subject, "partner", change.choice_key))
    allowed = change.without_choice if choice is None else choice.choice == "given"
    if not allowed:
        return 0
    state.put(state.topic("disclosure"), change.disclosure.id, change.disclosure)
    return 1


class MemoryDisclosures(MemoryBase):
    """What went to partners, in memory."""

    async def disclosures_of(
        self, account_id: str, *, before: str | None = None, limit: int = 100
    ) -> Sequence[Disclosure]:
        """See :class:`secureacct.ports.disclosures.DisclosureReads`."""
        with self.state.lock:
            own = [
                one
                for one in self.state.topic("disclosure").values()
                if one.account_id == account_id and (before is None or one.id < before)
            ]
        return sorted(own, key=lambda one: one.id, reverse=True)[:limit]

"""Accounts on their way out, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from secureacct.records.deletions import Deletion, FinishDeletion, RequestDeletion, UndoDeletion
from secureacct.stores.memory.held import holds
from secureacct.stores.memory.journal import MemoryBase, State, makes

holds("deletion", topic="deletion", person="account_id", at="due_at", erased=False)


@makes(RequestDeletion)
def _request(state: State, change: RequestDeletion) -> int:
    deletions = state.topic("deletion")
    known = deletions.get(change.deletion.account_id)
    if known is not None and known.state != "undone":
        return 0
    state.put(deletions, change.deletion.account_id, change.deletion)
    return 1


@makes(UndoDeletion)
def _undo(state: State, change: UndoDeletion) -> int:
    deletions = state.topic("deletion")
    known = deletions.get(change.account_id)
    if known is None or known.state != "waiting" or known.due_at <= change.now:
        return 0
    if change.undo_hash not in (b"", known.undo_hash):
        return 0
    state.put(deletions, change.account_id, replace(known, state="undone", undo_hash=b""))
    return 1


@makes(FinishDeletion)
def _finish(state: State, change: FinishDeletion) -> int:
    deletions = state.topic("deletion")
    known = deletions.get(change.account_id)
    if known is None or known.state != "waiting" or known.due_at > change.now:
        return 0
    erased = replace(known, state="erased", undo_hash=b"", receipt=change.receipt)
    state.put(deletions, change.account_id, erased)
    return 1


class MemoryDeletions(MemoryBase):
    """Accounts on their way out, in memory."""

    async def deletion_of(self, account_id: str) -> Deletion | None:
        """See :class:`secureacct.ports.exports.DeletionReads`."""
        with self.state.lock:
            deletion: Deletion | None = self.state.topic("deletion").get(account_id)
            return deletion

    async def due_deletions(self, *, now: int, limit: int = 50) -> Sequence[Deletion]:
        """See :class:`secureacct.ports.exports.DeletionReads`."""
        with self.state.lock:
            deletions = list(self.state.topic("deletion").values())
        due = [one for one in deletions if one.state == "waiting" and one.due_at <= now]
        return sorted(due, key=lambda one: (one.due_at, one.account_id))[:limit]

"""Everything in memory, for tests and for trying things out: bounded, gone with the process.

Each topic is a class beside the others on one state and one lock; the store is all of them.
"""

from __future__ import annotations

from secureacct.stores.memory.accounts import MemoryAccounts
from secureacct.stores.memory.audit import MemoryAudit
from secureacct.stores.memory.factors import MemoryFactors
from secureacct.stores.memory.journal import MemoryJournal
from secureacct.stores.memory.privacy import MemoryPrivacy
from secureacct.stores.memory.sessions import MemorySessions
from secureacct.stores.memory.throttle import MemoryThrottle


class MemoryStore(
    MemorySessions,
    MemoryAccounts,
    MemoryFactors,
    MemoryThrottle,
    MemoryAudit,
    MemoryPrivacy,
    MemoryJournal,
):
    """A store for blocking and for awaiting callers. One process, one instance."""


__all__ = ["MemoryStore"]

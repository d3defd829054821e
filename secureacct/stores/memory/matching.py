"""Finding accounts by the blind index of an address, many at a time, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from secureacct.stores.memory.journal import MemoryBase


class MemoryMatching(MemoryBase):
    """Many look-ups at once, in memory."""

    async def accounts_of_tokens(self, tokens: Sequence[bytes]) -> Mapping[bytes, str]:
        """See :class:`secureacct.ports.matching.FindsByToken`."""
        with self.state.lock:
            held = self.state.topic("identifier")
            found = {token: held[token] for token in tokens if token in held}
        return {token: account_id for token, (account_id, reserved) in found.items() if reserved is None}

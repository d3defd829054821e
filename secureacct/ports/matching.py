"""Finding accounts by the blind index of an address, many at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class FindsByToken(Protocol):
    """What a store (or the app's own table) answers to a comparison of lists."""

    async def accounts_of_tokens(self, tokens: Sequence[bytes]) -> Mapping[bytes, str]:
        """Account ids by token, for those of the given tokens that are known. At most 500 are asked."""
        ...

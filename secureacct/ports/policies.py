"""Reading policy versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from secureacct.records.policies import PolicyVersion


class PolicyReads(Protocol):
    """What a store answers about policies."""

    async def policy_versions(self, policy: str) -> Sequence[PolicyVersion]:
        """All versions of a policy, the one that comes (or came) into force last first."""
        ...

    async def policy_of(self, policy_hash: bytes) -> PolicyVersion | None:
        """The version whose text has this hash."""
        ...

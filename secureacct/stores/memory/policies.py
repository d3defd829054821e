"""Policy versions, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from secureacct.records.policies import PolicyVersion, RegisterPolicy
from secureacct.stores.memory.journal import MemoryBase, State, makes


@makes(RegisterPolicy)
def _register(state: State, change: RegisterPolicy) -> int:
    policies = state.topic("policy")
    new = change.policy
    for known in policies.values():
        same_policy = known.policy == new.policy
        if known.hash == new.hash or (
            same_policy and (known.version == new.version or known.in_force_at == new.in_force_at)
        ):
            return 0
    state.put(policies, new.hash, new)
    return 1


class MemoryPolicies(MemoryBase):
    """Policy versions, in memory."""

    async def policy_versions(self, policy: str) -> Sequence[PolicyVersion]:
        """See :class:`secureacct.ports.policies.PolicyReads`."""
        with self.state.lock:
            own = [one for one in self.state.topic("policy").values() if one.policy == policy]
        return sorted(own, key=lambda one: one.in_force_at, reverse=True)

    async def policy_of(self, policy_hash: bytes) -> PolicyVersion | None:
        """See :class:`secureacct.ports.policies.PolicyReads`."""
        with self.state.lock:
            version: PolicyVersion | None = self.state.topic("policy").get(policy_hash)
            return version

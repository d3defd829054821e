"""May this person go on, under the policies in force? Asked on every page, so it remembers a yes (C18).

Rules of this file: only a yes is remembered, for one version and one minute, so a new version asks at once
where it came into force and a refusal elsewhere is known soon; when in doubt the store is asked.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from secureacct.commitments import policy_versions as versions
from secureacct.commitments.errors import PolicyNotAccepted
from secureacct.commitments.policy_versions import AcceptanceDue, PolicyRefused, PolicyStanding, UpToDate
from secureacct.commitments.privacy import Privacy
from secureacct.records.policies import PolicyVersion

REMEMBER_S = 60  # seconds a yes, and the list of versions, is believed; ours
MOST_REMEMBERED = 10_000  # people; ours


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPlace:
    """Where one person stands with one policy."""

    policy: str
    standing: PolicyStanding

    @property
    def blocks(self) -> bool:
        """Whether nothing else goes before an answer."""
        return isinstance(self.standing, PolicyRefused) or (
            isinstance(self.standing, AcceptanceDue) and self.standing.overdue
        )

    @property
    def version(self) -> PolicyVersion | None:
        """The version in force."""
        if isinstance(self.standing, UpToDate):
            return self.standing.accepted
        return self.standing.version


class PolicyGate:
    """The question, with its memory. One for each site."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._yes: dict[tuple[str, str], tuple[bytes, int]] = {}
        self._versions: dict[str, tuple[Sequence[PolicyVersion], int]] = {}
        self._lock = threading.Lock()

    async def places(self, account_id: str) -> tuple[PolicyPlace, ...]:
        """The policies a person has not accepted in their newest version; empty: all is well."""
        found = []
        for policy in self._privacy.policy_names:
            if await self._said_yes(account_id, policy):
                continue
            standing = await versions.standing(self._privacy.policies, account_id, policy)
            if not isinstance(standing, UpToDate):
                found.append(PolicyPlace(policy=policy, standing=standing))
            elif standing.accepted is not None:
                self._remember(account_id, policy, standing.accepted.hash)
        return tuple(found)

    async def check(self, account_id: str) -> None:
        """Let a person go on.

        :raises PolicyNotAccepted: a version in force must be answered first.
        """
        for place in await self.places(account_id):
            if place.blocks:
                raise PolicyNotAccepted(place.policy)

    def forget(self, account_id: str) -> None:
        """This person answered just now: ask the store next time."""
        with self._lock:
            for policy in self._privacy.policy_names:
                self._yes.pop((account_id, policy), None)

    def refresh(self) -> None:
        """A version was registered just now: ask the store for everybody."""
        with self._lock:
            self._yes.clear()
            self._versions.clear()

    async def _said_yes(self, account_id: str, policy: str) -> bool:
        remembered = self._yes.get((account_id, policy))
        now = self._privacy.policies.now()
        if remembered is None or not 0 <= now - remembered[1] < REMEMBER_S:
            return False
        current = await self._in_force(policy, now)
        return current is not None and current.hash == remembered[0]

    async def _in_force(self, policy: str, now: int) -> PolicyVersion | None:
        known = self._versions.get(policy)
        if known is None or not 0 <= now - known[1] < REMEMBER_S:
            known = (await self._privacy.policies.store.policy_versions(policy), now)
            self._versions[policy] = known
        return next((one for one in known[0] if one.in_force_at <= now), None)

    def _remember(self, account_id: str, policy: str, accepted: bytes) -> None:
        with self._lock:
            while len(self._yes) >= MOST_REMEMBERED:
                del self._yes[next(iter(self._yes))]
            self._yes[account_id, policy] = (accepted, self._privacy.policies.now())


async def accepted_by_sign_up(privacy: Privacy, account_id: str) -> None:
    """Record the yes that the sign-up page asked for, when the account is opened.

    Only to versions that were in force for as long as a sign-up may wait: whoever saw an older one at
    signing up is asked like everybody else.
    """
    if not privacy.declared.accepted_by_sign_up:
        return
    oldest = privacy.policies.now() - int(privacy.account.lifetimes.verify.total_seconds())
    for policy in privacy.policy_names:
        current = await versions.in_force(privacy.policies, policy)
        if current is not None and current.in_force_at <= oldest:
            await versions.answer(
                privacy.policies, account_id, policy, shown=current.hash, accept=True, how="sign_up"
            )

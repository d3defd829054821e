"""The data keys of persons in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from secureacct.records.subject_keys import ForgetSubject, PutSubjectKey, RewrapSubjectKey, SubjectKey
from secureacct.stores.memory.journal import MemoryBase, State, makes


def _known(state: State) -> dict[tuple[str, str], SubjectKey]:
    return state.topic("subject_key")


@makes(PutSubjectKey)
def _put(state: State, change: PutSubjectKey) -> int:
    place = (change.key.tenant, change.key.subject)
    if place in _known(state):
        return 0
    state.put(_known(state), place, change.key)
    return 1


@makes(ForgetSubject)
def _forget(state: State, change: ForgetSubject) -> int:
    place = (change.tenant, change.subject)
    known = _known(state).get(place)
    if known is None:
        known = SubjectKey(
            tenant=change.tenant, subject=change.subject, epoch="", wrapped=None, created_at=change.at
        )
    elif known.wrapped is None:
        return 0
    state.put(_known(state), place, replace(known, wrapped=None, destroyed_at=change.at))
    return 1


@makes(RewrapSubjectKey)
def _rewrap(state: State, change: RewrapSubjectKey) -> int:
    place = (change.tenant, change.subject)
    known = _known(state).get(place)
    if known is None or known.wrapped != change.was:
        return 0
    state.put(_known(state), place, replace(known, wrapped=change.wrapped, epoch=change.epoch))
    return 1


class MemorySubjectKeys(MemoryBase):
    """See :class:`secureacct.ports.subject_keys.SubjectKeyReads`."""

    async def subject_keys(self, tenant: str, subjects: Sequence[str]) -> Sequence[SubjectKey]:
        """See :class:`secureacct.ports.subject_keys.SubjectKeyReads`."""
        with self.state.lock:
            known = _known(self.state)
            return [known[tenant, one] for one in set(subjects) if (tenant, one) in known]

    async def subject_keys_outside(self, epoch: str, *, limit: int) -> Sequence[SubjectKey]:
        """See :class:`secureacct.ports.subject_keys.SubjectKeyReads`."""
        with self.state.lock:
            found = [
                key for key in _known(self.state).values() if key.wrapped is not None and key.epoch != epoch
            ]
        return found[:limit]

    async def subjects_forgotten(self, *, since: int) -> Sequence[SubjectKey]:
        """See :class:`secureacct.ports.subject_keys.SubjectKeyReads`."""
        with self.state.lock:
            return [
                key
                for key in _known(self.state).values()
                if key.destroyed_at is not None and key.destroyed_at >= since
            ]

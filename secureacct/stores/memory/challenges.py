"""Open WebAuthn challenges in memory."""

from __future__ import annotations

from secureacct.records.challenges import (
    Challenge,
    ClaimChallenge,
    DropChallenges,
    PurgeChallenges,
    PutChallenge,
)
from secureacct.stores.memory.journal import State, makes

MAX_CHALLENGES = 10_000  # open ones; the oldest go first, since this store is for tests and trying out


def _challenges(state: State) -> dict[bytes, Challenge]:
    return state.topic("challenge")


@makes(PutChallenge)
def _put_challenge(state: State, change: PutChallenge) -> int:
    open_ones = _challenges(state)
    if change.challenge.digest in open_ones:
        return 0
    if len(open_ones) >= MAX_CHALLENGES:
        state.drop(open_ones, next(iter(open_ones)))
    state.put(open_ones, change.challenge.digest, change.challenge)
    return 1


@makes(ClaimChallenge)
def _claim_challenge(state: State, change: ClaimChallenge) -> int:
    found = _challenges(state).get(change.digest)
    if found is None or found.expires_at <= change.now:
        return 0
    wanted = (change.purpose, change.binding, change.account_id)
    if (found.purpose, found.binding, found.account_id) != wanted:
        return 0
    state.drop(_challenges(state), change.digest)
    return 1


@makes(PurgeChallenges)
def _purge_challenges(state: State, change: PurgeChallenges) -> int:
    dead = [digest for digest, one in _challenges(state).items() if one.expires_at <= change.now]
    for digest in dead:
        state.drop(_challenges(state), digest)
    return len(dead)


@makes(DropChallenges)
def _drop_challenges(state: State, change: DropChallenges) -> int:
    own = [digest for digest, one in _challenges(state).items() if one.account_id == change.account_id]
    for digest in own:
        state.drop(_challenges(state), digest)
    return len(own)

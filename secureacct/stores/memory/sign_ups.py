"""Sign-ups that wait for their confirmation, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from secureacct.records import accounts as r
from secureacct.stores.memory.journal import State, makes


def attempts_of(state: State, tokens: Sequence[bytes]) -> list[r.Attempt]:
    """The sign-ups of an identifier, newest first."""
    known = state.topic("attempt_tokens")
    own = [one for one in state.topic("attempt").values() if not known[one.id].isdisjoint(tokens)]
    return sorted(own, key=lambda one: (one.created_at, one.id), reverse=True)


def drop_attempt(state: State, attempt_id: str) -> None:
    """Forget one sign-up."""
    state.drop(state.topic("attempt"), attempt_id)
    state.drop(state.topic("attempt_tokens"), attempt_id)


@makes(r.AddAttempt)
def _add_attempt(state: State, change: r.AddAttempt) -> int:
    state.put(state.topic("attempt"), change.attempt.id, change.attempt)
    state.put(state.topic("attempt_tokens"), change.attempt.id, frozenset(change.tokens))
    for old in attempts_of(state, change.tokens)[change.at_most :]:
        drop_attempt(state, old.id)
    return 1


@makes(r.ConfirmAttempt)
def _confirm_attempt(state: State, change: r.ConfirmAttempt) -> int:
    one = state.topic("attempt").get(change.attempt_id)
    if one is None or one.expires_at <= change.now:
        return 0
    drop_attempt(state, change.attempt_id)
    return 1


@makes(r.DropAttempts)
def _drop_attempts(state: State, change: r.DropAttempts) -> int:
    gone = attempts_of(state, change.tokens)
    for one in gone:
        drop_attempt(state, one.id)
    return len(gone)

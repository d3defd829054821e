"""Letters, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from secureacct.records.correspondence import ForgetLetters, KeepLetter, Letter, SetTestimonial
from secureacct.stores.memory.held import holds
from secureacct.stores.memory.journal import MemoryBase, State, makes

holds("letter", topic="letter", person="account_id", at="keep_until")


@makes(KeepLetter)
def _keep(state: State, change: KeepLetter) -> int:
    state.put(state.topic("letter"), change.letter.id, change.letter)
    return 1


@makes(SetTestimonial)
def _set_testimonial(state: State, change: SetTestimonial) -> int:
    letters = state.topic("letter")
    letter = letters.get(change.letter_id)
    if letter is None or letter.keep_until <= change.now:
        return 0
    state.put(letters, letter.id, replace(letter, testimonial=change.allowed))
    return 1


@makes(ForgetLetters)
def _forget(state: State, change: ForgetLetters) -> int:
    letters = state.topic("letter")
    doomed = [key for key, one in letters.items() if _is_of(one, change.tokens, change.account_id)]
    for key in doomed:
        state.drop(letters, key)
    return len(doomed)


def _order(letter: Letter) -> tuple[int, str, str]:
    return letter.at, letter.direction, letter.id  # within a second, what came in before what went out


def _is_of(letter: Letter, tokens: Sequence[bytes], account_id: str | None) -> bool:
    return letter.token in tokens or (account_id is not None and letter.account_id == account_id)


class MemoryCorrespondence(MemoryBase):
    """Letters, in memory."""

    async def letter(self, letter_id: str, *, now: int) -> Letter | None:
        """See :class:`secureacct.ports.correspondence.LetterReads`."""
        with self.state.lock:
            letter: Letter | None = self.state.topic("letter").get(letter_id)
        return letter if letter is not None and letter.keep_until > now else None

    async def thread(self, thread: str, *, now: int) -> Sequence[Letter]:
        """See :class:`secureacct.ports.correspondence.LetterReads`."""
        with self.state.lock:
            kept = [one for one in self.state.topic("letter").values() if one.thread == thread]
        return sorted((one for one in kept if one.keep_until > now), key=_order)

    async def letters_of(
        self, *, tokens: Sequence[bytes] = (), account_id: str | None = None, now: int, limit: int = 500
    ) -> Sequence[Letter]:
        """See :class:`secureacct.ports.correspondence.LetterReads`."""
        with self.state.lock:
            own = [one for one in self.state.topic("letter").values() if _is_of(one, tokens, account_id)]
        return sorted((one for one in own if one.keep_until > now), key=lambda one: one.id)[:limit]

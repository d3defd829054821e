"""What an attacker tries first: known passwords, and the few ways in which people stretch them.

A password of 15 characters is on no list; ``passwordpassword`` and ``Dragon-Dragon-2026`` are still
among the first guesses. So the whole password is taken back to what it was made from: case, spaces and
separators, letter-like digits, repeats, a run of digits at either end, keyboard walks, the words of
this account and site, and two common things joined.

Rules of this file: pure; the *whole* password must reduce to something known (NIST SP 800-63B-4
3.1.1.2), a phrase that merely holds a common word passes; every loop is bounded by :data:`LONGEST`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal

from secureacct.passwords.blocklist import fold
from secureacct.passwords.walks import is_woven, share_of_steps

Reason = Literal["common", "repeated", "keyboard", "context"]

LONGEST: Final = 64  # characters; our own: longer ones are looked at for repeats and walks only
WALK_SHARE: Final = 0.7  # share of steps to a neighbour; our own: qazwsxedcrfvtgb has 0.71
SHORT_UNIT: Final = 7  # characters; our own: what repeats a unit this short is as weak as the unit
FREE_ENDS: Final = 6  # digits or signs; our own: a run this short beside a common word adds nothing
FEW_KINDS: Final = 3  # different characters; our own: a text of so few is a repeat, whatever the order
CONTEXT_WORD: Final = 3  # characters; our own: shorter words of a context are in too many phrases

_SEPARATORS: Final = re.compile(r"[\s\-_.,'/+:;|]+")
_NOT_WORD: Final = re.compile(r"[\W_]+")
_DATE: Final = re.compile(r"(?:19|20)\d\d(?:[01]?\d)?(?:[0-3]?\d)?|[0-3]?\d[01]?\d(?:19|20)\d\d")
_LETTERS_FOR: Final = tuple(
    str.maketrans({"@": "a", "4": "a", "8": "b", "3": "e", "0": "o", "$": "s", "5": "s", "7": "t", **one})
    for one in ({"1": "i", "!": "i"}, {"1": "l", "!": "l"})
)


def context_words(context: Iterable[str]) -> frozenset[str]:
    """The words that belong to an account and its site: of an address, a name, a host."""
    words: set[str] = set()
    for entry in context:
        folded = fold(entry)
        pieces = [piece for piece in _NOT_WORD.split(folded) if piece]
        words.update(pieces)
        words.add("".join(pieces))
        if "@" in folded:
            words.add(_NOT_WORD.sub("", folded.partition("@")[0]))
    return frozenset(word for word in words if len(word) >= CONTEXT_WORD)


def unit_of(text: str) -> str:
    """The shortest piece that, repeated and perhaps cut at the end, gives ``text``; else ``text`` itself."""
    # Knuth, Morris and Pratt: the longest border tells the shortest period, in one pass.
    border = [0] * len(text)
    for at in range(1, len(text)):
        k = border[at - 1]
        while k and text[at] != text[k]:
            k = border[k - 1]
        border[at] = k + (text[at] == text[k])
    period = len(text) - border[-1] if text else 0
    return text[:period] if period * 2 <= len(text) else text


def why_guessable(
    password: str, *, listed: Callable[[str], bool], words: frozenset[str] = frozenset()
) -> Reason | None:
    """The reason why an attacker would try this early, or None.

    :param listed: whether a folded text is a known password
    :param words: the words of this account, from :func:`context_words`
    """
    folded = fold(password)
    for form in _forms(folded):
        unit = unit_of(form)
        if len(set(form)) <= FEW_KINDS or (unit != form and len(unit) <= SHORT_UNIT):
            return "repeated"
        if share_of_steps(form) >= WALK_SHARE or is_woven(form, WALK_SHARE):
            return "keyboard"
        if len(unit) <= LONGEST:
            found = _Reduction(listed, words).of(unit)
            if found:
                return found
    return None


def _forms(folded: str) -> Iterator[str]:
    """Spellings without what people put in to make it look different."""
    seen: set[str] = set()
    without = _SEPARATORS.sub("", folded)
    for form in (folded, without, _NOT_WORD.sub("", folded), without[::-1]):
        if form and form not in seen:
            seen.add(form)
            yield form


class _Reduction:
    """One look at one text, remembering what each piece of it was."""

    def __init__(self, listed: Callable[[str], bool], words: frozenset[str]) -> None:
        self._listed = listed
        self._words = words
        self._known: dict[str, Reason | None] = {}

    def of(self, text: str) -> Reason | None:
        """The reason for the whole ``text``, trying it with and without cheap ends."""
        for core in _cores(text):
            found = self._piece(core) or self._two_pieces(core) or self._made_of_words(core)
            if found:
                return found
        return None

    def _piece(self, text: str) -> Reason | None:
        if text not in self._known:
            self._known[text] = self._look_at(text)
        return self._known[text]

    def _look_at(self, text: str) -> Reason | None:
        if len(text) < 3:
            return None
        if text in self._words:
            return "context"
        if self._listed(text):
            return "common"
        unit = unit_of(text)
        if unit != text:
            return "repeated" if len(unit) <= 3 else self._piece(unit)
        if len(text) >= 5 and share_of_steps(text) >= WALK_SHARE:
            return "keyboard"
        if _DATE.fullmatch(text):
            return "common"
        for letters in _LETTERS_FOR:
            plain = text.translate(letters)
            if plain != text and (plain in self._words or self._listed(plain)):
                return "context" if plain in self._words else "common"
        return None

    def _two_pieces(self, text: str) -> Reason | None:
        for at in range(3, len(text) - 2):
            left = self._piece(text[:at])
            right = left and self._piece(text[at:])
            if left and right:
                return "context" if "context" in (left, right) else left
        return None

    def _made_of_words(self, text: str) -> Reason | None:
        """Nothing, or next to nothing, is left when the words of the account are taken out."""
        rest = text
        for word in sorted(self._words, key=len, reverse=True):
            rest = rest.replace(word, "")
        if rest == text or len(rest) * 2 > len(text):
            return None
        return "context" if len(rest) <= 3 or self._piece(rest) else None


def _cores(text: str) -> Iterator[str]:
    """``text``, and what is left without cheap ends: few digits or signs, a sequence, a repeat, a date."""
    yield text
    head = next((at for at, c in enumerate(text) if c.isalpha()), len(text))
    tail = next((at for at in range(len(text), 0, -1) if text[at - 1].isalpha()), 0)
    if head >= tail:
        return
    starts = [at for at in range(head + 1) if _is_cheap_end(text[:at])]
    ends = [at for at in range(tail, len(text) + 1) if _is_cheap_end(text[at:])]
    for start in starts:
        for end in ends:
            if (start or end < len(text)) and end - start >= 3:
                yield text[start:end]


def _is_cheap_end(end: str) -> bool:
    return (
        len(end) <= FREE_ENDS
        or len(set(end)) <= FEW_KINDS
        or unit_of(end) != end
        or share_of_steps(end) >= WALK_SHARE
        or _DATE.fullmatch(end) is not None
    )

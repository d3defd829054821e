"""How strong a password looks, by zxcvbn where it is installed; never needed for the rules themselves.

Rules of this file: the package is imported when first asked for, and sees at most 100 characters, for
its time grows faster than the length.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from secureacct.errors import MissingExtra

MOST: Final = 100  # characters; our own: beyond it any password scores 4 unless it repeats


@dataclass(frozen=True, slots=True)
class Strength:
    """zxcvbn's estimate.

    :param score: 0 (first guesses) to 4 (out of reach)
    :param guesses_log10: power of ten of the guesses an attacker would need
    """

    score: int
    guesses_log10: float


def require() -> None:
    """Stop a set-up that asks for a score nobody can compute.

    :raises MissingExtra: the package is not installed
    """
    try:
        import zxcvbn_rs_py  # noqa: F401 - only whether it is there
    except ImportError:
        raise MissingExtra("strength", needed_for="min_score=") from None


def estimate(password: str, words: Iterable[str] = ()) -> Strength | None:
    """The estimate, or None where the package is not installed."""
    try:
        from zxcvbn_rs_py import zxcvbn
    except ImportError:
        return None
    found = zxcvbn(password[:MOST], list(words))
    return Strength(score=int(found.score), guesses_log10=float(found.guesses_log10))

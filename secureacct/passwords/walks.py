"""Keyboard walks and sequences: how much of a text is steps to a neighbour.

Rules of this file: pure tables and arithmetic. A neighbour is the same key, the next letter or digit, or
a key that touches on one of the three layouts most people type on.
"""

from __future__ import annotations

import itertools
from typing import Final

_LAYOUTS: Final = (
    ("1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"),
    ("1234567890ß´", "qwertzuiopü+", "asdfghjklöä#", "yxcvbnm,.-"),
    ("1234567890)=", "azertyuiop^$", "qsdfghjklmù*", "wxcvbn,;:!"),
)
_UNSHIFTED: Final = str.maketrans("!@#$%^&*()", "1234567890")


def _touching(rows: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    """Pairs of keys that touch: side by side, or above and below (rows are staggered by half a key)."""
    pairs: set[tuple[str, str]] = set()
    for y, row in enumerate(rows):
        for x, key in enumerate(row):
            pairs.update((key, other) for other in row[x + 1 : x + 2])
            if y:
                # Column of tables (147), stripes (1qaz) and zigzags (1q2w) all count.
                pairs.update((key, other) for other in rows[y - 1][x : x + 2])
    return frozenset(pairs | {(b, a) for a, b in pairs})


_PAIRS: Final = tuple(_touching(rows) for rows in _LAYOUTS)


def _in_order(one: str, other: str) -> bool:
    if one == other:
        return True
    if {one, other} == {"0", "9"}:
        return True
    same_kind = (one.isdigit() and other.isdigit()) or (one.isalpha() and other.isalpha())
    return same_kind and abs(ord(one) - ord(other)) == 1


def share_of_steps(text: str) -> float:
    """The share of steps in folded ``text`` that go to a neighbour, on the layout where it is highest."""
    if len(text) < 2:
        return 0.0
    text = text.translate(_UNSHIFTED)
    steps = list(itertools.pairwise(text))
    ordered = [_in_order(a, b) for a, b in steps]
    best = max(sum(o or s in pairs for o, s in zip(ordered, steps, strict=True)) for pairs in _PAIRS)
    return best / len(steps)


def is_woven(text: str, share: float) -> bool:
    """True if the text is two sequences taken in turn, such as ``1a2b3c4d``."""
    return len(text) >= 8 and share_of_steps(text[::2]) >= share and share_of_steps(text[1::2]) >= share

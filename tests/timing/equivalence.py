"""Whether two answers take the same time: an interval for the median difference, and what an attacker sees.

Pure rules. The interval is the percentile bootstrap of the median with infinitely many resamples, which a
binomial gives exactly: the k-th smallest of n bounds the resampled median with probability
P(Bin(n, k/n) > n/2).
"""

from __future__ import annotations

import bisect
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_S = 0.0002  # seconds: what a distant attacker can tell apart after very many tries
SHARE = 0.01  # of the median answer
SEEN_AT_MOST = 0.60  # AUC of the mean of 100; 0.5 is a coin
SEEN_TOO_WELL = 0.75
AUC_NEEDS = 5000  # pairs: the samples' own error hides below 0.60 only from here on
MEANS = 1000  # resampled means of 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was measured, in seconds."""

    pairs: int
    answer: float  # the median answer to the unknown account
    median: float  # of the paired differences
    low: float
    high: float
    auc_1: float
    auc_100: float

    @property
    def margin(self) -> float:
        """The largest difference that passes."""
        return max(LEAST_S, SHARE * self.answer)

    @property
    def verdict(self) -> str:
        """``same``, ``different`` or ``open``."""
        enough = self.pairs >= AUC_NEEDS
        if self.low > self.margin or self.high < -self.margin or (enough and self.auc_100 > SEEN_TOO_WELL):
            return "different"
        inside = -self.margin <= self.low and self.high <= self.margin
        return "same" if inside and (not enough or self.auc_100 <= SEEN_AT_MOST) else "open"


def finding(theirs: Sequence[float], unknown: Sequence[float], *, seed: int) -> Finding:
    """From paired samples."""
    differences = sorted(one - other for one, other in zip(theirs, unknown, strict=True))
    number = len(differences)
    low, high = interval_ranks(number, 0.01)
    return Finding(
        pairs=number,
        answer=sorted(unknown)[number // 2],
        median=differences[number // 2],
        low=differences[low],
        high=differences[high],
        auc_1=auc(theirs, unknown),
        auc_100=auc(_means(theirs, seed), _means(unknown, seed + 1)),
    )


def interval_ranks(number: int, outside: float) -> tuple[int, int]:
    """The places, from 0, of the order statistics that bound the median of a resample."""
    low = next(k for k in range(number) if _at_most(number, (k + 1) / number) >= outside / 2)
    return low, number - 1 - low


def _at_most(number: int, share: float) -> float:
    """P(the resampled median lies among the smallest ``share``), by the normal law with correction."""
    deviation = math.sqrt(max(number * share * (1 - share), 1e-9))
    return 0.5 * math.erfc((number / 2 + 0.5 - number * share) / (deviation * math.sqrt(2)))


def auc(left: Sequence[float], right: Sequence[float]) -> float:
    """How often a value of the left is larger than one of the right; below 0.5 it is turned round."""
    ordered = sorted(right)
    wins = sum((bisect.bisect_left(ordered, one) + bisect.bisect_right(ordered, one)) / 2 for one in left) / (
        len(left) * len(right)
    )
    return max(wins, 1 - wins)


def _means(values: Sequence[float], seed: int) -> list[float]:
    chosen = random.Random(seed)
    return [sum(chosen.choices(values, k=100)) / 100 for _ in range(MEANS)]

"""What waits a few minutes and is claimed once: challenges, pending sign-ins, interrupted POSTs.

One place for a store that keeps these apart from accounts, and for whoever sends each change to its store.
"""

from __future__ import annotations

from typing import Final

from secureacct.records.accounts import (
    AddInterrupted,
    AddPending,
    ClaimInterrupted,
    ClaimPending,
    EraseAccount,
)
from secureacct.records.challenges import ClaimChallenge, DropChallenges, PutChallenge

CLAIMS: Final = (ClaimChallenge, ClaimPending, ClaimInterrupted)
"""What uses something up."""

BEGUN: Final = (PutChallenge, AddPending, AddInterrupted)
"""What is kept until then."""

DROPPED: Final = (EraseAccount, DropChallenges)
"""What drops an account's: of one that is erased, its pending sign-ins."""

"""The promises a site makes to its people: what keeps each, how to check it, and the evidence.

Each promise that needs software has a module here; ``docs/howto/privacy.md`` shows them at work.
"""

from secureacct.commitments.catalogue import OURS, Catalogue, Commitment
from secureacct.commitments.evidence import Broken, CannotTell, Check, Checks, Evidence, Finding, Verdict

__all__ = [
    "OURS",
    "Broken",
    "CannotTell",
    "Catalogue",
    "Check",
    "Checks",
    "Commitment",
    "Evidence",
    "Finding",
    "Verdict",
]

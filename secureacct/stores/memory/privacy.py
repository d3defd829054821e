"""All that the memory store keeps about consent and privacy, in one class to compose with."""

from __future__ import annotations

from secureacct.stores.memory.consents import MemoryConsents
from secureacct.stores.memory.correspondence import MemoryCorrespondence
from secureacct.stores.memory.deletions import MemoryDeletions
from secureacct.stores.memory.disclosures import MemoryDisclosures
from secureacct.stores.memory.exports import MemoryExports
from secureacct.stores.memory.held import MemoryHeld
from secureacct.stores.memory.mailings import MemoryMailings
from secureacct.stores.memory.matching import MemoryMatching
from secureacct.stores.memory.policies import MemoryPolicies
from secureacct.stores.memory.statistics import MemoryStatistics
from secureacct.stores.memory.subject_keys import MemorySubjectKeys


class MemoryPrivacy(
    MemoryConsents,
    MemoryPolicies,
    MemoryMailings,
    MemoryDisclosures,
    MemoryCorrespondence,
    MemoryExports,
    MemoryDeletions,
    MemoryHeld,
    MemoryMatching,
    MemoryStatistics,
    MemorySubjectKeys,
):
    """Consent and privacy, in memory."""

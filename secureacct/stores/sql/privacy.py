"""All that the SQL stores keep about consent and privacy, in two classes to compose with."""

from __future__ import annotations

from secureacct.stores.sql.consents import AwaitingConsents, BlockingConsents
from secureacct.stores.sql.correspondence import AwaitingCorrespondence, BlockingCorrespondence
from secureacct.stores.sql.deletions import AwaitingDeletions, BlockingDeletions
from secureacct.stores.sql.disclosures import AwaitingDisclosures, BlockingDisclosures
from secureacct.stores.sql.exports import AwaitingExports, BlockingExports
from secureacct.stores.sql.held import AwaitingHeld, BlockingHeld
from secureacct.stores.sql.mailings import AwaitingMailings, BlockingMailings
from secureacct.stores.sql.matching import AwaitingMatching, BlockingMatching
from secureacct.stores.sql.policies import AwaitingPolicies, BlockingPolicies
from secureacct.stores.sql.statistics import AwaitingStatistics, BlockingStatistics
from secureacct.stores.sql.subject_keys import AwaitingSubjectKeys, BlockingSubjectKeys


class BlockingPrivacy(
    BlockingConsents,
    BlockingPolicies,
    BlockingMailings,
    BlockingDisclosures,
    BlockingCorrespondence,
    BlockingExports,
    BlockingDeletions,
    BlockingHeld,
    BlockingMatching,
    BlockingStatistics,
    BlockingSubjectKeys,
):
    """Consent and privacy, on a blocking engine."""


class AwaitingPrivacy(
    AwaitingConsents,
    AwaitingPolicies,
    AwaitingMailings,
    AwaitingDisclosures,
    AwaitingCorrespondence,
    AwaitingExports,
    AwaitingDeletions,
    AwaitingHeld,
    AwaitingMatching,
    AwaitingStatistics,
    AwaitingSubjectKeys,
):
    """Consent and privacy, on an awaiting engine."""

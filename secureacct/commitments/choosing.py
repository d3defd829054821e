"""The choices on the privacy page: what there is to choose, and choosing (C09, C10, C11).

Rules of this file: a choice is named ``purpose.<id>``, ``list.<id>`` or ``partner.<partner>.<purpose>``;
yes and no are the same call; every name of a form is known before any choice of it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from secureacct.accounts import fresh_proof
from secureacct.accounts.directory import Known
from secureacct.accounts.parts import Visit
from secureacct.commitments import mailing_stops, mailings, partners
from secureacct.commitments.erasure import DeletionWaits, waiting
from secureacct.commitments.errors import AddressNotProven
from secureacct.commitments.mailings import ListStanding, MailingParts
from secureacct.commitments.partners import PartnerStanding
from secureacct.commitments.privacy import Privacy
from secureacct.consent import PurposeStanding
from secureacct.consent import steps as consents
from secureacct.records.disclosures import Disclosure
from secureacct.records.sessions import Session

PREFIXES = ("purpose.", "list.", "partner.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosable:
    """Everything one account can choose, and what was given to whom."""

    purposes: Sequence[PurposeStanding] = ()
    lists: Sequence[ListStanding] = ()
    partners: Sequence[PartnerStanding] = ()
    disclosures: Sequence[Disclosure] = ()
    deletion: DeletionWaits | None = None


async def choosable(privacy: Privacy, session: Session) -> Choosable:
    """What there is to choose. Purposes with cookies are the browser's choice, and not here."""
    account_id = session.account_id
    with_cookies = {one.id for one in privacy.declarations.purposes if one.cookies}
    return Choosable(
        purposes=[
            one
            for one in await consents.purposes_of(privacy.consents, account_id)
            if one.id not in with_cookies
        ],
        lists=await mailings.lists_of(privacy.mailings, account_id),
        partners=await partners.standing(privacy.partners, account_id),
        disclosures=await partners.disclosures_of(privacy.partners, account_id),
        deletion=await waiting(privacy.erasure, account_id),
    )


async def choose(
    privacy: Privacy, session: Session, choices: Mapping[str, bool], *, visit: Visit, how: str = "form"
) -> int:
    """Make choices. How many were made.

    :raises UnknownPurpose, NothingDeclared: one of them was never declared; none was made.
    :raises SignInRequired: the account is gone.
    :raises AddressNotProven: mailings to an address that was not confirmed.
    :raises LedgerBusy: many choices of this person at once.
    """
    noted = privacy.noted(visit, session.id)
    known = await fresh_proof.person(privacy.account, session)
    acts: list[Callable[[], Coroutine[Any, Any, object]]] = []
    for name, yes in choices.items():
        kind, _, key = name.partition(".")
        if kind == "purpose":
            noted.declarations.purpose(key)
            acts.append(partial(consents.choose, noted.consents, known.id, key, agree=yes, how=how))
        elif kind == "list":
            noted.mailings.list_of(key)
            if yes and not known.email_verified:
                raise AddressNotProven("mailings go to confirmed addresses only")
            acts.append(partial(_choose_list, noted.mailings, known, key, yes, how))
        else:
            partner, _, purpose = key.partition(".")
            noted.partners.partners.find(partner, purpose)
            who = (noted.partners, known.id, partner, purpose)
            acts.append(partial(partners.choose, *who, allow=yes, how=how))
    for act in acts:
        await act()
    return len(acts)


async def _choose_list(parts: MailingParts, known: Known, list_id: str, yes: bool, how: str) -> None:
    if yes:
        await mailings.subscribe(
            parts, list_id, known.email, address_is_proven=True, account_id=known.id, how=how
        )
    else:
        await mailing_stops.stop(parts, known.email, list_id=list_id, account_id=known.id, how=how)

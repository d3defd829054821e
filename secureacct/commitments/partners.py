"""What partners get, under which terms, and who said no (C11).

Rules of this file: nothing goes to a partner whose confidentiality terms are not on record or have run
out; a purpose lists the fields it may hand over; the person's choice and the record of the disclosure
are decided and written in one statement. Whether silence means yes is a matter of law that the app
states per purpose, and it is no unless it says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol

from secureacct._faces import Kind, awaiting, blocking, refuse_other_kind
from secureacct.commitments._ids import new_id
from secureacct.commitments.errors import BadPromise, DisclosureRefused, NothingDeclared, UndeclaredField
from secureacct.consent import ledger
from secureacct.consent.declarations import words_hash
from secureacct.consent.ledger import Said, account_subject
from secureacct.consent.steps import NotesChoices, no_events
from secureacct.keys import Keyring
from secureacct.ports.disclosures import DisclosureReads
from secureacct.records.changes import Lost
from secureacct.records.disclosures import Disclosure, RecordDisclosure


class PartnerStore(ledger.LedgerStore, DisclosureReads, Protocol):
    """What disclosure asks of a store."""

    @property
    def kind(self) -> Kind:
        """Blocking, awaiting or both."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosurePurpose:
    """Why a partner gets something, what exactly, and what silence means."""

    id: str
    words: str  # as people read it beside their choice
    fields: frozenset[str]
    without_choice: Literal["refuse", "allow"] = "refuse"  # "allow" is an opt-out law's rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """Somebody we give data to, and the confidentiality terms they agreed to."""

    id: str
    name: str
    terms: str = field(repr=False)
    agreed_on: datetime
    ends_on: datetime | None = None
    purposes: tuple[DisclosurePurpose, ...] = ()

    @property
    def terms_hash(self) -> bytes:
        """The identity of the terms, as every record of a disclosure names it."""
        return words_hash(self.terms)

    def bound_at(self, now: int) -> bool:
        """Whether the terms hold at a moment (seconds since the epoch)."""
        ended = self.ends_on is not None and self.ends_on.timestamp() <= now
        return self.agreed_on.timestamp() <= now and not ended


class Partners:
    """All partners of an app. Immutable; made once at start."""

    def __init__(self, partners: Iterable[Partner] = ()) -> None:
        """:raises BadPromise: a name is doubled or has a slash, terms or words are missing, a purpose
        hands over nothing, or a moment has no time zone."""
        self.all: Final = tuple(partners)
        self._purposes: dict[tuple[str, str], tuple[Partner, DisclosurePurpose]] = {}
        for partner in self.all:
            moments = [partner.agreed_on, *([partner.ends_on] if partner.ends_on else [])]
            if not partner.terms.strip() or any(one.tzinfo is None for one in moments):
                raise BadPromise(f"partner {partner.id!r}: needs terms, and moments with a time zone")
            for purpose in partner.purposes:
                key = (partner.id, purpose.id)
                if key in self._purposes or "/" in partner.id + purpose.id:
                    raise BadPromise(f"partner {partner.id!r}, purpose {purpose.id!r}: needs its own name")
                if not purpose.words.strip() or not purpose.fields:
                    raise BadPromise(
                        f"partner {partner.id!r}, purpose {purpose.id!r}: needs words and fields"
                    )
                self._purposes[key] = (partner, purpose)

    def find(self, partner: str, purpose: str) -> tuple[Partner, DisclosurePurpose]:
        """A partner and one of its purposes.

        :raises NothingDeclared: the app never declared them.
        """
        try:
            return self._purposes[partner, purpose]
        except KeyError:
            raise NothingDeclared("no such partner or purpose") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerParts:
    """What the steps work with."""

    store: PartnerStore
    keys: Keyring
    partners: Partners
    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = os.urandom
    events: NotesChoices = no_events

    def now(self) -> int:
        """Whole seconds since the epoch."""
        return int(self.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerStanding:
    """One partner's purpose as a person sees it."""

    partner: str
    partner_name: str
    purpose: str
    words: str
    fields: tuple[str, ...]
    allowed: bool
    chosen: bool  # False: nothing was said yet, and the purpose's own rule applies


def _key(partner: str, purpose: str) -> str:
    return f"{partner}/{purpose}"


async def choose(
    parts: PartnerParts, account_id: str, partner: str, purpose: str, *, allow: bool, how: str = "form"
) -> None:
    """Allow or refuse a partner's purpose. The same call for both.

    :raises NothingDeclared: the app never declared them.
    :raises LedgerBusy: many choices of this person at once.
    """
    _, declared = parts.partners.find(partner, purpose)
    choice = "given" if allow else "refused"
    said = Said(topic="partner", key=_key(partner, purpose), choice=choice, words=declared.words, how=how)
    events = parts.events("consent_changed", account_id=account_id, reason=choice)
    subject = account_subject(account_id)
    await ledger.record(parts.store, parts.keys, subject, [said], now=parts.now(), events=events)


async def may_disclose(parts: PartnerParts, account_id: str, partner: str, purpose: str) -> bool:
    """Whether a disclosure would go through now. For showing; ``disclose`` decides by itself.

    :raises NothingDeclared: the app never declared them.
    """
    who, why = parts.partners.find(partner, purpose)
    if not who.bound_at(parts.now()):
        return False
    choice = await parts.store.choice_of(account_subject(account_id), "partner", _key(partner, purpose))
    return why.without_choice == "allow" if choice is None else choice.choice == "given"


async def disclose(
    parts: PartnerParts, account_id: str, partner: str, purpose: str, values: Mapping[str, object]
) -> Disclosure:
    """Record a disclosure, if it is allowed at this very moment. Hand the values over only after this.

    :param values: what is to be handed over. Only the names are recorded.
    :raises NothingDeclared: the app never declared partner or purpose.
    :raises UndeclaredField: a field that the purpose does not cover; nothing was recorded.
    :raises DisclosureRefused: the terms do not hold, or the person said no (or nothing, where that is no).
    """
    who, why = parts.partners.find(partner, purpose)
    undeclared = sorted(set(values) - why.fields)
    if undeclared or not values:
        raise UndeclaredField(f"purpose {purpose!r} does not cover {', '.join(undeclared) or 'nothing'}")
    now = parts.now()
    if not who.bound_at(now):
        raise DisclosureRefused(f"no confidentiality terms of {partner!r} are in force")
    one = Disclosure(
        id=new_id(now=parts.clock(), random=parts.random(10)),
        account_id=account_id,
        partner=partner,
        purpose=purpose,
        fields=tuple(sorted(values)),
        terms_hash=who.terms_hash,
        at=now,
    )
    claim = RecordDisclosure(
        disclosure=one,
        subject=account_subject(account_id),
        choice_key=_key(partner, purpose),
        without_choice=why.without_choice == "allow",
    )
    events = parts.events("app.disclosed", account_id=account_id, reason=_key(partner, purpose))
    if isinstance(await parts.store.commit([claim], events=events), Lost):
        raise DisclosureRefused(f"the person does not allow {purpose!r} for {partner!r}")
    return one


async def standing(parts: PartnerParts, account_id: str) -> Sequence[PartnerStanding]:
    """Every declared purpose of every partner, with this account's answer."""
    answers = {
        one.key: one.choice == "given"
        for one in await parts.store.choices_of(account_subject(account_id))
        if one.topic == "partner"
    }
    return [
        PartnerStanding(
            partner=who.id,
            partner_name=who.name,
            purpose=why.id,
            words=why.words,
            fields=tuple(sorted(why.fields)),
            allowed=answers.get(_key(who.id, why.id), why.without_choice == "allow"),
            chosen=_key(who.id, why.id) in answers,
        )
        for who in parts.partners.all
        for why in who.purposes
    ]


async def disclosures_of(
    parts: PartnerParts, account_id: str, *, before: str | None = None
) -> Sequence[Disclosure]:
    """What went to whom about an account, newest first, 100 at a time."""
    return await parts.store.disclosures_of(account_id, before=before)


class Disclosures:
    """Partners and disclosures, for blocking programs."""

    def __init__(self, parts: PartnerParts) -> None:
        """:raises ConfigurationError: the store is an awaiting one."""
        refuse_other_kind(parts.store, wanted="blocking")
        self.parts = parts

    choose: Final = blocking(choose)
    may_disclose: Final = blocking(may_disclose)
    disclose: Final = blocking(disclose)
    standing: Final = blocking(standing)
    disclosures_of: Final = blocking(disclosures_of)


class AsyncDisclosures:
    """Partners and disclosures, for awaiting programs."""

    def __init__(self, parts: PartnerParts) -> None:
        """:raises ConfigurationError: the store is a blocking one."""
        refuse_other_kind(parts.store, wanted="awaiting")
        self.parts = parts

    choose: Final = awaiting(choose)
    may_disclose: Final = awaiting(may_disclose)
    disclose: Final = awaiting(disclose)
    standing: Final = awaiting(standing)
    disclosures_of: Final = awaiting(disclosures_of)

"""C11: partners get your data unless you say no."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from secureacct._faces import run_inline
from secureacct.commitments.errors import BadPromise, DisclosureRefused, NothingDeclared, UndeclaredField
from secureacct.commitments.partners import (
    DisclosurePurpose,
    Disclosures,
    Partner,
    PartnerParts,
    Partners,
)
from tests.privacy_kit import START

THEN = datetime.fromtimestamp(START, UTC)
DELIVERY = DisclosurePurpose(
    id="delivery",
    words="The carrier needs your name and address to bring the parcel.",
    fields=frozenset({"name", "shipping_address"}),
    without_choice="allow",
)
SURVEY = DisclosurePurpose(id="survey", words="A survey by mail.", fields=frozenset({"email"}))
CARRIER = Partner(
    id="carrier",
    name="Fast Carrier",
    terms="Used for delivery only, deleted after 30 days.",
    agreed_on=THEN - timedelta(days=10),
    ends_on=THEN + timedelta(days=100),
    purposes=(DELIVERY, SURVEY),
)


@pytest.fixture
def disclosures(store, keys, clock):
    """Disclosures of a shop with one partner."""
    return Disclosures(PartnerParts(store=store, keys=keys, partners=Partners([CARRIER]), clock=clock))


def test_silence_means_what_the_law_chosen_says(disclosures):
    """Under an opt-out rule silence allows; under an opt-in rule it refuses."""
    assert disclosures.may_disclose("42", "carrier", "delivery")
    assert not disclosures.may_disclose("42", "carrier", "survey")
    with pytest.raises(DisclosureRefused):
        disclosures.disclose("42", "carrier", "survey", {"email": "ada@example.org"})


def test_who_said_no_is_never_disclosed(disclosures):
    """After the no, the check refuses and nothing is recorded; the yes comes back by the same call."""
    disclosures.choose("42", "carrier", "delivery", allow=False)
    assert not disclosures.may_disclose("42", "carrier", "delivery")
    with pytest.raises(DisclosureRefused):
        disclosures.disclose("42", "carrier", "delivery", {"name": "Ada"})
    assert disclosures.disclosures_of("42") == []
    disclosures.choose("42", "carrier", "delivery", allow=True)
    assert disclosures.disclose("42", "carrier", "delivery", {"name": "Ada"}).fields == ("name",)


def test_every_disclosure_is_on_record_without_the_values(disclosures, store):
    """The person sees what went to whom, when, for what and under which terms."""
    disclosures.disclose("42", "carrier", "delivery", {"name": "Ada Canary", "shipping_address": "X"})
    (one,) = disclosures.disclosures_of("42")
    assert (one.partner, one.purpose, one.fields) == ("carrier", "delivery", ("name", "shipping_address"))
    assert one.terms_hash == CARRIER.terms_hash
    assert "Canary" not in repr(one)
    assert disclosures.disclosures_of("43") == []


def test_fields_beyond_the_purpose_are_refused(disclosures):
    """A purpose hands over what it was declared for, and not one field more."""
    with pytest.raises(UndeclaredField):
        disclosures.disclose("42", "carrier", "delivery", {"name": "Ada", "card_number": "4111"})
    with pytest.raises(UndeclaredField):
        disclosures.disclose("42", "carrier", "delivery", {})
    assert disclosures.disclosures_of("42") == []


def test_no_terms_no_data(disclosures, clock):
    """When the confidentiality terms have run out, nothing goes, whatever the person said."""
    disclosures.choose("42", "carrier", "delivery", allow=True)
    clock.forward(days=101)
    assert not disclosures.may_disclose("42", "carrier", "delivery")
    with pytest.raises(DisclosureRefused):
        disclosures.disclose("42", "carrier", "delivery", {"name": "Ada"})


def test_the_choice_is_shown_with_what_silence_means(disclosures):
    """Each purpose is listed with its words, its fields, and whether the person chose."""
    delivery, survey = disclosures.standing("42")
    assert (delivery.allowed, delivery.chosen) == (True, False)
    assert (survey.allowed, survey.chosen) == (False, False)
    disclosures.choose("42", "carrier", "delivery", allow=False)
    assert (disclosures.standing("42")[0].allowed, disclosures.standing("42")[0].chosen) == (False, True)


def test_a_no_at_the_same_moment_is_heeded(store, keys, clock, disclosures):
    """The choice is asked in the statement that writes the record, not before it."""
    from secureacct.records.changes import Lost
    from secureacct.records.disclosures import Disclosure, RecordDisclosure

    disclosures.choose("42", "carrier", "delivery", allow=False)
    one = Disclosure(id="0", account_id="42", partner="carrier", purpose="delivery", fields=("name",),
                     terms_hash=b"", at=0)  # fmt: skip
    claim = RecordDisclosure(
        disclosure=one, subject="account:42", choice_key="carrier/delivery", without_choice=True
    )
    assert isinstance(run_inline(store.commit([claim])), Lost)


def test_partners_without_terms_or_words_are_refused():
    """A partner is declared with terms and words, or not at all."""
    from dataclasses import replace

    for wrong in (
        replace(CARRIER, terms=" "),
        replace(CARRIER, agreed_on=datetime(2026, 1, 1)),  # noqa: DTZ001 - the mistake being refused
        replace(CARRIER, purposes=(replace(DELIVERY, words=""),)),
        replace(CARRIER, purposes=(replace(DELIVERY, fields=frozenset()),)),
        replace(CARRIER, purposes=(DELIVERY, DELIVERY)),
    ):
        with pytest.raises(BadPromise):
            Partners([wrong])
    with pytest.raises(NothingDeclared):
        Partners([CARRIER]).find("carrier", "other")

"""C15: card numbers, shipping addresses and contact persons are used only as far as a sale needs."""

from __future__ import annotations

import pytest

from secureacct.commitments.errors import NotAllowedToMail
from secureacct.commitments.mailing_faces import Mailings
from secureacct.commitments.mailings import MailingList, MailingParts
from secureacct.fields import FieldCipher, PurposeRequired
from secureacct.fields.purposes import PurposeBound, last_four
from secureacct.records.mail import Message
from secureacct.records.mailings import Subscription

CARD = "4111111111111111"


@pytest.fixture
def readings():
    """Who read what and why."""
    return []


@pytest.fixture
def card(keys, readings):
    """A card number that is needed for payment."""
    cipher = FieldCipher(keys, table="order", column="card_number", type=str)
    return PurposeBound(cipher, purposes=["payment"], mask=last_four, on_read=readings.append)


def test_reading_without_the_purpose_is_refused(card, readings):
    """Curiosity, a typing error and nothing at all do not open it, and leave no reading."""
    blob = card.encrypt(CARD, row="7")
    for purpose in ("curiosity", "Payment", ""):
        with pytest.raises(PurposeRequired):
            card.reveal(blob, row="7", purpose=purpose)
    assert readings == []


def test_everybody_else_sees_the_mask(card):
    """In a page, a log line or a trace, four digits are all there is."""
    shown = card.guard(card.encrypt(CARD, row="7"), row="7")
    assert str(shown) == f"{shown}" == "**** 1111"
    assert CARD not in repr(shown)


def test_each_reading_is_on_record_before_the_value_is_given(card, readings):
    """The record names table, column, row and purpose; where it cannot be written, nothing opens."""
    blob = card.encrypt(CARD, row="7")
    assert card.reveal(blob, row="7", purpose="payment") == CARD
    assert [(one.table, one.column, one.row, one.purpose) for one in readings] == [
        ("order", "card_number", "7", "payment")
    ]

    def full(reading):
        raise OSError("disk full")

    card._on_read = full
    with pytest.raises(OSError, match="disk full"):
        card.reveal(blob, row="7", purpose="payment")


def test_a_contact_person_gets_no_mailing(store, keys, clock):
    """Somebody whom a customer named, and who never asked, cannot be reached by any list."""
    mailings = Mailings(
        MailingParts(
            store=store, keys=keys, lists=[MailingList(id="news", title="News", words="News.")],
            base_url="https://shop.example", seal_mail=lambda message, *, mail_id: b"",
            check=print, clock=clock,
        )
    )  # fmt: skip
    named = Subscription(
        list_id="news", token=mailings.parts.tokens("contact.person@example.org")[0], account_id=None,
        sealed=b"", state="active", since=0, opt_in=1,
    )  # fmt: skip
    with pytest.raises(NotAllowedToMail):
        mailings.queue_mailing("news", named, Message(to="", subject="x", text="x", html=""))

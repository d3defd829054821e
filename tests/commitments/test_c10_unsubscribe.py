"""C10: mailings start when you authorise them, and each can be ended by the link in it."""

from __future__ import annotations

import json
import threading

import pytest

from secureacct._faces import run_inline
from secureacct.commitments import mailings as steps
from secureacct.commitments.correspondence import Correspondence, LetterParts
from secureacct.commitments.errors import BadPromise, NotAllowedToMail, NothingDeclared
from secureacct.commitments.mailing_faces import Mailings
from secureacct.commitments.mailings import ConfirmationDue, MailingList, MailingParts, Subscribed
from secureacct.commitments.retention import RetentionParts
from secureacct.commitments.retention import run as retention_run
from secureacct.records.mail import Message
from secureacct.records.mailings import Subscription
from secureacct.tokens import BadToken, SignedTokens, TokenError

ADA = "ada@example.org"
NEWS = Message(
    to="", subject="News", text="Here is what is new.", html="<html><body><p>New</p></body></html>"
)
LISTS = (
    MailingList(id="product-updates", title="Product updates", words="What is new, about once a month."),
    MailingList(id="offers", title="Offers", words="Discounts, at most four a year."),
)


def plain(message: Message, /, *, mail_id: str) -> bytes:
    """In place of the vault: a mail one can read in the test."""
    return json.dumps({"to": message.to, "text": message.text, "headers": message.headers}).encode()


@pytest.fixture
def mailings(store, keys, clock):
    """Mailings of a shop with two lists."""
    return Mailings(
        MailingParts(
            store=store,
            keys=keys,
            lists=LISTS,
            base_url="https://shop.example",
            seal_mail=plain,
            check=lambda message: None,
            clock=clock,
        )
    )


def outbox(store, clock):
    """What waits for delivery."""
    found = run_inline(store.due_mails(now=int(clock()) + 10**6, limit=100, lease_s=0))
    return [json.loads(one.sealed) for one in found]


def link_in(mail):
    """The token of the unsubscribe link in a mail's headers."""
    header = dict(mail["headers"])["List-Unsubscribe"]
    assert header.startswith("<https://shop.example/account/unsubscribe/")
    return header.removesuffix(">").rpartition("/")[2]


def test_nothing_is_sent_to_who_never_asked(mailings, store, clock, keys):
    """A customer's contact person, and somebody who only wrote to us, are on no list and get no mail."""
    letters = Correspondence(LetterParts(store=store, keys=keys, clock=clock))
    letters.receive(address="writer@example.org", subject="Hello", text="A question")
    assert mailings.send_mailing("product-updates", NEWS) == (0, 0)
    made_up = Subscription(
        list_id="product-updates",
        token=mailings.parts.tokens("writer@example.org")[0],
        account_id=None,
        sealed=b"",
        state="active",
        since=0,
        opt_in=1,
    )
    with pytest.raises(NotAllowedToMail):
        mailings.queue_mailing("product-updates", made_up, NEWS)
    assert outbox(store, clock) == []


def test_a_mailing_begins_with_a_recorded_yes(mailings, store, clock):
    """The opt-in is in the ledger with the words, before the first mail."""
    assert mailings.subscribe("product-updates", ADA, address_is_proven=True, account_id="42") == Subscribed(
        list_id="product-updates"
    )
    entry = run_inline(store.ledger_of("account:42"))[0]
    assert (entry.topic, entry.key, entry.choice) == ("list", "product-updates", "given")
    assert run_inline(store.words(entry.words_hash)) == f"{LISTS[0].title}\n{LISTS[0].words}"
    assert mailings.send_mailing("product-updates", NEWS) == (1, 0)
    mail = outbox(store, clock)[0]
    assert mail["to"] == ADA
    assert dict(mail["headers"])["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert dict(mail["headers"])["List-Unsubscribe"].strip("<>") in mail["text"]


def test_an_address_of_somebody_else_gets_only_a_question(mailings, store, clock):
    """An unproven address receives no mailing until its owner says yes again from the mail."""
    due = mailings.subscribe("product-updates", ADA, address_is_proven=False)
    assert isinstance(due, ConfirmationDue)
    assert due.token not in repr(due)
    assert mailings.send_mailing("product-updates", NEWS) == (0, 0)
    assert mailings.confirm(due.token) == Subscribed(list_id="product-updates")
    assert mailings.confirm(due.token) == Subscribed(list_id="product-updates"), "again is fine"
    assert mailings.send_mailing("product-updates", NEWS) == (1, 0)


def test_one_click_ends_the_list_and_takes_back_what_waits(mailings, store, clock):
    """After the click no mail of the list goes out, not even one that was queued before."""
    mailings.subscribe("product-updates", ADA, address_is_proven=True, account_id="42")
    mailings.subscribe("offers", ADA, address_is_proven=True, account_id="42")
    mailings.send_mailing("product-updates", NEWS)
    mailings.send_mailing("offers", NEWS)
    first = next(one for one in outbox(store, clock) if "product-updates" in dict(one["headers"])["List-Id"])
    mailings.unsubscribe(link_in(first))
    waiting = outbox(store, clock)
    assert ["offers" in dict(one["headers"])["List-Id"] for one in waiting] == [True]
    assert mailings.send_mailing("product-updates", NEWS) == (0, 0)
    assert [one.subscribed for one in mailings.lists_of("42")] == [False, True]
    assert run_inline(store.last_entry("account:42")).choice == "withdrawn"


def test_the_click_needs_no_sign_in_and_works_twice(mailings, store, clock):
    """A mail provider's POST has no cookie, and may come again."""
    mailings.subscribe("product-updates", ADA, address_is_proven=True)
    mailings.send_mailing("product-updates", NEWS)
    token = link_in(outbox(store, clock)[0])
    assert mailings.unsubscribe(token).title == "Product updates"
    length = run_inline(store.last_entry(run_inline(store.ledger_subjects())[0])).position
    assert mailings.unsubscribe(token).title == "Product updates"
    assert run_inline(store.last_entry(run_inline(store.ledger_subjects())[0])).position == length


def test_a_scanner_that_follows_the_link_changes_nothing(mailings, store, clock):
    """Reading the link as often as one likes leaves the subscription alone."""
    mailings.subscribe("product-updates", ADA, address_is_proven=True)
    mailings.send_mailing("product-updates", NEWS)
    token = link_in(outbox(store, clock)[0])
    for _ in range(3):
        assert mailings.read_unsubscribe(token).list_id == "product-updates"
    assert mailings.send_mailing("product-updates", NEWS) == (1, 0)


def test_the_link_never_subscribes_and_opens_nothing_else(mailings, keys, clock, store):
    """A stop link is no yes, is for no other list, and is noise to every other purpose."""
    mailings.subscribe("product-updates", ADA, address_is_proven=True)
    mailings.send_mailing("product-updates", NEWS)
    token = link_in(outbox(store, clock)[0])
    mailings.unsubscribe(token)
    with pytest.raises(TokenError):
        mailings.confirm(token)
    assert mailings.send_mailing("product-updates", NEWS) == (0, 0)
    from datetime import timedelta

    with pytest.raises(BadToken):
        SignedTokens(keys, purpose="password-reset", max_age=timedelta(days=1), clock=clock).read(token)


def test_an_old_yes_link_does_not_undo_a_stop(mailings, store, clock):
    """The confirmation mail that somebody finds again after they said stop begins nothing."""
    due = mailings.subscribe("product-updates", ADA, address_is_proven=False)
    mailings.confirm(due.token)
    mailings.stop(ADA)
    clock.forward(seconds=5)
    with pytest.raises(TokenError):
        mailings.confirm(due.token)
    assert mailings.send_mailing("product-updates", NEWS) == (0, 0)


def test_who_stopped_may_begin_again_by_asking(mailings, store, clock):
    """A new recorded yes lifts one's own stop, and a complaint is lifted by nothing."""
    mailings.subscribe("product-updates", ADA, address_is_proven=True, account_id="42")
    mailings.stop(ADA)
    assert mailings.send_mailing("product-updates", NEWS) == (0, 0)
    mailings.subscribe("product-updates", ADA, address_is_proven=True, account_id="42")
    assert mailings.send_mailing("product-updates", NEWS) == (1, 0)
    mailings.complain("ADA@example.org")
    mailings.subscribe("product-updates", ADA, address_is_proven=True, account_id="42")
    assert mailings.send_mailing("product-updates", NEWS) == (0, 1)


def test_the_store_keeps_no_address_of_who_left(mailings, store, clock):
    """After the stop, what is left of the address is a keyed hash."""
    mailings.subscribe("product-updates", ADA, address_is_proven=True)
    mailings.stop(ADA)
    left = run_inline(store.subscription("product-updates", mailings.parts.tokens(ADA)))
    assert left.sealed == b""
    assert run_inline(store.suppressed("product-updates", mailings.parts.tokens(ADA)))


def test_a_mail_that_the_linter_refuses_is_not_queued(mailings, store, clock):
    """What asks for a password does not get sent, as a mailing neither."""

    class AsksForPassword(Exception):
        pass

    def check(message):
        raise AsksForPassword

    mailings.subscribe("product-updates", ADA, address_is_proven=True)
    object.__setattr__(mailings.parts, "check", check)
    with pytest.raises(AsksForPassword):
        mailings.send_mailing("product-updates", NEWS)
    assert outbox(store, clock) == []


def test_a_stop_and_a_mailing_at_once_leave_nothing_in_the_queue(mailings, store, clock):
    """However a click and a send race, afterwards no mail of the list waits."""
    for number in range(15):
        address = f"reader{number}@example.org"
        mailings.subscribe("product-updates", address, address_is_proven=True)
        token = mailings.parts.stop_tokens.issue(
            steps.row_of("product-updates", mailings.parts.tokens(address)[0])
        )
        ready = threading.Barrier(2)

        def send(ready=ready):
            ready.wait()
            mailings.send_mailing("product-updates", NEWS)

        def stop(ready=ready, token=token):
            ready.wait()
            mailings.unsubscribe(token)

        threads = [threading.Thread(target=send), threading.Thread(target=stop)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert outbox(store, clock) == []


def test_addresses_that_never_confirm_are_forgotten(mailings, store, clock):
    """A stranger's address that somebody typed in is gone after a week."""
    mailings.subscribe("product-updates", ADA, address_is_proven=False)
    clock.forward(days=8)
    run_inline(retention_run(RetentionParts(store=store, clock=clock), dry_run=False))
    assert run_inline(store.subscription("product-updates", mailings.parts.tokens(ADA))) is None


def test_lists_are_declared_with_words_and_on_tls(store, keys):
    """A list without words, or a site without TLS, is refused at start."""

    def made(**changed):
        given = {"lists": LISTS, "base_url": "https://shop.example"} | changed
        return MailingParts(store=store, keys=keys, seal_mail=plain, check=print, **given)

    with pytest.raises(BadPromise):
        made(base_url="http://shop.example")
    with pytest.raises(BadPromise):
        made(lists=[MailingList(id="x", title="X", words="")])
    with pytest.raises(BadPromise):
        made(lists=[LISTS[0], LISTS[0]])
    with pytest.raises(NothingDeclared):
        Mailings(made()).subscribe("nothing", ADA, address_is_proven=True)

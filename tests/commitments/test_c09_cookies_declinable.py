"""C09: cookies and web bugs help to recognise you, and you may decline them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secureacct._faces import run_inline
from secureacct.consent import (
    BadDeclaration,
    ConsentParts,
    Consents,
    Declarations,
    DeclaredCookie,
    LedgerAltered,
    Purpose,
    UndeclaredCookie,
    UnknownPurpose,
    read_choice,
)
from tests.privacy_kit import InMemory

VISITS = Purpose(
    id="visits",
    title="Count visits",
    words="We count which pages are read, for 90 days, and tell nobody.",
    cookies=(DeclaredCookie(name="shop-visits", words="Tells visits apart."),),
)
ADVERTS = Purpose(
    id="adverts",
    title="Adverts",
    words="Our partner shows adverts that fit.",
    cookies=(DeclaredCookie(name="ads", words="Recognises you.", host="ads.example"),),
)
ASKED = Declarations([VISITS, ADVERTS])


@pytest.fixture
def consents(store, keys, clock):
    """Choices of a shop with two optional purposes."""
    return Consents(ConsentParts(store=store, keys=keys, declarations=ASKED, clock=clock))


def test_a_fresh_browser_gets_nothing_optional_and_is_asked(consents):
    """Before any answer, only what sign-in needs may be set."""
    fresh = consents.cookie_standing(cookie=None, gpc=None)
    assert fresh.ask
    assert fresh.may_set("__Host-Http-session")
    assert not fresh.may_set("shop-visits")
    assert not fresh.serves("adverts")
    sent = ["__Host-Http-presession=x; Secure", "shop-visits=1; Path=/"]
    assert fresh.admit(sent) == ("__Host-Http-presession=x; Secure",)


def test_reject_holds_and_numbers_nobody(consents, store, clock):
    """After Reject nothing optional is set, the banner is gone, and no record of the person exists."""
    choice = consents.choose_cookies(agree=[])
    assert choice.visitor == ""
    cookie = choice.to_cookie()
    clock.forward(days=100)
    standing = consents.cookie_standing(cookie=cookie, gpc=None)
    assert standing.why == "decided"
    assert not standing.ask
    assert not standing.may_set("shop-visits")
    assert run_inline(store.ledger_subjects()) == []


def test_accept_is_recorded_with_the_words_shown_and_taken_back_as_easily(consents, store, keys):
    """One call gives, the same call takes back; both are on record with the words."""
    given = consents.choose_cookies(agree=["visits"])
    assert consents.cookie_standing(cookie=given.to_cookie(), gpc=None).may_set("shop-visits")
    taken_back = consents.choose_cookies(agree=[], cookie=given.to_cookie())
    standing = consents.cookie_standing(cookie=taken_back.to_cookie(), gpc=None)
    assert not standing.may_set("shop-visits")
    assert standing.to_clear(["shop-visits", "other"]) == ("shop-visits",)
    entries = run_inline(store.ledger_of(f"visitor:{given.visitor}"))
    assert [one.choice for one in entries] == ["given", "withdrawn"]
    assert run_inline(store.words(entries[0].words_hash)) == VISITS.text


def test_a_privacy_signal_is_a_reject_whatever_the_cookie_says(consents):
    """``Sec-GPC: 1`` wins over an Accept."""
    given = consents.choose_cookies(agree=["visits", "adverts"]).to_cookie()
    standing = consents.cookie_standing(cookie=given, gpc="1")
    assert standing.why == "signal"
    assert not standing.ask
    assert not standing.serves("adverts")
    assert consents.cookie_standing(cookie=given, gpc="0").serves("adverts")


@pytest.mark.parametrize(
    "forged",
    ["", "1", "1.1.0.x.visits", "2.1795600000.0123456789abcdef..", "1.9e9.0123456789abcdef..", "x" * 5000,
     "1.1795600000.0123456789abcdef..visits", "1.1795600000.0123456789abcdef.AAAAAAAAAAAAAAAAAAAAAA."],
)  # fmt: skip
def test_a_strange_choice_cookie_is_no_choice(consents, forged):
    """What is not ours agrees to nothing."""
    assert read_choice(forged) is None
    assert consents.cookie_standing(cookie=forged, gpc=None).agreed == frozenset()


def test_changed_words_are_asked_again(store, keys, clock):
    """An answer does not cover words the person never saw."""
    before = Consents(ConsentParts(store=store, keys=keys, declarations=ASKED, clock=clock))
    cookie = before.choose_cookies(agree=["visits"]).to_cookie()
    changed = Purpose(id="visits", title="Count visits", words="We sell it all.", cookies=VISITS.cookies)
    after = Consents(ConsentParts(store=store, keys=keys, declarations=Declarations([changed]), clock=clock))
    assert after.cookie_standing(cookie=cookie, gpc=None).ask
    assert not after.cookie_standing(cookie=cookie, gpc=None).may_set("shop-visits")


def test_an_old_answer_is_asked_again(consents, clock):
    """Six months later, people are asked again, and until then nothing is set."""
    cookie = consents.choose_cookies(agree=["visits"]).to_cookie()
    clock.forward(days=181)
    assert consents.cookie_standing(cookie=cookie, gpc=None).ask


def test_an_undeclared_cookie_cannot_be_set(consents):
    """The app cannot set what people were not told of, even after Accept."""
    everything = consents.choose_cookies(agree=["visits", "adverts"]).to_cookie()
    with pytest.raises(UndeclaredCookie):
        consents.cookie_standing(cookie=everything, gpc=None).admit(["tracker=1; Path=/"])
    assert consents.cookie_standing(cookie=None, gpc=None).admit(["tracker=; Max-Age=0"])


def test_an_account_gives_and_withdraws_and_the_history_stays(consents):
    """Signed-in people see every purpose with their answer, and their whole history."""
    assert [one.agreed for one in consents.purposes_of("42")] == [None, None]
    consents.choose("42", "visits", agree=True)
    assert consents.allowed("42", "visits")
    consents.choose("42", "visits", agree=False)
    assert not consents.allowed("42", "visits")
    assert [one.choice for one in consents.history("42")] == ["given", "withdrawn"]
    assert consents.verify_history("42") == 2
    with pytest.raises(UnknownPurpose):
        consents.choose("42", "nothing", agree=True)


def test_agreement_covers_only_the_words_it_was_given_to(store, keys, clock):
    """When a purpose's words change, an account's old yes is no yes."""
    first = Consents(ConsentParts(store=store, keys=keys, declarations=ASKED, clock=clock))
    first.choose("42", "visits", agree=True)
    wider = Purpose(id="visits", title="Count visits", words="And sell them.")
    later = Consents(ConsentParts(store=store, keys=keys, declarations=Declarations([wider]), clock=clock))
    assert not later.allowed("42", "visits")


def test_an_altered_ledger_is_found(keys, clock):
    """The auditor finds a changed, a removed, a moved and a cut-off entry."""

    def broken(spoil):
        store = InMemory()
        consents = Consents(ConsentParts(store=store, keys=keys, declarations=ASKED, clock=clock))
        for agree in (True, False, True):
            consents.choose("42", "visits", agree=agree)
        assert consents.verify_history("42") == 3
        spoil(store.state.topic("ledger"), store.state.topic("ledger_end"))
        with pytest.raises(LedgerAltered):
            consents.verify_history("42")
        _, breaks = consents.verify_everyone()
        assert breaks

    def change(ledger, _):
        ledger["account:42", 2] = replace(ledger["account:42", 2], choice="given")

    def backdate(ledger, _):
        ledger["account:42", 2] = replace(ledger["account:42", 2], at=1)

    def remove(ledger, _):
        del ledger["account:42", 2]

    def swap(ledger, _):
        first, second = ledger["account:42", 1], ledger["account:42", 2]
        ledger["account:42", 1], ledger["account:42", 2] = (
            replace(second, position=1),
            replace(first, position=2),
        )

    def cut_off(ledger, end):
        del ledger["account:42", 3]
        end["account:42"] = 2

    for spoil in (change, backdate, remove, swap, cut_off):
        broken(spoil)


def test_declarations_that_hide_something_are_refused():
    """No purpose without words, no cookie twice, none for longer than a browser would keep it."""
    with pytest.raises(BadDeclaration):
        Declarations([Purpose(id="x", title="X", words=" ")])
    with pytest.raises(BadDeclaration):
        Declarations([Purpose(id="necessary", title="X", words="x")])
    with pytest.raises(BadDeclaration):
        Declarations([VISITS, Purpose(id="y", title="Y", words="y", cookies=VISITS.cookies)])

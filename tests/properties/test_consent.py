"""What holds for every choice, every ledger and every cookie somebody sends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secureacct._faces import run_inline
from secureacct.consent import (
    ConsentParts,
    Consents,
    CookieChoice,
    Declarations,
    DeclaredCookie,
    LedgerAltered,
    Purpose,
    cookie_standing,
    read_choice,
)
from secureacct.consent.ledger import Said, record, verify
from secureacct.keys import Keyring
from tests.privacy_kit import START, InMemory

KEYS = Keyring.generate()
NAMES = ("visits", "adverts", "maps")
ASKED = Declarations(
    Purpose(id=name, title=name, words=name, cookies=(DeclaredCookie(name=f"c-{name}", words=name),))
    for name in NAMES
)
agreed = st.frozensets(st.sampled_from(NAMES))
said = st.builds(
    Said,
    topic=st.sampled_from(["purpose", "list", "policy"]),
    key=st.sampled_from(["a", "b"]),
    choice=st.sampled_from(["given", "withdrawn", "refused"]),
    words=st.text(max_size=20),
    how=st.sampled_from(["form", "one_click"]),
    context=st.text(max_size=5),
)


@given(agreed, st.integers(1, 10**11), st.binary(min_size=16, max_size=16))
def test_a_choice_comes_back_from_its_cookie(names, at, number):
    """What was written is what is read, and nothing needs quoting in a cookie."""
    from secureacct._bytes import b64url

    choice = CookieChoice(
        at=at, asked=ASKED.fingerprint, agreed=names, visitor=b64url(number) if names else ""
    )
    value = choice.to_cookie()
    assert read_choice(value) == choice
    assert not set(value) & set('";, \\=')


@given(st.text(max_size=80), st.sampled_from([None, "0", "1", "yes"]))
def test_no_strange_cookie_agrees_to_anything(value, gpc):
    """Text that we did not write sets no optional cookie."""
    standing = cookie_standing(ASKED, cookie=value, gpc=gpc, now=START)
    assert not any(standing.may_set(f"c-{name}") for name in NAMES)


@given(st.lists(agreed, min_size=1, max_size=6))
def test_the_last_answer_counts_and_its_proof_verifies(answers):
    """Whatever a browser answered before, only its last answer holds, and every step is on record."""
    store = InMemory()
    consents = Consents(ConsentParts(store=store, keys=KEYS, declarations=ASKED, clock=lambda: START))
    cookie = None
    for names in answers:
        cookie = consents.choose_cookies(agree=names, cookie=cookie).to_cookie()
    standing = consents.cookie_standing(cookie=cookie, gpc=None)
    assert {name for name in NAMES if standing.may_set(f"c-{name}")} == answers[-1]
    assert not any(consents.cookie_standing(cookie=cookie, gpc="1").may_set(f"c-{name}") for name in NAMES)
    assert consents.verify_everyone()[1] == ()


@given(st.lists(st.lists(said, min_size=1, max_size=3), min_size=1, max_size=5), st.data())
def test_any_single_change_to_a_ledger_is_found(batches, draw):
    """Change any field of any entry, or remove any, and the ledger does not verify."""
    store = InMemory()
    for number, batch in enumerate(batches):
        run_inline(record(store, KEYS, "account:1", batch, now=START + number))
    ledger, end = store.state.topic("ledger"), store.state.topic("ledger_end")
    assert run_inline(verify(store, KEYS, "account:1")) == sum(map(len, batches))
    place = draw.draw(st.sampled_from(sorted(ledger)))
    change = draw.draw(
        st.sampled_from(["choice", "key", "topic", "how", "context", "at", "words_hash", "mac", "gone"])
    )
    entry = ledger[place]
    if change == "gone":
        del ledger[place]
        if end["account:1"] == place[1]:
            end["account:1"] -= 1
    elif change == "at":
        ledger[place] = replace(entry, at=entry.at + 1)
    elif change in ("words_hash", "mac"):
        ledger[place] = replace(entry, **{change: bytes(32)})
    else:
        ledger[place] = replace(entry, **{change: getattr(entry, change) + "x"})
    with pytest.raises(LedgerAltered):
        run_inline(verify(store, KEYS, "account:1"))

"""C17: forms and mails sent to us may be kept, with the reply."""

from __future__ import annotations

from datetime import timedelta

import pytest

from secureacct._faces import run_inline
from secureacct.commitments import correspondence as steps
from secureacct.commitments.correspondence import Correspondence, LetterParts
from secureacct.commitments.errors import LetterGone, TestimonialRefused
from secureacct.commitments.retention import RetentionParts, RetentionRule, run, with_rules

ASKED = "May we print your letter, with your first name, on our site?"


@pytest.fixture
def letters(store, keys, clock):
    """Letters, kept for 100 days."""
    return Correspondence(LetterParts(store=store, keys=keys, clock=clock, keep=timedelta(days=100)))


def written(letters, **changed):
    """A letter from Ada."""
    return letters.receive(
        **{"address": "ada@example.org", "subject": "Thanks", "text": "Splendid canary!"} | changed
    )


def test_a_letter_is_kept_with_its_reply(letters):
    """The thread holds both, in order."""
    letter = written(letters)
    letters.reply(letter, subject="Re: Thanks", text="You are welcome.")
    first, second = letters.thread(letter)
    assert (first.direction, first.text, second.direction) == ("in", "Splendid canary!", "out")
    assert second.keep_until == first.keep_until
    assert len(letters.letters_of(address="ADA@example.org")) == 2


def test_the_database_shows_nothing_of_it(letters, store):
    """Neither the text nor the address stands in the store in clear."""
    letter = written(letters)
    kept = run_inline(store.letter(letter, now=0))
    assert b"canary" not in kept.sealed
    assert b"ada" not in kept.sealed + kept.token
    assert "canary" not in repr(letters.read(letter, by="7", purpose="answer"))


def test_past_its_time_it_is_gone(letters, store, clock):
    """It cannot be read from the first second past its time, and the next run deletes it."""
    letter = written(letters)
    clock.forward(days=100)
    with pytest.raises(LetterGone):
        letters.read(letter, by="7", purpose="answer")
    with pytest.raises(LetterGone):
        letters.reply(letter, subject="", text="")
    clock.forward(seconds=1)
    parts = RetentionParts(store=store, clock=clock)
    dry = {one.rule.table: one for one in run_inline(run(parts, dry_run=True))}
    assert (dry["letter"].found, dry["letter"].deleted) == (1, 0)
    wet = {one.rule.table: one for one in run_inline(run(parts, dry_run=False))}
    assert (wet["letter"].found, wet["letter"].deleted) == (1, 1)
    assert run_inline(store.letter(letter, now=0)) is None


def test_quoting_needs_the_writers_yes(letters, store):
    """No yes, no quote; a yes is recorded with the words; taking it back ends the quoting."""
    letter = written(letters)
    with pytest.raises(TestimonialRefused):
        letters.quote(letter)
    letters.allow_testimonial(letter, words=ASKED, allow=True)
    assert letters.quote(letter) == "Splendid canary!"
    letters.allow_testimonial(letter, words=ASKED, allow=False)
    with pytest.raises(TestimonialRefused):
        letters.quote(letter)
    (subject,) = run_inline(store.ledger_subjects())
    entries = run_inline(store.ledger_of(subject))
    assert [one.choice for one in entries] == ["given", "withdrawn"]
    assert run_inline(store.words(entries[0].words_hash)) == ASKED


def test_a_flag_in_the_database_is_no_yes(letters, store):
    """The flag without the ledger allows no quote; nor is our own answer a testimonial."""
    from secureacct.records.correspondence import SetTestimonial

    letter = written(letters)
    run_inline(store.commit([SetTestimonial(letter_id=letter, allowed=True, now=0)]))
    with pytest.raises(TestimonialRefused):
        letters.quote(letter)
    ours = letters.reply(letter, subject="Re", text="We are great")
    letters.allow_testimonial(ours, words=ASKED, allow=True)
    with pytest.raises(TestimonialRefused):
        letters.quote(ours)


def test_everything_of_somebody_goes_in_one_change(letters, store):
    """An erasure deletes letters by address and by account, and nobody else's."""
    written(letters)
    written(letters, address="old@example.org", account_id="42")
    other = written(letters, address="bob@example.org")
    changes = steps.forget_changes(letters.parts, address="ada@example.org", account_id="42")
    run_inline(store.commit(changes))
    assert letters.letters_of(address="ada@example.org", account_id="42") == []
    assert letters.read(other, by="7", purpose="answer").text == "Splendid canary!"


def test_rules_have_reasons():
    """A retention rule without a reason is refused; an app may shorten or add."""
    from secureacct.commitments.errors import BadPromise

    changed = with_rules(RetentionRule(table="disclosure", keep=timedelta(days=10), why="ours"))
    assert {one.table: one.keep.days for one in changed}["disclosure"] == 10
    with pytest.raises(BadPromise):
        with_rules(RetentionRule(table="x", keep=timedelta(days=1), why=" "))

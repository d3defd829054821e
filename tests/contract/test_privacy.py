"""What every store promises about consent and privacy, whichever kind it is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from secureacct._faces import run_inline
from secureacct.errors import ConfigurationError, StoreUnavailable
from secureacct.records.changes import Change, Committed, Lost
from secureacct.records.consents import AppendEntry, Choice, KeepWords, LedgerEntry, SetChoice
from secureacct.records.correspondence import ForgetLetters, KeepLetter, Letter, SetTestimonial
from secureacct.records.deletions import (
    Deletion,
    EraseHeld,
    FinishDeletion,
    PurgeHeld,
    RequestDeletion,
    UndoDeletion,
)
from secureacct.records.disclosures import Disclosure, RecordDisclosure
from secureacct.records.exports import (
    AddExportPiece,
    DropExports,
    ExportJob,
    FinishExport,
    LeaseExport,
    ReturnExport,
    StartExport,
    TakeExport,
)
from secureacct.records.mail import OutboxMail
from secureacct.records.mailings import (
    EVERY_LIST,
    ClaimMailing,
    ConfirmSubscription,
    DropQueuedMails,
    EndSubscription,
    ForgetPending,
    LiftSuppression,
    StartSubscription,
    Subscription,
    Suppress,
)
from secureacct.records.policies import PolicyVersion, RegisterPolicy
from secureacct.records.statistics import AddCount, AddCountOnce, Cell, ForgetDays, KeepDaySecret
from secureacct.stores.sql.base import metadata
from tests.privacy_kit import InMemory, OnAsyncSql, OnSql

KINDS = ("memory", "sqlite", "sqlite-async", "pg", "pg-async")
NOW = 1000


class Held:
    """A store, and how to run its promises to their end, whichever kind it is."""

    def __init__(self, store: Any, run: Any) -> None:
        self.store, self.run = store, run

    def commit(self, *changes: Any, **more: Any) -> Committed | Lost:
        """Make the changes in one commit."""
        done: Committed | Lost = self.run(self.store.commit(changes, **more))
        return done

    def won(self, *changes: Any) -> bool:
        """Whether the commit went through."""
        return isinstance(self.commit(*changes), Committed)

    def __getattr__(self, name: str) -> Any:
        read = getattr(self.store, name)
        return lambda *args, **named: self.run(read(*args, **named))


@contextmanager
def opened(kind: str, folder: Path, pg_database: str | None) -> Iterator[Held]:
    """A store of that kind with its tables, closed afterwards."""
    if kind == "memory":
        yield Held(InMemory(), run_inline)
        return
    url = f"sqlite:///{folder}/privacy.db" if kind.startswith("sqlite") else (pg_database or "")
    engine = sa.create_engine(url)
    metadata.create_all(engine)
    if kind.endswith("-async"):
        from sqlalchemy.ext.asyncio import create_async_engine

        with asyncio.Runner() as runner:
            awaiting = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"))
            yield Held(OnAsyncSql(awaiting), runner.run)
            runner.run(awaiting.dispose())
    else:
        yield Held(OnSql(engine), run_inline)
    engine.dispose()


@pytest.fixture(params=KINDS)
def held(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Held]:
    """A store of each kind in turn."""
    database = request.getfixturevalue("pg_database") if request.param.startswith("pg") else None
    with opened(request.param, tmp_path, database) as store:
        yield store


def entry(position: int, **other: Any) -> LedgerEntry:
    """An entry of account 1's ledger."""
    given: dict[str, Any] = {
        "topic": "purpose",
        "key": "visits",
        "choice": "given",
        "words_hash": b"h",
        "at": NOW,
        "how": "form",
    }
    return LedgerEntry(**{"subject": "account:1", "position": position, "mac": b"m", **given, **other})


def test_a_position_of_the_ledger_is_taken_once(held: Held) -> None:
    """The second of two who append at one place loses, and nothing of theirs is written."""
    assert held.won(AppendEntry(entry=entry(1)))
    assert not held.won(
        KeepWords(hash=b"w", text="words", at=NOW), AppendEntry(entry=entry(1, choice="refused"))
    )
    assert held.words(b"w") is None
    assert held.last_entry("account:1") == entry(1)
    assert held.won(AppendEntry(entry=entry(2)), AppendEntry(entry=entry(3)))
    assert held.ledger_of("account:1", after=1, limit=1) == [entry(2)]
    assert held.won(AppendEntry(entry=entry(1, subject="visitor:x")))
    assert held.ledger_subjects() == ["account:1", "visitor:x"]
    assert held.ledger_subjects(after="account:1", limit=1) == ["visitor:x"]
    assert held.last_entry("nobody") is None


def test_a_choice_stands_where_the_newest_entry_put_it(held: Held) -> None:
    """A late writer of an older entry does not turn a choice back."""

    def stands(choice: str, position: int) -> SetChoice:
        return SetChoice(
            choice=Choice(
                subject="account:1", topic="purpose", key="visits", choice=choice, position=position, at=NOW
            )
        )

    held.commit(stands("withdrawn", 2))
    assert held.commit(stands("given", 1)) == Committed((0,))
    assert held.choice_of("account:1", "purpose", "visits").choice == "withdrawn"
    held.commit(stands("given", 3))
    assert [one.choice for one in held.choices_of("account:1")] == ["given"]
    assert held.choice_of("account:1", "purpose", "other") is None


def test_words_are_kept_once(held: Held) -> None:
    """The same text again is no change."""
    assert held.commit(KeepWords(hash=b"w", text="words", at=NOW)) == Committed((1,))
    assert held.commit(KeepWords(hash=b"w", text="words", at=NOW + 1)) == Committed((0,))
    assert held.words(b"w") == "words"


def test_a_policy_version_is_registered_once(held: Held) -> None:
    """Neither text, name nor moment can be taken twice."""
    first = PolicyVersion(policy="p", version="1", text="a", hash=b"a", in_force_at=1)
    second = PolicyVersion(policy="p", version="2", text="b", hash=b"b", in_force_at=2, summary="s")
    assert held.won(RegisterPolicy(policy=first))
    for wrong in (
        first,
        PolicyVersion(policy="p", version="1", text="c", hash=b"c", in_force_at=3),
        PolicyVersion(policy="p", version="3", text="c", hash=b"c", in_force_at=1),
    ):
        assert not held.won(RegisterPolicy(policy=wrong))
    assert held.won(RegisterPolicy(policy=second))
    assert held.policy_versions("p") == [second, first]
    assert held.policy_of(b"b") == second
    assert held.policy_of(b"c") is None


def subscription(**other: Any) -> Subscription:
    """Somebody on the list of news."""
    given: dict[str, Any] = {
        "list_id": "news",
        "token": b"t",
        "account_id": "1",
        "sealed": b"x",
        "state": "active",
        "since": 1,
    }
    return Subscription(**{"opt_in": 1, **given, **other})


def claim(**other: Any) -> ClaimMailing:
    """May the news go to them?"""
    given: dict[str, Any] = {
        "list_id": "news",
        "token": b"t",
        "suppression_tokens": (b"t", b"older"),
        "now": NOW,
    }
    return ClaimMailing(**(given | other))


def test_a_mailing_needs_a_live_subscription_and_no_suppression(held: Held) -> None:
    """Pending, ended, suppressed under any key, or complained: no claim; and the queue stays empty."""
    assert not held.won(claim())
    held.commit(StartSubscription(subscription=subscription(state="pending")))
    assert not held.won(claim())
    assert held.won(ConfirmSubscription(list_id="news", token=b"t", since=2, opt_in=2))
    assert not held.won(ConfirmSubscription(list_id="news", token=b"t", since=3, opt_in=3))
    assert held.won(claim())
    assert held.subscription("news", [b"t"]).last_mailed_at == NOW
    mail = OutboxMail(id="m", created_at=NOW, kind="mailing:news:t", sealed=b"s")
    for list_id, token in (("news", b"t"), ("news", b"older"), (EVERY_LIST, b"t")):
        held.commit(Suppress(list_id=list_id, token=token, at=NOW, reason="page"))
        assert isinstance(held.commit(claim(), mails=[mail]), Lost)
        held.commit(LiftSuppression(list_id=list_id, tokens=(token,)))
    assert held.due_mails(now=NOW, limit=9, lease_s=1) == []
    assert held.won(claim())
    held.commit(EndSubscription(list_id="news", tokens=(b"t",)))
    assert not held.won(claim())
    assert held.subscription("news", [b"t"]).sealed == b""


def test_a_subscription_begins_again_only_after_it_ended(held: Held) -> None:
    """An active one is left alone; of two under two keys the live one is read."""
    held.commit(StartSubscription(subscription=subscription()))
    assert held.commit(StartSubscription(subscription=subscription(since=9))) == Committed((0,))
    held.commit(StartSubscription(subscription=subscription(list_id="offers")))
    held.commit(EndSubscription(list_id=EVERY_LIST, tokens=(b"t",)))
    assert {one.state for one in held.subscriptions_of("1")} == {"ended"}
    held.commit(StartSubscription(subscription=subscription(since=9)))
    held.commit(StartSubscription(subscription=subscription(token=b"older", state="ended", since=10)))
    assert held.subscription("news", [b"older", b"t"]).token == b"t"
    assert held.subscription("news", [b"nobody"]) is None


def test_subscribers_are_walked_in_pages(held: Held) -> None:
    """Every active subscriber comes once, in the order of the token."""
    for number in range(5):
        held.commit(StartSubscription(subscription=subscription(token=bytes([number]))))
    held.commit(StartSubscription(subscription=subscription(token=b"\x09", state="pending")))
    first = held.subscribers("news", limit=3)
    rest = held.subscribers("news", after=first[-1].token, limit=3)
    assert [one.token[0] for one in (*first, *rest)] == [0, 1, 2, 3, 4]


def test_a_suppression_is_lifted_for_its_reason_only(held: Held) -> None:
    """What was suppressed for a complaint stays when what was erased is lifted."""
    held.commit(Suppress(list_id=EVERY_LIST, token=b"t", at=1, reason="complaint"))
    held.commit(LiftSuppression(list_id=EVERY_LIST, tokens=(b"t",), reason="erased"))
    assert held.suppressed("news", [b"t"])
    held.commit(LiftSuppression(list_id=EVERY_LIST, tokens=(b"t",), reason="complaint"))
    assert not held.suppressed("news", [b"t"])


def test_queued_mails_of_a_kind_are_taken_back_with_the_rest(held: Held) -> None:
    """They go in the same commit, and come back if it is lost."""
    mails = [OutboxMail(id=kind, created_at=NOW, kind=kind, sealed=b"s") for kind in ("a", "b")]
    held.commit(mails=mails)
    assert not held.won(DropQueuedMails(kinds=("a",)), claim())
    assert held.won(DropQueuedMails(kinds=("a",)))
    assert [one.id for one in held.due_mails(now=NOW, limit=9, lease_s=1)] == ["b"]


def test_unconfirmed_subscriptions_are_forgotten(held: Held) -> None:
    """Only pending ones, and only old ones."""
    held.commit(StartSubscription(subscription=subscription(state="pending", since=5)))
    held.commit(StartSubscription(subscription=subscription(token=b"u", state="active", since=5)))
    assert held.commit(ForgetPending(before=5)) == Committed((0,))
    assert held.commit(ForgetPending(before=6)) == Committed((1,))


def test_a_disclosure_is_written_only_where_the_choice_allows(held: Held) -> None:
    """No choice: the purpose's rule. A choice: what it says."""

    def record(id: str, *, silent: bool) -> RecordDisclosure:
        one = Disclosure(
            id=id, account_id="1", partner="p", purpose="d", fields=("a", "b"), terms_hash=b"h", at=NOW
        )
        return RecordDisclosure(disclosure=one, subject="account:1", choice_key="p/d", without_choice=silent)

    assert held.won(record("01", silent=True))
    assert not held.won(record("02", silent=False))
    for choice, position in (("refused", 1), ("given", 2)):
        stands = Choice(
            subject="account:1", topic="partner", key="p/d", choice=choice, position=position, at=NOW
        )
        held.commit(SetChoice(choice=stands))
        assert held.won(record(f"1{position}", silent=choice != "given")) is (choice == "given")
    assert [one.id for one in held.disclosures_of("1")] == ["12", "01"]
    assert held.disclosures_of("1", before="12", limit=1) == [record("01", silent=True).disclosure]


def letter(id: str, **other: Any) -> Letter:
    """A letter."""
    given: dict[str, Any] = {
        "thread": id,
        "direction": "in",
        "at": NOW,
        "keep_until": NOW + 10,
        "token": b"t",
        "sealed": b"s",
    }
    return Letter(id=id, **(given | other))


def test_letters_are_read_until_their_time_and_forgotten_by_person(held: Held) -> None:
    """A letter past its time is not read; those of a person go together."""
    for one in (
        letter("a"),
        letter("b", thread="a", direction="out"),
        letter("c", token=b"u", account_id="1"),
    ):
        held.commit(KeepLetter(letter=one))
    assert held.letter("a", now=NOW + 9) == letter("a")
    assert held.letter("a", now=NOW + 10) is None
    assert [one.id for one in held.thread("a", now=NOW)] == ["a", "b"]
    assert [one.id for one in held.letters_of(tokens=[b"t"], account_id="1", now=NOW)] == ["a", "b", "c"]
    assert held.letters_of(now=NOW) == []
    assert held.won(SetTestimonial(letter_id="a", allowed=True, now=NOW))
    assert not held.won(SetTestimonial(letter_id="a", allowed=True, now=NOW + 10))
    assert held.letter("a", now=NOW).testimonial is True
    assert held.commit(ForgetLetters(tokens=(b"t",), account_id="1")) == Committed((3,))


def job(**other: Any) -> ExportJob:
    """A copy that account 1 asked for."""
    return ExportJob(**{"id": "j", "account_id": "1", "state": "waiting", "requested_at": NOW, **other})


def add(attempt: int, number: int) -> AddExportPiece:
    """A piece."""
    return AddExportPiece(
        job_id="j", attempt=attempt, number=number, sealed=bytes([number]),
        tables_done=1, rows=number, size=number, lease_until=NOW + 100,
    )  # fmt: skip


def test_a_copy_goes_its_way_once(held: Held) -> None:
    """One job at a time, one worker at a time, one fetch."""
    assert held.won(StartExport(job=job()))
    assert not held.won(StartExport(job=job(id="k")))
    assert [one.id for one in held.waiting_exports(now=NOW)] == ["j"]
    assert held.won(LeaseExport(job_id="j", now=NOW, lease_until=NOW + 10))
    assert not held.won(LeaseExport(job_id="j", now=NOW, lease_until=NOW + 10))
    assert held.waiting_exports(now=NOW) == []
    assert held.won(add(1, 0))
    assert held.won(LeaseExport(job_id="j", now=NOW + 200, lease_until=NOW + 300)), "its worker died"
    assert held.export_piece("j", 0) is None, "the next one starts over"
    assert not held.won(add(1, 1)), "the dead one is not alive"
    assert held.won(add(2, 0))
    assert held.won(add(2, 1))
    done: dict[str, Any] = {"job_id": "j", "state": "ready", "expires_at": NOW + 500, "link_hash": b"l"}
    assert not held.won(FinishExport(attempt=1, **done))
    assert held.won(FinishExport(attempt=2, **done))
    assert held.export_job("j").state == "ready"
    take = TakeExport(account_id="1", link_hash=b"l", now=NOW)
    for wrong in (replace(take, account_id="2"), replace(take, link_hash=b"x"), replace(take, now=NOW + 500)):
        assert not held.won(wrong)
    assert held.won(take)
    assert not held.won(TakeExport(account_id="1", link_hash=b"l", now=NOW))
    assert held.export_piece("j", 1) == b"\x01"
    assert held.won(StartExport(job=job(id="k", requested_at=NOW + 1)))
    assert [one.id for one in held.exports_of("1")] == ["k", "j"]
    assert held.commit(DropExports(job_id="j")) == Committed((1,))
    assert held.export_piece("j", 1) is None


def test_a_broken_fetch_is_given_back_and_not_for_ever(held: Held) -> None:
    """Whoever began last gives the copy back; a dead server does so by its lease; not without end."""
    ready = job(state="ready", expires_at=NOW + 500, link_hash=b"l")
    assert held.won(StartExport(job=ready))
    take: dict[str, Any] = {"account_id": "1", "link_hash": b"l", "most": 3}
    assert held.won(TakeExport(now=NOW, lease_until=NOW + 10, **take))
    assert not held.won(TakeExport(now=NOW + 9, lease_until=NOW + 19, **take)), "somebody fetches it"
    assert held.commit(ReturnExport(job_id="j", lease_until=NOW + 9)) == Committed((0,))
    assert held.commit(ReturnExport(job_id="j", lease_until=NOW + 10)) == Committed((1,))
    assert held.commit(ReturnExport(job_id="j", lease_until=NOW + 10)) == Committed((0,))
    assert held.won(TakeExport(now=NOW + 1, lease_until=NOW + 11, **take))
    assert held.won(TakeExport(now=NOW + 11, lease_until=NOW + 21, **take)), "its server died"
    assert held.commit(ReturnExport(job_id="j", lease_until=NOW + 11)) == Committed((0,)), "too late"
    assert held.commit(ReturnExport(job_id="j", lease_until=NOW + 21)) == Committed((1,))
    assert not held.won(TakeExport(now=NOW + 30, lease_until=NOW + 40, **take)), "often enough"


def test_old_copies_and_those_of_an_account_are_dropped(held: Held) -> None:
    """By time only what expired; by account all of it."""
    held.commit(StartExport(job=job(id="a", account_id="1", state="ready", expires_at=NOW)))
    held.commit(StartExport(job=job(id="b", account_id="2", state="ready", expires_at=NOW + 1)))
    held.commit(StartExport(job=job(id="c", account_id="3")))
    assert held.commit(DropExports(now=NOW)) == Committed((1,))
    assert held.commit(DropExports(account_id="2")) == Committed((1,))
    assert held.export_job("c") is not None


def deletion(**other: Any) -> Deletion:
    """Account 1 wants to leave."""
    given: dict[str, Any] = {
        "account_id": "1",
        "state": "waiting",
        "requested_at": NOW,
        "due_at": NOW + 10,
        "undo_hash": b"u",
    }
    return Deletion(**(given | other))


def test_a_deletion_waits_is_undone_once_or_ends_once(held: Held) -> None:
    """Undo before it is due and never after; finish when due and never twice."""
    assert held.won(RequestDeletion(deletion=deletion()))
    assert not held.won(RequestDeletion(deletion=deletion()))
    assert not held.won(UndoDeletion(account_id="1", undo_hash=b"x", now=NOW))
    assert not held.won(FinishDeletion(account_id="1", now=NOW + 9, receipt="r"))
    assert held.won(UndoDeletion(account_id="1", undo_hash=b"u", now=NOW))
    assert not held.won(UndoDeletion(account_id="1", undo_hash=b"u", now=NOW))
    assert held.won(RequestDeletion(deletion=deletion()))
    assert held.due_deletions(now=NOW + 9) == []
    assert not held.won(UndoDeletion(account_id="1", undo_hash=b"", now=NOW + 10))
    assert held.due_deletions(now=NOW + 10) == [deletion()]
    assert held.won(FinishDeletion(account_id="1", now=NOW + 10, receipt="r"))
    assert not held.won(FinishDeletion(account_id="1", now=NOW + 10, receipt="s"))
    assert not held.won(RequestDeletion(deletion=deletion()))
    assert held.deletion_of("1").receipt == "r"
    assert held.deletion_of("2") is None


def test_what_is_held_can_be_walked_aged_and_erased(held: Held) -> None:
    """Rows of one person in pages; counting before deleting; deleting in chunks."""
    for number in range(7):
        held.commit(KeepLetter(letter=letter(f"{number}", account_id="1", keep_until=number)))
    held.commit(KeepLetter(letter=letter("x", account_id="2", keep_until=100)))
    seen, after = [], None
    while page := held.held_rows("letter", "1", after=after, limit=3):
        seen += [row["id"] for row in page]
        after = page[-1]["_key"]
    assert seen == [str(number) for number in range(7)]
    assert held.held_older("letter", before=5) == 5
    assert held.commit(PurgeHeld(table="letter", before=5, limit=3)) == Committed((3,))
    assert held.commit(PurgeHeld(table="letter", before=5, limit=3)) == Committed((2,))
    assert held.commit(EraseHeld(table="letter", account_id="1")) == Committed((2,))
    assert held.held_rows("letter", "1") == []
    assert len(held.held_rows("letter", "2")) == 1
    assert "letter" in held.store.held_tables()
    with pytest.raises(ConfigurationError):
        held.commit(EraseHeld(table="nothing", account_id="1"))


def test_counts_add_up_and_marks_count_once(held: Held) -> None:
    """A mark counts once a day; when the day is over, marks and secrets go and counts stay."""
    cell = Cell(day=5, name="visits", group="Firefox", count=2)
    held.commit(AddCount(cell=cell))
    once = AddCountOnce(cell=Cell(day=5, name="visits", group="Firefox", count=1), mark=b"m")
    assert held.commit(once) == Committed((1,))
    assert held.commit(once) == Committed((0,))
    assert held.commit(KeepDaySecret(day=5, secret=b"first")) == Committed((1,))
    assert held.commit(KeepDaySecret(day=5, secret=b"second")) == Committed((0,))
    assert held.day_secret(5) == b"first"
    assert held.commit(ForgetDays(day=5)) == Committed((0,))
    assert held.commit(ForgetDays(day=6)) == Committed((1,))
    assert held.day_secret(5) is None
    assert held.cells("visits", first_day=5, last_day=5) == [
        Cell(day=5, name="visits", group="Firefox", count=3)
    ]
    assert held.cells("visits", first_day=6, last_day=9) == []


RACES: dict[str, tuple[list[Change], Change]] = {
    "ledger position": ([], AppendEntry(entry=entry(1))),
    "export": ([], StartExport(job=job())),
    "lease": ([StartExport(job=job())], LeaseExport(job_id="j", now=NOW, lease_until=NOW + 1)),
    "fetch": (
        [StartExport(job=job(state="ready", expires_at=NOW + 9, link_hash=b"l"))],
        TakeExport(account_id="1", link_hash=b"l", now=NOW),
    ),
    "deletion": ([], RequestDeletion(deletion=deletion())),
    "undo": ([RequestDeletion(deletion=deletion())], UndoDeletion(account_id="1", undo_hash=b"u", now=NOW)),
    "erasure": (
        [RequestDeletion(deletion=deletion())],
        FinishDeletion(account_id="1", now=NOW + 10, receipt="r"),
    ),
    "confirmation": (
        [StartSubscription(subscription=subscription(state="pending"))],
        ConfirmSubscription(list_id="news", token=b"t", since=2, opt_in=2),
    ),
    "policy": (
        [],
        RegisterPolicy(policy=PolicyVersion(policy="p", version="1", text="a", hash=b"a", in_force_at=1)),
    ),
}


@pytest.mark.parametrize("kind", ["memory", "sqlite", "pg"])
@pytest.mark.parametrize("race", RACES)
def test_of_eight_at_once_one_wins(kind: str, race: str, request: Any, tmp_path: Path) -> None:
    """A claim made by eight threads at the same moment succeeds exactly once."""
    database = request.getfixturevalue("pg_database") if kind == "pg" else None
    before, contested = RACES[race]
    with opened(kind, tmp_path, database) as held:
        for change in before:
            held.commit(change)
        ready, wins = threading.Barrier(8), list[bool]()

        def contend() -> None:
            ready.wait()
            while True:
                try:
                    wins.append(held.won(contested))
                except StoreUnavailable:  # SQLite: another thread is writing
                    continue
                return

        threads = [threading.Thread(target=contend) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sorted(wins) == [False] * 7 + [True]


@pytest.mark.parametrize("kind", ["memory", "sqlite", "pg"])
def test_a_stop_and_a_mailing_at_once_leave_no_mail(kind: str, request: Any, tmp_path: Path) -> None:
    """Whichever of the two comes first, afterwards nothing waits in the queue."""
    database = request.getfixturevalue("pg_database") if kind == "pg" else None
    with opened(kind, tmp_path, database) as held:
        for number in range(20):
            token = bytes([number])
            held.commit(StartSubscription(subscription=subscription(token=token)))
            mail = OutboxMail(id=f"m{number}", created_at=NOW, kind=f"mailing:news:{number}", sealed=b"s")
            send = ([claim(token=token, suppression_tokens=(token,))], [mail])
            stop: tuple[list[Change], list[OutboxMail]] = (
                [
                    EndSubscription(list_id="news", tokens=(token,)),
                    Suppress(list_id="news", token=token, at=NOW, reason="one_click"),
                    DropQueuedMails(kinds=(mail.kind,)),
                ],
                [],
            )
            ready = threading.Barrier(2)

            def act(what: Any, ready: threading.Barrier = ready) -> None:
                ready.wait()
                while True:
                    try:
                        held.commit(*what[0], mails=what[1])
                    except StoreUnavailable:  # SQLite: the other thread is writing
                        continue
                    return

            threads = [threading.Thread(target=act, args=(one,)) for one in (send, stop)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
        assert held.due_mails(now=NOW, limit=99, lease_s=1) == []

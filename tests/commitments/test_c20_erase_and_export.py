"""C20: people may take their data and leave."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from secureacct._faces import run_inline
from secureacct.commitments import correspondence, receipts
from secureacct.commitments.archive import ArchiveProgress, archive
from secureacct.commitments.correspondence import Correspondence, LetterParts
from secureacct.commitments.erasure import Erasure, ErasureParts, suppress_erased
from secureacct.commitments.errors import BadPromise, BadReceipt, DeletionRefused, ExportRefused
from secureacct.commitments.export import ExportParts, Exports
from secureacct.commitments.holdings import Holding, Holdings, from_call, from_rows, held
from secureacct.commitments.mailing_faces import Mailings
from secureacct.commitments.mailings import MailingList, MailingParts
from secureacct.consent import ConsentParts, Consents, Declarations, Purpose
from secureacct.errors import StoreUnavailable
from secureacct.fields import FieldCipher, SubjectForgotten
from secureacct.fields.subjects import Subjects
from secureacct.keys import Keyring
from secureacct.records.disclosures import Disclosure, RecordDisclosure
from secureacct.records.mail import Message

ADA = "ada.canary@example.org"
NASTY = "<script>alert('canary')</script>"


class Orders:
    """The app's own table."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {
            "42": [{"order": 1, "note": NASTY}, {"order": 2, "note": None}],
            "43": [{"order": 3}],
        }

    def of(self, account_id):
        return self.rows.get(account_id, [])

    def forget(self, account_id):
        return len(self.rows.pop(account_id, []))


class Site:
    """A small shop with everything that export and erasure touch."""

    def __init__(self, store, keys, clock):
        self.store, self.keys, self.clock = store, keys, clock
        self.told = []
        self.orders = Orders()
        lists = [MailingList(id="news", title="News", words="Monthly.")]
        self.mailings = Mailings(
            MailingParts(
                store=store, keys=keys, lists=lists, base_url="https://shop.example",
                seal_mail=lambda message, *, mail_id: message.to.encode(), check=print, clock=clock,
            )
        )  # fmt: skip
        self.letters = Correspondence(LetterParts(store=store, keys=keys, clock=clock))
        declared = Declarations([Purpose(id="visits", title="Visits", words="We count.")])
        self.consents = Consents(ConsentParts(store=store, keys=keys, declarations=declared, clock=clock))
        self.holdings = Holdings(
            [
                Holding(
                    name="orders", title="Your orders", words="What you bought.",
                    rows=from_rows(self.orders.of), erase_elsewhere=from_call(self.orders.forget),
                ),
                held(store, "disclosure", title="Who got what", words="Partners.",
                     show=lambda row: {"partner": row["partner"], "fields": row["fields"]}),
                held(store, "subscription", title="Mailings", words="Lists.",
                     show=lambda row: {"list": row["list_id"], "state": row["state"]}),
                held(store, "letter", title="Letters", words="What you wrote.",
                     show=lambda row: {"at": row["at"]}),
                Holding(name="ledger", title="Your choices", words="Proof of what you agreed to.",
                        kept="It names only a number that belongs to nobody any more."),
            ]
        )  # fmt: skip
        self.exports = Exports(
            ExportParts(
                store=store, keys=keys, holdings=self.holdings, site="Shop", tell=self.tell, clock=clock
            )
        )
        suppress = suppress_erased(self.mailings.parts.tokens, ["news"])

        def by_address(address, account_id, now):
            letters = correspondence.forget_changes(
                self.letters.parts, address=address, account_id=account_id
            )
            return (*suppress(address, account_id, now), *letters)

        self.erasure = Erasure(
            ErasureParts(
                store=store, keys=keys, holdings=self.holdings, address_of=self.address_of,
                by_address=by_address, tell=self.tell, clock=clock,
            )
        )  # fmt: skip

    async def address_of(self, account_id):
        return ADA if account_id == "42" else None

    async def tell(self, account_id, kind, facts):
        self.told.append((account_id, kind, facts))
        return ()

    def secret(self, kind):
        return next(facts for _, told, facts in reversed(self.told) if told == kind)["token"]

    def live(self):
        """Let account 42 leave traces everywhere."""
        self.mailings.subscribe("news", ADA, address_is_proven=True, account_id="42")
        self.letters.receive(address=ADA, subject="canary", text="canary", account_id=None)
        self.consents.choose("42", "visits", agree=True)
        one = Disclosure(id="0", account_id="42", partner="carrier", purpose="delivery", fields=("name",),
                         terms_hash=b"", at=0)  # fmt: skip
        claim = RecordDisclosure(disclosure=one, subject="account:42", choice_key="x", without_choice=True)
        run_inline(self.store.commit([claim]))


@pytest.fixture
def site(store, keys, clock):
    """A shop in which account 42 has lived."""
    site = Site(store, keys, clock)
    site.live()
    return site


def fetch(site, account_id="42"):
    """Ask, let the worker run, and fetch."""
    site.exports.request(account_id)
    assert site.exports.work() == 1
    data = b"".join(site.exports.download(account_id, site.secret("export_ready")))
    return zipfile.ZipFile(io.BytesIO(data))


def test_the_archive_has_everything_for_programs_and_for_people(site):
    """Every table is there as JSON and as a page, the manifest fits, and nothing in it can act."""
    archive = fetch(site)
    assert archive.testzip() is None
    manifest = json.loads(archive.read("manifest.json"))
    rows = {one["name"]: one["rows"] for one in manifest["tables"]}
    assert rows == {"orders": 2, "disclosure": 1, "subscription": 1, "letter": 0, "ledger": 0}
    assert json.loads(archive.read("data/orders-0001.json"))[0]["note"] == NASTY
    page = archive.read("pages/orders-0001.html").decode()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "belongs to nobody any more" in archive.read("index.html").decode()
    for one in manifest["files"]:
        assert hashlib.sha256(archive.read(one["name"])).hexdigest() == one["sha256"]


def test_it_is_nobody_elses(site):
    """Another account's rows are not in it, and its link opens for its own account only."""
    site.exports.request("42")
    site.exports.work()
    with pytest.raises(ExportRefused):
        site.exports.download("43", site.secret("export_ready"))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(site.exports.download("42", site.secret("export_ready")))))
    assert {one["order"] for one in json.loads(archive.read("data/orders-0001.json"))} == {1, 2}


def test_the_link_works_once_and_the_copy_is_gone(site, store):
    """A second use is refused, as are a made-up link and one that waited too long."""
    fetch(site)
    with pytest.raises(ExportRefused):
        site.exports.download("42", site.secret("export_ready"))
    assert site.exports.jobs_of("42") == []
    for made_up in ("", "x", "A" * 43, "B" * 5000):
        with pytest.raises(ExportRefused):
            site.exports.download("42", made_up)
    site.exports.request("42")
    site.exports.work()
    site.clock.forward(days=8)
    with pytest.raises(ExportRefused):
        site.exports.download("42", site.secret("export_ready"))


def test_a_connection_that_breaks_costs_nobody_their_copy(site):
    """Who hangs up in the middle may come again with the same link, five times in all; after the last byte
    it is gone; a server that died in the middle gives it back after an hour."""
    site.exports.request("42")
    site.exports.work()
    link = site.secret("export_ready")
    for _ in range(3):
        stream = site.exports.download("42", link)
        assert next(stream)
        with pytest.raises(ExportRefused):
            site.exports.download("42", link)  # one at a time
        stream.close()
    died = site.exports.download("42", link)
    assert next(died)
    site.clock.forward(seconds=3601)
    data = b"".join(site.exports.download("42", link))
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
    died.close()  # comes back too late to matter
    assert site.exports.jobs_of("42") == []
    with pytest.raises(ExportRefused):
        site.exports.download("42", link)


def test_who_hangs_up_again_and_again_gets_no_further_copy(site):
    """A link begun five times is used up."""
    site.exports.request("42")
    site.exports.work()
    link = site.secret("export_ready")
    for _ in range(5):
        stream = site.exports.download("42", link)
        next(stream)
        stream.close()
    with pytest.raises(ExportRefused):
        site.exports.download("42", link)


def test_one_copy_at_a_time_with_progress(site):
    """Asking twice is refused; the job says how far it is."""
    site.exports.request("42")
    with pytest.raises(ExportRefused):
        site.exports.request("42")
    (job,) = site.exports.jobs_of("42")
    assert (job.state, job.tables) == ("waiting", 5)
    site.exports.work()
    (job,) = site.exports.jobs_of("42")
    assert (job.state, job.tables_done, job.rows) == ("ready", 5, 4)


def test_a_worker_that_dies_gives_the_job_back(site, clock):
    """After the lease another worker starts over, and the archive is whole."""

    def fails(account_id):
        raise StoreUnavailable

    site.exports.request("42")
    whole = site.orders.of
    site.orders.of = fails
    site.holdings._by_name["orders"] = Holding(
        name="orders", title="o", words="o", rows=from_rows(fails), erase_elsewhere=from_call(len)
    )
    with pytest.raises(StoreUnavailable):
        site.exports.work()
    assert site.exports.work() == 0, "the lease still runs"
    site.holdings._by_name["orders"] = Holding(
        name="orders", title="o", words="o", rows=from_rows(whole), erase_elsewhere=from_call(len)
    )
    clock.forward(seconds=301)
    assert site.exports.work() == 1
    data = b"".join(site.exports.download("42", site.secret("export_ready")))
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None


def test_the_store_holds_the_copy_only_encrypted(site, store):
    """Whoever reads the database while a copy waits reads none of it."""
    site.exports.request("42")
    site.exports.work()
    (job,) = site.exports.jobs_of("42")
    piece = run_inline(store.export_piece(job.id, 0))
    assert piece[:2] != b"PK"
    assert b"manifest" not in piece


def test_there_is_time_to_think_and_a_way_back(site):
    """Until it is due, the link undoes it, once; afterwards nothing does."""
    waits = site.erasure.request("42")
    token = site.secret("deletion_requested")
    assert waits == site.erasure.waiting("42")
    with pytest.raises(DeletionRefused):
        site.erasure.request("42")
    assert site.erasure.run_due() == []
    for wrong in ("", "A" * 43, "x" * 100):
        with pytest.raises(DeletionRefused):
            site.erasure.undo("42", token=wrong)
    with pytest.raises(DeletionRefused):
        site.erasure.undo("43", token=token)
    site.erasure.undo("42", token=token)
    assert site.erasure.waiting("42") is None
    with pytest.raises(DeletionRefused):
        site.erasure.undo("42", token=token)
    site.clock.forward(days=30)
    assert site.erasure.run_due() == []
    assert site.orders.of("42")


def test_after_the_day_nothing_brings_it_back(site):
    """An undo that comes too late is refused, signed in or by link."""
    site.erasure.request("42")
    site.clock.forward(days=14)
    with pytest.raises(DeletionRefused):
        site.erasure.undo("42")
    with pytest.raises(DeletionRefused):
        site.erasure.undo("42", token=site.secret("deletion_requested"))
    assert len(site.erasure.run_due()) == 1
    assert site.erasure.run_due() == []
    with pytest.raises(DeletionRefused):
        site.erasure.request("42")


def erase(site):
    """Let account 42 leave."""
    site.erasure.request("42")
    site.clock.forward(days=14)
    (receipt,) = site.erasure.run_due()
    return receipt


def test_after_erasure_the_person_is_nowhere(site, store, tmp_path):
    """Neither the address nor a word of the person is in the files, the queue, or what the store answers."""
    site.exports.request("42")
    site.exports.work()
    erase(site)
    assert site.orders.of("42") == []
    assert site.exports.jobs_of("42") == []
    for table in store.held_tables():
        assert run_inline(store.held_rows(table, "42")) == []
    assert run_inline(store.due_mails(now=10**11, limit=100, lease_s=0)) == []
    assert site.letters.letters_of(address=ADA) == []
    for file in tmp_path.iterdir():
        for canary in (b"canary", ADA.encode()):
            assert canary not in file.read_bytes()
    assert site.orders.of("43"), "others keep theirs"


def test_what_was_encrypted_for_the_person_never_opens_again(site, store, keys):
    """The data key is destroyed with the rest: even a kept copy of the ciphertext stays closed."""
    subjects = Subjects(store, keys=keys, clock=site.clock)
    for person in ("42", "43"):
        subjects.load([person])
    note = FieldCipher(keys, table="crm", column="note", type=str, subject="42", data_keys=subjects.loaded)
    other = note.for_subject("43")
    copies = note.encrypt("canary", row="1"), other.encrypt("stays", row="2")
    site.erasure = Erasure(replace(site.erasure.parts, data_keys=subjects.loaded))
    erase(site)
    with pytest.raises(SubjectForgotten):
        note.decrypt(copies[0], row="1")
    later = Subjects(store, keys=keys, clock=site.clock)
    later.load(["42", "43"])
    with pytest.raises(SubjectForgotten):
        FieldCipher(keys, table="crm", column="note", type=str, subject="42", data_keys=later.loaded).decrypt(
            copies[0], row="1"
        )
    assert other.decrypt(copies[1], row="2") == "stays"


def test_who_left_is_still_left_in_peace(site):
    """The suppression stays as a keyed hash; only the person's own new yes lifts it."""
    erase(site)
    assert site.mailings.send_mailing("news", _news()) == (0, 0)
    tokens = site.mailings.parts.tokens(ADA)
    assert run_inline(site.store.suppressed("news", tokens))
    assert run_inline(site.store.suppressed("a list of next year", tokens))
    site.mailings.subscribe("news", ADA, address_is_proven=True, account_id="77")
    assert site.mailings.send_mailing("news", _news()) == (1, 0)


def _news():
    return Message(to="", subject="News", text="News", html="<p>News</p>")


def test_the_ledger_is_still_whole(site):
    """What proves consent stays, says nothing personal, and verifies."""
    erase(site)
    sound, broken = site.consents.verify_everyone()
    assert sound >= 2
    assert broken == ()


def test_the_receipt_is_ours_and_names_nobody(site, keys):
    """Anybody can check it with the public key; altered, or under another key, it is refused."""
    text = erase(site)
    receipt = receipts.read(text, public=receipts.public_key(keys))
    assert receipt.erased == ("disclosure", "letter", "orders", "subscription")
    assert receipt.kept[0][0] == "ledger"
    assert receipt.person == receipts.person_hash(keys, "42")
    assert "42" not in json.dumps([receipt.erased, receipt.kept])
    assert "Backups" in receipt.limits
    for wrong in (text[:-4] + "AAAA", "x" + text, text.replace(".", ""), "", "a.b"):
        with pytest.raises(BadReceipt):
            receipts.read(wrong, public=receipts.public_key(keys))
    with pytest.raises(BadReceipt):
        receipts.read(text, public=receipts.public_key(Keyring.generate()))


def test_a_store_that_fails_in_the_middle_leaves_the_account_whole(site, store, monkeypatch):
    """The last transaction is all or nothing: if it fails, the request waits for the next run."""
    site.erasure.request("42")
    site.clock.forward(days=14)
    whole = type(store).commit

    async def fails(self, changes, **more):
        raise StoreUnavailable

    monkeypatch.setattr(type(store), "commit", fails)
    with pytest.raises(StoreUnavailable):
        site.erasure.run_due()
    monkeypatch.setattr(type(store), "commit", whole)
    assert len(run_inline(store.held_rows("disclosure", "42"))) == 1
    assert len(site.erasure.run_due()) == 1


def test_a_table_that_nobody_speaks_for_is_noticed(site):
    """A registered table without a holding is named."""
    assert site.holdings.missing(site.store.held_tables()) == ()
    assert Holdings().missing(["letter"]) == ("letter",)


def test_a_holding_says_how_it_goes_or_why_it_stays():
    """Neither both, nor nothing; and no name that is no file name."""
    for wrong in (
        {"name": "x", "title": "X", "words": "x"},
        {"name": "x", "title": "X", "words": "x", "kept": "y", "erase_elsewhere": from_call(len)},
        {"name": "../x", "title": "X", "words": "x", "kept": "y"},
    ):
        with pytest.raises(BadPromise):
            Holding(**wrong)


def test_memory_does_not_grow_with_the_rows():
    """An archive of 20,000 rows takes hardly more memory than one of 2,000."""

    def peak(rows):
        def many(account_id):
            return ({"order": number, "note": f"{number}" * 30} for number in range(rows))

        holding = Holding(name="orders", title="o", words="o", rows=from_rows(many), kept="for the measure")

        async def write():
            async for _ in archive([holding], "42", site="Shop", at=0, progress=ArchiveProgress()):
                pass

        tracemalloc.start()
        run_inline(write())
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small, large = peak(2_000), peak(20_000)
    assert large < small + 1_000_000, f"{small} -> {large} bytes"

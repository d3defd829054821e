"""Taking one's data along and leaving: fresh proof, a way back, and nothing left afterwards."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from secureacct._bytes import b64url_strict
from secureacct._faces import run_inline
from secureacct.accounts.personal_log import PersonalLog
from secureacct.audit import AuditLog
from secureacct.commitments import receipts
from secureacct.commitments.partners import Disclosures
from secureacct.consent import Consents
from secureacct.doctor.promises.page_checks import KEPT_TABLES
from secureacct.fields import SubjectForgotten
from secureacct.stores.sql.base import metadata
from tests.journeys.kit import ADA, PASSWORD
from tests.journeys.privacy_shop import PrivacyShop, account_id

CANARY = "Canary Lane 77"
PROFILE = {
    "name": "Canary Quill",
    "phone": "+41 77 555 0177",
    "shipping_address": CANARY,
    "card_number": "4000 0000 0000 7702",
}


@pytest.fixture
def shop(folder: Path) -> Iterator[PrivacyShop]:
    """A shop that makes copies and erases when a test says so."""
    made = PrivacyShop(folder)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_shop(request: pytest.FixtureRequest, folder: Path) -> Iterator[PrivacyShop]:
    """The same on each database."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("pg_database")
    made = PrivacyShop(folder, database_url=url)
    yield made
    made.close()


def everything_stored(shop: PrivacyShop, folder: Path) -> dict[str, bytes]:
    """What a thief finds: the files of the database as they lie there, and every table as its server tells
    it; keyring and checkpoints too."""
    found = {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}
    engine = shop.parts.store.engine
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            if engine.dialect.name == "postgresql":
                with connection.connection.cursor().copy(f"COPY {table.name} TO STDOUT") as copy:
                    found[table.name] = b"".join(bytes(block) for block in copy)
            else:
                rows = connection.execute(sa.select(table))
                found[table.name] = b"\n".join(repr(tuple(row)).encode() for row in rows)
    return found


def download(browser, path):
    """Press the button behind the mailed link."""
    return browser.post(path)


def test_a_copy_needs_a_fresh_proof(shop):
    """Without the password, or with a wrong one, nothing is made; a second factor is asked for too."""
    member = shop.member()
    for fields in ({}, {"password": "wrong"}):
        assert member.post("/account/privacy/export", fields).json["code"] == "sign_in_rejected"
    assert shop.run().copies == 0
    member.switch_on_two_step()
    shop.forward(minutes=11)
    stale = member.post("/account/privacy/export", {"password": PASSWORD})
    assert (stale.status_code, stale.json["code"]) == (401, "fresh_proof_required")
    stale = member.post("/account/privacy/delete", {"password": PASSWORD})
    assert stale.json["code"] == "fresh_proof_required"


def test_a_copy_is_fetched_once_by_its_owner(shop):
    """JSON and pages in a zip; reading the link fetches nothing; a second press and a stranger get 410."""
    member = shop.member()
    member.post("/account/profile", {"password": PASSWORD, **PROFILE})
    asked = member.post("/account/privacy/export", {"password": PASSWORD})
    assert (asked.status_code, asked.json) == (202, {"status": "check_mail"})
    again = member.post("/account/privacy/export", {"password": PASSWORD})
    assert (again.status_code, again.json["code"]) == (409, "export_refused")
    assert shop.run().copies == 1
    link = shop.link(ADA, "/privacy/export/download/")
    moved = member.get(link, html=True)
    assert (moved.status_code, moved.location) == (303, "/account/privacy/export/download")
    for _ in range(2):
        assert "Download my data" in member.get(moved.location, html=True).text
    assert shop.browser().post(link).status_code == 401
    mallory = shop.member("mallory@example.net")
    assert download(mallory, link).json["code"] == "link_unknown"
    answer = download(member, link)
    assert answer.headers["Content-Type"] == "application/zip"
    assert "no-store" in answer.headers["Cache-Control"]
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    rows = json.loads(archive.read("data/profile-0001.json"))
    assert {one["value"] for one in rows} >= {CANARY, "ends in 7702"}
    assert CANARY in archive.read("pages/profile-0001.html").decode()
    assert "index.html" in archive.namelist()
    assert download(member, link).status_code == 410
    jobs = member.get("/account/privacy/export").json["exports"]
    assert [one["state"] for one in jobs] in ([], ["taken"])


def test_who_hangs_up_in_the_middle_fetches_the_copy_with_the_same_link(shop):
    """A connection that breaks before the last byte uses nothing up; after the last one the link is dead."""
    member = shop.member()
    member.post("/account/privacy/export", {"password": PASSWORD})
    assert shop.run().copies == 1
    link = shop.link(ADA, "/privacy/export/download/")
    token = member.get("/account/session").json["csrf_token"]
    cookies = "; ".join(f"{name}={value}" for name, value in member.cookies.items())
    broken = shop.app.test_client(use_cookies=False).post(
        link, base_url="https://shop.example", headers={"Cookie": cookies, "X-CSRF-Token": token}
    )  # fmt: skip
    assert broken.status_code == 200
    assert next(iter(broken.response))  # what reached the client
    broken.close()  # what a server does when the other side is gone
    assert [one["state"] for one in member.get("/account/privacy/export").json["exports"]] == ["ready"]
    assert zipfile.ZipFile(io.BytesIO(download(member, link).data)).testzip() is None
    assert download(member, link).status_code == 410


def test_deletion_needs_the_password_and_can_be_undone_signed_in(shop):
    """A stolen session alone deletes nothing; who asked sees the way back on every page, and takes it."""
    member = shop.member()
    assert member.stolen().post("/account/privacy/delete", {}).status_code == 401
    asked = member.post("/account/privacy/delete", {"password": PASSWORD})
    assert asked.status_code == 202
    assert asked.json["status"] == "check_mail"
    assert member.get("/account/privacy").json["deletion"] == {"due_at": asked.json["due_at"]}
    assert member.post("/account/privacy/delete", {"password": PASSWORD}).status_code == 409
    shop.forward(days=3)
    member.sign_in()
    assert "Keep my account" in member.get("/account/devices", html=True).text
    assert member.post("/account/privacy/keep").json == {"status": "undone"}
    assert member.post("/account/privacy/keep").status_code == 409
    shop.forward(days=20)
    assert shop.run().receipts == []
    assert member.sign_in().status_code == 200


def test_deletion_can_be_undone_by_the_mailed_link(shop):
    """In any browser, once, without signing anybody in; a scanner's GET undoes nothing."""
    member = shop.member()
    member.post("/account/privacy/delete", {"password": PASSWORD})
    link = shop.link(ADA, "/privacy/keep/")
    other = shop.browser()
    page = other.get(link, html=True)
    assert page.status_code == 303
    assert "Keep my account" in other.get(page.location, html=True).text
    assert member.get("/account/privacy").json["deletion"] is not None
    assert other.post(link).json == {"status": "undone"}
    assert other.get("/account/session").json["account"] is None
    assert other.post(link).json["code"] == "link_unknown"
    assert other.post("/account/privacy/keep/made-up").json["code"] == "link_unknown"
    shop.forward(days=20)
    assert shop.run().receipts == []


def test_not_me_cancels_a_deletion(shop):
    """A thief asked for it: who says "this was not me" keeps the account, days later too."""
    thief = shop.member()
    assert thief.post("/account/privacy/delete", {"password": PASSWORD}).status_code == 202
    assert shop.browser().post(shop.link(ADA, "/not-me/")).json == {"status": "confirmed"}
    shop.forward(days=20)
    assert shop.run().receipts == []
    shop.browser().post("/account/reset", {"email": ADA})
    assert shop.link(ADA, "/reset/")


def test_after_erasure_nothing_of_the_person_is_left(any_shop, folder, caplog):
    """No canary in the database, the log, the outbox or the copies; no row but the kept ones names the
    person; nobody signs in; the last mail has a receipt that checks; the security log and the ledger verify,
    and what was personal in them opens for nobody; a mailing reaches nobody."""
    shop = any_shop
    caplog.set_level(logging.DEBUG)
    member = shop.member()
    gone = account_id(member)
    member.post("/account/profile", {"password": PASSWORD, **PROFILE})
    member.post("/account/privacy", {"list.news": True, "partner.carrier.letter": True})
    privacy = shop.shell.site.privacy
    Disclosures(privacy.partners).disclose(gone, "carrier", "letter", {"name": PROFILE["name"]})
    member.post("/account/privacy/export", {"password": PASSWORD})
    shop.run()
    member.post("/account/privacy/delete", {"password": PASSWORD})
    shop.forward(days=15)
    ran = shop.run()
    assert len(ran.receipts) == 1
    receipt = receipts.read(ran.receipts[0], public=receipts.public_key(shop.parts.vault.keys))
    assert receipt.person == receipts.person_hash(shop.parts.vault.keys, gone)
    last = shop.mails(ADA)[0]
    text = last.text.partition("Receipt:")[2].partition("\n-- ")[0]
    assert "".join(text.split()) == ran.receipts[0]
    assert receipts.read(text, public=receipts.public_key(shop.parts.vault.keys)) == receipt
    assert shop.browser().sign_in().status_code == 401
    assert member.get("/").status_code == 401
    assert shop.send() == (0, 0)

    with shop.parts.store.engine.begin() as connection:
        left = connection.exec_driver_sql("SELECT count(*) FROM sa_export").scalar_one()
        waiting = connection.exec_driver_sql("SELECT count(*) FROM sa_outbox").scalar_one()
    assert (left, waiting) == (0, 0)
    canaries = [
        *PROFILE.values(),
        ADA,
        ADA.lower(),
        PASSWORD,
        "Quill",
        member.address,
        member.agent,
        "Firefox",
    ]
    stored = everything_stored(shop, folder)
    for canary in canaries:
        raw = canary.encode()
        assert [name for name, data in stored.items() if raw in data or raw.hex().encode() in data] == [], (
            canary
        )
        assert canary not in caplog.text, canary
    naming = {name for name, data in stored.items() if name.startswith("sa_") and gone.encode() in data}
    assert naming <= set(KEPT_TABLES), naming
    assert who_reads_the_log(shop, gone) == {"nobody"}

    assert AuditLog(shop.parts.store, shop.parts.vault.keys).verify().ok
    sound, broken = Consents(privacy.consents).verify_everyone()
    assert sound
    assert broken == ()
    newcomer = shop.member()
    assert account_id(newcomer) != gone
    assert newcomer.get("/account/profile").json["profile"]["shipping_address"] in ("", None)


def who_reads_the_log(shop: PrivacyShop, account: str) -> set[str]:
    """What a colleague with the whole keyring makes of the personal parts of an account's log."""
    reader = PersonalLog(shop.shell.site.assembly.store, shop.parts.vault.keys)
    run_inline(reader.load([account]))
    found = set()
    for event in run_inline(shop.parts.store.events_of(account, limit=200)):
        try:
            found |= set(reader.read(event).values()) if event.sealed else set()
        except SubjectForgotten:
            found.add("nobody")
    return found


def test_the_command_runs_what_waits(shop):
    """``flask secureacct privacy run`` makes copies, erases and tells; ``key`` prints what receipts need."""
    member = shop.member()
    member.post("/account/privacy/export", {"password": PASSWORD})
    runner = shop.app.test_cli_runner()
    said = runner.invoke(args=["secureacct", "privacy", "run"]).output
    assert "1 copies made" in said
    key = runner.invoke(args=["secureacct", "privacy", "key"]).output.strip()
    assert len(b64url_strict(key) or b"") == 32


def test_the_pages_around_are_there(shop):
    """How to know our mail, security.txt with a contact that has not expired, and nothing without one."""
    page = shop.browser().get("/account/our-mail", html=True).text
    assert "https://shop.example/" in page
    assert shop.browser().get("/.well-known/security.txt").status_code == 404
    site = shop.shell.site
    site.settings = dataclasses.replace(site.settings, contact="hello@shop.example")
    served = shop.browser().get("/.well-known/security.txt")
    assert served.headers["Content-Type"].startswith("text/plain")
    assert "Contact: mailto:hello@shop.example\r\n" in served.text
    assert "Canonical: https://shop.example/.well-known/security.txt" in served.text

"""C20 on a whole site: somebody signs up, lives there, takes their data and leaves."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from secureacct._faces import run_inline
from secureacct.accounts.personal_log import PersonalLog
from secureacct.audit import AuditLog
from secureacct.commitments.correspondence import Correspondence, LetterParts
from secureacct.commitments.erasure import Erasure, ErasureParts, suppress_erased
from secureacct.commitments.export import ExportParts, Exports
from secureacct.commitments.mailing_faces import Mailings
from secureacct.commitments.mailings import MailingList, MailingParts
from secureacct.commitments.partners import Disclosures, PartnerParts, Partners
from secureacct.commitments.whole_account import account_holdings, notes_of
from secureacct.consent import ConsentParts, Consents, Declarations, Purpose
from secureacct.fields import SubjectForgotten
from secureacct.fields.loaded_keys import LoadedKeys
from tests.commitments.test_c11_partner_opt_out import CARRIER
from tests.privacy_kit import Clock


@pytest.fixture
def lived(site):
    """Somebody who left traces in every table, and the pieces they left them in."""
    parts = site.site.parts
    person = site.person()
    person.signed_in()
    account_id = person.signed_in().account["id"]
    store, keys, notes = parts.store, parts.vault.keys, notes_of(parts)
    lists = [MailingList(id="news", title="News", words="Monthly.")]
    mailings = Mailings(
        MailingParts(
            store=store, keys=keys, lists=lists, base_url=site.base_url, events=notes,
            seal_mail=parts.vault.seal_mail, check=lambda message: None,
        )
    )  # fmt: skip
    mailings.subscribe("news", person.email, address_is_proven=True, account_id=account_id)
    letters = Correspondence(LetterParts(store=store, keys=keys, events=notes))
    letters.receive(address=person.email, subject="canary", text="a canary letter", account_id=account_id)
    purpose = Purpose(id="visits", title="Visits", words="We count.")
    consents = Consents(
        ConsentParts(store=store, keys=keys, declarations=Declarations([purpose]), events=notes)
    )
    consents.choose(account_id, "visits", agree=True)
    partners = Disclosures(PartnerParts(store=store, keys=keys, partners=Partners([CARRIER]), events=notes))
    partners.choose(account_id, "carrier", "delivery", allow=True)
    return person, account_id, mailings, letters, consents


def read(archive, name):
    """The rows of one table in an archive."""
    return json.loads(archive.read(f"data/{name}-0001.json"))


def test_the_archive_tells_everything_that_is_held(site, lived):
    """Address, devices, log, choices with their words, mailings and letters are in it; secrets are not."""
    person, account_id, _, letters, _ = lived
    parts = site.site.parts
    holdings = account_holdings(parts, letters=letters.parts)
    told = []

    async def tell(account, kind, facts):
        told.append(facts)
        return ()

    exports = Exports(
        ExportParts(
            store=parts.store, keys=parts.vault.keys, holdings=holdings, site="Stage", tell=tell,
            events=notes_of(parts),
        )
    )  # fmt: skip
    exports.request(account_id)
    exports.work()
    data = b"".join(exports.download(account_id, told[-1]["token"]))
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert read(archive, "account")[0]["email"] == person.email
    assert len(read(archive, "sessions")) == 2
    assert read(archive, "subscription")[0]["list"] == "news"
    assert read(archive, "letter")[0]["text"] == "a canary letter"
    assert {one["about"] for one in read(archive, "choices")} == {
        "list: news",
        "purpose: visits",
        "partner: carrier/delivery",
    }
    assert any("signed in" in one["what"] for one in read(archive, "events"))
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"argon2" not in everything
    assert person.password.encode() not in everything
    assert holdings.missing(parts.store.held_tables()) == ()


def personal_parts(parts, account_id):
    """What a colleague with the keyring reads of an account's log, in a process of their own."""
    reader = PersonalLog(parts.store, parts.vault.keys)
    run_inline(reader.load([account_id]))
    found = set()
    for event in run_inline(parts.store.events_of(account_id, limit=200)):
        try:
            found |= set(reader.read(event)) if event.sealed else set()
        except SubjectForgotten:
            found.add("nobody can read it")
    return found


def test_after_leaving_nothing_signs_in_and_nothing_is_left(site, lived):
    """Sessions are dead, the password signs nobody in, no word of the person is in the database, the log
    and the ledger are whole, and the same address may begin again as somebody new."""
    person, account_id, mailings, letters, consents = lived
    parts = site.site.parts
    browser = person.signed_in()
    clock = Clock(parts.clock())

    async def address_of(account):
        known = await parts.people.by_id(account)
        return known.email if known is not None else None

    erasure = Erasure(
        ErasureParts(
            store=parts.store, keys=parts.vault.keys, clock=clock, events=notes_of(parts),
            holdings=account_holdings(parts, letters=letters.parts), address_of=address_of,
            by_address=suppress_erased(mailings.parts.tokens, ["news"]), data_keys=LoadedKeys(),
        )
    )  # fmt: skip
    erasure.request(account_id)
    assert "device" in personal_parts(parts, account_id)
    clock.forward(days=15)
    assert len(erasure.run_due()) == 1
    assert browser.account is None
    refused = site.browser().post("/sign-in", {"email": person.email, "password": person.password})
    assert refused.status == 401
    with parts.store.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    dump = site.dump()
    assert person.email.encode() not in dump
    assert b"canary letter" not in dump
    assert consents.verify_everyone()[1] == ()
    assert AuditLog(parts.store, parts.vault.keys).verify().ok
    assert personal_parts(parts, account_id) == {"nobody can read it"}
    again = site.browser()
    assert again.post("/sign-up", {"email": person.email, "password": person.password}).status == 202
    assert again.post(site.link(person.email, "/verify")).status == 200


def test_the_owner_reads_it_in_the_log(site, lived):
    """Choices and mailings are in the account's own activity, in words."""
    person, _, _, _, _ = lived
    events = person.signed_in().page("/activity", headers={"Accept": "application/json"}).json["events"]
    assert any("choice about your data" in json.dumps(one) for one in events)

"""The promises about choices, mailings, partners, policies and leaving, checked through the pages of an app.

Rules of this file: those of ``site_checks``; what a person would do is done on the pages, and only what the
site does by itself (a mailing, a copy, an erasure) is set going from here.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from sqlite3 import connect
from typing import Any

from secureacct._faces import run_inline
from secureacct.commitments import erasure, export
from secureacct.commitments.contact import unmarked_external_links
from secureacct.commitments.errors import DisclosureRefused
from secureacct.commitments.evidence import CannotTell, Checks
from secureacct.commitments.mailing_faces import Mailings
from secureacct.commitments.partners import Disclosures
from secureacct.commitments.policy_versions import Policies, policy_version
from secureacct.doctor.promises.lab import DAY_S, refused
from secureacct.doctor.promises.rehearsal import Browser, Person, Rehearsal, need, only_if
from secureacct.records.mail import Message, OutboxMail

checks: Checks[Rehearsal] = Checks()

JSON = {"Accept": "application/json"}
HTML = {"Accept": "text/html"}
CARD = "4242424242424242"  # a number that no bank gives out
NEWS = "News of the rehearsal"
_COOKIE_BUTTON = re.compile(r'<button class="([^"]*)"[^>]* name="cookies" value="(accept|reject)"')
KEPT_TABLES = {
    "sa_account_state": "that the account is gone, so that no old session opens it",
    "sa_choice": "the ledger of choices",
    "sa_deletion": "the receipt",
    "sa_event": "the security log",
    "sa_ledger": "the ledger of choices",
    "sa_subject_key": "that the person's key was destroyed",
}
"""What may name an erased account's number, and why; everything else must not."""


def _html(answer: Any) -> str:
    return str(answer.body.decode("utf-8", "replace"))


@checks("C05", "a wrong mail in the queue")
def wrong_mail(site: Rehearsal) -> str:
    """A mail that asks for a password is thrown away on its way out."""
    parts, to = site.site.parts, "somebody@rehearsal.example"
    name = site.site.settings.site_name
    message = Message(to=to, subject=name, text=f"{name}: reply with your password.", html="")
    mail = OutboxMail(
        id="rehearsal", created_at=parts.now(), kind="rehearsal", account_id=None,
        sealed=parts.vault.seal_mail(message, mail_id="rehearsal"),
    )  # fmt: skip
    run_inline(parts.store.commit((), mails=[mail]))
    need(not site.mails(to), "a mail that asks for a password left the site")
    return "a mail that asks for a password was queued, and did not leave"


@checks("C09", "Accept, Reject and the privacy signal on the pages")
def chosen_cookies(site: Rehearsal) -> str:
    """Both answers look alike; after Reject, and with Sec-GPC, nothing optional is set."""
    optional = {
        cookie.name
        for purpose in site.site.assembly.declarations.purposes
        for cookie in purpose.cookies
    }  # fmt: skip
    if not optional:
        return "the site declares no optional cookies"
    looks = _COOKIE_BUTTON.findall(_html(site.browser().page("/privacy", headers=HTML)))
    need({answer for _, answer in looks} == {"accept", "reject"}, "the page does not offer Accept and Reject")
    need(len({look for look, _ in looks}) == 1, "Accept and Reject do not look alike")
    for headers, answers in (({}, ("accept", "reject")), ({"Sec-GPC": "1"}, ("accept",))):
        browser = site.browser()
        for answer in answers:
            browser.get("/", headers=HTML)
            need(browser.post("/privacy", {"cookies": answer}).status == 200, f"{answer} cannot be chosen")
        left = optional & set(browser.cookies) if not headers else set()
        need(not left, f"after Reject the browser still holds {', '.join(sorted(left))}")
        browser.was_set.clear()
        for path in ("/", site.prefix + "/privacy"):
            browser.get(path, headers={**HTML, **headers})
        late = optional & {_name(one) for one in browser.was_set if "max-age=0" not in one.lower()}
        need(not late, f"set although declined: {', '.join(sorted(late))}")
    return f"{', '.join(sorted(optional))}: not set after Reject, nor with Sec-GPC; both buttons look alike"


def _name(cookie: str) -> str:
    return cookie.partition("=")[0]


@checks("C10", "a mailing, a scanner that follows its link, and a click")
def real_mailing(site: Rehearsal) -> str:
    """Who asked gets the mailing; reading the link changes nothing; one click ends it."""
    lists = site.site.assembly.promises.lists
    only_if(lists, "this app declares no mailings")
    chosen, person = lists[0].id, site.person()
    name = site.site.settings.site_name
    mailings = Mailings(site.site.privacy.mailings)
    news = Message(to="", subject=NEWS, text=f"{name}: nothing new.", html=f"<p>{name}: nothing new.</p>")

    def arrived() -> list[Message]:
        mailings.send_mailing(chosen, news)
        return [mail for mail in site.mails(person.email) if mail.subject == NEWS]

    need(not arrived(), "a mailing went to somebody who never asked")
    yes = person.signed_in().post("/privacy", {f"list.{chosen}": "1"})
    need(yes.status == 200, f"subscribing on the privacy page answered {yes.status}")
    got = arrived()
    need(len(got) == 1, "who asked for the mailing does not get it")
    headers = {key.lower(): value for key, value in got[0].headers}
    need(headers.get("list-unsubscribe-post") == "List-Unsubscribe=One-Click", "no RFC 8058 header")
    start = site.base_url + site.prefix
    link = headers.get("list-unsubscribe", "").strip("<>")
    need(link.startswith(f"{start}/unsubscribe/"), "List-Unsubscribe leads somewhere else")
    path = link.removeprefix(start)
    page = site.browser().page(path, headers=HTML)
    need(page.status == 200, f"the link of a mailing answered {page.status}")
    has_button = re.search(r'<form[^>]*method="post".*?<button', _html(page), re.S | re.I)
    need(has_button, "the page behind the link has no button")
    need(len(arrived()) == 2, "reading the link ended the mailings")
    click = site.browser().post_bare(path, "List-Unsubscribe=One-Click")
    need(click.status == 200, f"the one-click POST answered {click.status}")
    need(len(arrived()) == 2, "after the click a mailing still went out")
    return "nothing before the opt-in; the page shows a button; reading changes nothing; one click ends it"


@checks("C11", "a no on the privacy page")
def partner_no(site: Rehearsal) -> str:
    """After the no nothing is disclosed, after a yes it is, and the person sees it."""
    partners = site.site.privacy.partners.partners.all
    if not partners:
        return "the site declares no partners, so there is nobody to disclose anything to"
    person = site.person()
    browser, account = person.signed_in(), _account_id(site, person)
    disclosures = Disclosures(site.site.privacy.partners)
    for partner in partners:
        for purpose in partner.purposes:
            name, values = f"partner.{partner.id}.{purpose.id}", dict.fromkeys(purpose.fields, "canary")

            def tell(who: str = partner.id, why: str = purpose.id, what: Any = values) -> None:
                disclosures.disclose(account, who, why, what)

            need(browser.post("/privacy", {name: "0"}).status == 200, f"no to {name} cannot be said")
            refused(DisclosureRefused, tell, f"{partner.id} gets data for {purpose.id} after a no")
            need(browser.post("/privacy", {name: "1"}).status == 200, f"yes to {name} cannot be said")
            tell()
    shown = browser.page("/privacy", headers=JSON).json.get("disclosures", [])
    count = sum(len(one.purposes) for one in partners)
    need(len(shown) == count, "the privacy page does not show what went to whom")
    return f"{count} purposes refused after a no; each disclosure after a yes is shown to the person"


@checks("C15", "a card number on the pages")
def card_number(site: Rehearsal) -> str:
    """What is declared as a card number never comes back whole."""
    declared = site.site.parts.vault.profile_fields.values()
    cards = [one.name for one in declared if one.show_last or one.autocomplete == "cc-number"]
    if not cards:
        return "the profile has no card number"
    person = site.person()
    browser = person.signed_in()
    saved = browser.post("/profile", {"password": person.password, **dict.fromkeys(cards, CARD)})
    need(saved.status == 200, f"saving the profile answered {saved.status}")
    for path in ("/profile", "/", "/activity", "/privacy"):
        for headers in (HTML, JSON):
            body = _html(browser.page(path, headers=headers)).replace(" ", "")
            need(CARD not in body, f"{path} shows a card number whole")
    return f"{', '.join(cards)}: shown by its last digits only"


@checks("C18", "a new version of the policy, on the pages")
def new_policy(site: Rehearsal) -> str:
    """Who has not accepted the version in force is led to it, sees what changed, and goes on after a yes."""
    only_if(site.site.assembly.promises.policies, "this app declares no policy")
    only_if(not site.as_is, "a new version would come into force in the app's own database")
    grace = int(site.site.privacy.declared.policy_rules.grace.total_seconds())
    with site.apart(ahead_s=grace + DAY_S) as apart:  # so that even an overdue version is the newest one
        return _led_to(apart, grace)


def _led_to(site: Rehearsal, grace: int) -> str:
    privacy, person = site.site.privacy, site.person()
    name = privacy.policy_names[0]
    policies, browser = Policies(privacy.policies), person.signed_in()
    current = policies.in_force(name)
    if current is None:
        raise CannotTell("no version of the policy is in force yet")
    if _policy(browser, name).get("standing") != "accepted":
        _accept(browser, name)
    plain = _mentions(site, browser)
    for version, age in (("overdue", grace + 60), ("due", 0)):
        new = policy_version(
            policy=name, version=f"rehearsal, {version}", text=f"{current.text}\nA new line: {version}.",
            in_force=datetime.fromtimestamp(privacy.policies.now() - age, UTC), summary="A line is new.",
        )  # fmt: skip
        policies.register(new)
        site.site.gate.refresh()
        standing = _policy(browser, name)
        need(standing.get("standing") in ("overdue", version), "a new version is not asked for")
        need(any(one["change"] == "added" for one in standing.get("changes", [])), "what is new is not shown")
        need(_mentions(site, browser) > plain, "who has not accepted the new version is not led to it")
        _accept(browser, name)
        need(_mentions(site, browser) == plain, "who accepted is led to the policy again")
    return "two new versions: led to each, with what changed; after the yes nothing is asked"


def _policy(browser: Browser, name: str) -> dict[str, Any]:
    return browser.page(f"/policy?policy={name}", headers=JSON).json


def _accept(browser: Browser, name: str) -> None:
    shown = _policy(browser, name).get("hash", "")
    answer = browser.post("/policy", {"policy": name, "shown": shown, "accept": "1"})
    need(answer.status == 200, f"accepting the policy answered {answer.status}")


def _mentions(site: Rehearsal, browser: Browser) -> int:
    """How loudly the account's first page speaks of the policy: its links, or that it leads there."""
    page = browser.page("/", headers=HTML)
    if page.status == 303 and f"{site.prefix}/policy" in page.header("Location"):
        return 1 << 16
    need(page.status == 200, f"the account's first page answered {page.status}")
    return _html(page).count(f"{site.prefix}/policy")


@checks("C19", "links that lead away")
def links_away(site: Rehearsal) -> str:
    """Every link to another site says so to the browser."""
    browser = site.somebody.signed_in()
    paths = ["/", *(site.prefix + one for one in ("/", "/privacy", "/our-mail"))]
    for path in paths:
        page = browser.get(path, headers=HTML)
        marks = unmarked_external_links(_html(page), base_url=site.base_url) if page.status == 200 else ()
        need(not marks, f"{path} has a link without rel=noopener noreferrer: {', '.join(marks)}")
    return f"{len(paths)} pages looked at"


@checks("C20", "a copy, and leaving, through the pages")
def copy_and_leave(site: Rehearsal) -> str:
    """The copy holds what the person gave us and goes out once; after erasure nothing of them is left."""
    person = site.person()
    browser, account = person.signed_in(), _account_id(site, person)
    only_if(
        browser.page("/privacy/export", headers=JSON).status != 404,
        "this app has no export page: no holding says how to export and erase its people",
    )
    given = _fill_profile(site, person, browser)
    _copy(site, person, browser, given)
    asked = browser.post("/privacy/delete", {"password": person.password})
    need(asked.status == 202, f"asking for deletion answered {asked.status}")
    site.link(person.email, "/privacy/keep")
    parts = site.site.privacy.erasure
    need(not run_inline(erasure.run_due(parts)), "there is no time to think")
    later = replace(parts, clock=lambda: parts.now() + parts.grace.total_seconds() + 1)
    need(run_inline(erasure.run_due(later)), "the account was not erased when its day had come")
    need(run_inline(site.site.parts.people.find(person.email)) is None, "the account is still there")
    again = site.browser().post("/sign-in", {"email": person.email, "password": person.password})
    need(again.status == 401 and browser.account is None, "who was erased can still sign in")
    left = sorted(set(_tables_naming(site, account, person.email, *given)) - set(KEPT_TABLES))
    need(not left, f"rows about the person are left in: {', '.join(left)}")
    return (
        f"a copy with {len(given) + 1} of their values, once; a way back; then no row names them but what is "
        "kept and says why (the security log, the ledger of choices, the receipt)"
    )


def _account_id(site: Rehearsal, person: Person) -> str:
    known = run_inline(site.site.parts.people.find(person.email))
    need(known, "the account cannot be found by its address")
    return str(known.id)


def _fill_profile(site: Rehearsal, person: Person, browser: Browser) -> list[str]:
    fields = [one for one in site.site.parts.vault.profile_fields.values() if not one.show_last]
    values = {one.name: f"canary {number} {person.email[7:15]}" for number, one in enumerate(fields)}
    if not values:
        return []
    saved = browser.post("/profile", {"password": person.password, **values})
    return list(values.values()) if saved.status == 200 else []


def _copy(site: Rehearsal, person: Person, browser: Browser, given: list[str]) -> None:
    asked = browser.post("/privacy/export", {"password": person.password})
    need(asked.status == 202, f"asking for a copy answered {asked.status}")
    run_inline(export.work(site.site.privacy.exports))
    link = site.link(person.email, "/privacy/export/download")
    stranger = site.somebody.signed_in().post(link)
    need(stranger.status == 410, f"somebody else's link to a copy answered {stranger.status}")
    copy = browser.post(link)
    need(copy.status == 200, f"fetching the copy answered {copy.status}")
    text = b"".join(_unpacked(copy.body)).decode("utf-8", "replace")
    for value in (person.email, *given):
        need(value in text, "the copy lacks something that the person told us")
    need(browser.post(link).status == 410, "a copy can be fetched twice")


def _unpacked(data: bytes) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            yield archive.read(name)


def _tables_naming(site: Rehearsal, *values: str) -> Iterator[str]:
    """Tables of the rehearsal's database with a row that names one of these values."""
    database = site.folder / "rehearsal.db"
    if not database.exists():
        return
    wanted = [one.encode() for one in values]
    with closing(connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608 - the name is the schema's
                cells = [one.encode() if isinstance(one, str) else one for one in row]
                if any(value in cell for cell in cells if isinstance(cell, bytes) for value in wanted):
                    yield table
                    break


@checks("C21", "the contact on the policy page")
def contact_on_policy(site: Rehearsal) -> str:
    """Who reads the policy reads whom to ask."""
    if not site.site.assembly.promises.policies:
        return "the site has no policy page; security.txt names the contact"
    contact = str(site.site.settings.contact).removeprefix("mailto:")
    page = _html(site.somebody.signed_in().page("/policy", headers=HTML))
    need(contact and contact in page, "the policy page names no contact")
    return contact

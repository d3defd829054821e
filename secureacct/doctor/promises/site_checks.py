"""The promises, checked on an app in rehearsal, by doing what a person or a thief would do.

Rules of this file: a check says in one line what it saw; it relies on paths and answers of the published
contract only; where the app does not offer what a promise is about, the check cannot tell.
"""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import UTC, datetime

from secureacct.commitments.contact import PATH, problems, read_security_txt
from secureacct.commitments.errors import BadPromise
from secureacct.commitments.evidence import Broken, Checks
from secureacct.consent import NECESSARY, Declarations, UndeclaredCookie
from secureacct.doctor.promises.rehearsal import VISITOR, Rehearsal, need, only_if
from secureacct.mail.lint import problems as lint_problems

checks: Checks[Rehearsal] = Checks()

JSON = {"Accept": "application/json"}
_TOKEN_COOKIES = re.compile(r"__Host-Http-\S*session\Z")


def _session_cookie(browser_cookies: dict[str, str]) -> tuple[str, str]:
    for name, value in browser_cookies.items():
        if _TOKEN_COOKIES.match(name) and "pre" not in name:
            return name, value
    raise Broken("signing in set no session cookie of ours")


@checks("C01", "a stolen copy of the database")
def stolen_database(site: Rehearsal) -> str:
    """No password, session or mailed link stands in the database."""
    person = site.person()
    browser = person.signed_in()
    _, token = _session_cookie(browser.cookies)
    browser.post("/reset", {"email": person.email})
    reset = site.link(person.email, "/reset").rpartition("/")[2]
    dump = site.dump()
    only_if(dump, "the database is not a file of the rehearsal")
    searched = {"password": person.password, "session": token, "reset link": reset}
    for name, secret in searched.items():
        need(secret.encode() not in dump, f"the {name} stands in the database as it is")
    return f"{len(dump)} bytes searched for {', '.join(searched)}: none is there"


@checks("C02", "plain text in the database")
def plain_text(site: Rehearsal) -> str:
    """Neither the address nor a profile value stands in the database."""
    person = site.person()
    browser = person.signed_in()
    known = browser.page("/profile", headers=JSON).json.get("profile", {})
    values = {name: f"4242{number}canary{number}" for number, name in enumerate(known)}
    if values:
        saved = browser.post("/profile", {"password": person.password, **values})
        values = values if saved.status == 200 else {}
    dump = site.dump()
    only_if(dump, "the database is not a file of the rehearsal")
    need(person.email.encode() not in dump, "the e-mail address stands in the database as it is")
    for name, value in values.items():
        need(value.encode() not in dump, f"profile field {name} stands in the database as it is")
    return f"the address and {len(values)} profile values are not in it"


@checks("C03", "a session over plain HTTP")
def plain_http(site: Rehearsal) -> str:
    """A session cookie sent without TLS opens nothing, and answers over TLS carry HSTS."""
    browser = site.somebody.signed_in()
    name, _ = _session_cookie(browser.cookies)
    line = next(one for one in browser.was_set if one.startswith(f"{name}="))
    for attribute in ("secure", "httponly", "path=/"):
        need(attribute in line.lower().replace(" ", "").split(";"), f"the session cookie lacks {attribute}")
    need("domain=" not in line.lower(), "the session cookie is shared with other hosts")
    spied = browser.page("/session", headers=JSON, plain=True)
    need(not spied.json.get("account"), "a session cookie sent over plain HTTP was believed")
    hsts = browser.page("/sign-in").header("Strict-Transport-Security")
    age = re.search(r"max-age=(\d+)", hsts)
    days = int(age[1]) // 86_400 if age else 0
    need(days >= 365, "no Strict-Transport-Security of a year or more")
    need(
        site.configured.base_url.startswith("https:") or site.configured.is_local,
        "SECUREACCT_BASE_URL is not https",
    )
    return f"refused over HTTP; browsers are told to use TLS only for {days} days"


@checks("C04", "a stolen session alone")
def stolen_session(site: Rehearsal) -> str:
    """Without the password, a session changes neither address, password nor profile."""
    person = site.person()
    thief = person.signed_in().copy()
    tried = {
        "/email": {"new_email": "thief@rehearsal.example"},
        "/password": {"new_password": "a thief's own pass phrase"},
        "/profile": {"name": "Thief"},
        "/two-step": {},
    }
    for path, body in tried.items():
        for password in ({}, {"password": "wrong", "current_password": "wrong"}):
            status = thief.post(path, {**body, **password}).status
            need(status in (400, 401, 403, 404, 422, 429), f"POST {path} without the password: {status}")
    person.signed_in()
    saved = person.signed_in().post("/profile", {"password": person.password})
    need(saved.status == 200, f"with the password, the profile cannot be saved: {saved.status}")
    return "refused for address, password, profile and two-step; the owner's own change is saved"


@checks("C05", "every mail of the rehearsal")
def mails(site: Rehearsal) -> str:
    """Every mail sent so far passes the linter again."""
    site.somebody.signed_in()
    site.shell.deliver()
    sent = site.outbox.messages()
    need(sent, "no mail was sent at all")
    for mail in sent:
        found = lint_problems(mail, base_url=site.base_url, site=site.site.settings.site_name)
        need(not found, f"a mail must not be sent: {', '.join(found)}")
    return f"{len(sent)} mails, none asks for a password, leads elsewhere or lacks the site's name"


@checks("C06", "a cookie copied before sign-out")
def copied_cookie(site: Rehearsal) -> str:
    """After sign-out the copy is nobody, and the pages were never stored."""
    browser = site.somebody.signed_in()
    thief = browser.copy()
    need(thief.account is not None, "a copied cookie did not even work before sign-out")
    page = browser.page("/devices")
    need("no-store" in page.header("Cache-Control"), "account pages may be stored by the browser")
    out = browser.post("/sign-out")
    need(out.status == 200, f"sign-out answered {out.status}")
    need("storage" in out.header("Clear-Site-Data"), "sign-out does not clear site data")
    need(thief.account is None, "the copied cookie still opens the account")
    need(thief.page("/devices", headers=JSON).status == 401, "the copied cookie still shows account pages")
    return "the copy was refused with 401; site data cleared; pages not stored"


@checks("C07", "closing the window")
def closed_window(site: Rehearsal) -> str:
    """The session cookie has no lifetime of its own, and the server has limits."""
    browser = site.somebody.signed_in()
    name, _ = _session_cookie(browser.cookies)
    line = next(one for one in browser.was_set if one.startswith(f"{name}="))
    attributes = line.lower()
    need(
        "max-age" not in attributes and "expires" not in attributes, "the session cookie outlives the window"
    )
    policy = site.site.parts.sessions
    idle, absolute = policy.idle.total_seconds(), policy.absolute.total_seconds()
    need(0 < idle <= 86_400, "a visit left alone does not end within a day")
    need(idle <= absolute <= 86_400 * 31, "a visit never ends by itself within a month")
    return (
        f"the cookie goes with the window; the server ends a visit after {idle / 60:.0f} minutes without "
        f"use, and after {absolute / 3600:.0f} hours in any case"
    )


@checks("C08", "an address that was not confirmed")
def unconfirmed(site: Rehearsal) -> str:
    """It cannot sign in, and receives its confirmation only."""
    email, password = "unconfirmed.canary@rehearsal.example", "unconfirmed pass phrase 77"
    browser = site.browser()
    need(browser.post("/sign-up", {"email": email, "password": password}).status == 202, "sign-up is closed")
    need(browser.account is None, "signing up signs in")
    tried = browser.post("/sign-in", {"email": email, "password": password})
    need(tried.status == 401 and browser.account is None, "an unconfirmed address can sign in")
    paths = {link.removeprefix(site.base_url + site.prefix).split("/")[1] for mail in site.mails(email)
             for link in mail.links}  # fmt: skip
    need(paths <= {"verify", ""}, f"an unconfirmed address got links to {', '.join(sorted(paths))}")
    stranger = site.browser().post(site.link(email, "/verify"))
    need(stranger.status == 401, "another browser confirms the address without the password")
    return "refused; the only mail is its confirmation; another browser needs the password"


@checks("C09", "a fresh browser")
def fresh_browser(site: Rehearsal) -> str:
    """Nothing optional is set before a choice, nor with the privacy signal on."""
    declared = site.site.assembly.declarations or Declarations()
    cookies = site.site.cookies
    own = {getattr(cookies, one.name).name for one in fields(cookies)} | {"__Host-Http-choice"}
    seen: set[str] = set()
    for headers in ({}, {"Sec-GPC": "1"}):
        browser = site.browser()
        for path in ("/", site.prefix + "/sign-in", site.prefix + "/sign-up", site.prefix + "/policy"):
            page = browser.get(path, headers={"Accept": "text/html", **headers})
            need(page.status < 500, f"{path} answered {page.status}")
            foreign = re.findall(
                rb"<(?:img|script|iframe|link)\b[^>]*(?:src|href)=[\"']?(?:https?:)?//", page.body
            )
            need(not foreign, f"{path} loads something from another site before any choice")
        seen |= {one.partition("=")[0] for one in browser.was_set}
    for name in seen:
        if name not in own:
            try:
                optional = declared.owner_of(name) != NECESSARY
            except UndeclaredCookie:
                raise Broken(f"cookie {name} is set, and nobody was told of it") from None
            need(not optional, f"optional cookie {name} is set before any choice")
    return f"set before a choice: {', '.join(sorted(seen)) or 'nothing'}"


@checks("C10", "a mail provider's click")
def one_click(site: Rehearsal) -> str:
    """The one-click POST needs no cookie and no form token, and a made-up link does nothing."""
    path = "/unsubscribe/made-up"
    answer = site.browser().post_bare(path, "List-Unsubscribe=One-Click")
    only_if(answer.status != 404, "this app has no unsubscribe page: it sends no mailings")
    need(answer.status == 410, f"an unknown link was answered with {answer.status}")
    need(site.browser().page(path).status == 410, "GET of an unknown link is not refused")
    return "a link that we never made is refused (410), and no cookie or form token was asked for"


@checks("C13", "network addresses")
def network_addresses(site: Rehearsal) -> str:
    """The visitor's address is not in the database as it is."""
    site.somebody.signed_in()
    dump = site.dump()
    only_if(dump, "the database is not a file of the rehearsal")
    need(VISITOR.encode() not in dump, "the visitor's network address stands in the database as it is")
    return "the visitor's address is not in the database"


@checks("C16", "the keyring of the real site")
def keyring_at_rest(site: Rehearsal) -> str:
    """In production the keyring is under a passphrase or a key service."""
    only_if(
        not site.configured.is_local,
        "this configuration is for trying out on one machine (http://localhost); with that of the real site "
        "this line tells whether a copy of its keyring opens without a passphrase",
    )
    need(site.configured.keyring_passphrase, "the keyring of the site has no passphrase")
    return "the keyring is under a passphrase, so a copy of the file alone opens nothing"


@checks("C18", "the policy page")
def policy_page(site: Rehearsal) -> str:
    """The page with the version in force is there for everybody."""
    page = site.browser().page("/policy")
    only_if(page.status != 404, "this app has no policy page")
    need(page.status == 200, f"the policy page answered {page.status}")
    return "the policy page is there without signing in"


@checks("C19", "where a sign-in leads")
def no_open_redirect(site: Rehearsal) -> str:
    """No address from outside decides where a sign-in leads, and account pages send no Referer."""
    for wrong in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        browser = site.browser()
        answer = browser.post(
            "/sign-in", {"email": site.somebody.email, "password": site.somebody.password, "next": wrong}
        )
        leads = answer.header("Location") + str(answer.json.get("next", ""))
        need("evil" not in leads and "javascript" not in leads, f"sign-in leads to {wrong}")
    page = site.browser().page("/sign-in")
    policy = page.header("Referrer-Policy")
    need(
        policy in ("no-referrer", "same-origin", "strict-origin"),
        "account pages tell other sites their address",
    )
    return f"four addresses from outside refused; Referrer-Policy: {policy}"


@checks("C20", "export and deletion")
def export_and_deletion(site: Rehearsal) -> str:
    """Both are there, and both ask for the password."""
    browser = site.person().signed_in()
    for path in ("/privacy/export", "/privacy/delete"):
        answer = browser.post(path, {})
        only_if(
            answer.status != 404,
            f"this app has no page {path}: it has users of its own, and no holding says how to erase them",
        )
        need(answer.status in (400, 401, 422), f"{path} without the password: {answer.status}")
    return "both ask for the password"


@checks("C21", "security.txt")
def security_txt(site: Rehearsal) -> str:
    """It is served, says whom to write to, and has not expired."""
    answer = site.browser().get(PATH)
    need(answer.status == 200, f"{PATH} answered {answer.status}")
    need(answer.header("Content-Type").startswith("text/plain"), f"{PATH} is not plain text")
    try:
        served = read_security_txt(answer.body.decode("utf-8", "replace"))
    except BadPromise as error:
        raise Broken(str(error)) from None
    wrong = problems(served, now=datetime.now(UTC))
    need(not wrong, "; ".join(wrong))
    dated = site.configured.contact_until or site.site.assembly.promises.security_until
    need(dated or site.configured.is_local, "nobody said until when the contact holds")
    return f"{served.contact[0]}, until {served.expires:%Y-%m-%d}"

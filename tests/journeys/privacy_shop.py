"""A shop that declares what it promises: purposes, a mailing list, a partner, a policy in two versions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import flask

from secureacct._faces import run_inline
from secureacct.commitments.mailing_faces import Mailings
from secureacct.commitments.mailings import MailingList
from secureacct.commitments.own_data import Ran, run
from secureacct.commitments.partners import DisclosurePurpose, Partner
from secureacct.commitments.policy_versions import policy_version
from secureacct.consent import DeclaredCookie, Purpose
from secureacct.flask import PrivacyChoices, cookie_choice
from secureacct.records.mail import Message
from tests.journeys.kit import ADA, Browser, Shop

HTML = {"Accept": "text/html"}
DAY_S = 86_400
LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
NEWS = Message(to="", subject="News of Shop", text="What is new at Shop.", html="<p>What is new at Shop.</p>")

VISITS = Purpose(
    id="visits",
    title="Counting visits",
    words="We count how often people come back.",
    cookies=(DeclaredCookie(name="shop-visits", words="How often this browser was here."),),
)
SUGGESTIONS = Purpose(id="suggestions", title="Suggestions", words="We look at what you ordered.")
CARRIER = Partner(
    id="carrier",
    name="Carrier",
    terms="Delivery only.",
    agreed_on=LONG_AGO,
    purposes=(DisclosurePurpose(id="letter", words="A letter a year.", fields=frozenset({"name"})),),
)


def policy(version: str, text: str, *, since: datetime = LONG_AGO, summary: str = "") -> Any:
    """One version of the privacy policy."""
    return policy_version(policy="privacy", version=version, text=text, in_force=since, summary=summary)


class PrivacyShop(Shop):
    """The shop, with its promises. Copies are made when a test says so."""

    def __init__(self, folder: Path, *, database_url: str = "", **declared: Any) -> None:
        promises = {
            "purposes": (VISITS, SUGGESTIONS),
            "lists": (MailingList(id="news", title="News", words="What is new, monthly."),),
            "partners": (CARRIER,),
            **declared,
        }
        choices = {"privacy": PrivacyChoices(**promises)}
        super().__init__(folder, database_url=database_url, choices=choices)
        self.shell.work_soon = lambda: None  # type: ignore[method-assign] # tests say when work is done

    def _pages(self, app: flask.Flask) -> None:
        super()._pages(app)

        @app.get("/shop")
        def shop() -> flask.Response:
            answer = flask.Response(
                flask.render_template_string('{% include "secureacct/cookie_notice.html" %}')
            )
            answer.set_cookie("shop-visits", "1")  # a careless page: it asks nobody
            answer.set_cookie("tracker", "1")  # and this one nobody was told of
            answer.headers["X-Counted"] = str(cookie_choice().serves("visits"))
            return answer

    def run(self) -> Ran:
        """What ``flask secureacct privacy run`` does."""
        ran = run_inline(run(self.shell.site.privacy))
        self.shell.deliver()
        return ran

    def send(self) -> tuple[int, int]:
        """A mailing to everybody who asked for it."""
        sent = Mailings(self.shell.site.privacy.mailings).send_mailing("news", NEWS)
        self.shell.deliver()
        return sent

    def forward(self, **span: float) -> None:
        """Let days pass."""
        self.clock.forward(timedelta(**span).total_seconds())

    def stop_link(self, to: str = ADA) -> str:
        """The path of the link in the List-Unsubscribe header of the newest mailing."""
        mail = next(one for one in self.mails(to) if one.subject == NEWS.subject)
        header = dict(mail.headers)["List-Unsubscribe"]
        found = re.fullmatch(r"<([^>]+)>", header)
        assert found is not None
        assert dict(mail.headers)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        return urlsplit(found.group(1)).path


def account_id(browser: Browser) -> str:
    """Whose browser this is."""
    found: str = browser.get("/account/session").json["account"]["id"]  # type: ignore[index]
    return found

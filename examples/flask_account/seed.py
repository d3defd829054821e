"""One account to begin with, made through the same journeys as every other."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from flask import Flask

from secureacct._faces import run_inline
from secureacct.accounts.faces import Accounts
from secureacct.accounts.outcomes import SignedIn
from secureacct.commitments.policy_versions import AcceptanceDue, Policies
from secureacct.mailers.outbox import OutboxMailer
from secureacct.sessions.steps import load
from secureacct.web.flask.extension import SecureAcct
from secureacct.web.site import WebSite

EMAIL = "ada@example.org"
PROFILE = {
    "name": "Ada Example",
    "phone": "+41 44 668 18 00",
    "shipping_address": "1 Engine Street\n8001 Zurich",
    "card_number": "4242 4242 4242 4242",
}


def seed(app: Flask, folder: Path) -> tuple[str, str]:
    """The seeded account's address and password; the account is made if there is none.

    The password is random and kept beside the demo's database, readable to its owner only.
    """
    note = folder / "seeded.json"
    if note.exists():
        known = json.loads(note.read_text("utf-8"))
        with app.app_context():
            site = SecureAcct().site(app)
            site.assembly.init()
            accept_policy(site)
        return known["email"], known["password"]
    password = "-".join(secrets.choice(WORDS) for _ in range(5))
    with app.app_context():
        site = SecureAcct().site(app)
        site.assembly.init()
        accounts = Accounts(site.parts)
        asked = accounts.sign_up(EMAIL, password)
        accounts.deliver(site.assembly.mailer)
        if not isinstance(site.assembly.mailer, OutboxMailer):
            raise SystemExit("the demo's mails go to its own page")
        token = site.assembly.mailer.messages(EMAIL)[0].links[0].rpartition("/")[2]
        accounts.verify(token, browser_token=asked.browser_token)
        accept_policy(site)
        signed_in = accounts.sign_in(EMAIL, password)
        if not isinstance(signed_in, SignedIn):
            raise SystemExit("the seeded account has a second step already")
        session = run_inline(load(site.sessions, signed_in.token))
        if session is not None:
            accounts.save_profile(session, password, PROFILE)
            accounts.sign_out(session)
    note.touch(mode=0o600)
    note.write_text(json.dumps({"email": EMAIL, "password": password}), "utf-8")
    return EMAIL, password


def accept_policy(site: WebSite) -> None:
    """The first yes, which a customer gives by signing up on the page."""
    known = run_inline(site.parts.people.find(EMAIL))
    policies = Policies(site.privacy.policies)
    for policy in site.privacy.policy_names:
        standing = policies.standing(known.id, policy) if known is not None else None
        if known is not None and isinstance(standing, AcceptanceDue) and standing.accepted is None:
            policies.answer(known.id, policy, shown=standing.version.hash, accept=True, how="sign_up")


WORDS = (
    "amber basil cedar delta ember fjord grove hazel island jasper kettle lemon "
    "maple north olive pebble quartz river silver thyme umber violet willow yarrow"
).split()

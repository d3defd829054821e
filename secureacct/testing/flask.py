"""For the tests of a Flask app: somebody is signed in, in one line, and what was mailed can be read.

    client = app.test_client()
    account_id = sign_in(client, "ada@example.org")
    client.get("/orders")

Rules of this file: an account is made by the same journeys as every other, so nothing of a test's world is
impossible in the real one; it works on this machine's own database only, and never in production.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from secureacct.errors import ConfigurationError, MissingExtra

try:
    import flask
    from flask.testing import FlaskClient
except ModuleNotFoundError:
    raise MissingExtra("flask", needed_for="secureacct.testing.flask") from None

from secureacct._faces import run_inline
from secureacct.accounts.faces import Accounts
from secureacct.commitments.policy_versions import AcceptanceDue, Policies
from secureacct.mailers.outbox import OutboxMailer
from secureacct.records.mail import Message
from secureacct.sessions import steps as sessions
from secureacct.web.flask.shell import shell_of
from secureacct.web.site import WebSite

PASSWORD: Final = "four calm harbours wait"  # of accounts that tests make
BASE_URL: Final = "http://localhost"  # what Flask's test client asks, and where http is believed


def sign_in(
    client: FlaskClient,
    email: str = "ada@example.org",
    *,
    proved: Iterable[str] = ("password",),
    password: str = PASSWORD,
) -> str:
    """Sign this client in; the account is made, and the policy in force accepted, where they are not yet.

    :param client: ``app.test_client()``. The app's ``SECUREACCT_BASE_URL`` is ``http://localhost``.
    :param proved: what the session shows as proved now: "password", "totp", "recovery_code", "passkey".
    :param password: of an account that is made here.
    :return: the account's id.
    :raises ConfigurationError: the app is not set up for tests; the message says what is missing.
    """
    site = _site(client.application)
    known = run_inline(site.parts.people.find(email))
    account_id = known.id if known is not None else _made(site, email, password)
    _accept(site, account_id)
    token = run_inline(sessions.start(site.sessions, account_id, factors=tuple(proved), device="a test"))
    client.set_cookie(
        site.cookies.session.name,
        token,
        domain=urlsplit(site.settings.base_url).hostname or "localhost",
        secure=True,
        httponly=True,
    )
    return account_id


def csrf_token(client: FlaskClient) -> str:
    """What a form or ``X-CSRF-Token`` of this client must hold; asked from ``/account/session``.

    :raises ConfigurationError: the app has no pages of ours to ask.
    """
    prefix = _site(client.application).prefix
    answer = client.get(f"{prefix}/session", headers={"Accept": "application/json"})
    token = (answer.get_json(silent=True) or {}).get("csrf_token")
    if not isinstance(token, str):
        raise ConfigurationError(f"{prefix}/session gave no token: are the pages off?")
    return token


def mails(app: flask.Flask, to: str | None = None) -> tuple[Message, ...]:
    """Every mail so far, the newest first, after handing over what waits.

    :param to: only those to this address.
    :raises ConfigurationError: the app's mails go somewhere else.
    """
    site = _site(app)
    mailer = _mailer(site)
    shell_of(app).deliver()
    return mailer.messages(to)


def _site(app: flask.Flask) -> WebSite:
    site = shell_of(app).site
    if site.settings.env == "production" or site.settings.base_url != BASE_URL:
        raise ConfigurationError(
            f"tests set SECUREACCT_ENV to 'testing' and SECUREACCT_BASE_URL to {BASE_URL!r}"
        )
    site.assembly.init()
    return site


def _mailer(site: WebSite) -> OutboxMailer:
    mailer = site.assembly.mailer
    if not isinstance(mailer, OutboxMailer):
        raise ConfigurationError("tests set SECUREACCT_MAIL_URL to 'outbox:', or give mailer=OutboxMailer()")
    return mailer


def _made(site: WebSite, email: str, password: str) -> str:
    mailer = _mailer(site)
    accounts = Accounts(site.parts)
    asked = accounts.sign_up(email, password)
    accounts.deliver(mailer)
    link = next((link for mail in mailer.messages(email) for link in mail.links if "/verify/" in link), "")
    accounts.verify(link.rpartition("/")[2], browser_token=asked.browser_token)
    known = run_inline(site.parts.people.find(email))
    if known is None:
        raise ConfigurationError("the app has users of its own: make the user there first")
    return known.id


def _accept(site: WebSite, account_id: str) -> None:
    if not site.privacy.policy_names:
        return
    policies = Policies(site.privacy.policies)
    for policy in site.privacy.policy_names:
        standing = policies.standing(account_id, policy)
        if isinstance(standing, AcceptanceDue):
            policies.answer(account_id, policy, shown=standing.version.hash, accept=True, how="sign_up")

"""The helps for tests of apps: what the how-to does not show, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from examples.flask_account import promises
from secureacct.errors import ConfigurationError
from secureacct.flask import SecureAcct, require_account, sign_in_required
from secureacct.mailers.console import ConsoleMailer
from secureacct.passwords import PasswordHasher
from secureacct.passwords.profiles import CHEAPEST
from secureacct.testing.flask import csrf_token, mails, sign_in


def app(folder: Path, choices: dict[str, Any] | None = None, **settings: Any) -> Flask:
    """An app set up as the how-to says, but for what a test says."""
    made = Flask("shop")
    made.config.update(
        SECUREACCT_ENV="testing",
        SECUREACCT_BASE_URL="http://localhost",
        SECUREACCT_DATABASE_URL=f"sqlite:///{folder / 'test.db'}",
        SECUREACCT_KEYRING=str(folder / "keyring.json"),
    )
    made.config.update(settings)
    given: dict[str, Any] = {"hasher": PasswordHasher(CHEAPEST), **(choices or {})}
    SecureAcct(**given).init_app(made)

    @made.get("/")
    @sign_in_required
    def home() -> str:
        return require_account().email

    return made


def test_two_people_are_two_accounts_and_two_clients_one(tmp_path: Path) -> None:
    """The same address is the same account, another is another, and each client is a device."""
    made = app(tmp_path)
    here, there, other = made.test_client(), made.test_client(), made.test_client()
    assert sign_in(here) == sign_in(there) != sign_in(other, "grace@example.org")
    assert [one.get("/").text for one in (here, there, other)] == [
        "ada@example.org",
        "ada@example.org",
        "grace@example.org",
    ]
    answer = here.post("/account/sign-out", data={"csrf_token": csrf_token(here)})
    assert answer.status_code == 200
    assert here.get("/").status_code == 303
    assert there.get("/").status_code == 200


@pytest.mark.parametrize(
    "settings",
    [
        {"SECUREACCT_BASE_URL": "https://localhost:8443"},
        {"SECUREACCT_BASE_URL": "https://shop.example", "SECUREACCT_MAIL_URL": "console:"},
    ],
)
def test_another_site_is_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Where the test client's plain http would not be believed, the message says what to set."""
    made = app(tmp_path, **settings)
    with pytest.raises(ConfigurationError, match="SECUREACCT_BASE_URL to 'http://localhost'"):
        sign_in(made.test_client())
    assert not (tmp_path / "keyring.json").exists()


def test_mails_that_go_elsewhere(tmp_path: Path) -> None:
    """A mailer that keeps nothing is named, before an account is made."""
    made = app(tmp_path, {"mailer": ConsoleMailer()})
    for call in (lambda: sign_in(made.test_client()), lambda: mails(made)):
        with pytest.raises(ConfigurationError, match="outbox:"):
            call()


def test_without_pages_there_is_no_token(tmp_path: Path) -> None:
    """A client of an app without our pages cannot ask for a token, and is signed in all the same."""
    made = app(tmp_path, SECUREACCT_PAGES="off")
    client = made.test_client()
    sign_in(client)
    assert client.get("/").status_code == 200
    with pytest.raises(ConfigurationError, match="pages off"):
        csrf_token(client)


def test_the_policy_is_accepted(tmp_path: Path) -> None:
    """Where a policy must be answered first, who was signed in for a test has answered it."""
    made = app(tmp_path, {"privacy": promises.PRIVACY})
    client = made.test_client()
    sign_in(client)
    assert client.get("/").status_code == 200

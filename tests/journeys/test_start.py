"""From nothing to a first page: what is made, what is refused, and what the one line in the log says."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from secureacct.errors import ConfigurationError
from secureacct.flask import SecureAcct, require_account, sign_in_required
from tests.journeys.kit import ADA, Shop

LOCAL = "https://localhost:8443"
ELSEWHERE = "https://shop.example"


def make_app(folder: Path, base_url: str = LOCAL, **settings: Any) -> Flask:
    """The ten-line app, in a folder."""
    app = Flask("shop")
    app.config.update(
        SECUREACCT_DATABASE_URL=f"sqlite:///{folder / 'app.db'}",
        SECUREACCT_KEYRING=str(folder / "keyring.json"),
        SECUREACCT_BASE_URL=base_url,
        **({"SECUREACCT_MAIL_URL": "outbox:"} if base_url == ELSEWHERE else {}),
    )
    app.config.update(settings)
    SecureAcct().init_app(app)

    @app.get("/")
    @sign_in_required
    def home() -> str:
        return f"Hello {require_account().email}"

    @app.get("/open")
    def open_page() -> str:
        return f"Hello {require_account().email}"

    return app


def client(app: Flask, base_url: str = LOCAL) -> FlaskClient:
    """A visitor's browser."""
    made = app.test_client()
    made.environ_base = {**made.environ_base, "REMOTE_ADDR": "127.0.0.1"}
    return made


def test_init_app_touches_nothing(folder: Path) -> None:
    """Setting up opens no file and no database."""
    make_app(folder)
    make_app(folder, ELSEWHERE)
    assert list(folder.iterdir()) == []


def test_on_localhost_the_first_request_makes_everything(folder: Path) -> None:
    """Keyring (for its owner alone) and tables appear with the first page."""
    app = make_app(folder)
    assert client(app).get("/account/sign-in", base_url=LOCAL).status_code == 200
    assert (folder / "keyring.json").stat().st_mode & 0o777 == 0o600
    assert (folder / "app.db").exists()


def test_two_first_requests_make_it_once(folder: Path) -> None:
    """Two workers that start at the same moment use one keyring."""
    apps = [make_app(folder) for _ in range(4)]
    meet = threading.Barrier(len(apps), timeout=30)
    seen: list[int] = []

    def first(app: Flask) -> None:
        meet.wait()
        seen.append(client(app).get("/account/sign-in", base_url=LOCAL).status_code)

    threads = [threading.Thread(target=first, args=(app,)) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [200] * len(apps)
    ids = {app.extensions["secureacct"].site.parts.vault.keys.primary("tokens") for app in apps}
    assert len(ids) == 1


def test_elsewhere_nothing_is_made_by_a_visitor(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Every page answers 503 until the command was run, and one line of the log names it."""
    app = make_app(folder, ELSEWHERE)
    with caplog.at_level(logging.ERROR, "secureacct"):
        for path in ("/account/sign-in", "/account/session", "/", "/account/sign-in"):
            answer = client(app).get(path, base_url=ELSEWHERE)
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert str(folder) not in answer.text
    assert [record for record in caplog.records if "flask secureacct init" in record.getMessage()]
    assert not (folder / "keyring.json").exists()
    done = app.test_cli_runner().invoke(args=["secureacct", "init"])
    assert done.exit_code == 0, done.output
    assert (folder / "keyring.json").stat().st_mode & 0o777 == 0o600
    assert client(app).get("/account/sign-in", base_url=ELSEWHERE).status_code == 200


def test_init_again_is_no_harm(folder: Path) -> None:
    """The command may run at every deployment: the keyring stays what it is."""
    app = make_app(folder, ELSEWHERE)
    runner = app.test_cli_runner()
    assert runner.invoke(args=["secureacct", "init"]).exit_code == 0
    before = (folder / "keyring.json").read_bytes()
    assert runner.invoke(args=["secureacct", "init"]).exit_code == 0
    assert (folder / "keyring.json").read_bytes() == before


@pytest.mark.parametrize("base_url", [LOCAL, ELSEWHERE])
def test_no_new_keyring_over_old_accounts(folder: Path, base_url: str) -> None:
    """Where the database holds an account, a missing keyring is never replaced: it would open nothing."""
    shop = Shop(folder)
    shop.member()
    shop.close()
    (folder / "shop.db").rename(folder / "app.db")
    (folder / "keyring.json").unlink()
    app = make_app(folder, base_url)
    assert client(app).get("/account/sign-in", base_url=base_url).status_code == 503
    done = app.test_cli_runner().invoke(args=["secureacct", "init"])
    assert done.exit_code == 1
    assert "holds accounts" in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not (folder / "keyring.json").exists()


def spoil_mode(path: Path) -> None:
    """Let the group read it."""
    path.chmod(0o640)


def spoil_bytes(path: Path) -> None:
    """Change a digit of it."""
    text = path.read_text()
    at = len(text) // 2
    while not text[at].isalnum():
        at += 1
    path.write_text(text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :])


def spoil_all(path: Path) -> None:
    """Cut it off."""
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize(
    ("spoil", "word"), [(spoil_mode, "chmod 600"), (spoil_bytes, "keyring.json"), (spoil_all, "keyring.json")]
)
def test_a_spoilt_keyring_is_refused(
    folder: Path, spoil: Any, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Looser than 0600, altered or cut off: no page works, and one line says what and how to mend it."""
    app = make_app(folder, ELSEWHERE)
    app.test_cli_runner().invoke(args=["secureacct", "init"])
    spoil(folder / "keyring.json")
    fresh = make_app(folder, ELSEWHERE)
    from secureacct import logs

    logs._last_told.clear()
    with caplog.at_level(logging.ERROR, "secureacct"):
        assert client(fresh).get("/account/sign-in", base_url=ELSEWHERE).status_code == 503
    assert [record for record in caplog.records if word in record.getMessage()]
    done = fresh.test_cli_runner().invoke(args=["secureacct", "init"])
    assert done.exit_code == 1
    assert word in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_a_page_of_the_apps_own_asks_to_sign_in(folder: Path) -> None:
    """``require_account`` without a guard: people are led to sign in, programs get 401, nobody a 500."""
    app = make_app(folder)
    answer = client(app).get("/open", base_url=LOCAL, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/sign-in?next=/open")
    answer = client(app).get("/open", base_url=LOCAL, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["code"]) == (401, "sign_in_required")  # type: ignore[index]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"SECUREACCT_KEYRNG": "x"}, "did you mean SECUREACCT_KEYRING?"),
        ({"SECUREACCT_SESSION_COOKIE": "x"}, "unknown setting"),
        ({"SECUREACCT_BASE_URL": "http://shop.example"}, "BASE_URL"),
        ({"SECUREACCT_BASE_URL": "https://shop.example/app"}, "BASE_URL"),
        ({"SECUREACCT_BASE_URL": "https://user:pw@shop.example"}, "BASE_URL"),
        ({"SECUREACCT_BASE_URL": None}, "missing: SECUREACCT_BASE_URL"),
        ({"SECUREACCT_KEYRING": None}, "missing: SECUREACCT_KEYRING"),
        ({"SECUREACCT_BASE_URL": ELSEWHERE}, "MAIL_URL"),
        ({"SECUREACCT_MAIL_URL": "pop3://x"}, "MAIL_URL"),
        ({"SECUREACCT_MAIL_URL": "smtp://mail.example"}, "MAIL_FROM"),
        ({"SECUREACCT_ENV": "prod"}, "ENV"),
        ({"SECUREACCT_ENV": "production", "SECUREACCT_MAIL_URL": "outbox:"}, "MAIL_URL"),
        ({"SECUREACCT_URL_PREFIX": "account/"}, "URL_PREFIX"),
        ({"SECUREACCT_NETWORK_BUDGET": "many"}, "whole number"),
        ({"SECUREACCT_NETWORK_BUDGET": 0}, "at least 1"),
        ({"SECUREACCT_PAGES": "maybe"}, "on or off"),
        ({"SECUREACCT_POLICY": "1999-01"}, "2026-11"),
        ({"SECUREACCT_COOKIE_NAME": "a b"}, "cookie"),
        ({"SECUREACCT_TRUSTED_PROXIES": "everybody"}, "trusted proxies"),
        ({"SECUREACCT_SITE_NAME": 7}, "must be text"),
    ],
    ids=lambda value: "-".join(value).removeprefix("SECUREACCT_") if isinstance(value, dict) else "",
)
def test_a_setting_that_cannot_work(folder: Path, settings: dict[str, Any], words: str) -> None:
    """Refused at start, in one line that names the setting."""
    with pytest.raises(ConfigurationError) as caught:
        make_app(folder, **settings)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_secrets_of_settings_stay_out_of_sight(folder: Path) -> None:
    """Passwords in URLs and the passphrase are in no repr and in no refusal."""
    from secureacct.settings import Settings

    settings = Settings(
        database_url="postgresql+psycopg://u:hunter2@db/x",
        keyring="k",
        base_url=ELSEWHERE,
        mail_url="smtp://u:hunter2@mail",
        mail_from="a@shop.example",
        keyring_passphrase="hunter2",
        session_url="redis://:hunter2@cache",
    )
    assert "hunter2" not in repr(settings)


def test_a_passphrase_file(folder: Path) -> None:
    """``SECUREACCT_KEYRING_PASSPHRASE_FILE`` names a file; one that is not there is refused at start."""
    (folder / "passphrase").write_text("many words that nobody guesses\n")
    app = make_app(folder, SECUREACCT_KEYRING_PASSPHRASE_FILE=str(folder / "passphrase"))
    assert client(app).get("/account/sign-in", base_url=LOCAL).status_code == 200
    with pytest.raises(ConfigurationError):
        make_app(folder, SECUREACCT_KEYRING_PASSPHRASE_FILE=str(folder / "nothing"))


def test_pages_off(folder: Path) -> None:
    """An app with its own pages gets the guards and none of ours."""
    app = make_app(folder, SECUREACCT_PAGES="off")
    assert client(app).get("/account/sign-in", base_url=LOCAL).status_code == 404
    assert client(app).get("/open", base_url=LOCAL).status_code in (303, 401)


def test_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings come from the environment too; what only the tests use is not looked at."""
    from secureacct.settings import Settings

    for name in list(os.environ):
        if name.startswith("SECUREACCT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SECUREACCT_DATABASE_URL", "sqlite:///x.db")
    monkeypatch.setenv("SECUREACCT_KEYRING", "k.json")
    monkeypatch.setenv("SECUREACCT_BASE_URL", "http://localhost:8000")
    monkeypatch.setenv("SECUREACCT_TEST_PG_URL", "postgresql://x")
    monkeypatch.setenv("SECUREACCT_CHROMIUM", "/usr/bin/chromium")
    assert Settings.from_env().base_url == "http://localhost:8000"
    monkeypatch.setenv("SECUREACCT_KEYRINGS", "x")
    with pytest.raises(ConfigurationError, match="did you mean SECUREACCT_KEYRING"):
        Settings.from_env()


def test_everything_that_is_wrong_is_said_at_once(shop: Shop) -> None:
    """A sign-up with a wrong address and a poor password names both, each beside its field."""
    page = shop.browser().submit("/account/sign-up", {"email": "not an address", "password": "short"}).text
    assert 'id="email-error"' in page
    assert 'id="password-error"' in page
    assert "There are 2 problems" in page
    fine = shop.browser().submit("/account/sign-up", {"email": ADA, "password": "short"}).text
    assert 'id="email-error"' not in fine
    assert "There is a problem" in fine


@pytest.mark.parametrize(("settings", "said"), [({}, True), ({"SECUREACCT_MAIL_URL": "outbox:"}, False)])
def test_where_the_first_mail_went(
    folder: Path, settings: dict[str, str], said: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever tries it on localhost and waits for the mail is told, once, where to look."""
    app = Flask("first")
    app.config.update(
        SECUREACCT_DATABASE_URL=f"sqlite:///{folder / 'app.db'}",
        SECUREACCT_KEYRING=str(folder / "keyring.json"),
        SECUREACCT_BASE_URL=LOCAL,
        **settings,
    )
    SecureAcct().init_app(app)
    for _ in range(2):
        app.test_client().get("/account/sign-up", base_url=LOCAL)
    told = [one.getMessage() for one in caplog.records if "mail.kept" in one.getMessage()]
    assert len(told) == int(said)
    assert all("SECUREACCT_MAIL_URL to console:" in one for one in told)

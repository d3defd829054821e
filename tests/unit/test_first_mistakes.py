"""What people get wrong on their first day: one sentence each, which says what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from secureacct.assembly import Choices
from secureacct.cookies import CookieError, SecureCookie
from secureacct.errors import ConfigurationError, InvalidInput, SecureAcctError, StoreUnavailable
from secureacct.flask import ProfileField, SecureAcct, require, sign_in_required
from secureacct.keys import Keyring
from secureacct.recovery_codes import RecoveryCodes
from secureacct.sessions import AsyncSessions, SessionPolicy, Sessions
from secureacct.stores.memory import MemoryStore
from secureacct.stores.sql import AsyncSqlStore, SqlStore
from secureacct.tokens import BadToken, SignedTokens
from secureacct.totp import Totp
from secureacct.web.flask.extension import ChoiceNames

LOCAL = {
    "SECUREACCT_DATABASE_URL": "sqlite:///app.db",
    "SECUREACCT_KEYRING": "keyring.json",
    "SECUREACCT_BASE_URL": "https://localhost:8443",
}


def app(settings: dict[str, Any] | None = None, **choices: Any) -> Flask:
    """An app as the first page of the documentation makes it, with what somebody wrote differently."""
    made = Flask("first")
    made.config.update(LOCAL | (settings or {}))
    SecureAcct(**choices).init_app(made)
    return made


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"SECUREACCT_KEYRING": None}, "missing: SECUREACCT_KEYRING; set them before init_app"),
        ({"SECUREACCT_BASEURL": "x"}, "did you mean SECUREACCT_BASE_URL?"),
        ({"SECUREACCT_BASE_URL": "shop.example"}, "as in https://shop.example"),
        ({"SECUREACCT_BASE_URL": "http://127.0.0.1:5000"}, "at http://localhost by that name"),
        ({"SECUREACCT_DATABASE_URL": "app.db"}, "must look like sqlite:///app.db"),
        ({"SECUREACCT_DATABASE_URL": "postgres://db/shop"}, r"postgresql\+psycopg://"),
        ({"SECUREACCT_DATABASE_URL": "sqlite+aiosqlite:///app.db"}, "a driver for event loops"),
        ({"SECUREACCT_SESSION_URL": "localhost:6379"}, "must look like redis://"),
        ({"SECUREACCT_COOKIE_NAME": "my session"}, "SECUREACCT_COOKIE_NAME: a cookie's name is"),
        ({"SECUREACCT_TRUSTED_PROXIES": "everyone"}, "SECUREACCT_TRUSTED_PROXIES: trusted proxies are"),
    ],
)
def test_a_setting(settings: dict[str, Any], sentence: str) -> None:
    """A setting that cannot work is refused at once, by its name, with what would work."""
    with pytest.raises(ConfigurationError, match=sentence):
        app(settings)


@pytest.mark.parametrize(
    ("choices", "sentence"),
    [
        ({"profil": ()}, "did you mean profile?"),
        ({"sessions": timedelta(hours=1)}, "sessions is a SessionPolicy"),
        ({"rules": 15}, "rules is a PasswordRules"),
        ({"profile": ("name",)}, "profile is a list of ProfileField"),
    ],
)
def test_a_choice(choices: dict[str, Any], sentence: str) -> None:
    """A choice that does not exist, or is of another type, is refused where it is made."""
    with pytest.raises(ConfigurationError, match=sentence):
        app(**choices)


def test_the_keywords_are_the_choices() -> None:
    """What editors and type checkers are told about ``SecureAcct(...)`` is what it takes."""
    assert set(ChoiceNames.__annotations__) == set(Choices.__dataclass_fields__)


def keys() -> Keyring:
    """A keyring."""
    return Keyring.generate()


def engine() -> sa.Engine:
    """An engine of an empty database."""
    return sa.create_engine("sqlite://")


MISTAKES: dict[str, tuple[Callable[[], Any], type[SecureAcctError], str]] = {
    "the app is given to the class": (lambda: SecureAcct(Flask("x")), ConfigurationError, "init_app"),  # type: ignore[arg-type]
    "a store's class": (lambda: Sessions(MemoryStore), ConfigurationError, "class MemoryStore is no store"),  # type: ignore[arg-type]
    "an engine for a store": (lambda: Sessions(engine()), ConfigurationError, r"give MemoryStore\(\)"),  # type: ignore[arg-type]
    "the other face": (lambda: AsyncSessions(SqlStore(engine())), ConfigurationError, "without Async"),  # type: ignore[arg-type]
    "a URL for an engine": (lambda: SqlStore("sqlite://"), ConfigurationError, "SqlStore.from_url"),  # type: ignore[arg-type]
    "a blocking engine": (lambda: AsyncSqlStore(engine()), ConfigurationError, "takes an AsyncEngine"),  # type: ignore[arg-type]
    "no tables": (lambda: Sessions(SqlStore(engine())).start("42"), StoreUnavailable, r"create_schema\(\)"),
    "a number for an id": (lambda: Sessions(MemoryStore()).start(42), InvalidInput, r"str\(user.id\)"),  # type: ignore[arg-type]
    "seconds for a time": (lambda: SessionPolicy(idle=30), ConfigurationError, "timedelta"),  # type: ignore[arg-type]
    "nothing for a cookie": (lambda: SecureCookie("s").set(None), CookieError, "is empty"),  # type: ignore[arg-type]
    "seconds for an age": (
        lambda: SignedTokens(keys(), purpose="reset", max_age=60),  # type: ignore[arg-type]
        ConfigurationError,
        "timedelta",
    ),
    "a number for a subject": (
        lambda: SignedTokens(keys(), purpose="reset", max_age=timedelta(hours=1)).issue(42),  # type: ignore[arg-type]
        InvalidInput,
        "must be text",
    ),
    "a label for a name": (
        lambda: ProfileField(name="Full name", label="x"),
        ConfigurationError,
        "what people see is its label",
    ),
    "a field of our own": (lambda: ProfileField(name="password", label="x"), ConfigurationError, "none of"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_call(mistake: str) -> None:
    """A call that cannot be right says what would be, and nothing else than an error of ours leaves it."""
    call, error, sentence = MISTAKES[mistake]
    with pytest.raises(error, match=sentence):
        call()


def test_what_a_request_did_not_hold_is_refused_like_what_is_wrong() -> None:
    """``request.form.get(...)`` gives None: no token, no code, and no error of another kind."""
    with pytest.raises(BadToken):
        SignedTokens(keys(), purpose="reset", max_age=timedelta(hours=1)).read(None)
    assert Totp.new(issuer="Shop", account="ada").match(None, now=1_700_000_000, last_step=None) is None
    assert RecoveryCodes(keys()).lookup(None, account_id="42") == ()
    assert Sessions(MemoryStore()).load(None) is None


@pytest.mark.parametrize("guard", [sign_in_required, require(level=1)])
def test_a_guard_above_its_route(guard: Callable[..., Any], tmp_path: Path) -> None:
    """A view that was registered before its guard was put on answers nobody, and the error says why."""
    made = app(
        {"SECUREACCT_KEYRING": str(tmp_path / "k"), "SECUREACCT_DATABASE_URL": f"sqlite:///{tmp_path}/d"}
    )

    @guard
    @made.get("/open")
    def open_to_all() -> str:
        return "secrets"

    answer = made.test_client().get("/open", base_url="https://localhost:8443")
    assert (answer.status_code, "secrets" in answer.text) == (500, False)
    made.testing = True
    with pytest.raises(ConfigurationError, match="put @sign_in_required or @require below"):
        made.test_client().get("/open", base_url="https://localhost:8443")

"""What the doctor says about the contact, and about people who cannot leave."""

from __future__ import annotations

import dataclasses
import sys
import types
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flask
import pytest
from click.testing import CliRunner

from secureacct.assembly import Choices
from secureacct.cli.doctor import group
from secureacct.commitments.contact import SecurityTxt
from secureacct.commitments.holdings import Holding
from secureacct.commitments.privacy import PrivacyChoices, security_txt
from secureacct.doctor.configuration import examine
from secureacct.doctor.site import Seen, _security_txt
from secureacct.errors import ConfigurationError
from secureacct.flask import SecureAcct
from secureacct.settings import Settings

SETTINGS = Settings(
    database_url="sqlite:///nowhere/x.db", keyring="nowhere.json", base_url="http://localhost:8000",
    contact="hello@shop.example",
)  # fmt: skip


def day(days: int) -> str:
    """A day so far from today."""
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


def level(id: str, choices: Choices | None = None, **changed: Any) -> str:
    """How a finding stands; empty if there is none."""
    found = examine(dataclasses.replace(SETTINGS, **changed), choices)
    return next((one.level for one in found if one.id == id), "")


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"contact": ""}, "warn"),
        ({"contact_until": ""}, "warn"),
        ({"contact_until": day(-1)}, "bad"),
        ({"contact_until": day(10)}, "warn"),
        ({"contact_until": day(200)}, "ok"),
        ({"contact_until": day(900)}, "warn"),
    ],
)
def test_a_contact_without_an_end_or_past_it_is_told(changed: dict[str, Any], wanted: str) -> None:
    """Nobody's word, an end in the past, soon, or too far away: each is said; RFC 9116 section 2.5.5."""
    assert level("contact", **changed) == wanted


def test_the_apps_own_date_counts() -> None:
    """A date that the app gives in code stands for the setting."""
    until = datetime.now(UTC) + timedelta(days=200)
    assert level("contact", Choices(privacy=PrivacyChoices(security_until=until))) == "ok"


def test_a_day_that_is_none_stops_the_start() -> None:
    """One clear error, at start."""
    with pytest.raises(ConfigurationError, match="CONTACT_UNTIL must be a day"):
        dataclasses.replace(SETTINGS, contact_until="next summer")


def test_security_txt_goes_stale_where_nobody_starts_the_site_again() -> None:
    """Without a date it ends ninety days after the start, however late it is asked for; a date wins."""

    def ends(until: datetime | None = None, **declared: Any) -> datetime:
        choices = PrivacyChoices(**declared)
        about = {"contact": "a@b.example", "base_url": "https://b.example"}
        made = security_txt(choices, **about, started=1_790_000_000, until=until)
        assert made is not None
        return made.expires

    started = datetime.fromtimestamp(1_790_000_000, UTC)
    assert timedelta(days=89) < ends() - started <= timedelta(days=90)
    later, last = started + timedelta(days=200), started + timedelta(days=300)
    assert ends(later) == later
    assert ends(later, security_until=last) == last


def test_from_outside_an_expired_file_is_bad() -> None:
    """The doctor reads the date that is served, and says what is wrong."""

    def seen(days: int) -> Seen:
        expires = datetime.now(UTC) + timedelta(days=days)
        text = SecurityTxt(contact=("mailto:a@b.example",), expires=expires).render()
        return Seen(200, {}, (), text.encode())

    assert [_security_txt(seen(days)).level for days in (100, 10, -1)] == ["ok", "warn", "bad"]
    assert _security_txt(Seen(200, {}, (), b"Contact: mailto:a@b.example")).level == "bad"
    assert _security_txt(Seen(404, {}, ())).level == _security_txt(None).level == "warn"


def test_an_app_with_its_own_users_is_told_that_they_cannot_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with the fix, until a holding says how to erase them; on the command line too."""
    users: Any = object()
    assert level("leaving", Choices(directory=users)) == "bad"
    table = Holding(name="users", title="You", words="Who you are.", kept="It is a test.")
    assert level("leaving", Choices(directory=users, privacy=PrivacyChoices(holdings=[table]))) == ""
    assert level("leaving", Choices()) == ""
    app = flask.Flask("shop")
    app.config.update(
        SECUREACCT_DATABASE_URL=f"sqlite:///{tmp_path}/x.db",
        SECUREACCT_KEYRING=str(tmp_path / "keyring.json"),
        SECUREACCT_BASE_URL="http://localhost:8000",
    )
    SecureAcct(directory=users, password_store=users).init_app(app)
    module = types.ModuleType("shop_of_the_test")
    vars(module)["app"] = app
    monkeypatch.setitem(sys.modules, "shop_of_the_test", module)
    monkeypatch.setattr(sys, "path", list(sys.path))
    done = CliRunner().invoke(group, ["--app", "shop_of_the_test:app"])
    assert done.exit_code == 1
    assert "BAD     leaving: people can neither download their data nor leave" in done.output
    assert "to mend: PrivacyChoices(holdings=" in done.output
    assert CliRunner().invoke(group, ["https://x.example", "--app", "a:b"]).exit_code == 2

"""A small site that declares nothing: accounts, and what every site has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import flask

from secureacct.commitments.contact import SecurityTxt
from secureacct.flask import SecureAcct
from secureacct.passwords import PasswordHasher


def contact(*, days: int) -> str:
    """A security.txt that expires in so many days."""
    expires = datetime.now(UTC) + timedelta(days=days)
    return SecurityTxt(contact=("mailto:security@shop.example",), expires=expires).render()


def make_site(folder: Path, *, hasher: PasswordHasher | None = None) -> flask.Flask:
    """The site, as on a real host."""
    app = flask.Flask("stage")
    app.config.update(
        SECUREACCT_DATABASE_URL=f"sqlite:///{folder / 'real.db'}",
        SECUREACCT_CONTACT="security@shop.example",
        SECUREACCT_CONTACT_UNTIL=f"{datetime.now(UTC) + timedelta(days=200):%Y-%m-%d}",
        SECUREACCT_KEYRING=str(folder / "real.json"),
        SECUREACCT_BASE_URL="https://shop.example",
        SECUREACCT_KEYRING_PASSPHRASE="a passphrase of the real site",
        SECUREACCT_MAIL_URL="smtp://mail.example",
        SECUREACCT_MAIL_FROM="shop@shop.example",
    )
    SecureAcct(hasher=hasher).init_app(app)

    @app.get("/")
    def home() -> str:
        return "<p>Welcome</p>"

    return app

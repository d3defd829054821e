"""The site's name: what works in every mail and in authenticator apps, and what is refused at start."""

from __future__ import annotations

import re

import pytest

from secureacct.errors import ConfigurationError
from secureacct.mail.compose import compose
from secureacct.mail.letters import ENGLISH
from secureacct.settings import Settings


def named(name: str, base_url: str = "https://shop.example") -> Settings:
    """Settings of a site of this name."""
    return Settings(
        database_url="sqlite:///x.db",
        keyring="keyring.json",
        base_url=base_url,
        site_name=name,
        mail_url="outbox:",
    )


@pytest.mark.parametrize(
    "name",
    ["Corner Shop, Ltd.", "Smith (London)", "Zürich & Söhne", "O'Brien's", "日本", "Tea; Coffee – More"],
)
def test_a_name_with_marks_in_it_stops_no_mail(name: str) -> None:
    """What ends a clause in a name does not turn "nobody asks for your password" into asking for it."""
    assert named(name).site_name == name
    for kind, letter in ENGLISH.items():
        named_in = re.findall(r"\{([a-z_]+)\}", " ".join((letter.subject, *letter.before, *letter.after)))
        facts = {one: "9 days" for one in named_in if one not in ("site", "home")}
        mail = compose(kind, to="a@example.org", site=name, base_url="https://shop.example", facts=facts)
        assert name in mail.text


@pytest.mark.parametrize("name", ["Shop: Zürich", "A" * 101, "www.elsewhere.example", "Two\nlines", "a  b"])
def test_an_unusable_name_is_refused_at_start(name: str) -> None:
    """Not at the first sign-up, whose mail could not be written."""
    with pytest.raises(ConfigurationError, match="SITE_NAME"):
        named(name)


@pytest.mark.parametrize(
    "base_url", ["https://shop.example", "http://localhost:8000", "https://www.shop.example"]
)
def test_without_a_name_the_host_is_one(base_url: str) -> None:
    """Nothing has to be said for a site to work."""
    assert named("", base_url).site_name in base_url

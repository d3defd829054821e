"""A named contact, and links that say they leave the site (C21, C19).

``security.txt`` is RFC 9116: Contact and Expires are required, Expires is less than a year ahead
(section 2.5.5), the file is served over https at ``/.well-known/security.txt`` as text/plain.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from urllib.parse import urlsplit

from secureacct.commitments.errors import BadPromise

PATH = "/.well-known/security.txt"
MEDIA_TYPE = "text/plain; charset=utf-8"  # RFC 9116 section 3
MOST_AHEAD = timedelta(days=366)  # RFC 9116 section 2.5.5 recommends less than a year
WARN_BEFORE = timedelta(days=30)  # so that somebody renews it in time; ours


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityTxt:
    """What security.txt says."""

    contact: tuple[str, ...]  # URIs, in order of preference: "mailto:security@shop.example"
    expires: datetime
    canonical: tuple[str, ...] = ()
    policy: str = ""
    languages: str = ""  # "en, de"

    def __post_init__(self) -> None:
        """:raises BadPromise: no contact, not a URI, a plain http link, or a moment without time zone."""
        links = (*self.contact, *self.canonical, *([self.policy] if self.policy else []))
        if not self.contact:
            raise BadPromise("security.txt needs a contact (RFC 9116 section 2.5.3)")
        for one in links:
            if urlsplit(one).scheme not in ("https", "mailto", "tel") or any(c in one for c in "\r\n"):
                raise BadPromise(f"security.txt: {one!r} must be an https:, mailto: or tel: URI")
        if self.expires.tzinfo is None or any(c in self.languages for c in "\r\n"):
            raise BadPromise("security.txt: expires needs a time zone, languages one line")

    def render(self) -> str:
        """The file, with the line ends of RFC 9116 section 2.2."""
        at = self.expires.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines = [f"Contact: {one}" for one in self.contact] + [f"Expires: {at}"]
        lines += [f"Canonical: {one}" for one in self.canonical]
        if self.policy:
            lines.append(f"Policy: {self.policy}")
        if self.languages:
            lines.append(f"Preferred-Languages: {self.languages}")
        return "\r\n".join(lines) + "\r\n"


def read_security_txt(text: str) -> SecurityTxt:
    """The facts of a security.txt that somebody serves.

    :raises BadPromise: a required field is missing, doubled or unreadable.
    """
    fields: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            fields.setdefault(name.strip().lower(), []).append(value.strip())
    expires = fields.get("expires", [])
    if len(expires) != 1:
        raise BadPromise("security.txt needs exactly one Expires (RFC 9116 section 2.5.5)")
    try:
        at = datetime.fromisoformat(expires[0])
    except ValueError:
        raise BadPromise("security.txt: Expires is no date of RFC 3339") from None
    return SecurityTxt(
        contact=tuple(fields.get("contact", [])),
        expires=at,
        canonical=tuple(fields.get("canonical", [])),
        policy=next(iter(fields.get("policy", [])), ""),
        languages=next(iter(fields.get("preferred-languages", [])), ""),
    )


def problems(served: SecurityTxt, *, now: datetime) -> tuple[str, ...]:
    """What is wrong with a security.txt at a moment, in one line each. Empty: nothing."""
    found = []
    if served.expires <= now:
        found.append(f"it expired on {served.expires:%Y-%m-%d}; publish a new one")
    elif served.expires - now < WARN_BEFORE:
        found.append(f"it expires on {served.expires:%Y-%m-%d}; publish a new one before")
    elif served.expires - now > MOST_AHEAD:
        found.append("it expires more than a year ahead, so nobody would notice that it is stale")
    return tuple(found)


def is_external(url: str, *, base_url: str) -> bool:
    """Whether a link leaves the site: another scheme, host or port. Paths of ours do not."""
    there, here = urlsplit(url.strip()), urlsplit(base_url)
    if not there.scheme and not there.netloc:
        return False
    return (there.scheme or here.scheme, there.netloc.lower()) != (here.scheme, here.netloc.lower())


def external_link(url: str, text: str, *, note: str = "another site") -> str:
    """An HTML link that says it leaves, tells the other site nothing, and gives it no hold on this one.

    :param note: shown after the text.
    :raises BadPromise: not an http or https address.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise BadPromise("an external link needs an http or https address")
    return (
        f'<a href="{html.escape(url)}" rel="external noopener noreferrer nofollow" '
        f'referrerpolicy="no-referrer">{html.escape(text)} '
        f'<span class="external">({html.escape(note)})</span></a>'
    )


def unmarked_external_links(page: str, *, base_url: str) -> Sequence[str]:
    """External addresses in a page whose links lack ``rel="noopener noreferrer"``."""
    found: list[str] = []

    class Links(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            given = {name: value or "" for name, value in attrs}
            marked = {"noopener", "noreferrer"} <= set(given.get("rel", "").lower().split())
            if tag in ("a", "area", "form") and not marked:
                target = given.get("href") or given.get("action") or ""
                if urlsplit(target).scheme in ("", "http", "https") and is_external(
                    target, base_url=base_url
                ):
                    found.append(target)

    Links().feed(page)
    return found

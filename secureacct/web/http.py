"""What a view gets and what it gives back. No framework.

Rules of this file: a request is a frozen fact, read by a shell once; header names are lower-case; a
body is bytes that were already cut off at the limit; an answer says what to send and never sends it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_BODY = 64 * 1024  # bytes; ours: the largest account form is a profile of a few kilobytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. ``path`` begins after the prefix: "/sign-in" for "/account/sign-in"."""

    method: str
    path: str
    query: str = field(default="", repr=False)
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    too_large: bool = False  # the body was longer than MAX_BODY and is not here
    peer: str | None = None  # the other end of the socket
    https: bool = False  # whether that socket is TLS

    def header(self, name: str) -> str | None:
        """The header's only value. Several of one name are joined by a comma, which no rule of ours takes
        for a value."""
        values = self.headers.get(name)
        return None if not values else ", ".join(values)

    @property
    def cookies(self) -> str:
        """The Cookie header as it came."""
        return "; ".join(self.headers.get("cookie", ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What to send: exactly one of ``json``, ``page``, ``location``, ``stream`` and ``body``."""

    status: int = 200
    json: Any = field(default=None, repr=False)
    page: Any = field(default=None, repr=False)  # one of secureacct.web.pages
    location: str = ""
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    cookies: tuple[str, ...] = field(default=(), repr=False)  # values of Set-Cookie headers
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "account"  # which set of security headers: "page", "account", "link", "signed_out"
    resume: Any = field(default=None, repr=False)  # a Resumed: the dispatcher carries it out
    replay: Any = field(default=None, repr=False)  # a Resumed of the app's own page: the shell repeats it
    stream: AsyncIterator[bytes] | None = field(default=None, repr=False)  # sent piece by piece
    around: Any = field(default=None, repr=False)  # a secureacct.web.around.Around, beside a page
    works: bool = False  # a copy of somebody's data waits to be made: begin after the answer
    mailed: bool = False  # mails wait in the outbox: hand them over after the answer

"""One browser's answer to the cookie question, and the guard that holds the app to it.

Rules of this file: no answer is no; ``Sec-GPC: 1`` is no, whatever the cookie says; an answer to other
words is no answer. A refusal is kept without any identifier: only somebody who agreed has a number, and
only so that the agreement can be proven and taken back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from secureacct.consent.declarations import NECESSARY, Declarations

ASK_AGAIN_AFTER = timedelta(days=180)  # the French authority's guidance of 2020 says 6 months
_VALUE = re.compile(
    r"1\.(?P<at>[1-9][0-9]{0,11})\.(?P<asked>[0-9a-f]{16})\.(?P<visitor>[A-Za-z0-9_-]{22}|)"
    r"\.(?P<yes>[a-z][a-z0-9_]*(?:~[a-z][a-z0-9_]*)*|)\Z"
)

Standing = Literal["undecided", "decided", "signal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieChoice:
    """What a browser answered. ``visitor`` is empty unless something was agreed to."""

    at: int  # seconds since the epoch
    asked: str  # fingerprint of the declarations the person saw
    agreed: frozenset[str]
    visitor: str = ""  # 128 random bits in base64url

    def to_cookie(self) -> str:
        """The cookie's value; :func:`read_choice` reads it."""
        return f"1.{self.at}.{self.asked}.{self.visitor}.{'~'.join(sorted(self.agreed))}"


def read_choice(value: str | None) -> CookieChoice | None:
    """The answer in a cookie, or None when there is none or it is not ours."""
    found = _VALUE.match(value) if value is not None and len(value) <= 2048 else None
    if found is None:
        return None
    agreed = frozenset(filter(None, found["yes"].split("~")))
    if bool(agreed) != bool(found["visitor"]):
        return None
    return CookieChoice(at=int(found["at"]), asked=found["asked"], agreed=agreed, visitor=found["visitor"])


def says_gpc(header: str | None) -> bool:
    """Whether a ``Sec-GPC`` header asks not to be sold or tracked (W3C GPC: the value is ``1``)."""
    return header is not None and header.strip() == "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieStanding:
    """What may be set in a browser now, and whether to ask."""

    declarations: Declarations
    agreed: frozenset[str]
    why: Standing

    @property
    def ask(self) -> bool:
        """Whether to show the banner: nothing was answered yet, and there is something to ask."""
        return self.why == "undecided" and any(one.cookies for one in self.declarations.purposes)

    def may_set(self, cookie_name: str) -> bool:
        """Whether this cookie may be set now.

        :raises UndeclaredCookie: nobody was told of it, so it may never be.
        """
        owner = self.declarations.owner_of(cookie_name)
        return owner == NECESSARY or owner in self.agreed

    def serves(self, purpose_id: str) -> bool:
        """Whether a purpose was agreed to in this browser: asks before any pixel, script or count.

        :raises UnknownPurpose: it was never declared.
        """
        return self.declarations.purpose(purpose_id).id in self.agreed

    def admit(self, set_cookie: Iterable[str]) -> tuple[str, ...]:
        """Of the app's ``Set-Cookie`` header values, those that may be sent. Deletions always may.

        :raises UndeclaredCookie: one of them sets a cookie nobody was told of.
        """
        return tuple(
            one for one in set_cookie if _deletes(one) or self.may_set(one.partition("=")[0].strip())
        )

    def to_clear(self, present: Iterable[str]) -> tuple[str, ...]:
        """Declared optional cookies the browser still sends though they are not agreed to."""
        own = {one.name: purpose.id for purpose in self.declarations.purposes for one in purpose.cookies}
        return tuple(sorted(name for name in present if name in own and own[name] not in self.agreed))


def _deletes(set_cookie: str) -> bool:
    attributes = [one.strip().lower().replace(" ", "") for one in set_cookie.split(";")[1:]]
    return any(re.fullmatch(r"max-age=(0+|-[0-9]+)", one) for one in attributes)


def cookie_standing(
    declarations: Declarations, *, cookie: str | None, gpc: str | None, now: int
) -> CookieStanding:
    """What may be set in a browser that sent this choice cookie and this ``Sec-GPC`` header."""
    if says_gpc(gpc):
        return CookieStanding(declarations=declarations, agreed=frozenset(), why="signal")
    choice = read_choice(cookie)
    too_old = choice is not None and not 0 <= now - choice.at < int(ASK_AGAIN_AFTER.total_seconds())
    if choice is None or too_old or choice.asked != declarations.fingerprint:
        return CookieStanding(declarations=declarations, agreed=frozenset(), why="undecided")
    known = frozenset(one.id for one in declarations.purposes)
    return CookieStanding(declarations=declarations, agreed=choice.agreed & known, why="decided")

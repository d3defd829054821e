"""What an app wants to do beside the necessary, declared once and shown to people as it stands.

Rules of this file: a purpose without words cannot exist; a cookie belongs to exactly one purpose; what
sign-in needs is declared here by us, so that the list people see is complete. Changed words are a
changed question, and an old answer does not cover it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from secureacct._bytes import lp_join
from secureacct.consent.errors import BadDeclaration, UndeclaredCookie, UnknownPurpose

NECESSARY = "necessary"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")  # purposes travel in a cookie, so they are short and plain
_COOKIE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")  # a token of RFC 9110 section 5.6.2
MAX_LIFETIME = timedelta(days=400)  # RFC 6265bis section 5.5 caps cookies at this


def words_hash(words: str) -> bytes:
    """The identity of a text shown to people: SHA-256 of its UTF-8."""
    return hashlib.sha256(words.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredCookie:
    """A cookie as people are told of it. ``lifetime=None``: it dies with the window."""

    name: str
    words: str  # what it is for, one sentence
    lifetime: timedelta | None = None
    host: str = ""  # "" is this site; a third party's name otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """One thing people may agree to, in the words they are asked with."""

    id: str
    title: str
    words: str  # what happens with the data, for how long, and who gets it
    cookies: tuple[DeclaredCookie, ...] = ()

    @property
    def text(self) -> str:
        """All that a person sees when asked."""
        lines = [self.title, self.words]
        lines += [f"{one.name} ({one.host or 'this site'}): {one.words}" for one in self.cookies]
        return "\n".join(lines)


OUR_COOKIES = (
    DeclaredCookie(name="__Host-Http-presession", words="Guards forms before you sign in."),
    DeclaredCookie(
        name="__Host-Http-attempt",
        words="Knows your browser again when you confirm your address.",
        lifetime=timedelta(days=1),
    ),
    DeclaredCookie(
        name="__Host-Http-pending",
        words="Holds a sign-in between password and code.",
        lifetime=timedelta(minutes=10),
    ),
    DeclaredCookie(
        name="__Host-Http-link",
        words="Keeps a link from a mail out of the address bar.",
        lifetime=timedelta(minutes=15),
    ),
    DeclaredCookie(
        name="__Host-Http-session",
        words="Keeps you signed in, with a lifetime only if you asked for it.",
        lifetime=timedelta(days=30),
    ),
    DeclaredCookie(
        name="__Host-Http-device",
        words="Knows a device you signed in on, so that guessing elsewhere does not lock you out here.",
        lifetime=timedelta(days=365),
    ),
    DeclaredCookie(
        name="__Host-Http-choice",
        words="Remembers your choice about cookies.",
        lifetime=timedelta(days=180),
    ),
)
"""The cookies that sign-in needs, under their default names."""


@dataclass(frozen=True, slots=True)
class Declarations:
    """All purposes of an app, and all its cookies. Immutable; made once at start."""

    purposes: tuple[Purpose, ...]
    necessary: tuple[DeclaredCookie, ...]
    _by_id: Mapping[str, Purpose] = field(init=False, repr=False, compare=False)
    _owner: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __init__(
        self, purposes: Iterable[Purpose] = (), *, necessary: Iterable[DeclaredCookie] = OUR_COOKIES
    ) -> None:
        """
        :param purposes: what people may agree to or decline.
        :param necessary: cookies that need no agreement because what the person asked for cannot work
            without them. An app that renames our cookies, or needs its own, gives the whole list.
        :raises BadDeclaration: a name or text is missing, doubled or not allowed.
        """
        chosen, needed = tuple(purposes), tuple(necessary)
        owner: dict[str, str] = {}
        by_id: dict[str, Purpose] = {}
        for cookie in needed:
            _take(owner, cookie, NECESSARY)
        for purpose in chosen:
            if not _NAME.match(purpose.id) or purpose.id == NECESSARY or purpose.id in by_id:
                raise BadDeclaration(f"purpose {purpose.id!r}: needs a name of its own like 'product_news'")
            if not purpose.title.strip() or not purpose.words.strip():
                raise BadDeclaration(f"purpose {purpose.id!r}: needs a title and words to ask with")
            by_id[purpose.id] = purpose
            for cookie in purpose.cookies:
                _take(owner, cookie, purpose.id)
        object.__setattr__(self, "purposes", chosen)
        object.__setattr__(self, "necessary", needed)
        object.__setattr__(self, "_by_id", by_id)
        object.__setattr__(self, "_owner", owner)

    def purpose(self, purpose_id: str) -> Purpose:
        """The purpose of this name.

        :raises UnknownPurpose: it was never declared.
        """
        try:
            return self._by_id[purpose_id]
        except KeyError:
            raise UnknownPurpose("a choice about a purpose that was never declared") from None

    def owner_of(self, cookie_name: str) -> str:
        """The purpose a cookie serves, or ``"necessary"``.

        :raises UndeclaredCookie: nobody was told of it.
        """
        try:
            return self._owner[cookie_name]
        except KeyError:
            raise UndeclaredCookie(f"cookie {cookie_name!r} is not declared for any purpose") from None

    @property
    def banner_words(self) -> str:
        """All that a person sees on the cookie banner: every purpose that sets one."""
        return "\n\n".join(one.text for one in self.purposes if one.cookies)

    @property
    def fingerprint(self) -> str:
        """Changes whenever the question does: 16 hex characters over purposes, words and cookies."""
        parts = [part.encode() for one in self.purposes for part in (one.id, one.text)]
        return hashlib.sha256(lp_join(parts)).hexdigest()[:16]


def _take(owner: dict[str, str], cookie: DeclaredCookie, purpose: str) -> None:
    if not _COOKIE.match(cookie.name) or not cookie.words.strip():
        raise BadDeclaration(f"cookie {cookie.name!r}: needs a cookie name and words that say what it is for")
    if cookie.name in owner:
        raise BadDeclaration(f"cookie {cookie.name!r} is declared for {owner[cookie.name]!r} already")
    if cookie.lifetime is not None and not timedelta(0) < cookie.lifetime <= MAX_LIFETIME:
        raise BadDeclaration(f"cookie {cookie.name!r}: lifetime must be above 0 and at most 400 days")
    owner[cookie.name] = purpose

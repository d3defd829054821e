"""Cookies that only the host that set them can set: read byte by byte, written one way.

Rules of this file: every cookie is ``__Host-Http-``, Secure, HttpOnly, Path=/ and without Domain,
and nothing turns that off; a name is compared byte by byte, never decoded, folded or trimmed; two
cookies of one name are none, for one of them was planted; what cannot be read is None.

Numbers and reasons: RFC 6265bis sections 4.1.3, 5.5 to 5.7 and 6.1; ``__Host-Http-`` is from
draft-ietf-httpbis-layered-cookies, and to a browser that does not know it, it is a ``__Host-`` cookie;
OWASP ASVS 5 3.3.1 to 3.3.5; NIST SP 800-63B-4 section 5.1.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from secureacct.errors import ConfigurationError

PREFIX = "__Host-Http-"
MAX_PAIR_BYTES = 4096  # octets of name and value together; a longer cookie is ignored (RFC 6265bis 5.6)
MAX_AGE_CAP_S = 34_560_000  # seconds, 400 days; browsers shorten what is longer (RFC 6265bis 5.5)
MAX_NAME_CHARS = 64  # characters after the prefix; our own limit

ATTEMPT_S = 86_400  # seconds; as long as the link that confirms an address (NIST 800-63B-4 4.2.1.2)
PENDING_S = 600  # seconds between password and code (NIST 800-63B-4 3.1.3.2; ASVS 5 6.5.5)
LINK_S = 900  # seconds that a link's token waits in its cookie; our own limit
DEVICE_S = 15_552_000  # seconds, 180 days that a browser counts as known; our own limit

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+\Z")  # cookie-octet, RFC 6265bis 4.1.1


class CookieError(ConfigurationError):
    """A cookie that a browser would drop, shorten or read differently was about to be sent."""

    code = "cookie"


def read_cookie(header: str | bytes | None, name: str) -> str | None:
    """The value of the one cookie called ``name`` in a Cookie header; pure.

    :param header: the header's value: text as WSGI gives it, or bytes as ASGI does. Several Cookie
        headers (HTTP/2 may split them) are joined with ``"; "`` by the caller.
    :param name: the full name, prefix included.
    :returns: None if the cookie is absent, there twice, empty, longer than 4096 octets with its
        name, or holds anything but cookie-octets. Never raises.
    """
    if not header:
        return None
    text = header if isinstance(header, str) else header.decode("latin-1")
    needle = name + "="
    at = text.find(needle)
    found: str | None = None
    while at >= 0:
        after = at + len(needle)
        if at == 0 or _starts_pair(text, at):
            if found is not None:
                return None
            end = text.find(";", after)
            found = text[after:] if end < 0 else text[after:end]
        at = text.find(needle, after)
    if found is None or len(found) + len(name) > MAX_PAIR_BYTES or not _VALUE.match(found):
        return None
    return found


def _starts_pair(text: str, at: int) -> bool:
    """Whether a pair begins at ``at``. Only space and tab may stand before it: Python's own idea of
    white space would let another name pass for ours."""
    if text[at - 2 : at] == "; ":
        return True
    while at and text[at - 1] in " \t":
        at -= 1
    return at == 0 or text[at - 1] == ";"


class SecureCookie:
    """One cookie: how it is set, read and cleared.

    :param name: letters, digits, ``-`` and ``_``, up to 64 of them; the prefix is put in front.
    :param max_age: seconds the cookie lives unless :meth:`set` says otherwise; None: it goes when the
        browser is closed.
    :param same_site: ``Lax`` lets people arrive signed in from another site's link; ``Strict`` does not.
    :raises CookieError: the name or the lifetime is one that a browser would not take.
    """

    __slots__ = ("_attributes", "_max_age", "name")

    def __init__(
        self,
        name: str,
        *,
        max_age: timedelta | int | None = None,
        same_site: Literal["Lax", "Strict"] = "Lax",
    ) -> None:
        if len(name) > MAX_NAME_CHARS or not _NAME.match(name):
            raise CookieError(
                "a cookie's name is 1 to 64 letters, digits, '-' and '_', and begins with a letter or digit"
            )
        if same_site not in ("Lax", "Strict"):
            raise CookieError("same_site is 'Lax' or 'Strict'")
        self.name: Final = PREFIX + name
        self._max_age = _seconds(max_age)
        self._attributes = f"; Path=/; Secure; HttpOnly; SameSite={same_site}"

    def set(self, value: str, *, max_age: timedelta | int | None = None) -> str:
        """The value of one Set-Cookie header.

        :param value: cookie-octets (ASCII without space, quote, comma, semicolon, backslash).
        :param max_age: seconds, up to 400 days: the person asked to be remembered. None: what the
            cookie was made with.
        :raises CookieError: a browser would drop or shorten this.
        """
        text: object = value
        if not isinstance(text, str) or not _VALUE.match(text):
            raise CookieError(f"the value for {self.name} is empty or holds what no cookie may hold")
        if len(value) + len(self.name) > MAX_PAIR_BYTES:
            raise CookieError(f"{self.name} is longer than the 4096 bytes that a browser keeps")
        seconds = self._max_age if max_age is None else _seconds(max_age)
        lifetime = "" if seconds is None else f"; Max-Age={seconds}"
        return f"{self.name}={value}{self._attributes}{lifetime}"

    def read(self, header: str | bytes | None) -> str | None:
        """The value in a Cookie header, or None; see :func:`read_cookie`."""
        return read_cookie(header, self.name)

    def clear(self) -> str:
        """The Set-Cookie header that removes the cookie. It has the same attributes, for browsers
        refuse to touch a ``__Host-`` cookie without them."""
        return f"{self.name}={self._attributes}; Max-Age=0"

    def __repr__(self) -> str:
        return f"<SecureCookie {self.name}>"


def _seconds(max_age: timedelta | int | None) -> int | None:
    if max_age is None:
        return None
    seconds = int(max_age.total_seconds()) if isinstance(max_age, timedelta) else max_age
    if not 0 < seconds <= MAX_AGE_CAP_S:
        raise CookieError("a cookie lives from 1 second to 400 days; browsers shorten what is longer")
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCookies:
    """Every cookie of an account, and nothing that signing in does not need."""

    session: SecureCookie  # who is signed in; goes with the window unless the person asked otherwise
    presession: SecureCookie  # 32 random bytes that bind forms before sign-in
    attempt: SecureCookie  # this browser made that sign-up
    pending: SecureCookie  # the password was right, the code is still to come
    link: SecureCookie  # the token of a link, taken out of the address bar
    device: SecureCookie  # this browser has been signed in before


def account_cookies(session: str = "session") -> AccountCookies:
    """The cookies of an account.

    :param session: the session cookie's own name; two apps on one host need two, for cookies ignore
        ports.
    :raises CookieError: no browser would take the name, or another cookie of the account has it.
    """
    names = {
        "presession": None,
        "attempt": ATTEMPT_S,
        "pending": PENDING_S,
        "link": LINK_S,
        "device": DEVICE_S,
    }
    if session in names:
        raise CookieError(f"another cookie of the account is already called {session!r}")
    others = {name: SecureCookie(name, max_age=seconds) for name, seconds in names.items()}
    return AccountCookies(session=SecureCookie(session), **others)

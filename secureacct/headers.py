"""Security headers, worked out once and sent as they are.

Rules of this file: a set of headers is made when the program starts and is the same bytes for every
response; nothing that came from a request gets in; no value holds a line break; inline script and style are
never allowed; HSTS is for https only, and never for localhost, which other programs share.

OWASP ASVS 5 3.4.1 to 3.4.8 and 14.3.2; RFC 6797 section 7.2; W3C CSP Level 3, Clear Site Data, Permissions
Policy, Referrer Policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from secureacct._urls import BaseUrl
from secureacct.errors import ConfigurationError

HSTS_MAX_AGE_S = 63_072_000  # seconds, two years; ASVS 5 3.4.1 asks for one, OWASP HSTS Cheat Sheet for two
CLEAR_STORAGE = '"storage"'  # sign-out: everything pages of this origin kept, service workers too
CLEAR_STORAGE_AND_CACHE = '"cache", "storage"'  # opt-in: emptying the cache stalls Chromium for seconds
NO_STORE = "no-store"  # ASVS 5 14.3.2; also keeps the back button from showing a page after sign-out

CSP: Final[Mapping[str, str]] = {
    "default-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "object-src": "'none'",
}
PERMISSIONS: Final[Mapping[str, str]] = {
    "camera": "()",
    "display-capture": "()",
    "geolocation": "()",
    "microphone": "()",
    "payment": "()",
    "usb": "()",
    "publickey-credentials-create": "(self)",
    "publickey-credentials-get": "(self)",
}

PICTURES: Final = frozenset({"img-src", "font-src", "media-src"})  # may name a whole scheme, such as data:

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_VALUE = re.compile(r"[\x20-\x7e]+\Z")
_DIRECTIVE = re.compile(r"[a-z-]+\Z")
_SOURCES = re.compile(r"[!-+\--:<-~ ]*\Z")  # printable ASCII without comma and semicolon


@dataclass(frozen=True, slots=True)
class HeaderSet:
    """Headers of one kind of response, in both forms that servers take."""

    text: tuple[tuple[str, str], ...]  # WSGI
    raw: tuple[tuple[bytes, bytes], ...]  # ASGI: lower-case names

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> HeaderSet:
        """Encode pairs of name and value.

        :raises ConfigurationError: a name or value that could break out of its line, or a name twice.
        """
        text = tuple(pairs)
        for name, value in text:
            if not _NAME.match(name) or not _VALUE.match(value):
                raise ConfigurationError(f"the header {name!r} holds what no header may hold")
        raw = tuple((name.lower().encode("ascii"), value.encode("ascii")) for name, value in text)
        if len({name for name, _ in raw}) != len(raw):
            raise ConfigurationError("a security header is there twice")
        return cls(text, raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityHeaders:
    """The sets of one application. Made by :func:`security_headers`."""

    page: HeaderSet  # the app's own public pages
    account: HeaderSet  # pages of an account, and every page of somebody signed in: never stored
    link: HeaderSet  # the answer to a URL with a token in it: tells nobody where it came from
    signed_out: HeaderSet  # the answer to a sign-out: what pages kept in the browser goes too


def content_security_policy(more: Mapping[str, str] | None = None) -> str:
    """Our policy, with directives added or replaced; pure.

    :param more: directive to sources, such as ``{"img-src": "'self' https://cdn.example"}``.
    :raises ConfigurationError: it would allow inline or evaluated script, or framing, or is malformed.
    """
    directives = dict(CSP) | dict(more or {})
    for name, sources in directives.items():
        if not _DIRECTIVE.match(name) or not _SOURCES.match(sources):
            raise ConfigurationError(f"{name!r} is no directive, or its sources hold a comma or semicolon")
        words = sources.lower().split()
        whole_scheme = name not in PICTURES and any(word.endswith(":") for word in words)
        if whole_scheme or "*" in words or any(word.startswith("'unsafe-") for word in words):
            raise ConfigurationError(f"{name} would let in what the policy is there to keep out")
    if directives["frame-ancestors"] != CSP["frame-ancestors"] or directives["base-uri"] != CSP["base-uri"]:
        raise ConfigurationError("frame-ancestors and base-uri stay 'none'")
    return "; ".join(f"{name} {sources}".rstrip() for name, sources in directives.items())


def security_headers(
    base_url: str | BaseUrl,
    *,
    csp: Mapping[str, str] | None = None,
    hsts_max_age_s: int = HSTS_MAX_AGE_S,
    hsts_subdomains: bool = True,
    clear_cache: bool = False,
) -> SecurityHeaders:
    """The headers of an application.

    :param base_url: where it lives; https brings HSTS.
    :param csp: directives to add to the policy or to replace in it.
    :param hsts_max_age_s: seconds; begin with 86400 where subdomains may still be on http.
    :param hsts_subdomains: whether HSTS counts for subdomains too.
    :param clear_cache: whether signing out also empties the browser's cache for this origin.
    :raises ConfigurationError: an unusable base URL, policy or age.
    """
    base = BaseUrl.of(base_url)
    if hsts_max_age_s < 0:
        raise ConfigurationError("hsts_max_age_s is a number of seconds, 0 or more")
    common = [
        ("Content-Security-Policy", content_security_policy(csp)),
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", ", ".join(f"{name}={value}" for name, value in PERMISSIONS.items())),
    ]
    if base.scheme == "https" and not base.is_local:
        subdomains = "; includeSubDomains" if hsts_subdomains else ""
        common.append(("Strict-Transport-Security", f"max-age={hsts_max_age_s}{subdomains}"))
    # no-referrer on a page makes browsers send "Origin: null" with its forms, which the origin rule refuses;
    # same-origin tells other sites just as little.
    inside, silent = ("Referrer-Policy", "same-origin"), ("Referrer-Policy", "no-referrer")
    no_store = ("Cache-Control", NO_STORE)
    clear = ("Clear-Site-Data", CLEAR_STORAGE_AND_CACHE if clear_cache else CLEAR_STORAGE)
    return SecurityHeaders(
        page=HeaderSet.of([*common, inside]),
        account=HeaderSet.of([*common, inside, no_store]),
        link=HeaderSet.of([*common, silent, no_store]),
        signed_out=HeaderSet.of([*common, inside, no_store, clear]),
    )

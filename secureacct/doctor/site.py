"""A running site, looked at from outside over the network: what anybody can confirm (commitment C03).

Rules of this file: GET and HEAD only, a handful of requests, one host, redirects are looked at and never
followed; what did not answer is "unknown".
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from secureacct._urls import BaseUrl
from secureacct.commitments.contact import PATH, problems, read_security_txt
from secureacct.commitments.errors import BadPromise
from secureacct.doctor.findings import Finding, Level

TIMEOUT_S = 10.0  # seconds for one answer; ours
MOST_BODY = 16_384  # bytes of an answer that are read; ours
YEAR_S = 31_536_000  # seconds; ASVS 5 3.4.1
MUST_NOT_EXIST = "resource-that-should-not-exist-whose-status-code-should-not-be-200"


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...]
    body: bytes = b""  # the beginning of it


def examine(url: str, *, prefix: str = "/account", ca_file: str | None = None) -> list[Finding]:
    """Every finding about a site.

    :param url: its base URL.
    :param ca_file: a certificate authority to trust beside the system's, for a local one.
    :raises ConfigurationError: not a base URL.
    """
    base = BaseUrl.of(url)
    found = list(_account_page(base, prefix, ca_file))
    found.extend(_well_known(base, ca_file))
    if base.scheme == "https":
        found.extend(_plain_http(base, prefix))
    return found


def _ask(base: BaseUrl, path: str, ca_file: str | None, *, plain: bool = False) -> Seen | None:
    host = base.host.strip("[]")
    try:
        if plain or base.scheme == "http":
            port = 80 if plain and base.scheme == "https" else base.port
            connection: http.client.HTTPConnection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        else:
            context = ssl.create_default_context()
            if ca_file:
                context.load_verify_locations(ca_file)
            connection = http.client.HTTPSConnection(host, base.port, timeout=TIMEOUT_S, context=context)
        headers = {"Accept": "text/html", "User-Agent": "secureacct-doctor"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        seen = Seen(
            answer.status,
            {name.lower(): value for name, value in answer.getheaders()},
            tuple(answer.headers.get_all("Set-Cookie") or ()),
            answer.read(MOST_BODY),
        )
        connection.close()
    except (OSError, http.client.HTTPException, ssl.SSLError):
        return None
    return seen


def _account_page(base: BaseUrl, prefix: str, ca_file: str | None) -> Iterator[Finding]:
    seen = _ask(base, f"{prefix}/sign-in", ca_file)
    if seen is None:
        yield Finding("reachable", "bad", f"{base.origin} did not answer, or its certificate is not trusted")
        return
    yield Finding(
        "reachable", "ok" if seen.status == 200 else "bad", f"the sign-in page answers {seen.status}"
    )
    if base.scheme == "https" and not base.is_local:
        yield _hsts(seen.headers.get("strict-transport-security", ""))
    for header, wanted, rule in (
        ("content-security-policy", "frame-ancestors 'none'", "ASVS 3.4.6"),
        ("x-content-type-options", "nosniff", "ASVS 3.4.4"),
        ("cache-control", "no-store", "ASVS 14.3.2"),
    ):
        value = seen.headers.get(header, "")
        there = wanted in value and "unsafe-" not in value
        yield Finding(
            header, "ok" if there else "bad", f"{header}: {value or 'missing'}", "" if there else wanted, rule
        )
    for cookie in seen.cookies:
        name = cookie.partition("=")[0]
        strict = name.startswith("__Host-") and "Secure" in cookie and "HttpOnly" in cookie
        yield Finding("cookie", "ok" if strict else "bad", f"cookie {name}", source="ASVS 3.3.1, 3.3.3")


def _hsts(value: str) -> Finding:
    ages = [
        part.partition("=")[2] for part in value.replace(" ", "").split(";") if part.startswith("max-age=")
    ]
    long_enough = bool(ages) and ages[0].isdigit() and int(ages[0]) >= YEAR_S
    return Finding(
        "hsts",
        "ok" if long_enough else "bad",
        f"Strict-Transport-Security: {value or 'missing'}",
        "" if long_enough else "at least a year, on every answer over https",
        "ASVS 3.4.1",
    )


def _well_known(base: BaseUrl, ca_file: str | None) -> Iterator[Finding]:
    seen = _ask(base, "/.well-known/change-password", ca_file)
    led = seen is not None and seen.status in (302, 303, 307)
    yield Finding("change_password", "ok" if led else "warn", "/.well-known/change-password leads on")
    seen = _ask(base, f"/.well-known/{MUST_NOT_EXIST}", ca_file)
    honest = seen is not None and not 200 <= seen.status < 300
    yield Finding(
        "honest_404", "ok" if honest else "bad", "an unknown well-known address is not answered with success"
    )
    yield _security_txt(_ask(base, PATH, ca_file))


def _security_txt(seen: Seen | None) -> Finding:
    source, mend = "RFC 9116", "set SECUREACCT_CONTACT, and SECUREACCT_CONTACT_UNTIL to a day within a year"
    if seen is None or seen.status != 200:
        return Finding("security_txt", "warn", f"{PATH} is not there", mend, source)
    try:
        served = read_security_txt(seen.body.decode("utf-8", "replace"))
    except BadPromise as error:
        return Finding("security_txt", "bad", str(error), mend, source)
    now = datetime.now(UTC)
    if wrong := problems(served, now=now):
        level: Level = "bad" if served.expires <= now else "warn"
        return Finding("security_txt", level, f"{PATH}: {wrong[0]}", mend, source)
    said = f"{PATH} names {served.contact[0]}, until {served.expires:%Y-%m-%d}"
    return Finding("security_txt", "ok", said, source=source)


def _plain_http(base: BaseUrl, prefix: str) -> Iterator[Finding]:
    seen = _ask(base, f"{prefix}/sign-in", None, plain=True)
    if seen is None:
        yield Finding("plain_http", "ok", "nothing answers on plain http")
        return
    where = urlsplit(seen.headers.get("location", ""))
    led = 300 <= seen.status < 400 and where.scheme == "https" and where.hostname == base.host
    yield Finding(
        "plain_http",
        "ok" if led else "bad",
        f"plain http answers {seen.status}" + (" and leads to https" if led else ""),
        "" if led else "lead pages to https and refuse everything else",
        "ASVS 4.1.2",
    )
    if seen.cookies:
        yield Finding(
            "plain_cookie", "bad", "a cookie was set over plain http", "never set one there", "ASVS 3.3.1"
        )

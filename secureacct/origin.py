"""Where a request comes from, and over what: the rules before any POST is looked at.

Rules of this file: pure functions over header values; a header that is there and wrong refuses, and one
that is not there decides nothing (the CSRF token does); values are compared byte by byte, as browsers
send them; ``null`` is a wrong origin.

Fetch Metadata and Origin: W3C Fetch Metadata section 2.4, RFC 6454 section 7, OWASP CSRF Prevention Cheat
Sheet, ASVS 5 3.5.1. Only safe transport carries credentials: ASVS 5 4.1.2 and 12.2.1.

A page with ``Referrer-Policy: no-referrer`` makes browsers send ``Origin: null`` with its own forms (Fetch
standard, "append a request Origin header"): pages that have a form use ``same-origin`` instead.
"""

from __future__ import annotations

import ipaddress

from secureacct._urls import BaseUrl
from secureacct.errors import Rejected

OWN_FETCH_SITES = frozenset({"same-origin", "none"})  # none: typed, or from a bookmark


class CrossSite(Rejected):
    """The request was started by a page of another origin."""

    code = "cross_site"
    public_message = "This request came from another site."


class PlainHttp(Rejected):
    """Credentials came over a connection that others can read."""

    code = "plain_http"
    public_message = "This needs a secure (https) connection."


def refuse_cross_site(*, sec_fetch_site: str | None, origin: str | None, base_url: str | BaseUrl) -> None:
    """Return unless a header says that the request came from elsewhere; pure.

    For requests that may change something, in this order: ``Sec-Fetch-Site``, then ``Origin``.

    :param sec_fetch_site: the header's value; None if it is absent.
    :param origin: the header's value; None if it is absent. Two of one header are joined with a comma,
        which is no value of ours.
    :param base_url: where the application lives.
    :raises CrossSite: a header is there and is not ours.
    :raises ConfigurationError: an unusable base URL.
    """
    if sec_fetch_site is not None and sec_fetch_site not in OWN_FETCH_SITES:
        raise CrossSite("Sec-Fetch-Site is neither same-origin nor none")
    if origin is not None and origin != BaseUrl.of(base_url).origin:
        raise CrossSite("Origin is not ours")


def is_cross_site(*, sec_fetch_site: str | None, origin: str | None, base_url: str | BaseUrl) -> bool:
    """The same rule as a question; pure. For those who only want to know."""
    try:
        refuse_cross_site(sec_fetch_site=sec_fetch_site, origin=origin, base_url=base_url)
    except CrossSite:
        return True
    return False


def is_loopback(peer: str | None) -> bool:
    """Whether the address of the connection is this machine's own; pure.

    :param peer: an IP address as the server saw it; None (a unix socket, say) is not loopback.
    """
    try:
        address = ipaddress.ip_address((peer or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def carries_credentials(*, scheme: str, peer: str | None, base_url: str | BaseUrl) -> bool:
    """Whether cookies and passwords of this request may be believed; pure.

    Over https always. Over http only while trying out: the base URL is ``http://localhost`` and the
    connection comes from this machine.

    :param scheme: of the request, as far as it is known: a forwarded one only from a trusted proxy.
    :param peer: the address of the connection, never a forwarded one.
    """
    if scheme == "https":
        return True
    base = BaseUrl.of(base_url)
    return scheme == "http" and base.scheme == "http" and base.is_local and is_loopback(peer)


def refuse_plain_http(*, scheme: str, peer: str | None, base_url: str | BaseUrl) -> None:
    """Return if :func:`carries_credentials`; pure.

    :raises PlainHttp: it does not.
    """
    if not carries_credentials(scheme=scheme, peer=peer, base_url=base_url):
        raise PlainHttp("credentials over plain http")

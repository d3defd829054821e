"""The chain of hops in a forwarding header, left to right, as our proxies wrote it. Pure rules."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from secureacct.client_address.networks import V4_PORT, IPAddress, parse_address
from secureacct.client_address.proxies import MOST_HOPS, Header


@dataclass(frozen=True, slots=True)
class Hop:
    """One entry of the header."""

    address: IPAddress | None  # None: hidden, "unknown" or unreadable
    proto: str | None


def hops_of(headers: Mapping[str, Sequence[str]], header: Header) -> list[Hop] | None:
    """The chain as our proxies wrote it, left to right; None: it cannot be read as a whole."""
    lines = headers.get(header, ())
    if header == "forwarded":
        elements = _forwarded(",".join(lines)) if lines else []
        if elements is None or len(elements) > MOST_HOPS:
            return None
        return [Hop(_node(one.get("for", "")), _proto(one.get("proto"))) for one in elements]
    entries = [entry.strip() for line in lines for entry in line.split(",")] if lines else []
    if header == "x-real-ip" and len(entries) > 1:
        return None
    protos = [
        entry.strip().lower() for line in headers.get("x-forwarded-proto", ()) for entry in line.split(",")
    ]
    entries = entries[-MOST_HOPS:]
    return [
        Hop(parse_address(entry, port=True), _proto_at(protos, place, len(entries)))
        for place, entry in enumerate(entries)
    ]


def _proto_at(protos: Sequence[str], place: int, hops: int) -> str | None:
    if not protos:
        return None
    if len(protos) == hops:
        return protos[place]
    # A list that does not line up with the hops proves TLS only if every entry says so.
    return "https" if set(protos) == {"https"} else "http"


def _proto(value: str | None) -> str | None:
    return None if value is None else value.lower()


_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = r'"(?:[\t !#-\[\]-~]|\\[\t -~])*"'
_PAIR = re.compile(rf"({_TOKEN})=({_TOKEN}|{_QUOTED})")
_OWS = re.compile(r"[ \t]*")


def _forwarded(value: str) -> list[dict[str, str]] | None:
    """RFC 7239 section 4, strictly: one malformed element spoils the whole field."""
    elements: list[dict[str, str]] = []
    place = 0
    element: dict[str, str] = {}
    while True:
        place = _OWS.match(value, place).end()  # type: ignore[union-attr]
        pair = _PAIR.match(value, place)
        if pair is None:
            return None
        name = pair[1].lower()
        if name in element:
            return None
        element[name] = _unquoted(pair[2])
        place = _OWS.match(value, pair.end()).end()  # type: ignore[union-attr]
        if place == len(value):
            return [*elements, element]
        if value[place] == ",":
            elements.append(element)
            element = {}
        elif value[place] != ";":
            return None
        place += 1


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _node(value: str) -> IPAddress | None:
    """A node identifier (RFC 7239 section 6): IPv6 stands in brackets; "unknown" and "_x" hide."""
    if ":" in value and not value.startswith("[") and not V4_PORT.match(value):
        return None
    return parse_address(value, port=True)

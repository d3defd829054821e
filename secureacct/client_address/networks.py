"""Addresses and the groups they belong to. Pure rules.

Rule 1: one address has one spelling: IPv4-mapped IPv6 is IPv4, a zone is no part of it.
Rule 2: text that is no address is its own group, so that nothing escapes being counted.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

V6_WIDTHS = (64, 56, 48)  # bits: one network, one customer, one site (RFC 6177)


def parse_address(text: str, *, port: bool = False) -> IPAddress | None:
    """An address without zone, IPv4-mapped IPv6 folded to IPv4; None if it is anything else.

    :param port: whether ``192.0.2.7:4711`` and ``[2001:db8::1]:4711`` are read too.
    """
    text = text.strip(" \t")
    if port:
        text = _without_port(text)
    if len(text) > 45 or "%" in text:  # 45 characters: the longest spelling of an IPv6 address
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?\Z")
V4_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}\Z")


def _without_port(text: str) -> str:
    if match := _BRACKETED.match(text):
        return match[1]
    if match := V4_PORT.match(text):
        return match[1]
    return text


def group(address: str) -> str:
    """The network that counts as one client: IPv4 /32, IPv6 /64."""
    return widening(address)[0]


@lru_cache(maxsize=4096)
def widening(network: str) -> tuple[str, ...]:
    """The groups an address (or group) belongs to, narrow to wide: ``x/32``, or /64, /56, /48.

    Text that is no address is its own group, so that nothing escapes being counted.
    """
    text, _, width = network.partition("/")
    address = parse_address(text)
    if address is None:
        return (network,)
    if isinstance(address, ipaddress.IPv4Address):
        return (f"{address}/32",)
    given = int(width) if width.isascii() and width.isdigit() and int(width) <= 128 else 128
    number = int(address)
    return tuple(
        f"{ipaddress.IPv6Address(number >> (128 - bits) << (128 - bits))}/{bits}"
        for bits in V6_WIDTHS
        if bits <= given
    ) or (network,)


def coarse(address: str) -> str:
    """What a log may keep of an address: IPv4 /24, IPv6 /48, as text (data minimisation)."""
    parsed = parse_address(address)
    if parsed is None:
        return "unknown"
    bits = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((parsed, bits), strict=False))


@dataclass(slots=True)
class SharedAddressWatch:
    """Notices that most clients seem to share one address, the sign of a proxy nobody named.

    Bounded: it looks at ``sample`` different clients at a time. One lock is not needed: losing a
    count between threads only delays the alarm.
    """

    sample: int = 50  # different clients; fewer prove nothing
    share: float = 0.9  # of them at one address
    _where: dict[str, str | None] | None = None

    def seen(self, *, client_id: str, address: str | None) -> str | None:
        """Note one client (a session's or pre-session's public name) at an address.

        Returns the shared address once per full sample in which the share was reached, else None.
        """
        where = self._where
        if where is None:
            where = self._where = {}
        where[client_id] = address
        if len(where) < self.sample:
            return None
        self._where = None
        counts: dict[str | None, int] = {}
        for one in list(where.values()):
            counts[one] = counts.get(one, 0) + 1
        top, number = max(counts.items(), key=lambda item: item[1])
        return (top or "unknown") if number >= self.share * len(where) else None

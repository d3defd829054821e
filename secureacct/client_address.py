"""Who is asking: the client's address and scheme from a peer and its headers. Pure rules.

Rule 1: a header is believed only if the peer that sent it is a trusted proxy, and only the one
        header that was named.
Rule 2: hops are read from the right, where our own proxies write; the first one that is not ours is
        the client. What stands to its left is the client's own invention.
Rule 3: what cannot be parsed is not guessed at: the last address we can vouch for stays.
Rule 4: whether the client came over TLS is decided by the same hop as its address.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self

from secureacct.errors import ConfigurationError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Header = Literal["x-forwarded-for", "forwarded", "x-real-ip"]
Alarm = Literal["untrusted_peer", "malformed", "too_few_hops", "no_address"]

V6_WIDTHS = (64, 56, 48)  # bits: one network, one customer, one site (RFC 6177)
MOST_HOPS = 32  # entries of one header that are looked at; a longer chain is nobody's
FORWARDING_HEADERS = ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-proto")

EXPLANATIONS: Mapping[str, str] = {
    "untrusted_peer": "A peer that is no trusted proxy sends forwarding headers. If it is your proxy, name "
    "its network in TRUSTED_PROXIES: until then all its clients count as one. If not, somebody tries to "
    "choose their own address, in vain.",
    "malformed": "The last entry that a trusted proxy wrote is no address. Perhaps it writes another header "
    "than the one that is read (header= in TRUSTED_PROXIES), or hides its clients.",
    "too_few_hops": "A request passed fewer proxies than TRUSTED_PROXIES counts: the app can be reached past "
    "them. Close that way, or name the proxies' networks instead of their number.",
    "no_address": "The server gave a peer that is no address, so its clients share one budget.",
    "shared_address": "Nearly all clients seem to have one address. That is a proxy TRUSTED_PROXIES does not "
    "name, and while it stays unnamed one attacker slows everybody.",
}
"""What each alarm means and what to do, for logs and ``secureacct doctor``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedProxies:
    """Which peers may speak for a client, and in which header.

    By ``networks`` (preferred: every hop is checked) or by ``count`` (the number of proxies in front,
    for places whose proxies have no fixed addresses; the app must then be reachable through them
    only). ``unix`` trusts a peer without an address, a local socket.
    """

    networks: tuple[IPNetwork, ...] = ()
    count: int = 0
    header: Header = "x-forwarded-for"
    unix: bool = False

    def __post_init__(self) -> None:
        if self.count < 0 or self.count > MOST_HOPS:
            raise ConfigurationError(f"the number of trusted proxies is 0 to {MOST_HOPS}")
        if self.count and self.networks:
            raise ConfigurationError("trust proxies by their networks or by their number, not by both")
        if any(network.prefixlen == 0 for network in self.networks):
            raise ConfigurationError(
                "trusting every address as a proxy lets any client choose its own address"
            )
        if self.header == "x-real-ip" and self.count > 1:
            raise ConfigurationError("X-Real-IP names one hop; it cannot be counted through several proxies")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a setting: ``10.0.0.0/8, 127.0.0.1, unix`` or ``2``, then perhaps ``; header=forwarded``.

        An empty text trusts nobody.

        :raises ConfigurationError: anything else.
        """
        listed, _, option = text.partition(";")
        header = _header_option(option.strip())
        words = listed.replace(",", " ").split()
        if len(words) == 1 and words[0].isascii() and words[0].isdigit():
            return cls(count=int(words[0]), header=header)
        unix = "unix" in words
        try:
            networks = tuple(ipaddress.ip_network(word) for word in words if word != "unix")
        except ValueError:
            raise ConfigurationError(
                "trusted proxies are networks such as 10.0.0.0/8 (no host bits), 'unix', or one number"
            ) from None
        return cls(networks=networks, header=header, unix=unix)

    @property
    def nobody(self) -> bool:
        """Whether no proxy is trusted at all."""
        return not (self.networks or self.count or self.unix)

    def trusts(self, address: IPAddress) -> bool:
        """Whether this address is one of the proxies (by network)."""
        return any(address.version == network.version and address in network for network in self.networks)


def _header_option(option: str) -> Header:
    if not option:
        return "x-forwarded-for"
    name, _, value = option.partition("=")
    value = value.strip().lower()
    if name.strip().lower() == "header":
        if value == "x-forwarded-for":
            return "x-forwarded-for"
        if value == "forwarded":
            return "forwarded"
        if value == "x-real-ip":
            return "x-real-ip"
    raise ConfigurationError("after ';' only header=x-forwarded-for, header=forwarded or header=x-real-ip")


NOBODY = TrustedProxies()


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What is believed about the asker. ``alarm`` is for the operator and changes nothing."""

    address: str | None  # canonical text, IPv4-mapped forms folded; None: a peer without one
    https: bool
    forwarded: bool = False  # whether a header decided
    alarm: Alarm | None = None


@dataclass(frozen=True, slots=True)
class _Hop:
    address: IPAddress | None  # None: hidden, "unknown" or unreadable
    proto: str | None


def client(
    *, peer: str | None, https: bool, headers: Mapping[str, Sequence[str]], proxies: TrustedProxies = NOBODY
) -> Client:
    """Decide who is asking.

    :param peer: the address of the socket's other end; None or "" for a local socket.
    :param https: whether that socket itself is TLS.
    :param headers: lower-case names to every value that arrived under that name, in order. A server
        that folds ``X_Forwarded_For`` into the same name must drop it first.
    """
    near = parse_address(peer or "")
    plain = Client(address=str(near) if near else None, https=https)
    if near is None and peer:
        return _alarmed(plain, "no_address")
    if not _peer_is_proxy(near, proxies):
        spoken = not (proxies.nobody and near is not None and near.is_loopback) and any(
            headers.get(name) for name in FORWARDING_HEADERS
        )
        return _alarmed(plain, "untrusted_peer") if spoken else plain
    hops = _hops(headers, proxies.header)
    if hops is None:
        return _alarmed(plain, "malformed")
    if not hops:
        return _alarmed(plain, "too_few_hops") if proxies.count else plain
    return _by_count(plain, hops, proxies) if proxies.count else _by_network(plain, hops, proxies)


def _alarmed(found: Client, alarm: Alarm) -> Client:
    return Client(address=found.address, https=found.https, forwarded=found.forwarded, alarm=alarm)


def _peer_is_proxy(near: IPAddress | None, proxies: TrustedProxies) -> bool:
    if near is None:
        return proxies.unix
    return bool(proxies.count) or proxies.trusts(near)


def _by_count(plain: Client, hops: Sequence[_Hop], proxies: TrustedProxies) -> Client:
    if len(hops) < proxies.count:
        return _alarmed(plain, "too_few_hops")
    return _at(plain, hops, len(hops) - proxies.count)


def _by_network(plain: Client, hops: Sequence[_Hop], proxies: TrustedProxies) -> Client:
    place = len(hops) - 1
    while place > 0:
        address = hops[place].address
        if address is None or not proxies.trusts(address):
            break
        place -= 1
    return _at(plain, hops, place)


def _at(plain: Client, hops: Sequence[_Hop], place: int) -> Client:
    hop = hops[place]
    # No proto in our header means the proxy said nothing: only the socket itself can vouch for TLS.
    https = hop.proto == "https" if hop.proto is not None else plain.https
    if hop.address is not None:
        return Client(address=str(hop.address), https=https, forwarded=True)
    inner = next((one.address for one in hops[place + 1 :] if one.address is not None), None)
    return Client(
        address=str(inner) if inner is not None else plain.address,
        https=https,
        forwarded=True,
        alarm="malformed",
    )


def _hops(headers: Mapping[str, Sequence[str]], header: Header) -> list[_Hop] | None:
    """The chain as our proxies wrote it, left to right; None: it cannot be read as a whole."""
    lines = headers.get(header, ())
    if header == "forwarded":
        elements = _forwarded(",".join(lines)) if lines else []
        if elements is None or len(elements) > MOST_HOPS:
            return None
        return [_Hop(_node(one.get("for", "")), _proto(one.get("proto"))) for one in elements]
    entries = [entry.strip() for line in lines for entry in line.split(",")] if lines else []
    if header == "x-real-ip" and len(entries) > 1:
        return None
    protos = [
        entry.strip().lower() for line in headers.get("x-forwarded-proto", ()) for entry in line.split(",")
    ]
    entries = entries[-MOST_HOPS:]
    return [
        _Hop(parse_address(entry, port=True), _proto_at(protos, place, len(entries)))
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
_V4_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}\Z")


def _without_port(text: str) -> str:
    if match := _BRACKETED.match(text):
        return match[1]
    if match := _V4_PORT.match(text):
        return match[1]
    return text


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
    if ":" in value and not value.startswith("[") and not _V4_PORT.match(value):
        return None
    return parse_address(value, port=True)


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

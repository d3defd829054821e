"""The decision: address and scheme of a client, from its peer, the headers and who is trusted. Pure rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from secureacct.client_address.chain import Hop, hops_of
from secureacct.client_address.networks import IPAddress, parse_address
from secureacct.client_address.proxies import NOBODY, TrustedProxies

Alarm = Literal["untrusted_peer", "malformed", "too_few_hops", "no_address"]

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
class Client:
    """What is believed about the asker. ``alarm`` is for the operator and changes nothing."""

    address: str | None  # canonical text, IPv4-mapped forms folded; None: a peer without one
    https: bool
    forwarded: bool = False  # whether a header decided
    alarm: Alarm | None = None


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
    hops = hops_of(headers, proxies.header)
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


def _by_count(plain: Client, hops: Sequence[Hop], proxies: TrustedProxies) -> Client:
    if len(hops) < proxies.count:
        return _alarmed(plain, "too_few_hops")
    return _at(plain, hops, len(hops) - proxies.count)


def _by_network(plain: Client, hops: Sequence[Hop], proxies: TrustedProxies) -> Client:
    place = len(hops) - 1
    while place > 0:
        address = hops[place].address
        if address is None or not proxies.trusts(address):
            break
        place -= 1
    return _at(plain, hops, place)


def _at(plain: Client, hops: Sequence[Hop], place: int) -> Client:
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

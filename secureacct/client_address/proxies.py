"""Which peers may speak for a client, and how the setting that names them is read. Pure rules."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal, Self

from secureacct.client_address.networks import IPAddress, IPNetwork
from secureacct.errors import ConfigurationError

Header = Literal["x-forwarded-for", "forwarded", "x-real-ip"]

MOST_HOPS = 32  # entries of one header that are looked at; a longer chain is nobody's


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

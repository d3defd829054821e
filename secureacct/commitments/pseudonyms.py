"""A name for a network that means nothing next month (C13).

Rules of this file: the address itself is never kept; within a period the same network has the same name,
so that attempts can be counted and trends seen; two periods have nothing in common, and without the
keyring nobody can try addresses until one fits.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from secureacct._bytes import b64url, lp_join
from secureacct.commitments.errors import BadPromise
from secureacct.keys import Keyring

V4_PREFIX = 24  # bits of an IPv4 network that belong to one subscriber's neighbourhood; ours
V6_PREFIX = 48  # bits of an IPv6 network: one site (RFC 6177)
NAME_BYTES = 9  # 72 bits: no two networks of a period share a name by chance


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Names for networks, under a key for each period."""

    keys: Keyring
    period: timedelta = timedelta(days=30)  # ours; a month of trends

    def of(self, address: str, *, now: int) -> str:
        """The name of an address's network in the period ``now`` (seconds since the epoch) lies in.

        :raises BadPromise: not an IP address.
        """
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            raise BadPromise("not an IP address") from None
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        bits = V4_PREFIX if parsed.version == 4 else V6_PREFIX
        network = ipaddress.ip_network((parsed, bits), strict=False)
        number = now // int(self.period.total_seconds())
        purpose = lp_join([b"network-pseudonym/v1", str(number).encode()])
        name = hmac.digest(self.keys.derive("audit", purpose), str(network).encode(), "sha256")
        return f"net-{b64url(name[:NAME_BYTES])}"

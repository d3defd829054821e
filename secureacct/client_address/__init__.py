"""Who is asking: the client's address and scheme from a peer and its headers. Pure rules.

Rule 1: a header is believed only if the peer that sent it is a trusted proxy, and only the one
        header that was named.
Rule 2: hops are read from the right, where our own proxies write; the first one that is not ours is
        the client. What stands to its left is the client's own invention.
Rule 3: what cannot be parsed is not guessed at: the last address we can vouch for stays.
Rule 4: whether the client came over TLS is decided by the same hop as its address.
"""

from secureacct.client_address.deciding import EXPLANATIONS, FORWARDING_HEADERS, Alarm, Client, client
from secureacct.client_address.networks import (
    V6_WIDTHS,
    IPAddress,
    IPNetwork,
    SharedAddressWatch,
    coarse,
    group,
    parse_address,
    widening,
)
from secureacct.client_address.proxies import MOST_HOPS, NOBODY, Header, TrustedProxies

__all__ = [
    "EXPLANATIONS",
    "FORWARDING_HEADERS",
    "MOST_HOPS",
    "NOBODY",
    "V6_WIDTHS",
    "Alarm",
    "Client",
    "Header",
    "IPAddress",
    "IPNetwork",
    "SharedAddressWatch",
    "TrustedProxies",
    "client",
    "coarse",
    "group",
    "parse_address",
    "widening",
]

"""What a person sees about a session's device: a name, and a coarse network.

Rules of this file: the name says browser and system, never a version or a model; the network is cut
(/24 of IPv4, /48 of IPv6) before it is kept; both are encrypted where there is a keyring, bound to the
session's public id. A user agent is whatever a client sends, so a name is shown and decides nothing.
"""

from __future__ import annotations

import ipaddress
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from secureacct.records.sessions import Session

if TYPE_CHECKING:
    from secureacct.fields import FieldCipher
    from secureacct.keys import Keyring

UNKNOWN = "Unknown device"
NAME_CHARACTERS = 80  # characters of a device's name; ours
AGENT_CHARACTERS = 512  # characters of a user agent that are looked at; ours
V4_PREFIX = 24  # bits kept of an IPv4 address
V6_PREFIX = 48  # bits kept of an IPv6 address

_CLEAR = b"\x00"
_SEALED = b"\x01"


@dataclass(frozen=True, slots=True)
class Device:
    """A device as its owner knows it: "Firefox on Linux", "192.0.2.0/24"."""

    name: str = UNKNOWN
    network: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSession:
    """A line of the devices page. ``id`` is public; times are seconds since the epoch."""

    id: str
    name: str
    network: str | None = field(default=None, repr=False)
    current: bool = False
    remember: bool = False
    created_at: int
    last_seen_at: int


_BROWSERS = (  # the first that is found; many name their ancestors too
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
    ("curl", "curl"),
    ("python-requests", "Python"),
    ("python-httpx", "Python"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def device_from(user_agent: str | None, address: str | None = None) -> Device:
    """A device from the User-Agent header and the client's address. Never raises."""
    return Device(name_of(user_agent), coarse_network(address))


def name_of(user_agent: str | None) -> str:
    """A name for people, "Firefox on Linux". Uses ua-parser (extra ``devices``) where it is installed."""
    if not user_agent:
        return UNKNOWN
    agent = user_agent[:AGENT_CHARACTERS]
    browser, system = _parsed(agent)
    browser = browser or _first(_BROWSERS, agent)
    system = system or _first(_SYSTEMS, agent)
    if browser and system:
        return f"{browser} on {system}"[:NAME_CHARACTERS]
    return (browser or system or UNKNOWN)[:NAME_CHARACTERS]


def _first(marks: Sequence[tuple[str, str]], agent: str) -> str | None:
    return next((name for mark, name in marks if mark in agent), None)


def _parsed(agent: str) -> tuple[str | None, str | None]:
    try:
        import ua_parser
    except ModuleNotFoundError:
        return None, None
    result = ua_parser.parse(agent)
    browser = _plain(result.user_agent.family if result.user_agent else None)
    system = _plain(result.os.family if result.os else None)
    return browser, {"Mac OS X": "macOS", "iOS": "iPhone" if "iPhone" in agent else "iPad"}.get(
        system or "", system
    )


def _plain(family: str | None) -> str | None:
    if family is None or family == "Other" or not family.isprintable():
        return None
    return family.removesuffix(" Mobile").removesuffix(" iOS").removeprefix("Mobile ")


def coarse_network(address: str | None) -> str | None:
    """The network an address lies in, /24 or /48; None for anything that is no address."""
    try:
        ip = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    prefix = V4_PREFIX if ip.version == 4 else V6_PREFIX
    return str(ipaddress.ip_network((ip, prefix), strict=False))


def is_new_device(device: Device, known: Sequence[Device]) -> bool:
    """Whether the owner should hear of a sign-in: no session of theirs has a device of this name. Only
    a name, which anybody can send: it adds a mail and takes no check away."""
    return all(one.name != device.name for one in known)


# --- kept with the session ---------------------------------------------------------------------

_ciphers: weakref.WeakKeyDictionary[Keyring, FieldCipher[str]] = weakref.WeakKeyDictionary()


def _cipher(keys: Keyring) -> FieldCipher[str]:
    cipher = _ciphers.get(keys)
    if cipher is None:
        from secureacct.fields import FieldCipher

        cipher = _ciphers[keys] = FieldCipher(keys, table="session", column="device", type=str)
    return cipher


def seal(device: Device | str | None, *, keys: Keyring | None, session_id: str) -> bytes:
    """What a session keeps about its device; empty for nothing."""
    if device is None:
        return b""
    if isinstance(device, str):
        device = Device(device)
    name = "".join(char for char in device.name if char.isprintable())[:NAME_CHARACTERS]
    text = f"{name}\n{device.network or ''}"
    if keys is None:
        return _CLEAR + text.encode("utf-8", "replace")
    return _SEALED + _cipher(keys).encrypt(text, row=session_id)


def opened(session: Session, *, keys: Keyring | None) -> Device:
    """The device of a session. What is encrypted under a key that is gone is an unknown device: the
    page that lists sessions must work on a bad day too."""
    kind, body = session.device[:1], session.device[1:]
    if kind == _CLEAR:
        text = body.decode("utf-8", "replace")
    elif kind == _SEALED and keys is not None:
        from secureacct.errors import SecureAcctError

        try:
            text = _cipher(keys).decrypt(body, row=session.id)
        except SecureAcctError:
            return Device()
    else:
        return Device()
    name, _, network = text.partition("\n")
    return Device(name or UNKNOWN, network or None)

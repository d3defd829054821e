"""Who we are to a browser: the RP id, our exact origins, and the algorithms we offer.

Rules of this file: an origin is compared as a whole string, never by suffix or pattern; everything
that could be set up wrongly is refused at construction, not in the middle of a sign-in.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from secureacct.errors import ConfigurationError

ES256 = -7  # ECDSA on P-256 with SHA-256, RFC 9053 section 2.1
EDDSA = -8  # Ed25519, RFC 9053 section 2.2
RS256 = -257  # RSA PKCS#1 v1.5 with SHA-256, RFC 8812; disallowed by ASVS 5 appendix C, needed by old TPMs

MAX_RELATED_ORIGINS = 5  # more are ignored by browsers that count labels (WebAuthn L3 section 5.11.1)

DEFAULT_PORTS = {"https": 443, "http": 80}  # browsers leave them out of an origin, RFC 6454 section 6.1

_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelyingParty:
    """What registering and signing in are bound to.

    ``id`` is a host name (never a URL); every one of ``origins`` is on that host or below it.
    ``related_origins`` are other sites of ours that may use the same passkeys; browsers ask for
    :meth:`related_origins_document` before they allow it. ``compat_rs256`` also offers RS256.

    :raises ConfigurationError: an id or origin that no browser would accept, or that is not ours.
    """

    id: str
    name: str
    origins: tuple[str, ...]
    related_origins: tuple[str, ...] = ()
    compat_rs256: bool = False

    def __post_init__(self) -> None:
        _refuse_bad_id(self.id)
        if not self.name.strip():
            raise ConfigurationError("a relying party needs a name that people recognise")
        if not self.origins:
            raise ConfigurationError("a relying party needs at least one origin")
        for origin in self.origins:
            host = _host_of(origin)
            if host != self.id and not host.endswith("." + self.id):
                raise ConfigurationError(f"{origin!r} is not on the host {self.id!r} or below it")
        if len(self.related_origins) > MAX_RELATED_ORIGINS:
            raise ConfigurationError(f"browsers look at {MAX_RELATED_ORIGINS} related origins at most")
        for origin in self.related_origins:
            if not origin.startswith("https://"):
                raise ConfigurationError(f"the related origin {origin!r} is not https")
            _host_of(origin)

    @classmethod
    def at(cls, base_url: str, *, name: str, compat_rs256: bool = False) -> RelyingParty:
        """The relying party of one site: its host is the RP id, its origin the only one.

        :raises ConfigurationError: no https URL, nor http on localhost; or an IP address.
        """
        parts = _split(base_url)
        if parts.hostname is None:
            raise ConfigurationError(f"{base_url!r} has no host")
        if parts.username is not None or parts.password is not None:
            raise ConfigurationError("a base URL holds no user name or password")
        port = "" if parts.port in (None, DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
        origin = f"{parts.scheme}://{parts.hostname}{port}"
        return cls(id=parts.hostname, name=name, origins=(origin,), compat_rs256=compat_rs256)

    @property
    def algorithms(self) -> tuple[int, ...]:
        """COSE algorithms we offer and accept, the preferred first."""
        return (EDDSA, ES256, RS256) if self.compat_rs256 else (EDDSA, ES256)

    @property
    def accepted_origins(self) -> tuple[str, ...]:
        """Every origin on which a ceremony may take place."""
        return self.origins + self.related_origins

    def related_origins_document(self) -> dict[str, list[str]]:
        """The JSON of ``/.well-known/webauthn`` on the RP id's host (WebAuthn L3 section 5.11)."""
        return {"origins": list(self.accepted_origins)}


def passkey_endpoints(*, enroll: str, manage: str) -> dict[str, str]:
    """The JSON of ``/.well-known/passkey-endpoints``: where passkeys are added and managed."""
    return {"enroll": enroll, "manage": manage}


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        raise ConfigurationError(f"{url!r} is no URL") from None
    return parts


def _refuse_bad_id(rp_id: str) -> None:
    if not _HOST.match(rp_id) or len(rp_id) > 253:  # octets of a host name, RFC 1035 section 2.3.4
        raise ConfigurationError(f"{rp_id!r} is no host name in lower-case ASCII (no scheme, port or path)")
    try:
        ipaddress.ip_address(rp_id)
    except ValueError:
        pass
    else:
        raise ConfigurationError("an RP id is a host name; browsers refuse IP addresses")
    if "." not in rp_id and rp_id != "localhost":
        raise ConfigurationError(f"{rp_id!r} is a whole top-level domain; browsers refuse that")


def _host_of(origin: str) -> str:
    parts = _split(origin)
    host = parts.hostname or ""
    exact = f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port is not None else "")
    if origin != exact or not _HOST.match(host) or parts.port == DEFAULT_PORTS.get(parts.scheme, 0):
        raise ConfigurationError(
            f"{origin!r} is not an origin as browsers spell it, like 'https://example.org'"
        )
    local = host == "localhost" or host.endswith(".localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise ConfigurationError(f"{origin!r} is neither https nor http on localhost")
    return host

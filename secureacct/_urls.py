"""The one address an application lives at, read once and compared byte by byte.

Rules of this file: a base URL is a scheme and a host, and a port if it is not the usual one; it is
``https``, or ``http`` to localhost for trying out; the form kept is the one browsers send as Origin.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from secureacct.errors import ConfigurationError

_DEFAULT_PORTS: Final[dict[str, int]] = {"https": 443, "http": 80}
_HOST = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\Z|\[[0-9a-f:.]+\]\Z"
)
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*\Z")  # printable ASCII without backslash, not //


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Where an application lives. Made by :meth:`of`."""

    scheme: str
    host: str  # lower case, ASCII; IPv6 in brackets
    port: int
    origin: str  # as browsers send it: lower case, no usual port, no slash at the end

    @classmethod
    def of(cls, text: str | BaseUrl) -> BaseUrl:
        """Read a base URL; what was read already is given back.

        :raises ConfigurationError: it is not ``https://host``, ``https://host:port`` or
            ``http://localhost``.
        """
        return text if isinstance(text, BaseUrl) else _read(text)

    @classmethod
    def _parse(cls, text: str) -> Self:
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise ConfigurationError(
                "a base URL is https://host, or http://localhost for trying out"
            ) from None
        scheme, host = parts.scheme, parts.netloc.rpartition("@")[2]
        host = host[: host.rindex(":")] if port is not None or host.endswith(":") else host
        host = host.lower()
        if scheme not in _DEFAULT_PORTS:
            raise ConfigurationError("a base URL begins with https://, as in https://shop.example")
        if text != text.strip() or not _HOST.match(host):
            raise ConfigurationError("a base URL has a host in ASCII: names beyond it are written as xn--...")
        if scheme != "https" and host != "localhost":
            raise ConfigurationError(
                "a base URL begins with https://; http:// is for trying out, at http://localhost by that name"
            )
        if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
            raise ConfigurationError("a base URL is a scheme and a host, and nothing after or before it")
        usual = _DEFAULT_PORTS[scheme]
        actual = usual if port is None else port
        shown = "" if actual == usual else f":{actual}"
        return cls(scheme=scheme, host=host, port=actual, origin=f"{scheme}://{host}{shown}")

    @property
    def is_local(self) -> bool:
        """Trying out on this machine."""
        return self.host == "localhost"

    def at(self, path: str) -> str:
        """The full URL of one of our own pages.

        :param path: begins with one slash; printable ASCII.
        :raises ConfigurationError: a path that could lead to another host.
        """
        if not _PATH.match(path):
            raise ConfigurationError("a path begins with one slash and is printable ASCII without backslash")
        return self.origin + path

    def __str__(self) -> str:
        return self.origin


@functools.lru_cache(maxsize=64)
def _read(text: str) -> BaseUrl:
    return BaseUrl._parse(text)

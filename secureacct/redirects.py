"""Where to go next: a path of our own, or nowhere.

Rules of this file: what is returned begins with exactly one slash and is printable ASCII, so no browser,
proxy or framework reads another host in it; what would have to be repaired first is refused, because two
programs repair differently; the Referer is never asked.

OWASP ASVS 5 3.7.2 and 15.3.2, CWE-601. Browsers read ``\\`` as ``/``, drop tabs and line breaks, and skip
spaces at both ends (WHATWG URL standard); each has been an open redirect somewhere.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from secureacct._urls import BaseUrl

MAX_CHARS = 2048  # characters of the whole target; our own limit

_ALLOWED = re.compile(r"[!#-;=?-\[\]_a-z~]+\Z")  # printable ASCII without space " < > \ ^ ` { | }
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def safe_next(target: str | None, base_url: str | BaseUrl) -> str | None:
    """The path to go to, or None if the target is not plainly one of ours; pure.

    :param target: what came with the request: a path, or a full URL of the base URL's own origin.
    :param base_url: where the application lives.
    :returns: path and query, beginning with one slash; a fragment is dropped.
    :raises ConfigurationError: an unusable base URL. About the target it never raises.
    """
    own = BaseUrl.of(base_url).origin
    if not target or len(target) > MAX_CHARS or not _ALLOWED.match(target) or _BAD_PERCENT.search(target):
        return None
    rest = target.partition("#")[0]
    if rest.startswith(own):
        rest = rest[len(own) :]
        if rest[:1] in ("", "?"):
            rest = "/" + rest
    path, _, _ = rest.partition("?")
    return rest if _is_plain(path) else None


def _is_plain(path: str) -> bool:
    """Whether a path is the same to everybody: no empty, ``.`` or ``..`` segment, and nothing that becomes
    one, or a backslash or a control character, for those who decode once or twice."""
    if not path.startswith("/"):
        return False
    seen = path.encode("ascii")
    for _ in range(3):
        segments = seen[1:].split(b"/")
        if any(segment in (b".", b"..") for segment in segments) or b"" in segments[:-1]:
            return False
        if any(byte < 0x20 or byte in b"\\\x7f" for byte in seen):
            return False
        decoded = unquote_to_bytes(seen)
        if decoded == seen:
            return True
        seen = decoded
    return False

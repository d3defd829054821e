"""Passwords known from breaches: a file that was built from a download, or the range service.

Rules of this file: the password never leaves the process (the service sees five characters of its
SHA-1); a service that is slow or silent does not stop anybody from setting a password, and says so in
the log; a file that cannot be read stops the start, because it was asked for.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from secureacct.passwords.blocklist import EXACT_SHA1, Blocklist, write
from secureacct.passwords.errors import BlocklistUnreadable

RANGE_URL: Final = "https://api.pwnedpasswords.com/range/"
TIME_LIMIT: Final = 1.0  # seconds; our own: somebody waits for the form

_LINE = re.compile(rb"([0-9A-Fa-f]{40})(?::(\d{1,12}))?\s*")
_RANGE_LINE = re.compile(r"([0-9A-F]{35}):(\d+)")
_log = logging.getLogger("secureacct.passwords")


class BreachFile:
    """A file made by ``secureacct passwords build-blocklist``, mapped read-only.

    :raises BlocklistUnreadable: damaged, cut off, of another version, or a list of words
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._list = Blocklist(path)
        if self._list.digest != EXACT_SHA1:
            raise BlocklistUnreadable(f"blocklist {self._list.path}: a list of words, not of breaches")

    def __len__(self) -> int:
        return len(self._list)

    def holds(self, password: str) -> bool:
        """True if the password is in the file."""
        return password in self._list


class BreachRange:
    """The range service of Have I Been Pwned, asked with padding and within a time limit.

    :param fetch: five hex characters -> the text of the answer; default: HTTPS to :data:`RANGE_URL`
    :param time_limit: seconds that a check waits at most
    """

    def __init__(self, *, fetch: Callable[[str], str] | None = None, time_limit: float = TIME_LIMIT) -> None:
        if fetch is None:
            import urllib.request as _  # noqa: F401 - loaded here and not in a thread that a fork may cut off

        self._fetch = fetch or _fetch
        self._time_limit = time_limit

    def holds(self, password: str) -> bool:
        """True if the service knows the password; False if it does not, or does not answer in time."""
        try:
            data = password.encode("utf-8")
        except UnicodeEncodeError:
            return False
        digest = hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()
        answer = self._within_limit(digest[:5])
        # Lines with a count of 0 are padding.
        return any(found[1] == digest[5:] and found[2].strip("0") for found in _RANGE_LINE.finditer(answer))

    def _within_limit(self, prefix: str) -> str:
        answers: list[str] = []
        failures: list[str] = []

        def ask() -> None:
            try:
                answers.append(self._fetch(prefix))
            except Exception as error:  # noqa: BLE001 - whatever it is, the form goes on
                failures.append(type(error).__name__)

        # A thread, because no socket time-out bounds a name look-up or an answer that drips.
        thread = threading.Thread(target=ask, name="secureacct-breach-range", daemon=True)
        thread.start()
        thread.join(self._time_limit)
        if answers:
            return answers[0]
        _log.warning("breach range service gave no answer (%s)", failures[0] if failures else "too slow")
        return ""


def _fetch(prefix: str) -> str:
    from urllib.request import Request, urlopen

    request = Request(  # noqa: S310 - the scheme is in the constant
        RANGE_URL + prefix, headers={"Add-Padding": "true", "User-Agent": "secureacct"}
    )
    with urlopen(request, timeout=TIME_LIMIT) as answer:  # noqa: S310
        body: bytes = answer.read(512 * 1024)
    return body.decode("ascii", "replace").upper()


def build_from_download(lines: Iterable[bytes], path: str | os.PathLike[str], *, min_count: int = 1) -> int:
    """Turn lines ``SHA-1[:count]``, ordered by hash, into a file; gives the number of entries.

    :param min_count: leave out what was seen less often
    :raises BlocklistUnreadable: a line is no SHA-1, or the lines are not ordered by hash
    :raises OSError: the file cannot be written
    """

    def numbers() -> Iterator[int]:
        for at, line in enumerate(lines, start=1):
            found = _LINE.fullmatch(line.removeprefix(b"\xef\xbb\xbf") if at == 1 else line)
            if found is None:
                if not line.strip():
                    continue
                raise BlocklistUnreadable(f"line {at}: expected a SHA-1 in hex, a colon and a count")
            if int(found[2] or min_count) >= min_count:
                yield int(found[1][:16], 16)

    return write(path, numbers(), digest=EXACT_SHA1)

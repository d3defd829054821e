"""Headers of a mail: one line each, and the ones that end a mailing with one click.

Rules of this file: a name and a value are checked before they become a header, so nothing that somebody
typed begins a header of its own; the unsubscribe address is https and our own.

RFC 5322 section 2.2; RFC 2369 and RFC 8058 (one click, both headers covered by DKIM, which the sending
server sees to); RFC 3834 (Auto-Submitted).
"""

from __future__ import annotations

import re
from typing import ClassVar

from secureacct._urls import BaseUrl
from secureacct.errors import SecureAcctError

MAX_LINE_CHARS = 900  # characters of one header; RFC 5322 2.1.1 ends a line at 998

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*\Z")
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

AUTO_SUBMITTED = ("Auto-Submitted", "auto-generated")  # so that no holiday answer comes back


class MailRefused(SecureAcctError):
    """A mail that must not be sent. ``problems`` says why, one stable word each."""

    code: ClassVar[str] = "mail_refused"

    def __init__(self, *problems: str) -> None:
        super().__init__(f"this mail must not be sent: {', '.join(problems)}")
        self.problems = problems


def is_one_line(text: str) -> bool:
    """Whether text stays on one line wherever it is put; pure."""
    return len(text) <= MAX_LINE_CHARS and not _BREAKS.search(text)


def header(name: str, value: str) -> tuple[str, str]:
    """A header, checked; pure.

    :raises MailRefused: it would break out of its line.
    """
    if not _NAME.match(name) or not value or not is_one_line(value):
        raise MailRefused("broken_header")
    return name, value


def unsubscribe_headers(link: str, *, base_url: str | BaseUrl) -> tuple[tuple[str, str], ...]:
    """The two headers that let a mail program end a mailing with one click; pure.

    :param link: full URL on our own host that answers a POST, without cookies, with no redirect. It names
        recipient and list by a token that can do nothing else.
    :raises MailRefused: the link is not on our own host.
    """
    base = BaseUrl.of(base_url)
    if not link.startswith(base.origin + "/") or not re.fullmatch(r"[!-;=?-\[\]_a-z~]+", link):
        raise MailRefused("foreign_link")
    return (
        header("List-Unsubscribe", f"<{link}>"),
        header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )

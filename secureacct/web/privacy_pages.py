"""The pages of privacy, as the facts their templates get; rules as in ``secureacct.web.pages``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from secureacct.commitments.choosing import Choosable
from secureacct.commitments.holdings import Holding
from secureacct.consent import DeclaredCookie, Purpose
from secureacct.records.exports import ExportJob
from secureacct.records.policies import PolicyVersion
from secureacct.web.pages import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy(Page):
    """``/account/privacy``: every choice, for everybody; what belongs to an account for who is signed in."""

    title: ClassVar[str] = "Privacy"
    standing: str = "undecided"  # "undecided", "decided", "signal"
    agreed: frozenset[str] = frozenset()
    cookie_purposes: Sequence[Purpose] = ()
    necessary: Sequence[DeclaredCookie] = ()
    choosable: Choosable | None = None
    offers_leaving: bool = True
    has_policy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyExport(Page):
    """``/account/privacy/export``: field password; the copies asked for so far."""

    title: ClassVar[str] = "Download your data"
    jobs: Sequence[ExportJob] = ()
    keep_days: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyDownload(Page):
    """``/account/privacy/export/download``: one button that fetches the copy, once."""

    title: ClassVar[str] = "Your copy is ready"
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyDelete(Page):
    """``/account/privacy/delete``: field password; what goes, what stays and why."""

    title: ClassVar[str] = "Delete your account"
    grace_days: int = 14
    due_at: int | None = None  # it waits already; seconds since the epoch
    erased: Sequence[Holding] = ()
    kept: Sequence[Holding] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyKeep(Page):
    """``/account/privacy/keep``: one button that undoes a deletion."""

    title: ClassVar[str] = "Keep your account"
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe(Page):
    """``/account/unsubscribe/<token>``: one button that ends a list; after it, ``ended``."""

    title: ClassVar[str] = "End these mails"
    path: str = ""
    list_title: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Page):
    """``/account/policy``: the version in force, what changed, and the answer to it."""

    title: ClassVar[str] = "Our policy"
    policy: str = ""
    version: PolicyVersion | None = None
    before: PolicyVersion | None = None
    changes: Sequence[tuple[str, str]] = ()
    standing: str = "anonymous"  # "anonymous", "accepted", "due", "overdue", "refused"
    until: int | None = None  # seconds since the epoch
    shown: str = ""  # hash of the text, hexadecimal
    next: str = ""
    others: Sequence[str] = ()  # other policies of the site


@dataclass(frozen=True, slots=True, kw_only=True)
class OurMail(Page):
    """``/account/our-mail``: how to know a mail of ours."""

    title: ClassVar[str] = "How to know our mail"
    host: str = ""
    sender: str = ""

"""Texts that govern the use of the site, each version kept for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from secureacct.records.changes import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One version of one policy. Its hash is its identity; its name is for people."""

    policy: str  # "privacy", "terms"
    version: str  # "2026-11", for people
    text: str
    hash: bytes  # SHA-256 of the text in UTF-8
    in_force_at: int  # seconds since the epoch
    summary: str = ""  # what changed, in the owner's words


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPolicy(Change):
    """Add a version. Holds only while neither its name nor its moment is taken by another text."""

    must_hold: ClassVar[bool] = True
    policy: PolicyVersion

"""Mails between the transaction that causes them and their delivery."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMail:
    """A mail waiting for delivery. ``sealed`` is recipient, subject, bodies and headers, encrypted
    with the mail's id as its row; the row is deleted when the mail has been handed over."""

    id: str  # 26 characters, sortable by time
    created_at: int  # seconds since the epoch
    kind: str  # "verify", "reset", "password_changed", ...
    account_id: str | None = None
    sealed: bytes = field(repr=False)
    attempts: int = 0
    next_attempt_at: int = 0  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A mail as a mailer sees it, in clear."""

    to: str = field(repr=False)
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    links: tuple[str, ...] = field(default=(), repr=False)
    headers: tuple[tuple[str, str], ...] = ()

"""Sessions, the state of the accounts they belong to, and every change that can happen to either.

Rules of this file: a session is named by its *key*, which is made from the token by hashing and cannot
be turned back into one; people and logs see its public ``id`` only; a change that begins or moves a
session is a claim, so it cannot happen to an account or a session that ended meanwhile.

A key is ``hour (3 bytes) | account tag (12 bytes) | hash of the token (20 bytes)``. The hour is that
of the session's start and survives every rotation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from secureacct._bytes import b64url, b64url_strict
from secureacct.errors import InvalidInput
from secureacct.records.changes import Change

HOUR_S = 3600  # seconds in an hour
HOUR_BYTES = 3  # hours since 1970, enough until the year 3883
TAG_BYTES = 12  # SHA-256 of the account id, cut: groups an account's sessions, proves nothing
HASH_BYTES = 20  # SHA-256 of the token, cut to 160 bits: above the 128 of ASVS 11.2.3
ID_CHARACTERS = 12  # of a public id: the hour and six random bytes
KEY_BYTES = HOUR_BYTES + TAG_BYTES + HASH_BYTES

ACTIVE = "active"
DISABLED = "disabled"
DELETED = "deleted"
STATUSES = (ACTIVE, DISABLED, DELETED)


class Session(NamedTuple):
    """A session as read at one moment. Times are seconds since the epoch.

    A named tuple, since one is made for every signed-in request: a frozen dataclass of this size
    costs several times as much to make.
    """

    key: bytes  # names the row; never shown
    account_id: str
    nonce: bytes  # six random bytes of the public id
    began: int  # seconds into the hour of the key
    seen_at: int
    ends_at: int  # the absolute limit
    idle_s: int  # seconds without a request until it ends; 0: no such limit
    token_at: int | None  # when a remembered session's token was made; None: not remembered
    epoch: int  # of the account when it began
    proof_text: str  # "password@1700000000 totp@1700000007"
    device: bytes = b""  # as stored; filled where sessions are listed

    def __repr__(self) -> str:
        return f"Session(id={self.id!r}, account_id={self.account_id!r}, ends_at={self.ends_at})"

    @property
    def id(self) -> str:
        """The public id: 12 characters, the same through every rotation, worth nothing in a cookie."""
        return b64url(self.key[:HOUR_BYTES] + self.nonce)

    @property
    def hour(self) -> int:
        """Hours from the epoch to the start of the session, rounded down."""
        return int.from_bytes(self.key[:HOUR_BYTES], "big")

    @property
    def started_at(self) -> int:
        """When the session began."""
        return int.from_bytes(self.key[:HOUR_BYTES], "big") * HOUR_S + self.began

    @property
    def remember(self) -> bool:
        """Whether it outlives the browser window."""
        return self.token_at is not None

    @property
    def proofs(self) -> tuple[tuple[str, int], ...]:
        """What was proved and when: ``(("password", 1700000000), ...)``."""
        return proofs_of(self.proof_text)

    @property
    def factors(self) -> tuple[str, ...]:
        """The kinds of what was proved."""
        return tuple(kind for kind, _ in self.proofs)

    @property
    def expires_at(self) -> int:
        """When it ends by itself, if nothing more is seen of it."""
        return min(self.ends_at, self.seen_at + self.idle_s) if self.idle_s else self.ends_at

    def cookie_max_age(self, *, now: int) -> int | None:
        """Seconds for the cookie's Max-Age; None: it dies with the window."""
        return max(self.ends_at - now, 1) if self.remember else None


def place_of_id(session_id: str) -> tuple[int, bytes] | None:
    """The hour and the nonce that a public id is made of; None for what is no id of ours."""
    data = b64url_strict(session_id) if len(session_id) == ID_CHARACTERS else None
    return (int.from_bytes(data[:HOUR_BYTES], "big"), data[HOUR_BYTES:]) if data is not None else None


def proofs_of(text: str) -> tuple[tuple[str, int], ...]:
    """The proofs that a row holds as text."""
    pairs = (part.rpartition("@") for part in text.split())
    return tuple((kind, int(at)) for kind, _, at in pairs)


def proof_text(proofs: tuple[tuple[str, int], ...]) -> str:
    """Proofs as a row holds them, the newest of each kind.

    :raises InvalidInput: a kind with a space or ``@`` in it, or none at all.
    """
    newest: dict[str, int] = {}
    for kind, at in proofs:
        if not kind or not kind.isascii() or not kind.isprintable() or " " in kind or "@" in kind:
            raise InvalidInput("a kind of proof is a plain word")
        newest[kind] = max(at, newest.get(kind, 0))
    return " ".join(f"{kind}@{at}" for kind, at in newest.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """What every check of a session reads about its account."""

    account_id: str
    status: str = ACTIVE
    epoch: int
    security_version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a dead token stood for: the clock rotated it out, or its owner signed out."""

    account_id: str
    session_id: str  # the public id
    moved_at: int  # seconds since the epoch


# --- one session -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSession(Change):
    """Begin a session, and the account's state row if there is none.

    Claim: the account is active, and has fewer than ``at_most`` live sessions. The row gets the
    account's epoch of that moment, whatever ``session.epoch`` says; ``session.epoch`` is the first
    epoch of an account that had no state.
    """

    must_hold: ClassVar[bool] = True
    session: Session
    at_most: int | None = None  # live sessions of the account; None: no limit
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateSession(Change):
    """Give a session another token. The old one is dead from here.

    Claim: it is live under the old key: its account is active and in the same epoch, its limits are
    not reached.
    """

    must_hold: ClassVar[bool] = True
    key: bytes = field(repr=False)
    new_key: bytes = field(repr=False)  # the same hour and account tag
    proof_text: str
    now: int  # seconds since the epoch
    leave_trace: bool = False  # the clock rotated it: remember the old key, to notice its use


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchSession(Change):
    """It was seen. Touches only a row that is there with the value that was read, so an ended session
    is never brought back and of many parallel requests one writes."""

    key: bytes = field(repr=False)
    seen_at: int  # as read
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSession(Change):
    """End one session and forget its data."""

    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessionById(Change):
    """End one session of this account by its public id. Another account's id touches nothing."""

    account_id: str
    session_id: str
    trace_at: int | None = None  # seconds since the epoch: remember its token, to notice its use


@dataclass(frozen=True, slots=True, kw_only=True)
class EndReusedSession(Change):
    """A token that the clock had rotated out was used again: end its session.

    Claim: it is still there, so the owner is told once.
    """

    must_hold: ClassVar[bool] = True
    account_id: str
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetTrace(Change):
    """Forget what a dead token stood for. Claim: it is still known, so the owner is told once."""

    must_hold: ClassVar[bool] = True
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSessionData(Change):
    """Replace the app's own data of a live session. Claim: the session is there."""

    must_hold: ClassVar[bool] = True
    key: bytes = field(repr=False)
    body: str | None = field(repr=False)  # JSON; None: forget it


# --- all sessions ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessions(Change):
    """End every session of an account by raising its epoch; ``keep`` is carried over if it is live
    and the account's. Counts the live sessions that ended."""

    account_id: str
    keep: bytes | None = field(default=None, repr=False)
    now: int  # seconds since the epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class EndEverySession(Change):
    """The bad day: end every session of every account."""


# --- the account -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAccountStatus(Change):
    """Make an account active, disabled or deleted, and the row if there is none. Raises the epoch, so
    sessions that a disabled account had do not come back when it is active again.

    Claim: the account is not deleted; what is deleted stays deleted.
    """

    must_hold: ClassVar[bool] = True
    account_id: str
    status: str
    first_epoch: int  # random; the epoch of an account that had no state


@dataclass(frozen=True, slots=True, kw_only=True)
class BumpSecurityVersion(Change):
    """Count the account's security version up. Claim: it is the expected one, and the account active."""

    must_hold: ClassVar[bool] = True
    account_id: str
    expected: int


CHANGES: tuple[type[Change], ...] = (
    StartSession,
    RotateSession,
    TouchSession,
    EndSession,
    EndSessionById,
    EndReusedSession,
    ForgetTrace,
    SetSessionData,
    EndSessions,
    EndEverySession,
    SetAccountStatus,
    BumpSecurityVersion,
)
"""Every change of this topic: what a store of sessions must know."""

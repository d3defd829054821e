"""Sessions begin and move here: a token for the cookie, a change for the store.

Rules of this file: pure but for ``random``, which is handed in. What is made here is nothing until its
change is committed, together with whatever else the caller's journey changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from secureacct.errors import ConfigurationError, InvalidInput
from secureacct.records.sessions import (
    HOUR_BYTES,
    HOUR_S,
    TAG_BYTES,
    RotateSession,
    Session,
    StartSession,
    proof_text,
)
from secureacct.sessions.devices import Device, seal
from secureacct.sessions.policy import SessionPolicy
from secureacct.sessions.token import SECRET_BYTES, key_of, make_token, place

if TYPE_CHECKING:
    from secureacct.keys import Keyring

NONCE_BYTES = 6  # of the public id, which names a session only among its account's own of one hour


def first_epoch(random: Callable[[int], bytes]) -> int:
    """The epoch of an account that has none: random, so that a state row which was lost and made again
    does not bring back sessions of the lost one. 30 bits, so that it can be raised and rows stay small."""
    return int.from_bytes(random(4), "big") >> 2


def begin(
    policy: SessionPolicy,
    *,
    account_id: str,
    now: int,
    random: Callable[[int], bytes],
    keys: Keyring | None = None,
    proofs: tuple[tuple[str, int], ...] = (),
    device: Device | str | None = None,
    remember: bool = False,
) -> tuple[str, StartSession]:
    """A new session: its token, and the claim that begins it.

    :param now: seconds since the epoch.
    :param random: gives that many random bytes, like ``os.urandom``.
    :param keys: encrypts what is kept about the device; None: it is kept in clear.
    :param proofs: what was proved and when, ``(("password", 1700000000),)``.
    :param remember: granted only if the policy has limits for it.
    :raises InvalidInput: the account id is empty or has a NUL in it, or a kind of proof is no plain word.
    """
    given: object = account_id
    if not isinstance(given, str) or not given or "\x00" in given:
        raise InvalidInput("an account id is text, not empty and without NUL: str(user.id)")
    remembered = remember and policy.remember is not None
    limits = policy.limits(remember=remembered)
    where = place(account_id, now=now)
    token = make_token(where, random(SECRET_BYTES))
    session = Session(
        key=_key(token),
        account_id=account_id,
        nonce=random(NONCE_BYTES),
        began=now % HOUR_S,
        seen_at=now,
        ends_at=now + limits.absolute_s,
        idle_s=limits.idle_s,
        token_at=now if remembered else None,
        epoch=first_epoch(random),
        proof_text=proof_text(proofs),
    )
    session = session._replace(device=seal(device, keys=keys, session_id=session.id))
    return token, StartSession(session=session, at_most=policy.at_most, now=now)


def moved(
    session: Session,
    *,
    now: int,
    random: Callable[[int], bytes],
    proofs: tuple[tuple[str, int], ...] = (),
    leave_trace: bool = False,
) -> tuple[str, Session, RotateSession]:
    """The same session under a new token: the token, the session as it will be, and the claim.

    :param proofs: what was proved anew; it joins what was proved before.
    :param leave_trace: the clock rotates it, so a later use of the old token shall be noticed.
    """
    token = make_token(session.key[: HOUR_BYTES + TAG_BYTES], random(SECRET_BYTES))
    new = session._replace(
        key=_key(token),
        seen_at=now,
        token_at=now if session.remember else None,
        proof_text=proof_text(session.proofs + proofs) if proofs else session.proof_text,
    )
    change = RotateSession(
        key=session.key, new_key=new.key, proof_text=new.proof_text, now=now, leave_trace=leave_trace
    )
    return token, new, change


def _key(token: str) -> bytes:
    key = key_of(token)
    if key is None:  # pragma: no cover - a token we just made has the form
        raise ConfigurationError("not a token")
    return key

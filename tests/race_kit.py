"""Two processes that do the same thing at the same moment, round after round.

A *claim* is prepared once per round by the parent; both processes wait for each other, make it, and the
parent counts the winners. Two stores take part: the real one, and a control that reads, then writes.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.synchronize import Barrier
from typing import Any

import sqlalchemy as sa

from secureacct._faces import run_inline
from secureacct.errors import StoreUnavailable
from secureacct.records.challenges import ClaimChallenge, PutChallenge
from secureacct.records.changes import Change, Committed
from secureacct.records.factors import (
    AddPasskey,
    AddTotp,
    ClaimRecoveryCode,
    ClaimTotpStep,
    ConfirmTotp,
    RemovePasskey,
    RemoveTotp,
    ReplaceRecoveryCodes,
    SetUserHandle,
    UpdatePasskeyUse,
)
from secureacct.stores.sql import challenges, factors
from tests.factor_kit import (
    NOW,
    MemoryStore,
    SqlStore,
    challenge,
    create_tables,
    handle_of,
    passkey,
    sql_engine,
    totp,
)

ROUNDS = int(os.environ.get("SECUREACCT_TEST_RACE_ROUNDS", "100"))  # 1,000 for a release
PROCESSES = 2
MEET_WITHIN_S = 60.0

Prepared = Sequence[Sequence[Change]]
Store = SqlStore | MemoryStore


def _account(number: int) -> str:
    return f"a{number}"


def _digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


class TotpStep:
    """One code of one authenticator."""

    def prepare(self, number: int) -> Prepared:
        """Keep the authenticator."""
        return [[AddTotp(factor=totp(f"t{number}", _account(number)))]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Use the step up."""
        return [ClaimTotpStep(id=f"t{number}", account_id=_account(number), step=100, at=NOW)]


class Enrolment:
    """One enrolment, confirmed twice."""

    def prepare(self, number: int) -> Prepared:
        """Begin it."""
        return [[AddTotp(factor=totp(f"t{number}", _account(number), confirmed_at=None))]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Confirm it."""
        return [ConfirmTotp(id=f"t{number}", account_id=_account(number), step=1, begun_since=0, at=NOW)]


class RecoveryCode:
    """One recovery code."""

    def prepare(self, number: int) -> Prepared:
        """Keep ten."""
        hashes = tuple(_digest(one) for one in range(10))
        return [[ReplaceRecoveryCodes(account_id=_account(number), hashes=hashes, at=NOW)]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Use the same one up."""
        return [ClaimRecoveryCode(account_id=_account(number), hashes=(_digest(3), b"older key"))]


class OneChallenge:
    """One WebAuthn challenge."""

    def prepare(self, number: int) -> Prepared:
        """Open it."""
        return [[PutChallenge(challenge=challenge(_digest(number)), now=NOW)]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Answer it."""
        return [
            ClaimChallenge(
                digest=_digest(number), purpose="confirm", binding="session:1", account_id="a", now=NOW
            )
        ]


class OneCredential:
    """One credential id, registered by two accounts."""

    def prepare(self, number: int) -> Prepared:
        """Give both accounts their handles."""
        accounts = [f"{_account(number)}-{who}" for who in range(PROCESSES)]
        return [[SetUserHandle(account_id=one, user_handle=handle_of(one)) for one in accounts]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Register it."""
        key = passkey(f"p{number}-{who}", f"{_account(number)}-{who}", credential_id=_digest(number))
        return [AddPasskey(passkey=key)]


def _with_passkey(number: int) -> list[Change]:
    account = _account(number)
    key = passkey(f"p{number}", account, credential_id=_digest(number))
    return [SetUserHandle(account_id=account, user_handle=handle_of(account)), AddPasskey(passkey=key)]


class OneCount:
    """One count of a device-bound passkey, reported twice: the key and its copy."""

    def prepare(self, number: int) -> Prepared:
        """Keep the passkey."""
        return [_with_passkey(number)]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Report the same count."""
        return [
            UpdatePasskeyUse(
                credential_id=_digest(number),
                account_id=_account(number),
                sign_count=7,
                backed_up=False,
                at=NOW,
            )
        ]


class LastFactor:
    """An account that must keep one of its two factors, each removed at the same moment."""

    def prepare(self, number: int) -> Prepared:
        """Keep an authenticator and a passkey."""
        return [[*_with_passkey(number), AddTotp(factor=totp(f"t{number}", _account(number)))]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Remove one, because the other remains."""
        account = _account(number)
        seen = run_inline(store.factors_of(account))
        if len(seen.usable_totp) + len(seen.passkeys) < 2:
            return []
        remove = RemoveTotp if who == 0 else RemovePasskey
        id = f"t{number}" if who == 0 else f"p{number}"
        return [remove(id=id, account_id=account, expected_version=seen.version)]


class LastFactorTwice(LastFactor):
    """The very last factor, removed twice at the same moment."""

    def prepare(self, number: int) -> Prepared:
        """Keep an authenticator."""
        return [[AddTotp(factor=totp(f"t{number}", _account(number)))]]

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Remove it."""
        version = run_inline(store.factors_of(_account(number))).version
        return [RemoveTotp(id=f"t{number}", account_id=_account(number), expected_version=version)]


class OneUserHandle:
    """The one user handle of an account, chosen twice."""

    def prepare(self, number: int) -> Prepared:
        """Nothing."""
        return []

    def claim(self, store: Store, number: int, who: int) -> Sequence[Change]:
        """Choose another one each."""
        return [SetUserHandle(account_id=_account(number), user_handle=_digest(2 * number + who) * 2)]


RACES = {
    race.__name__: race
    for race in (
        TotpStep,
        Enrolment,
        RecoveryCode,
        OneChallenge,
        OneCredential,
        OneCount,
        LastFactor,
        LastFactorTwice,
        OneUserHandle,
    )
}


class ReadThenWrite(SqlStore):
    """The control: what a store does that looks first and then acts. It must lose these races."""

    def __init__(self, engine: sa.Engine, between: Callable[[], Any]) -> None:
        super().__init__(engine)
        self.between = between

    async def commit(self, changes: Sequence[Change], **_: Any) -> Any:
        """Read; let the other one read too; then write without a condition."""
        with self.engine.connect() as connection:
            holds = [self._holds(connection, change) for change in changes]
        self.between()
        if not all(holds):
            return None
        with self.engine.begin() as connection:
            for change in changes:
                connection.execute(self._write(change))
        return Committed((1,) * len(changes))

    def _holds(self, connection: sa.Connection, change: Change) -> bool:
        if isinstance(change, ClaimTotpStep):
            last = sa.select(factors.totp.c.last_step).where(factors.totp.c.id == change.id)
            used = connection.execute(last).scalar_one()
            return used is None or used < change.step
        if isinstance(change, ClaimRecoveryCode):
            own = factors.recovery_code.c.account_id == change.account_id
            found = sa.select(sa.func.count()).where(own, factors.recovery_code.c.hash.in_(change.hashes))
            return bool(connection.execute(found).scalar_one())
        if isinstance(change, ClaimChallenge):
            found = sa.select(sa.func.count()).where(challenges.challenge.c.digest == change.digest)
            return bool(connection.execute(found).scalar_one())
        return isinstance(change, RemoveTotp | RemovePasskey)

    def _write(self, change: Change) -> Any:
        if isinstance(change, ClaimTotpStep):
            return sa.update(factors.totp).where(factors.totp.c.id == change.id).values(last_step=change.step)
        if isinstance(change, ClaimRecoveryCode):
            return sa.delete(factors.recovery_code).where(factors.recovery_code.c.hash.in_(change.hashes))
        if isinstance(change, ClaimChallenge):
            return sa.delete(challenges.challenge).where(challenges.challenge.c.digest == change.digest)
        table = factors.totp if isinstance(change, RemoveTotp) else factors.passkey
        if isinstance(change, RemoveTotp | RemovePasskey):
            return sa.delete(table).where(table.c.id == change.id)
        raise AssertionError(change)


CONTROLLED = ("TotpStep", "RecoveryCode", "OneChallenge", "LastFactor")


def _contend(race: str, url: str, who: int, control: bool, meet: Barrier, won: Any, rounds: int) -> None:
    """One of the processes: meet the other before each round, claim, and write down whether it won."""
    engine = sql_engine(url)

    def wait() -> None:
        meet.wait(MEET_WITHIN_S)

    store = ReadThenWrite(engine, wait) if control else SqlStore(engine)
    for number in range(rounds):
        wait()
        claim = RACES[race]().claim(store, number, who)
        try:
            done = run_inline(store.commit(claim)) if claim else None
        except StoreUnavailable:
            done = None
        won[number * PROCESSES + who] = isinstance(done, Committed)
    engine.dispose()


@contextmanager
def _processes(race: str, url: str, control: bool, won: Any, rounds: int) -> Iterator[list[Any]]:
    context = multiprocessing.get_context("spawn")
    meet = context.Barrier(PROCESSES)
    running = [
        context.Process(target=_contend, args=(race, url, who, control, meet, won, rounds))
        for who in range(PROCESSES)
    ]
    for process in running:
        process.start()
    try:
        yield running
    finally:
        for process in running:
            process.join(MEET_WITHIN_S)
            if process.is_alive():
                process.kill()
                process.join()


def run_race(race: str, url: str, *, control: bool = False, rounds: int = ROUNDS) -> list[int]:
    """How many of the processes won each round."""
    engine = sql_engine(url)
    create_tables(engine)
    store = SqlStore(engine)
    for number in range(rounds):
        for changes in RACES[race]().prepare(number):
            assert isinstance(run_inline(store.commit(changes)), Committed)
    engine.dispose()
    won = multiprocessing.get_context("spawn").Array("b", rounds * PROCESSES, lock=False)
    with _processes(race, url, control, won, rounds) as running:
        pass
    assert [process.exitcode for process in running] == [0] * PROCESSES
    return [sum(won[number * PROCESSES : (number + 1) * PROCESSES]) for number in range(rounds)]


def run_race_of_threads(race: str, store: MemoryStore, *, rounds: int = ROUNDS) -> list[int]:
    """The same on a store in memory, whose callers are threads."""
    contest = RACES[race]()
    for number in range(rounds):
        for changes in contest.prepare(number):
            assert isinstance(run_inline(store.commit(changes)), Committed)
    meet = threading.Barrier(PROCESSES, timeout=MEET_WITHIN_S)

    def contend(who: int) -> list[bool]:
        won = []
        for number in range(rounds):
            meet.wait()
            claim = contest.claim(store, number, who)
            won.append(bool(claim) and isinstance(run_inline(store.commit(claim)), Committed))
        return won

    with ThreadPoolExecutor(PROCESSES) as pool:
        return [sum(round) for round in zip(*pool.map(contend, range(PROCESSES)), strict=True)]
